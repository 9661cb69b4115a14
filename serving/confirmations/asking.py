"""Asking for a second person: the act is written down whole, and waits."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert

from features.contract.json_text import is_storable
from serving.confirmations.records import HOUR_US, Confirmation, ConfirmedKind, read_confirmation
from serving.errors import RequestProblem, invalid
from serving.persons import Person
from serving.schemas import Strict
from serving.store.database import Writing, make_key
from serving.store.schema import confirmations

MOST_CHARACTERS: Final = 2_000
"""Of a reason; as many as of every other reason that a person writes."""


@dataclass(frozen=True)
class ActToConfirm:
    """An act that a second person is to confirm.

    Parameters
    ----------
    kind
        Which kind of act it is.
    cases
        Keys of the cases that it concerns; the first is the one that it is done on. Empty for an
        act on no case.
    content
        The act itself, whole: what is carried out, and what the second person is shown.
    why
        Why, in the words of who asks.
    needed_agency
        The agency of the second person; ``None`` for any other than that of who asks.
    excluded
        Who may not settle it beside who asks, by what the sign-in knows them.
    only
        Who alone may settle it and learns of it; ``None`` for everybody who sees the cases.
    due_at_us
        Until when it is to be settled, microseconds UTC; by the kind's hours where ``None``.
    """

    kind: ConfirmedKind
    cases: tuple[str, ...]
    content: Strict
    why: str
    needed_agency: str | None = None
    excluded: Collection[str] = ()
    only: Collection[str] | None = None
    due_at_us: int | None = None


def ask(writing: Writing, person: Person, act: ActToConfirm) -> Confirmation:
    """Write down that a second person is to confirm an act; return what waits.

    The audit log has a line that names the cases. Rows that the transaction stored before belong to
    that line as well, so that an act that takes effect at once is stored first.

    Parameters
    ----------
    writing
        The open transaction.
    person
        Who asks.
    act
        What is to be confirmed.

    Raises
    ------
    ServiceError
        If no reason is given, or it is too long or cannot be stored (422).
    """
    _check_reason(act.why)
    key = make_key()
    due_at_us = act.due_at_us
    if due_at_us is None:
        due_at_us = writing.now_us + act.kind.hours * HOUR_US
    writing.connection.execute(
        insert(confirmations).values(
            confirmation_key=key,
            kind=act.kind.name,
            case_key=act.cases[0] if act.cases else None,
            cases=list(act.cases),
            content=act.content.model_dump(mode="json"),
            effect=act.kind.effect,
            why=act.why.strip(),
            asked_at_us=writing.now_us,
            due_at_us=due_at_us,
            roles=list(act.kind.roles),
            needed_agency=act.needed_agency,
            excluded=sorted({person.subject, *act.excluded}),
            only=None if act.only is None else sorted(act.only),
            overseen=act.kind.overseen,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )
    note_cases(writing, act.cases)
    asked = read_confirmation(writing.connection, key)
    assert asked is not None
    return asked


def note_cases(writing: Writing, cases: tuple[str, ...]) -> None:
    """Have the log of changes say in a line which cases it was about."""
    if len(cases) == 1:
        writing.note(case_key=cases[0])
    else:
        writing.note(cases=cases)


def _check_reason(why: str) -> None:
    if why.strip() and len(why) <= MOST_CHARACTERS and is_storable(why):
        return
    remedy = f"say why in 1 to {MOST_CHARACTERS:,} characters"
    raise invalid([RequestProblem(where="why", code="no_reason", remedy=remedy)])
