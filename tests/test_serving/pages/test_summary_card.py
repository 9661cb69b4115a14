"""The summary card of a case: who they are to each other, what holds now, who has the case."""

from dataclasses import replace
from typing import Any

import pytest

from features.catalogue.file import load_catalogue
from serving.decisions.outputs import CaseOut
from serving.pages.case.current_position import CurrentPosition
from serving.pages.case.summary_card import NOT_RECORDED, summarise_case
from serving.pages.case.timeline import number_records
from serving.schemas import RecordOut

CATALOGUE = load_catalogue("stalking")
NOTHING = CurrentPosition((), None)


class _Case:
    """Stands for a case of which the card reads owner and review date alone."""

    owner: str | None = None
    review_on: str | None = None


def answer(name: str, value: str | None, recorded_at: str = "2026-03-01", **more: Any) -> RecordOut:
    """Return an answer as a case's page has it."""
    plain: dict[str, Any] = dict.fromkeys(RecordOut.__dataclass_fields__)
    given = {
        "table": "facts",
        "record_id": f"{name}-{recorded_at}",
        "kind": name,
        "label": CATALOGUE.facts[name].question,
        "recorded_at": f"{recorded_at}T09:00:00+00:00",
        "value": value,
        "in_force": True,
        "is_act": False,
        "behind": (),
        "disputed": (),
    }
    return RecordOut(**(plain | given | more))


def link(label: str, number: int) -> RecordOut:
    """Return a link as a case's page has it."""
    return replace(answer("stranger", "key"), table="links", record_id=f"L{number}", label=label)


def summarise(*records: RecordOut, position: CurrentPosition = NOTHING) -> dict[str, str]:
    """Return the card's rows by heading."""
    case: CaseOut = _Case()  # type: ignore[assignment]
    rows = summarise_case(CATALOGUE, case, number_records(records), position)
    return {row.label: row.told for row in rows}


def test_what_is_not_on_record_is_said() -> None:
    """Each heading of the catalogue stands there, and says that nothing is recorded."""
    assert summarise() == {
        "Subject and victim": NOT_RECORDED,
        "Children": NOT_RECORDED,
        "Safety plan": NOT_RECORDED,
        "Legal position": "no current custody, bail or order recorded",
        "Owner": "nobody yet",
    }


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([answer("former_partner", "yes")], "a former partner of the victim (1 March 2026)"),
        ([answer("former_partner", "no")], "not a former partner (1 March 2026)"),
        ([answer("stranger", "no")], NOT_RECORDED),
        ([answer("former_partner", None)], NOT_RECORDED),
        (
            [answer("former_partner", "no"), answer("former_partner", "yes", "2026-04-02")],
            "a former partner of the victim (2 April 2026)",
        ),
        ([answer("former_partner", "yes", in_force=False)], NOT_RECORDED),
        (
            [answer("acquaintance", "yes"), answer("separation_date", "2025-06-01")],
            "an acquaintance, colleague or neighbour of the victim (1 March 2026); end of the "
            "relationship as answered: 1 June 2025",
        ),
    ],
    ids=["yes", "no", "no statement", "not answered", "the latest", "corrected", "two"],
)
def test_the_latest_answer_in_force_is_told(records: list[RecordOut], told: str) -> None:
    """As a statement with its date, in the catalogue's words."""
    assert summarise(*records)["Subject and victim"] == told


def test_links_are_counts_and_name_nobody() -> None:
    """How many of each kind, without the other case's key."""
    told = summarise(link("same subject", 1), link("same subject", 2), link("earlier victim", 3))
    assert told["Linked cases"] == "same subject: 2; earlier victim: 1"
    assert "key" not in str(told)


def test_the_position_and_the_owner_are_told() -> None:
    """What holds now, in the words of the page."""
    position = CurrentPosition(("bail since 22 August 2026, no end on record",), None)
    assert summarise(position=position)["Legal position"] == position.spans[0]


def test_without_a_model_the_rest_is_told() -> None:
    """No catalogue names the questions, and nothing is made up."""
    case: CaseOut = _Case()  # type: ignore[assignment]
    rows = summarise_case(None, case, (), NOTHING)
    assert [row.label for row in rows] == ["Legal position", "Owner"]
