"""How the run was made: origins, records, breaks, openings, choices that change results."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from models.run_figures.fitting import DatedBreak
from models.run_figures.run import OriginOpening, RunFacts, RunFigures, Setting
from training.config import TrainingConfig
from training.report.parts import Block, Part, Section, Words, keep
from training.report.report_tables import COUNT, RATIO, Cell, Style, make_table, plain, say, show

_DECLARED: Final = tuple(field.name for field in fields(TrainingConfig))
_P: Final = Style(4)
IS_SETTING: Final = re.compile(r"[a-z][a-z0-9_]*")
"""Names of plain settings: small letters, digits, underscores."""


def describe_making(run: RunFigures) -> Section:
    """Return the section on how the run was made."""
    return Section(
        "making",
        "How it was made",
        "Enough to make the run again and to see what it rests on. Every figure of this page "
        "carries, in its source, its place in metrics.json.",
        keep(
            _describe_origins(run),
            _describe_records(run),
            _describe_breaks(run.breaks),
            _describe_openings(run.openings or ()),
            _describe_configuration((run.run or RunFacts()).config),
        ),
    )


def _describe_origins(run: RunFigures) -> Part:
    rows = [
        [
            say(one.name),
            say(", ".join(one.trained_on)),
            show(one.n_test, COUNT),
        ]
        for one in (run.run or RunFacts()).origins
    ]
    columns = ["Test origin", "Learnt from cohorts of", "Cases tested"]
    return Part(
        "Test origins and cohorts",
        "At each test origin a model learns only from what was recorded before it. The bundle is "
        "that of the last.",
        (make_table("Origins", columns, rows),) if rows else (),
    )


def _describe_records(run: RunFigures) -> Part:
    made = run.run or RunFacts()
    rows: list[list[Cell]] = [
        [say("Cases in the extract"), show(made.n_cases, COUNT)],
        [say("Events in the extract"), show(made.n_events, COUNT)],
        [say("Extract taken"), say(made.extract_at)],
        [say("Catalogue"), say(f"{made.catalogue} ({made.catalogue_digest})")],
        [say("Engine version"), say(made.engine_version)],
        [say("Bundle"), say(run.bundle_id)],
        [say("Area held out"), say(made.held_out_area or "none")],
    ]
    rows += [
        [say(words), say("yes" if is_on else "no")]
        for words, is_on in (
            ("Synthetic unit", made.synthetic),
            ("Learnt across changes of recording", made.across_breaks),
            ("Labels of the training rows read at the extract", made.retrospective),
        )
        if is_on is not None
    ]
    return Part("Records, catalogue and bundle", "", (make_table("The run", ["", ""], rows),))


def _describe_breaks(breaks: tuple[DatedBreak, ...] | None) -> Part:
    title = "Changes of recording practice"
    meaning = (
        "A step, from one month to the next, in how often a family of records is made per open "
        "case. Whether conduct or its recording changed the records cannot say."
    )
    rows = [
        [
            say(plain(one.family)),
            say(one.date),
            show(one.ratio, RATIO),
            show(one.p_value, _P),
        ]
        for one in breaks or ()
    ]
    if rows:
        columns = ["Family of records", "From", "Times as many as before", "p, corrected"]
        return Part(title, meaning, (make_table("Changes found", columns, rows),))
    none = Words(("None was found before the first test origin.",))
    return Part(title, meaning, () if breaks is None else (none,))


def _describe_openings(openings: tuple[OriginOpening, ...]) -> Part:
    rows = [[say(one.origin), say(one.words)] for one in openings if one.words]
    return Part(
        "How often each test origin was opened",
        "Every look at a test origin makes it a little less of a test, because the next choice "
        "may be made with its result in mind.",
        (make_table("Openings", ["Test origin", "Opened"], rows),) if rows else (),
    )


def _describe_configuration(config: Mapping[str, Setting]) -> Part:
    rows = []
    for name in _DECLARED:
        found = config.get(name, ())
        by_name = found if isinstance(found, Mapping) else {"": found}
        for inner, one in by_name.items():
            value = _write(one)
            if value and (not inner or IS_SETTING.fullmatch(inner)):
                rows.append([say(plain(f"{name} {inner}".strip())), say(value)])
    blocks: tuple[Block, ...] = ()
    if rows:
        blocks = (make_table("training/config.yaml", ["Choice", "Value"], rows),)
    return Part("Choices that change results", "", blocks)


def _write(found: float | tuple[tuple[str, ...], ...]) -> str:
    """Return a number, or what was fixed beforehand, as it stands in the configuration."""
    if not isinstance(found, tuple):
        return f"{found:.12g}"
    pairs = [" by ".join(plain(text) for text in pair) for pair in found]
    return "; ".join(pair for pair in pairs if pair)
