"""What waits on a case for a second person, as far as the reader may know of it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from serving.confirmations.listing import Asker, find_objections
from serving.confirmations.records import Confirmation, is_waiting, read_confirmations
from serving.pages.confirmation_words import describe_act, name_act
from serving.store.row_text import Clockface


@dataclass(frozen=True)
class WaitingAct:
    """An act on the case that waits.

    Parameters
    ----------
    act
        The act, who asked for it, why, and until when.
    name, rows
        What it is, in words.
    asked_at, due_at
        When it was asked for, and until when it is to be settled, by the unit's clock.
    is_overdue
        Whether that time has passed.
    may_settle, is_own
        Whether the reader may confirm it, and whether they asked for it.
    """

    act: Confirmation
    name: str
    rows: list[tuple[str, str]]
    asked_at: str
    due_at: str
    is_overdue: bool
    may_settle: bool
    is_own: bool


def read_waiting_acts(
    connection: Connection, asker: Asker, case_key: str, face: Clockface
) -> tuple[WaitingAct, ...]:
    """Return what waits on a case, the oldest first; nothing that is not the reader's to know.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    asker
        Who reads, and when.
    case_key
        The case, which the reader may see.
    face
        Tells moments.
    """
    found = read_confirmations(connection, is_waiting())
    here = tuple(one for one in found if case_key in one.cases)
    objections = find_objections(connection, asker, here)
    return tuple(
        WaitingAct(
            one,
            name_act(one.kind),
            describe_act(one.kind, one.content),
            face.show(one.at_us),
            face.show(one.due_at_us),
            is_overdue=one.is_overdue(asker.now_us),
            may_settle=objections[one.key] is None,
            is_own=objections[one.key] == "same_person",
        )
        for one in here
        if objections[one.key] != "unseen"
    )
