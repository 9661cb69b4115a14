"""Notes, contacts and the victim's wishes: only added to, seen by their marks, never measured."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from serving.decisions.case_notes import CaseNoteIn, NotesOut, add_note, read_notes
from serving.errors import ServiceError
from serving.oversight.audit_verification import list_problems, verify_store
from serving.persons import Person
from serving.scoring.rescoring import find_stale
from serving.store.current_act import Act, acting
from serving.store.database import Store
from serving.store.schema import audit_lines, case_notes, standings
from tests.test_serving.acts import ADVOCATE, NURSE, SCREENER, add_case, stand_of
from tests.test_serving.sent_rows import history_of

TODAY = dt.date(2026, 2, 25)
CALL = {
    "kind": "contact",
    "contact_with": "victim",
    "contact_way": "phone",
    "contact_on": "2026-02-24",
    "reached": True,
}


def write(store: Store, key: str, person: Person = SCREENER, **said: Any) -> str:
    """Write an entry; return its key."""
    note = CaseNoteIn.model_validate({"words": "SYN words"} | said)
    act = Act(person, "alteration", "POST /v1/cases/{key}/notes", case_key=key)
    with acting(act), store.writing() as writing:
        return add_note(writing, key, person, note, TODAY)


def read(store: Store, key: str, agency: str | None = "police") -> NotesOut:
    with store.reading() as connection:
        return read_notes(connection, key, store.read_unit(), agency)


def list_words(store: Store, key: str, agency: str | None) -> list[str]:
    return [one.words for one in read(store, key, agency).notes]


def test_entries_are_shown_the_latest_first_with_who_wrote_them(store: Store) -> None:
    """A note and a contact keep who wrote them, for whom and how somebody was contacted."""
    key = add_case(store)
    write(store, key, words="first")
    write(store, key, ADVOCATE, words="spoke to her", **CALL)
    latest, first = read(store, key).notes
    assert (first.words, first.person, first.agency) == ("first", "SYN Anne", "police")
    assert (latest.contact_with, latest.contact_way, latest.contact_on, latest.reached) == (
        "victim",
        "phone",
        "2026-02-24",
        True,
    )


def test_an_entry_can_be_neither_changed_nor_deleted(store: Store) -> None:
    """The database refuses both, whoever asks."""
    write(store, add_case(store))
    for statement in ("UPDATE case_notes SET words = 'x'", "DELETE FROM case_notes"):
        with pytest.raises(DatabaseError, match="append-only"), store.writing() as writing:
            writing.connection.execute(text(statement))


def test_a_correction_is_a_new_entry_and_both_stay(store: Store) -> None:
    """The one that was wrong says which took its place, and only the latest can be corrected."""
    key = add_case(store)
    wrong = write(store, key, words="wrong")
    right = write(store, key, words="right", corrects=wrong)
    shown = {one.note_key: one for one in read(store, key).notes}
    assert (shown[wrong].corrected_by, shown[right].corrects) == (right, wrong)
    with pytest.raises(ServiceError) as refused:
        write(store, key, corrects=wrong)
    assert [one.code for one in refused.value.body.problems] == ["no_such_entry"]


@pytest.mark.parametrize("of", ["another agency", "another case", "another kind", "nobody"])
def test_only_an_own_entry_of_the_case_is_corrected_with_one_answer(store: Store, of: str) -> None:
    """Whatever is not the agency's own entry is answered as if it were not there."""
    key = add_case(store)
    named = {
        "another agency": lambda: write(store, key, ADVOCATE, handling="agency_only"),
        "another case": lambda: write(store, add_case(store, "B")),
        "another kind": lambda: write(store, key, kind="wish", wish="no_contact"),
        "nobody": lambda: "k" * 24,
    }[of]()
    with pytest.raises(ServiceError) as refused:
        write(store, key, corrects=named)
    (problem,) = refused.value.body.problems
    assert (problem.where, problem.code) == ("corrects", "no_such_entry")


def test_a_mark_keeps_an_entry_to_its_agency(store: Store) -> None:
    """What an agency keeps to itself, and what health writes, is there for that agency alone."""
    key = add_case(store)
    write(store, key, ADVOCATE, words="for all")
    write(store, key, ADVOCATE, words="shelter", handling="agency_only")
    write(store, key, ADVOCATE, words="not for him", handling="not_for_disclosure")
    write(store, key, NURSE, words="treatment")
    assert list_words(store, key, "police") == ["not for him", "for all"]
    assert list_words(store, key, "advocacy") == ["not for him", "shelter", "for all"]
    assert list_words(store, key, "health") == ["treatment", "not for him", "for all"]
    assert list_words(store, key, None) == ["not for him", "for all"]


def test_a_correction_that_closes_an_entry_closes_all_before_it(store: Store) -> None:
    """A mark that was forgotten is set by a correction: no earlier version is left for others."""
    key = add_case(store)
    first = write(store, key, ADVOCATE, words="her street")
    second = write(store, key, ADVOCATE, words="her road", corrects=first)
    write(store, key, ADVOCATE, words="her road", corrects=second, handling="agency_only")
    assert list_words(store, key, "police") == []
    assert len(list_words(store, key, "advocacy")) == 3


def test_a_correction_that_opens_tells_nothing_of_what_it_corrects(store: Store) -> None:
    """Others see the new entry as one of its own: the closed one is not named."""
    key = add_case(store)
    closed = write(store, key, ADVOCATE, handling="agency_only")
    write(store, key, ADVOCATE, words="for all now", corrects=closed)
    (shown,) = read(store, key).notes
    assert (shown.words, shown.corrects, shown.corrected_by) == ("for all now", None, None)


def test_the_wishes_are_the_latest_of_each_agency_that_may_be_seen(store: Store) -> None:
    """What she told each agency last stands first; what was corrected is no wish any more."""
    key = add_case(store)
    write(store, key, kind="wish", wish="may_contact", words="any time")
    write(store, key, kind="wish", wish="advocate_only", words="not at home")
    write(store, key, NURSE, kind="wish", wish="no_contact", words="at the clinic")
    assert [(one.agency, one.wish) for one in read(store, key).wishes] == [
        ("police", "advocate_only")
    ]
    assert {one.wish for one in read(store, key, "health").wishes} == {
        "advocate_only",
        "no_contact",
    }


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ({"kind": "contact"}, ["no_contact_with", "no_contact_way", "no_contact_on", "no_reached"]),
        ({"kind": "wish"}, ["no_wish"]),
        ({"wish": "no_contact"}, ["not_of_this_kind"]),
        (CALL | {"contact_on": "2026-02-26"}, ["contact_later"]),
    ],
    ids=["contact", "wish", "note", "tomorrow"],
)
def test_what_an_entry_of_its_kind_needs_is_all_told(
    store: Store, said: dict[str, Any], codes: list[str]
) -> None:
    """Nothing is taken for granted, and nothing is kept of what is refused."""
    key = add_case(store)
    with pytest.raises(ServiceError) as refused:
        write(store, key, **said)
    assert [one.code for one in refused.value.body.problems] == codes
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(case_notes)).scalar() == 0


def test_only_those_who_act_on_cases_write(store: Store) -> None:
    """An auditor reads and writes nothing."""
    key = add_case(store)
    with pytest.raises(ServiceError) as refused:
        write(store, key, Person("SYN Auditor", "auditor", "unit"))
    assert refused.value.code == "not_a_decider"


def test_nothing_is_measured_from_an_entry(store: Store) -> None:
    """Neither the history that is measured nor where the case stands moves, and no score is due,
    whatever is written.
    """
    key = add_case(store)
    before, stood = history_of(store), stand_of(store, key)
    for person in (SCREENER, ADVOCATE, NURSE):
        for said in ({}, CALL, {"kind": "wish", "wish": "no_contact"}):
            write(store, key, person, words="he will kill me", **said)
    assert history_of(store) == before
    assert stand_of(store, key) == stood
    with store.reading() as connection:
        assert find_stale(connection) == [key]  # as before: it was never scored
        same = select(standings.c.record_seq).where(standings.c.case_key == key)
        assert connection.execute(same).scalar_one() == stood.record_seq


def test_each_entry_has_a_line_in_the_log_that_covers_it(store: Store) -> None:
    """The log of changes names who wrote on which case, and the check finds every row covered."""
    key = add_case(store)
    write(store, key)
    with store.reading() as connection:
        query = select(audit_lines).order_by(audit_lines.c.number.desc()).limit(1)
        line = connection.execute(query).one()
    assert (line.route, line.case_key) == ("POST /v1/cases/{key}/notes", key)
    assert list_problems(verify_store(store)) == []
