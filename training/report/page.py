"""The page of a run: one HTML file that fetches nothing and runs nothing.

Only what is known of a run is shown, by name: an entry that this page does not know is counted,
never printed, so that nothing reaches a reader by accident.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from features.errors import ArtefactError
from training.report.equity import describe_audit
from training.report.estimands import describe_estimands
from training.report.listing import describe_list
from training.report.model_choice import describe_choice
from training.report.parts import Section, kind_of
from training.report.probabilities import describe_calibration, describe_net_benefit
from training.report.provenance import describe_making
from training.report.reading import Run, read_run
from training.report.summary import describe_glance, read_findings, read_headlines
from training.report.uncertainty import describe_doubt, describe_truth

_FOLDER: Final = Path(__file__).parent
_SECTIONS: Final[tuple[Callable[[Run], Section], ...]] = (
    describe_glance,
    describe_list,
    describe_calibration,
    describe_net_benefit,
    describe_estimands,
    describe_audit,
    describe_choice,
    describe_doubt,
    describe_truth,
    describe_making,
)
OPTIONAL: Final[Mapping[str, str]] = {
    "calibration": "calibration by period, area and group",
    "curve": "reliability curves",
    "drift": "drift of the recorded rate, and recalibration",
    "audit": "the audit of the list by protected characteristics",
    "proxies": "proxies of protected characteristics among the indicators",
    "managed": "cases that the unit had taken on, held against the others",
    "handbacks": "grave incidents before and after cases were handed back",
    "held_out_area": "how the ranking carries over to an area held out",
    "breaks": "changes of recording practice",
    "openings": "how often each test origin was opened",
    "bands": "rank bands from refits",
    "truth": "the known truth (possible on synthetic units alone)",
}
"""Sections that a run may lack, by key, and how they are named then."""
_PER_OUTCOME: Final = ("calibration", "curve", "drift")
_ALWAYS: Final = frozenset(
    (
        *("headlines", "findings", "bundle_id", "trained_for", "capacity", "estimated", "advisory"),
        *("run", "training", "outcomes", "list", "cannot_say"),
    )
)
ADVISORY: Final = (
    "Advisory. For the order of screening only; it must not support arrest, search, charge, bail, "
    "an order application, sentencing or refusal of service. A named person decides."
)
"""Stands in for the catalogue's own sentence where a run does not carry it."""


def write_report(metrics: Mapping[str, object], path: Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    metrics
        Plain values as of ``metrics.json``. What is absent is left out and named; what this page
        does not know is counted and not shown.
    path
        The HTML file; its folder is made where there is none.

    Raises
    ------
    ArtefactError
        If the file cannot be written.
    """
    text = render_report(metrics)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        raise ArtefactError(
            f"{path.name}: the report cannot be written there; name another file"
        ) from None


def render_report(metrics: Mapping[str, object]) -> str:
    """Return the page; the same values give the same text."""
    run = read_run(metrics)
    sections = [section for describe in _SECTIONS for section in [describe(run)] if section.parts]
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["trusted"] = Markup
    environment.filters["kind"] = kind_of
    return environment.get_template("report.html").render(
        styles=(_FOLDER / "report.css").read_text(encoding="utf-8"),
        advisory=run.root["advisory"].text or ADVISORY,
        facts=_tell_facts(run),
        catalogue=run.root["run"]["catalogue"].text,
        is_synthetic=run.root["run"]["synthetic"].is_true,
        is_retrospective=run.root["run"]["retrospective"].is_true,
        headlines=read_headlines(run),
        findings=read_findings(run),
        cannot_say=run.root["cannot_say"].texts(),
        absent=name_absent(run),
        n_unknown=len({key for key, _ in run.root.items()} - _ALWAYS - OPTIONAL.keys()),
        sections=sections,
    )


def name_absent(run: Run) -> list[str]:
    """Return the names of the optional sections that a run does not have."""
    return [words for key, words in OPTIONAL.items() if not _is_there(run, key)]


def _is_there(run: Run, key: str) -> bool:
    if run.root.has(key) and key not in _PER_OUTCOME:
        return True
    return key in _PER_OUTCOME and any(run.find(key, name) for name in run.outcomes)


def _tell_facts(run: Run) -> list[tuple[str, str]]:
    made = run.root["run"]
    capacity = run.root["capacity"].number
    facts = [
        ("Catalogue", made["catalogue"].text),
        ("Test origin" if len(run.origins) < 2 else "Test origins", ", ".join(run.origins)),  # noqa: PLR2004
        ("Test origin opened", "; ".join(_tell_openings(run))),
        ("Extract taken", made["extract_at"].text),
        ("Places a week", "" if capacity is None else f"{capacity:,.0f}"),
        ("Bundle", run.root["bundle_id"].text),
    ]
    return [(name, value) for name, value in facts if value]


def _tell_openings(run: Run) -> list[str]:
    """Return how often each test origin was looked at, which settles how far it is still a test."""
    several = len(run.origins) > 1
    return [
        f"{one['origin'].text}: {words}" if several else words
        for one in run.root["openings"].each()
        for words in [one["words"].text]
        if words
    ]
