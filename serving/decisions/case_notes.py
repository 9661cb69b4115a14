"""Notes on a case, contacts with people, and the victim's own wishes for contact.

They are no records: no indicator, flag or count is made from them, and they stand in no list, pack,
export or search. Nothing is changed once it was written: an entry that was wrong is corrected by
another one of the same agency, and both stay. An entry is shown to those who may see the case and
whom its handling mark allows, as records are (ADR 20): where a correction of it is kept to one
agency, so is the entry itself.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import Connection, Row, insert, select

from features.contract.kept_apart import is_kept_apart
from features.contract.tables import HANDLINGS
from serving.access.roles import need_decider
from serving.decisions.drafts import Key, Words
from serving.errors import RequestProblem, ServiceError, invalid
from serving.persons import Person
from serving.schemas import Strict
from serving.store.case_keys import need_case
from serving.store.database import Unit, Writing, make_key
from serving.store.row_text import Clockface, name_actor
from serving.store.schema import case_notes

NOTE: Final = "note"
CONTACT: Final = "contact"
WISH: Final = "wish"
MOST_ENTRIES: Final = 500
"""Entries of one case that an answer holds, the latest of them."""
_notes: Final = case_notes.c


def _check_handling(said: str) -> str:
    if said not in HANDLINGS:
        raise ValueError("no such mark")
    return said


Handling = Annotated[
    str,
    AfterValidator(_check_handling),
    Field(json_schema_extra={"enum": list(HANDLINGS)}, description="Who may see it."),
]


class CaseNoteIn(Strict):
    """An entry as a person writes it."""

    kind: Literal["note", "contact", "wish"] = "note"
    words: Words
    handling: Handling = HANDLINGS[0]
    corrects: Annotated[
        Key | None, Field(description="The entry of the same agency that it takes the place of.")
    ] = None
    contact_with: Literal["victim", "advocate", "family", "subject", "professional"] | None = None
    contact_way: Literal["in_person", "phone", "text", "email", "letter", "video"] | None = None
    contact_on: Annotated[dt.date | None, Field(description="The day of the contact.")] = None
    reached: Annotated[bool | None, Field(description="Whether the person was reached.")] = None
    wish: Literal["may_contact", "advocate_only", "no_contact"] | None = None


@dataclass(frozen=True, kw_only=True)
class NoteOut:
    """An entry as it is shown."""

    note_key: str
    kind: str
    words: str
    handling: str
    only_own_agency: Annotated[
        bool, Field(description="Whether nobody but its agency sees it: by its mark, or health's.")
    ]
    corrects: str | None
    corrected_by: Annotated[
        str | None, Field(description="The entry that took its place, where it may be seen.")
    ]
    contact_with: str | None
    contact_way: str | None
    contact_on: str | None
    reached: bool | None
    wish: str | None
    person: str
    role: str
    agency: str
    added_at: str


@dataclass(frozen=True, kw_only=True)
class NotesOut:
    """What was written on a case."""

    wishes: Annotated[
        tuple[NoteOut, ...],
        Field(description="What the victim wishes, as each agency last wrote it down."),
    ]
    notes: Annotated[tuple[NoteOut, ...], Field(description="Every entry, the latest first.")]


def add_note(
    writing: Writing, case_key: str, person: Person, note: CaseNoteIn, today: dt.date
) -> str:
    """Write an entry of the person's agency; return its key.

    Parameters
    ----------
    writing
        The open transaction.
    case_key, person, note
        The case, who writes, and what.
    today
        The day in the unit's zone: no contact is later.

    Raises
    ------
    ServiceError
        If the person does not act on cases (403), there is no such case (404), something is
        missing, or the entry that is corrected is not there, is another agency's or was corrected
        already (422).
    """
    need_decider(person)
    need_case(writing.connection, case_key)
    problems = [*_find_missing(note), *_find_later(note, today)]
    writing.take_seq(0)  # of two who correct one entry at once the first stands
    problems += _find_uncorrectable(writing.connection, case_key, person, note)
    if problems:
        raise invalid(problems)
    key = make_key()
    said = note.model_dump() | {"contact_on": note.contact_on and note.contact_on.isoformat()}
    writing.connection.execute(
        insert(case_notes).values(
            note_key=key,
            case_key=case_key,
            added_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **said,
            **person.columns(),
        )
    )
    return key


def _find_missing(note: CaseNoteIn) -> list[RequestProblem]:
    """Return what an entry of its kind lacks, or has and may not have."""
    of_contact = ("contact_with", "contact_way", "contact_on", "reached")
    needed = {CONTACT: of_contact, WISH: ("wish",)}.get(note.kind, ())
    problems = [
        RequestProblem(where=name, code=f"no_{name}", remedy="fill it in")
        for name in needed
        if getattr(note, name) is None
    ]
    return problems + [
        RequestProblem(where=name, code="not_of_this_kind", remedy="leave it out")
        for name in (*of_contact, "wish")
        if name not in needed and getattr(note, name) is not None
    ]


def _find_later(note: CaseNoteIn, today: dt.date) -> list[RequestProblem]:
    if note.contact_on is None or note.contact_on <= today:
        return []
    remedy = "name a day that is not in the future"
    return [RequestProblem(where="contact_on", code="contact_later", remedy=remedy)]


def _find_uncorrectable(
    connection: Connection, case_key: str, person: Person, note: CaseNoteIn
) -> list[RequestProblem]:
    """Return why an entry cannot be corrected. One answer for one that is not there, another
    agency's, of another kind, and one that was corrected: it tells of no entry that the person may
    not see.
    """
    if note.corrects is None:
        return []
    rows = _read_rows(connection, case_key)
    found = next((row for row in rows if row.note_key == note.corrects), None)
    is_corrected = any(row.corrects == note.corrects for row in rows)
    is_own = found is not None and (found.agency, found.kind) == (person.agency, note.kind)
    if is_own and not is_corrected:
        return []
    remedy = "name the latest version of an entry of your own agency"
    return [RequestProblem(where="corrects", code="no_such_entry", remedy=remedy)]


def read_notes(
    connection: Connection,
    case_key: str,
    unit: Unit,
    agency: str | None,
    *,
    before_us: int | None = None,
) -> NotesOut:
    """Return the entries of a case that the people of an agency may see.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    case_key, unit
        The case, and the zone in which moments are told.
    agency
        Of whoever asks; ``None`` for nobody in particular, who sees what everybody sees.
    before_us
        A past moment, microseconds UTC, exclusive: what was written later is left out. Who may see
        an entry is always as it is today.
    """
    rows = _list_visible(_read_rows(connection, case_key), agency)
    shown = [row for row in rows if before_us is None or row.added_at_us < before_us]
    keys = {row.note_key for row in shown}
    corrected_by = {row.corrects: row.note_key for row in shown if row.corrects in keys}
    face = Clockface(unit.time_zone)
    notes = [_describe(row, corrected_by, face) for row in reversed(shown)]
    wishes: dict[str, NoteOut] = {}
    for one in notes:
        if one.kind == WISH and one.corrected_by is None:
            wishes.setdefault(one.agency, one)
    return NotesOut(wishes=tuple(wishes.values()), notes=tuple(notes[:MOST_ENTRIES]))


def _read_rows(connection: Connection, case_key: str) -> Sequence[Row[Any]]:
    query = select(case_notes).where(_notes.case_key == case_key).order_by(_notes.stored_seq)
    return connection.execute(query).all()


def _list_visible(rows: Sequence[Row[Any]], agency: str | None) -> list[Row[Any]]:
    """Return the entries that the people of an agency may see, the oldest first.

    An entry is as closed as the closest of its corrections, however many came between.
    """
    closed: set[str] = set()
    visible = []
    for row in reversed(rows):  # a correction comes after what it corrects
        may_see = row.agency == agency or not is_kept_apart(row.agency, row.handling)
        if row.note_key in closed or not may_see:
            closed.update(filter(None, [row.corrects]))
            continue
        visible.append(row)
    return visible[::-1]


def _describe(row: Row[Any], corrected_by: dict[str, str], face: Clockface) -> NoteOut:
    is_shown = row.note_key in corrected_by.values()
    return NoteOut(
        **name_actor(row),
        note_key=row.note_key,
        kind=row.kind,
        words=row.words,
        handling=row.handling,
        only_own_agency=is_kept_apart(row.agency, row.handling),
        corrects=row.corrects if is_shown else None,
        corrected_by=corrected_by.get(row.note_key),
        contact_with=row.contact_with,
        contact_way=row.contact_way,
        contact_on=row.contact_on,
        reached=row.reached,
        wish=row.wish,
        added_at=face.show(row.added_at_us),
    )


def find_note(notes: NotesOut, note_key: str) -> NoteOut:
    """Return one of the entries that are shown.

    Raises
    ------
    ServiceError
        If it is none of them (404).
    """
    for one in notes.notes:
        if one.note_key == note_key:
            return one
    raise ServiceError("no_such_record", "the case shows no such entry", "read the notes again")
