"""What stands first on a case: who they are to each other, what holds now, who has the case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.catalogue.declarations import Catalogue, FactQuestion, FactType
from serving.decisions.outputs import CaseOut
from serving.pages.case.current_position import CurrentPosition
from serving.pages.case.record_words import describe_answer
from serving.pages.case.timeline import TimelineEntry
from serving.pages.rendering import describe_day_of
from serving.schemas import RecordOut

NOT_RECORDED: Final = "not recorded"
_NO_POSITION: Final = "no current custody, bail or order recorded"


@dataclass(frozen=True)
class SummaryRow:
    """A heading and what is on record under it, in words."""

    label: str
    told: str


def summarise_case(
    catalogue: Catalogue | None,
    case: CaseOut,
    entries: Sequence[TimelineEntry],
    position: CurrentPosition,
) -> tuple[SummaryRow, ...]:
    """Return the rows of the summary card.

    Parameters
    ----------
    catalogue
        Whose ``summary`` names the questions; ``None`` where no model is in use.
    case
        The case.
    entries
        Its records that are shown, the latest first.
    position
        What holds now.

    Returns
    -------
    tuple of SummaryRow
        Each row says what is not recorded; nothing of a linked case but how many there are.
    """
    latest = _find_latest(entries)
    rows = []
    if catalogue is not None:
        rows = [
            SummaryRow(line.label, _tell(line.facts, latest, catalogue.facts))
            for line in catalogue.summary
        ]
    rows.append(SummaryRow("Legal position", "; ".join(position.spans) or _NO_POSITION))
    owner = case.owner or "nobody yet"
    review = f", review on {describe_day_of(case.review_on)}" if case.review_on else ""
    rows.append(SummaryRow("Owner", f"{owner}{review}"))
    rows += _count_links(entries)
    return tuple(rows)


def _find_latest(entries: Sequence[TimelineEntry]) -> Mapping[str, RecordOut]:
    """Return the latest answer in force to each question."""
    answers = [
        entry.record for entry in entries if entry.record.table == "facts" and entry.record.in_force
    ]
    return {one.kind: one for one in sorted(answers, key=lambda one: one.recorded_at)}


def _tell(
    names: Sequence[str], latest: Mapping[str, RecordOut], facts: Mapping[str, FactQuestion]
) -> str:
    told = [
        words
        for name in names
        if name in latest and (words := _tell_answer(facts[name], latest[name]))
    ]
    return "; ".join(told) or NOT_RECORDED


def _tell_answer(asked: FactQuestion, answer: RecordOut) -> str:
    """Return an answer as a statement with its date; empty where it states nothing."""
    if answer.value is None:
        return ""
    said = describe_answer(answer)
    if asked.type is not FactType.YES_NO:
        return f"{asked.said_yes} {said}" if asked.said_yes else ""
    statement = {"yes": asked.said_yes, "no": asked.said_no}.get(said.lower(), "")
    return f"{statement} ({describe_day_of(answer.recorded_at)})" if statement else ""


def _count_links(entries: Sequence[TimelineEntry]) -> list[SummaryRow]:
    labels = [
        entry.record.label
        for entry in entries
        if entry.record.table == "links" and entry.record.in_force
    ]
    counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
    told = "; ".join(f"{label}: {n}" for label, n in counts.items())
    return [SummaryRow("Linked cases", told)] if told else []
