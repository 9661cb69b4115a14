"""What a confirmation is, and reading confirmations from the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, select

from serving.access.roles import DECIDERS
from serving.persons import Person, read_person
from serving.schemas import Strict
from serving.store.schema import confirmation_settlements, confirmations

Effect = Literal["at_once", "when_confirmed"]
Outcome = Literal["confirmed", "refused", "withdrawn"]
HOUR_US: Final = 3_600_000_000
_C = TypeVar("_C", bound=Strict)
_SETTLED: Final = ("outcome", "why", "person", "subject", "role", "agency", "settled_at_us")


@dataclass(frozen=True)
class ConfirmedKind:
    """A kind of act that a second person confirms.

    Parameters
    ----------
    name
        As it is stored and sent: a noun, such as ``seal``.
    effect
        Whether the act takes effect at once, or everything stays as it was until it is confirmed.
    hours
        Within how many hours a second person is to settle it. Nothing happens by itself when they
        have passed: it is overdue, and shown as such.
    roles
        Roles that may settle it.
    overseen
        Whether an overdue one goes to the auditor and to professional standards, who may then
        settle it whatever their agency.
    """

    name: str
    effect: Effect
    hours: int
    roles: tuple[str, ...] = DECIDERS
    overseen: bool = False


@dataclass(frozen=True)
class Settlement:
    """What came of a confirmation: by whom, when (microseconds UTC) and why."""

    outcome: Outcome
    person: Person
    at_us: int
    why: str


@dataclass(frozen=True)
class Confirmation:
    """An act that a second person confirms, as it was asked for.

    Parameters
    ----------
    key
        Its own key.
    kind, effect
        See :class:`ConfirmedKind`.
    cases
        Keys of the cases that the act concerns; the first is the one that it is done on.
    content
        The act itself, in plain values of JSON; read it with :meth:`read_content`.
    person, why, at_us
        Who asked, why, and when (microseconds UTC).
    due_at_us
        Until when a second person is to settle it, microseconds UTC; inclusive.
    roles, overseen
        See :class:`ConfirmedKind`; as they were when it was asked.
    needed_agency
        The agency of the second person; ``None`` for any other than that of who asked.
    excluded
        Who may not settle it, by what the sign-in knows them.
    only
        Who alone may settle it and learns of it; ``None`` for everybody who sees the cases.
    stored_seq
        Its place in the order of rows.
    settlement
        What came of it; ``None`` while it waits.
    """

    key: str
    kind: str
    effect: Effect
    cases: tuple[str, ...]
    content: Mapping[str, Any]
    person: Person
    why: str
    at_us: int
    due_at_us: int
    roles: tuple[str, ...]
    overseen: bool
    needed_agency: str | None
    excluded: frozenset[str]
    only: frozenset[str] | None
    stored_seq: int
    settlement: Settlement | None = None

    def is_overdue(self, now_us: int) -> bool:
        """Return whether it waits still although its time has passed."""
        return self.settlement is None and self.due_at_us < now_us

    def read_content(self, form: type[_C]) -> _C:
        """Return the act in the form in which it was asked for.

        Raises
        ------
        ValueError
            If it has another form.
        """
        try:
            return form.model_validate(self.content)
        except ValidationError:
            raise ValueError(f"the content is no {form.__name__}") from None


def read_confirmation(connection: Connection, key: str) -> Confirmation | None:
    """Return one confirmation, settled or not; ``None`` where there is none of that key."""
    found = read_confirmations(connection, confirmations.c.confirmation_key == key)
    return found[0] if found else None


def read_waiting(
    connection: Connection, kind: ConfirmedKind, case_keys: Collection[str] | None = None
) -> tuple[Confirmation, ...]:
    """Return the confirmations of a kind that wait, the oldest first.

    Parameters
    ----------
    kind
        Which.
    case_keys
        Only those that concern one of these cases; all where ``None``.
    """
    condition = (confirmations.c.kind == kind.name) & is_waiting()
    found = read_confirmations(connection, condition)
    if case_keys is None:
        return found
    wanted = frozenset(case_keys)
    return tuple(one for one in found if wanted.intersection(one.cases))


def is_waiting() -> ColumnElement[bool]:
    """Return the condition that a row of ``confirmations`` is not settled."""
    settled = select(confirmation_settlements.c.confirmation_key).where(
        confirmation_settlements.c.confirmation_key == confirmations.c.confirmation_key
    )
    return ~settled.correlate(confirmations).exists()


def read_confirmations(
    connection: Connection, condition: ColumnElement[bool], size: int | None = None
) -> tuple[Confirmation, ...]:
    """Return the confirmations that meet a condition, the oldest first, ``size`` at most."""
    settled = (confirmation_settlements.c[name].label(f"s_{name}") for name in _SETTLED)
    query = (
        select(confirmations, *settled)
        .outerjoin(
            confirmation_settlements,
            confirmation_settlements.c.confirmation_key == confirmations.c.confirmation_key,
        )
        .where(condition)
        .order_by(confirmations.c.stored_seq)
        .limit(size)
    )
    return tuple(_describe(row) for row in connection.execute(query))


def _describe(row: Row[Any]) -> Confirmation:
    return Confirmation(
        key=row.confirmation_key,
        kind=row.kind,
        effect=row.effect,
        cases=tuple(row.cases),
        content=row.content,
        person=read_person(row),
        why=row.why,
        at_us=row.asked_at_us,
        due_at_us=row.due_at_us,
        roles=tuple(row.roles),
        overseen=bool(row.overseen),
        needed_agency=row.needed_agency,
        excluded=frozenset(row.excluded),
        only=None if row.only is None else frozenset(row.only),
        stored_seq=row.stored_seq,
        settlement=_describe_settlement(row),
    )


def _describe_settlement(row: Row[Any]) -> Settlement | None:
    if row.s_outcome is None:
        return None
    person = Person(row.s_person, row.s_role, row.s_agency, row.s_subject)
    return Settlement(row.s_outcome, person, row.s_settled_at_us, row.s_why)


def list_keys(found: Sequence[Confirmation]) -> frozenset[str]:
    """Return the keys of every case that some confirmations concern."""
    return frozenset(key for one in found for key in one.cases)
