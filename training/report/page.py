"""The page of a run: one HTML file that fetches nothing and runs nothing.

Only what is known of a run is shown, by name: an entry that this page does not know is counted,
never printed, so that nothing reaches a reader by accident.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.errors import ArtefactError
from models.run_figures.run import RunFacts, RunFigures
from training.report.equity import describe_audit
from training.report.estimands import describe_estimands
from training.report.listing import describe_list
from training.report.model_choice import describe_choice
from training.report.parts import Section, kind_of
from training.report.probabilities import describe_calibration, describe_net_benefit
from training.report.provenance import describe_making
from training.report.reasons import describe_reasons
from training.report.reporting_items import describe_items
from training.report.summary import describe_glance, read_findings, read_headlines
from training.report.uncertainty import describe_doubt, describe_truth

_FOLDER: Final = Path(__file__).parent
_SECTIONS: Final[tuple[Callable[[RunFigures], Section], ...]] = (
    describe_glance,
    describe_list,
    describe_calibration,
    describe_net_benefit,
    describe_estimands,
    describe_audit,
    describe_choice,
    describe_reasons,
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
    "reasons": "whether first reasons hold in refits",
    "bands": "rank bands from refits",
    "truth": "the known truth (possible on synthetic units alone)",
}
"""Sections that a run may lack, by key, and how they are named then."""
ADVISORY: Final = (
    "Advisory. For the order of screening only; it must not support arrest, search, charge, bail, "
    "an order application, sentencing or refusal of service. A named person decides."
)
"""Stands in for the catalogue's own sentence where a run does not carry it."""


def write_report(figures: RunFigures, path: Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    figures
        As they were read from ``metrics.json``, so that each knows its place there. What is absent
        is left out and named; what this page does not know is counted and not shown.
    path
        The HTML file; its folder is made where there is none.

    Raises
    ------
    ArtefactError
        If the file cannot be written.
    """
    text = render_report(figures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        raise ArtefactError(
            f"{path.name}: the report cannot be written there; name another file"
        ) from None


def render_report(run: RunFigures) -> str:
    """Return the page; the same values give the same text."""
    made = run.run or RunFacts()
    return (
        _environment()
        .get_template("report.html")
        .render(
            styles=(_FOLDER / "report.css").read_text(encoding="utf-8"),
            advisory=run.advisory or ADVISORY,
            facts=_describe_facts(run),
            catalogue=made.catalogue,
            is_synthetic=bool(made.synthetic),
            is_retrospective=bool(made.retrospective),
            headlines=read_headlines(run),
            findings=read_findings(run),
            cannot_say=run.cannot_say,
            absent=name_absent(run),
            n_unknown=run.n_unknown,
            sections=list_sections(run),
        )
    )


def list_sections(run: RunFigures) -> list[Section]:
    """Return the sections that a run's page shows, in their order.

    Parameters
    ----------
    run
        Figures as they were read from ``metrics.json``.

    Returns
    -------
    list of Section
        Those that have something to show.
    """
    shown = [section for describe in _SECTIONS for section in [describe(run)] if section.parts]
    items = describe_items(run, shown)
    return [*shown, items] if items.parts else shown


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(_FOLDER), PackageLoader("models", "charts")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["trusted"] = Markup
    environment.filters["kind"] = kind_of
    return environment


def name_absent(run: RunFigures) -> list[str]:
    """Return the names of the optional sections that a run does not have."""
    return [words for key, words in OPTIONAL.items() if not _is_there(run, key)]


def _is_there(run: RunFigures, key: str) -> bool:
    if key == "curve":
        return any(run.at(name).curve for name in run.outcome_names)
    found = getattr(run, key)
    # A run without a model has these two, and nothing in them.
    return bool(found) if key in ("calibration", "drift") else found is not None


def _describe_facts(run: RunFigures) -> list[tuple[str, str]]:
    made = run.run or RunFacts()
    capacity = run.capacity
    origins = run.origin_names
    facts = [
        ("Catalogue", made.catalogue),
        ("Test origins" if len(origins) > 1 else "Test origin", ", ".join(origins)),
        ("Test origin opened", "; ".join(_describe_openings(run))),
        ("Extract taken", made.extract_at),
        ("Places a week", "" if capacity is None else f"{capacity:,.0f}"),
        ("Bundle", run.bundle_id),
    ]
    return [(name, value) for name, value in facts if value]


def _describe_openings(run: RunFigures) -> list[str]:
    """Return how often each test origin was looked at, which settles how far it is still a test."""
    several = len(run.origin_names) > 1
    return [
        f"{one.origin}: {one.words}" if several else one.words
        for one in run.openings or ()
        if one.words
    ]
