"""Questions tied to records: a record answers yes and never no, and a person confirms."""

import dataclasses
from pathlib import Path

import pytest

from features.catalogue.file import load_catalogue
from features.contract.moments import parse_date
from features.evidence.records_behind import CaseMoment
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from models.ranking.questions import list_questions

ZONE = "Europe/London"
AS_OF = parse_date("2026-06-01", ZONE)
KILL = "Has the subject ever threatened to kill the victim or anyone else?"


def ask(events=(), facts=()):
    """Return the questions of one case by fact."""
    rows = {
        "cases": [{"case_id": "C1", "recorded_at": "2025-01-01"}],
        "events": [
            {"case_id": "C1", "event_id": f"e{n}", "kind": kind, "actor": "subject"}
            | {"occurred_at": day, "recorded_at": day}
            | more
            for n, (day, kind, more) in enumerate(events)
        ],
        "facts": [
            {"case_id": "C1", "fact_id": f"f{n}", "name": name, "recorded_at": day, "asked": asked}
            | ({"value": value} if value else {})
            for n, (day, name, asked, value) in enumerate(facts)
        ],
    }
    folder = assemble_folder(rows, time_zone=ZONE, extract_at_us=AS_OF)
    moment = CaseMoment(assemble_history(folder), load_catalogue("stalking"), 0, AS_OF)
    return {one.fact: one for one in list_questions(moment)}


@pytest.mark.parametrize(
    ("events", "facts", "state"),
    [
        ((), (), "not_asked"),
        ((), (("2026-05-01", "threatened_to_kill", "no", ""),), "not_asked"),
        ((("2026-03-02", "threat_to_kill", {}),), (), "recorded"),
        ((("2026-03-02", "threat_of_violence", {}),), (), "not_asked"),
        ((("2026-03-02", "threat_to_kill", {"actor": "victim"}),), (), "not_asked"),
        ((("2026-03-02", "threat_to_kill", {"actor": "proxy"}),), (), "recorded"),
        ((("2026-03-02", "threat_to_kill", {"source": "health"}),), (), "not_asked"),
        ((("2026-03-02", "threat_to_kill", {"handling": "agency_only"}),), (), "not_asked"),
        ((), (("2026-02-01", "threatened_to_kill", "yes", "no"),), None),
        (
            (("2026-03-02", "threat_to_kill", {}),),
            (("2026-02-01", "threatened_to_kill", "yes", "no"),),
            "out_of_date",
        ),
        (
            (("2026-03-02", "threat_to_kill", {}),),
            (("2026-04-01", "threatened_to_kill", "yes", "no"),),
            "against_record",
        ),
        (
            (("2026-03-02", "threat_to_kill", {}),),
            (("2026-02-01", "threatened_to_kill", "yes", "yes"),),
            None,
        ),
        (
            (("2026-03-02", "threat_to_kill", {}),),
            (("2026-02-01", "threatened_to_kill", "yes", ""),),
            "recorded",
        ),
    ],
)
def test_a_record_answers_yes_and_never_no(events, facts, state):
    """Each row: what is on record, what people asked, and what the question then is."""
    found = ask(events, facts).get("threatened_to_kill")
    assert (found and found.state) == state


def read_labels():
    """Return the fifty labelled rows: fact, event and state."""
    text = (Path(__file__).parent / "labelled_questions.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        fact, kind, *cells, state, _ = (cell.strip() for cell in line.split("|"))
        named = zip(("actor", "detail", "target", "source", "handling"), cells, strict=True)
        yield fact, (("2026-03-02", kind, dict(named)),), state


@pytest.mark.parametrize(("fact", "events", "state"), list(read_labels()))
def test_no_question_of_fifty_is_wrongly_taken_as_answered(fact, events, state):
    """What a person says of the record is what the page says."""
    found = ask(events).get(fact)
    assert (found and found.state) == state


def test_what_a_record_answers_is_to_be_confirmed_with_its_day():
    """It names day and kind, and carries the record's key."""
    found = ask([("2026-03-02", "threat_to_kill", {})])["threatened_to_kill"]
    assert found.sentence == (
        "Recorded 2 March 2026: threat to kill. Confirm from the record; ask nobody for this "
        f"alone: {KILL}"
    )
    assert found.records == ("e0",)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ((), "No answer on record: "),
        ((("2026-02-01", "threatened_to_kill", "no", ""),), "Not asked: "),
    ],
)
def test_a_blank_is_not_told_as_a_question_that_nobody_asked(facts, said):
    """That nobody asked is said only where it was recorded."""
    assert ask(facts=facts)["threatened_to_kill"].sentence == said + KILL


def test_an_older_no_is_told_as_out_of_date():
    """It names both days."""
    found = ask(
        [("2026-03-02", "threat_to_kill", {})],
        [("2026-02-01", "threatened_to_kill", "yes", "no")],
    )["threatened_to_kill"]
    assert found.sentence == (
        "Answered no on 1 February 2026, out of date: recorded 2 March 2026: threat to kill. "
        f"Ask again: {KILL}"
    )


def test_fear_suicidality_safety_and_wishes_are_asked_of_a_person_each_time():
    """Whatever is on record, and whatever was answered."""
    asked = (
        "victim_very_frightened",
        "victim_suicidal",
        "victim_unsafe_now",
        "victim_wishes_known",
    )
    found = ask(
        [("2026-03-02", "victim_suicidality", {"actor": "victim"})],
        [("2026-05-01", name, "yes", "yes") for name in asked],
    )
    assert {found[name].state for name in asked} == {"each_time"}


@pytest.mark.parametrize(
    ("detail", "state"), [("partner", "recorded"), ("friendship", "not_asked"), (None, "not_asked")]
)
def test_a_separation_answers_former_partner_only_of_partners(detail, state):
    """The relationship must be recorded as one of partners."""
    more = {"detail": detail} if detail else {}
    assert ask([("2026-03-02", "separation", more)])["former_partner"].state == state


def test_a_record_known_only_later_answers_nothing():
    """What was recorded at or after the moment is not known then."""
    events = [("2026-03-02", "threat_to_kill", {"recorded_at": "2026-06-03"})]
    assert ask(events)["threatened_to_kill"].state == "not_asked"


def test_a_corrected_record_answers_nothing():
    """A retraction takes the answer with it."""
    events = [
        ("2026-03-02", "threat_to_kill", {}),
        ("2026-03-02", "retracted", {"supersedes": "e0", "recorded_at": "2026-03-05"}),
    ]
    assert ask(events)["threatened_to_kill"].state == "not_asked"


def test_a_catalogue_of_another_field_asks_nothing_of_its_own():
    """Questions are the catalogue's."""
    catalogue = load_catalogue("complaints")
    assert not catalogue.facts
    assert dataclasses.replace(catalogue).themes
