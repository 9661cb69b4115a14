"""Which views of a case count, and which are not shown yet.

A view that somebody of another agency recorded counts for its agency only once that agency has
confirmed it; a dissent counts at once, so that no agency's dissent is lost or lifted by a note that
another one took. An agency that was absent has no view. While a round waits for views, none given
in it is shown to another agency, and none of them counts yet.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Row, select

from features.catalogue.declarations import DAY_US
from serving.store.lookups import is_among
from serving.store.schema import agency_views, view_confirmations, view_round_ends, view_rounds

DISSENT: Final = "dissent"
CHANGE_DAYS: Final = 7
"""Days within which an agency may change the view that another one recorded for it."""


@dataclass(frozen=True)
class CaseView:
    """One view, with what is on record about it.

    Parameters
    ----------
    row
        Its row of ``agency_views``.
    confirmed
        The row of its confirmation; ``None`` where there is none.
    replaced_by
        Key of the view that its agency put in its place; ``None`` where it did not.
    is_hidden
        Whether it was given in a round that waits for views still.
    """

    row: Row[Any]
    confirmed: Row[Any] | None = None
    replaced_by: str | None = None
    is_hidden: bool = False

    @property
    def agency(self) -> str:
        """Whose view it is."""
        return str(self.row.of_agency or self.row.agency)

    @property
    def is_recorded(self) -> bool:
        """Whether somebody of another agency recorded it."""
        return self.row.of_agency is not None

    @property
    def is_unconfirmed(self) -> bool:
        """Whether its agency has neither confirmed it nor put another in its place."""
        return self.is_recorded and self.confirmed is None and self.replaced_by is None

    @property
    def counts(self) -> bool:
        """Whether it may stand as its agency's view: its own, a confirmed one, or a dissent."""
        return not self.is_unconfirmed or self.row.stance == DISSENT

    @property
    def change_until_us(self) -> int | None:
        """Until when its agency may change it, exclusive, microseconds UTC; ``None`` where it is
        its own.
        """
        return self.row.given_at_us + CHANGE_DAYS * DAY_US if self.is_recorded else None


@dataclass(frozen=True)
class ViewRound:
    """The agencies round the table on one case.

    Parameters
    ----------
    row
        Its row of ``view_rounds``.
    given
        Agencies that have given their view in it.
    ended
        Whether somebody showed its views before all were in.
    """

    row: Row[Any]
    given: frozenset[str]
    ended: bool

    @property
    def awaited(self) -> tuple[str, ...]:
        """Agencies of the table whose view is not in yet."""
        return tuple(name for name in self.row.present if name not in self.given)

    @property
    def is_open(self) -> bool:
        """Whether it waits for views, and shows none until then."""
        return bool(self.row.waits) and not self.ended and bool(self.awaited)


def read_rounds(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, tuple[ViewRound, ...]]:
    """Return the rounds of some cases, the oldest first; a case without one is left out."""
    rounds, views = view_rounds.c, agency_views.c
    query = (
        select(view_rounds, view_round_ends.c.ended_at_us)
        .outerjoin(view_round_ends, view_round_ends.c.round_key == rounds.round_key)
        .where(is_among(connection, rounds.case_key, case_keys))
        .order_by(rounds.stored_seq)
    )
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    if not rows:
        return {}
    given: dict[str, set[str]] = {}
    asked = select(views.round_key, views.agency, views.of_agency).where(
        is_among(connection, views.case_key, case_keys), views.round_key.is_not(None)
    )
    for view in connection.execute(asked):
        given.setdefault(view.round_key, set()).add(view.of_agency or view.agency)
    found: dict[str, tuple[ViewRound, ...]] = {}
    for row in rows:
        is_ended = row.ended_at_us is not None
        one = ViewRound(row, frozenset(given.get(row.round_key, ())), ended=is_ended)
        found[row.case_key] = (*found.get(row.case_key, ()), one)
    return found


def find_open_round(connection: Connection, case_key: str) -> ViewRound | None:
    """Return the round of a case that waits for views; ``None`` where none does."""
    rounds = read_rounds(connection, [case_key]).get(case_key, ())
    return next((one for one in reversed(rounds) if one.is_open), None)


def read_case_views(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, tuple[CaseView, ...]]:
    """Return every view of some cases, the oldest first; a case without one is left out."""
    views = agency_views.c
    query = (
        select(agency_views)
        .where(is_among(connection, views.case_key, case_keys))
        .order_by(views.stored_seq)
    )
    rows = connection.execute(query).all()
    if not rows:
        return {}
    hidden = {
        one.row.round_key
        for some in read_rounds(connection, case_keys).values()
        for one in some
        if one.is_open
    }
    confirmed = _read_confirmations(connection, [row.view_key for row in rows if row.of_agency])
    replaced = {row.replaces: str(row.view_key) for row in rows if row.replaces}
    found: dict[str, tuple[CaseView, ...]] = {}
    for row in rows:
        one = CaseView(
            row,
            confirmed.get(row.view_key),
            replaced.get(row.view_key),
            is_hidden=row.round_key is not None and row.round_key in hidden,
        )
        found[row.case_key] = (*found.get(row.case_key, ()), one)
    return found


def _read_confirmations(
    connection: Connection, view_keys: Collection[str]
) -> Mapping[str, Row[Any]]:
    if not view_keys:
        return {}
    query = select(view_confirmations).where(
        is_among(connection, view_confirmations.c.view_key, view_keys)
    )
    return {str(row.view_key): row for row in connection.execute(query)}


class Countable(Protocol):
    """A view, as the store or an answer has it."""

    @property
    def agency(self) -> str:
        """Whose view it is."""

    @property
    def counts(self) -> bool:
        """Whether it may stand as its agency's view."""


_View = TypeVar("_View", bound=Countable)


def find_counted(views: Iterable[_View]) -> dict[str, _View]:
    """Return the view that counts of each agency, of views from the oldest to the latest.

    Of an agency for which nothing counts it is the latest unconfirmed one, which counts for
    nothing and is shown as what it is.
    """
    found: dict[str, _View] = {}
    for view in views:
        before = found.get(view.agency)
        if view.counts or before is None or not before.counts:
            found[view.agency] = view
    return found


@dataclass(frozen=True)
class Dissent:
    """An agency that dissents, and who recorded that for it where it has not confirmed it."""

    agency: str
    recorded_by: str | None

    @property
    def words(self) -> str:
        """What a list says of it."""
        told = f"{self.agency.capitalize()} dissents"
        if self.recorded_by is None:
            return told
        return f"{told} (recorded by {self.recorded_by} for {self.agency})"


def read_dissents(
    connection: Connection, case_keys: Collection[str]
) -> dict[str, tuple[Dissent, ...]]:
    """Return, by case, the agencies whose view dissents; cases without one are left out.

    A dissent in a round that waits for views is told nowhere yet; until then nobody closes the
    case.
    """
    found: dict[str, tuple[Dissent, ...]] = {}
    for case_key, views in sorted(read_case_views(connection, case_keys).items()):
        counted = find_counted(one for one in views if not one.is_hidden)
        dissents = [counted[name] for name in sorted(counted)]
        told = [
            Dissent(one.agency, one.row.person if one.is_unconfirmed else None)
            for one in dissents
            if one.row.stance == DISSENT
        ]
        if told:
            found[case_key] = tuple(told)
    return found
