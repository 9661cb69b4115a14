"""``caselight explain-indicator``: one number laid open, down to the records left out."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import load, parse_dates
from features.errors import ConfigError

if TYPE_CHECKING:
    from features.catalogue.declarations import Catalogue
    from features.evidence.exclusions import Explanation, LeftOut, RecordLine


def explain_indicator(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    case: Annotated[str, typer.Argument(metavar="CASE", help="Identifier of a case.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of an indicator.")],
    as_of: Annotated[str, typer.Option(help="DATE; 00:00 in the folder's time zone.")],
    catalogue: Annotated[
        str, typer.Option(help="Name of a shipped catalogue, or a file.")
    ] = "stalking",
    list_all: Annotated[
        bool, typer.Option("--all", help="List records of other kinds one by one.")
    ] = False,
) -> None:
    """Show an indicator's value, the records behind it, and why the others are left out."""
    from features.catalogue.file import load_catalogue
    from features.evidence.exclusions import explain_indicator as explain
    from features.evidence.exclusions import find_case, find_indicator

    measured = load_catalogue(catalogue)
    find_indicator(measured, name)
    loaded = load(directory)
    dates = parse_dates(as_of, loaded.history, "--as-of")
    if len(dates) != 1:
        raise ConfigError("--as-of takes one date here")
    number = find_case(loaded.history, case)
    found = explain(loaded.history, measured, number, dates[0], name)
    print(describe_explanation(found, measured, loaded.history.time_zone, list_all=list_all))


def describe_explanation(
    found: "Explanation", catalogue: "Catalogue", time_zone: str, *, list_all: bool = False
) -> str:
    """Return an explanation in words; records of other kinds as counts unless all are wanted."""
    from features.contract.moments import format_moment
    from features.evidence.exclusions import Why
    from models.wording.sentences import describe_value

    value = "missing" if math.isnan(found.value) else repr(found.value).removesuffix(".0")
    as_of = format_moment(found.as_of_us, time_zone)
    lines = [
        f"{found.indicator.name} as known at {as_of}: {value}",
        describe_value(catalogue, found.indicator, found.value),
        "",
        f"Records behind it: {len(found.behind)}",
        *(f"  {_describe_record(record, time_zone)}" for record in found.behind),
        "",
        f"Records of the case left out: {len(found.left_out):,}",
    ]
    others = (Why.ANOTHER_KIND, Why.ANOTHER_QUESTION)
    shown = [left for left in found.left_out if list_all or left.why not in others]
    for left in shown:
        reason = _describe_reason(left, time_zone, as_of)
        lines.append(f"  {_describe_record(left.record, time_zone)}  | {reason}")
    counts: dict[str, int] = {}
    noun = "question" if found.indicator.expression.fact else "kind"
    for left in found.left_out:
        if left.why in others and not list_all:
            counts[left.record.label] = counts.get(left.record.label, 0) + 1
    for label, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"  {count:,} of another {noun}: {label}")
    return "\n".join(lines)


def _describe_record(record: "RecordLine", time_zone: str) -> str:
    from features.contract.moments import format_moment

    recorded = f"recorded {format_moment(record.recorded_at_us, time_zone)}"
    if record.occurred_at_us is None:
        answer = (record.answer or "no answer") if record.asked else "not asked"
        return f"{record.key}  {record.label} {answer}  {recorded}"
    occurred = f"happened {format_moment(record.occurred_at_us, time_zone)}"
    seen = f"  link: {record.via}" if record.via else ""
    return f"{record.key}  {record.label}  {occurred}  {recorded}  view: {record.view}{seen}"


def _describe_reason(left: "LeftOut", time_zone: str, as_of: str) -> str:
    """Return a reason in words that name what it is about."""
    from features.contract.moments import format_moment
    from features.evidence.exclusions import Why

    record, other = left.record, left.other or "another record"
    occurred_us = record.recorded_at_us if record.occurred_at_us is None else record.occurred_at_us
    stated = left.stated or "not stated"
    begins = ""
    if left.from_us is not None:
        begins = f", which begins {format_moment(left.from_us, time_zone)}"
    words = {
        Why.WITHDRAWN: f"withdrawn by {other}",
        Why.SUPERSEDED: f"superseded; {other} took its place",
        Why.NOT_YET_RECORDED: (
            f"not yet recorded at {as_of}, but {format_moment(record.recorded_at_us, time_zone)}"
        ),
        Why.NOT_YET_HAPPENED: f"happens at or after {as_of}: "
        f"{format_moment(occurred_us, time_zone)}",
        Why.HEALTH: "kept apart: a health record enters no indicator",
        Why.ONE_AGENCY: "kept apart: one agency keeps it to itself",
        Why.SETS_WINDOW: "not counted itself: the window begins with it",
        Why.ANOTHER_KIND: "another kind",
        Why.ANOTHER_ACTOR: f"another actor: {stated}",
        Why.ANOTHER_CASE: (
            f"seen through another link: {record.via}"
            if record.via
            else "of the case itself; records of linked cases count"
        ),
        Why.ANOTHER_CELL: f"another {left.column or 'condition'}: {stated}",
        Why.OUTSIDE_WINDOW: f"outside the window ({left.limit}){begins}",
        Why.NOT_IN_STATE: f"not while the state '{left.limit}' was active",
        Why.SAME_INCIDENT: f"counted with {other}, another record of the same incident",
        Why.LATER_COUNTS: f"a later record counts: {other}",
        Why.EARLIER_COUNTS: f"an earlier record counts: {other}",
        Why.LARGER_COUNTS: f"a larger value counts: {other}",
        Why.SEEN_BEFORE: f"nothing new in it: first seen in {other}",
        Why.NOTHING_STATED: "does not state what is measured",
        Why.NOT_AMONG: "its incident is not among those of which a share is taken",
        Why.ONE_VIEW: "its incident has one view only",
        Why.NOT_OF_THE_PAIR: "neither of the two records between which time is measured",
        Why.BOUNDS_NO_TIME: "begins or ends no time in the state",
        Why.UNUSED: "not used by this measure",
        Why.ANOTHER_QUESTION: "another question",
        Why.NOT_ASKED: "the question was not asked",
        Why.REPLACED: f"replaced by a later answer: {other}",
    }
    return words[left.why]
