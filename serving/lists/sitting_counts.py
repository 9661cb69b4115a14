"""What a sitting was opened with, for somebody for whom some of the cases are not there.

A sitting keeps the figures of the moment at which it was opened: how many cases were open, how many
waited, how many flagged ones had no place. A case that is hidden from a person is taken out of each
of them, else the difference to what that person can count would tell of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from sqlalchemy import Connection, select

from features.contract.moments import format_moment
from serving.access.case_sight import Sight
from serving.lists.draws import Shares
from serving.lists.listed import took_place
from serving.lists.sittings import Sitting, ToldBeside, ToldOverflow, ToldWaits, sitting_before
from serving.lists.waiting_times import Flow, count_waited_places, describe_waits
from serving.standing.states import ELIGIBLE
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.schema import cases, decisions, list_places, overflow, seals, sittings, standings

_CLOSING: Final = "no_further_action"


@dataclass(frozen=True)
class CountedCase:
    """A case that a sitting counted although it is hidden from a person now.

    Parameters
    ----------
    key
        Which.
    state
        Where it stood then.
    arrived_us
        When it arrived, microseconds UTC.
    is_listed, is_outside
        Whether it had a place on the list, or was flagged and had none.
    decided_seqs
        Places of its decisions until then, in the order of rows.
    """

    key: str
    state: str
    arrived_us: int
    is_listed: bool
    is_outside: bool
    decided_seqs: tuple[int, ...]

    @property
    def is_eligible(self) -> bool:
        """Whether it could have been on the list."""
        return self.state in ELIGIBLE


def find_counted(
    connection: Connection, opened: Sequence[tuple[str, int]], sight: Sight
) -> dict[str, tuple[CountedCase, ...]]:
    """Return the hidden cases that each of some sittings counted, by the sitting's key.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    opened
        Keys of sittings, each with its place in the order of rows.
    sight
        Which cases are hidden.

    Returns
    -------
    dict of str to tuple of CountedCase
        A case with a place, or flagged without one, was counted for certain. Another was where it
        was in the store and had arrived, was not sealed and its latest decision until then had not
        closed it; whether it had come back after a decision is known of those with a place alone.
    """
    if not sight.hidden:
        return {key: () for key, _ in opened}
    hidden = sight.hidden
    listed = _find_pairs(connection, list_places, hidden)
    outside = _find_pairs(connection, overflow, hidden)
    sealed = _find_acts(connection, seals, seals.c.sealed, hidden)
    decided = _find_acts(connection, decisions, decisions.c.routes, hidden)
    arrived = connection.execute(
        select(standings.c.case_key, standings.c.arrived_at_us, cases.c.stored_seq)
        .join(cases, cases.c.case_key == standings.c.case_key)
        .where(is_among(connection, standings.c.case_key, hidden))
    ).all()
    moments = _find_moments(connection, [key for key, _ in opened])
    found: dict[str, tuple[CountedCase, ...]] = {}
    for sitting, seq in opened:
        counted = []
        for key, arrived_us, stored_seq in arrived:
            if stored_seq > seq:  # an old case that was sent later was in no sitting before
                continue
            before = [(at, told) for at, told in decided[key] if at < seq]
            has_place = (sitting, key) in listed, (sitting, key) in outside
            state = "returned" if before else "awaiting"
            if not any(has_place):
                if arrived_us > moments[sitting] or _hold(sealed[key], seq):
                    continue
                if before and _CLOSING in before[-1][1]:
                    continue
                state = "managed" if before else "awaiting"
            seqs = tuple(at for at, _ in before)
            counted.append(CountedCase(key, state, arrived_us, *has_place, seqs))
        found[sitting] = tuple(counted)
    return found


def narrow_sitting(connection: Connection, sitting: Sitting, sight: Sight, unit: Unit) -> Sitting:
    """Return a sitting with its figures as they are without the cases that are hidden."""
    counted = find_counted(connection, [(sitting.key, sitting.stored_seq)], sight)[sitting.key]
    if not counted:
        return sitting
    told = sitting.standing
    states = dict(told["states"])
    for case in counted:
        states[case.state] = max(states.get(case.state, 0) - 1, 0)
    standing = {
        **told,
        "states": states,
        "overflow": _narrow_overflow(connection, sitting, counted, unit),
        "waits": _narrow_waits(connection, sitting, counted),
    }
    if (since := told["since_last"]) is not None:
        before = sitting_before(connection, sitting)
        then_us, then_seq = (before.opened_at_us, before.stored_seq) if before else (0, 0)
        arrived = sum(case.arrived_us > then_us for case in counted)
        n_decided = sum(seq > then_seq for case in counted for seq in case.decided_seqs)
        standing["since_last"] = {
            **since,
            "arrived": max(since["arrived"] - arrived, 0),
            "decided": max(since["decided"] - n_decided, 0),
        }
    n_eligible = sum(case.is_eligible for case in counted)
    return replace(
        sitting,
        n_eligible=max(sitting.n_eligible - n_eligible, 0),
        n_open=max(sitting.n_open - len(counted), 0),
        standing=cast(ToldBeside, standing),
    )


def _narrow_overflow(
    connection: Connection, sitting: Sitting, counted: Sequence[CountedCase], unit: Unit
) -> ToldOverflow:
    told = sitting.standing["overflow"]
    outside = {case.key for case in counted if case.is_outside}
    placed = select(overflow.c.case_key).where(overflow.c.sitting_key == sitting.key, took_place())
    outside.update(connection.execute(placed).scalars())
    if not outside:
        return told
    rows = connection.execute(
        select(overflow.c.case_key, overflow.c.flagged_since_us, overflow.c.flags).where(
            overflow.c.sitting_key == sitting.key
        )
    ).all()
    left = [row.flagged_since_us for row in rows if row.case_key not in outside]
    n_urgent = sum(_is_urgent(row.flags) for row in rows if row.case_key in outside)
    return {
        "n_cases": max(told["n_cases"] - len(outside), 0),
        "n_urgent": max(told["n_urgent"] - n_urgent, 0),
        "flagged_since": format_moment(min(left), unit.time_zone) if left else None,
    }


def _is_urgent(flags: Sequence[Any]) -> bool:
    return any(isinstance(one, dict) and one.get("urgent") for one in flags)


def _narrow_waits(
    connection: Connection, sitting: Sitting, counted: Sequence[CountedCase]
) -> ToldWaits:
    """Return what waiting meant then, worked out from the same figures without some cases.

    The longest wait and the weeks observed stay as they were told.
    """
    told = sitting.standing["waits"]
    weeks = told["weeks_observed"]
    since_us = sitting.as_of_us - round(weeks * 7 * 86_400_000_000)
    listed = select(list_places.c.case_key).where(list_places.c.sitting_key == sitting.key)
    n_listed = len(connection.execute(listed).all()) - sum(case.is_listed for case in counted)
    arrivals = round(told["arrivals_per_week"] * weeks)
    arrivals -= sum(case.arrived_us >= since_us for case in counted)
    decided = round(told["decided_per_week"] * weeks)
    decided -= sum(len(case.decided_seqs) for case in counted)
    shares = Shares(**sitting.policy["shares_of_thirty"])
    waits = describe_waits(
        Flow(weeks, max(arrivals, 0), 0, max(decided, 0)),
        capacity=sitting.capacity,
        n_waiting=max(told["n_waiting"] - sum(case.is_eligible for case in counted), 0),
        longest_days=told["longest_days"],
        waited_places=count_waited_places(
            sitting.capacity, shares, longest_wait_first=sitting.ordering == "longest_wait"
        ),
        n_listed=n_listed,
    )
    return cast(ToldWaits, {**told, **{**vars(waits), "words": list(waits.words)}})


def _find_pairs(connection: Connection, table: Any, keys: frozenset[str]) -> set[tuple[str, str]]:
    query = select(table.c.sitting_key, table.c.case_key).where(
        is_among(connection, table.c.case_key, keys)
    )
    return {(row.sitting_key, row.case_key) for row in connection.execute(query)}


def _find_acts(
    connection: Connection, table: Any, column: Any, keys: frozenset[str]
) -> dict[str, list[tuple[int, Any]]]:
    query = (
        select(table.c.case_key, table.c.stored_seq, column)
        .where(is_among(connection, table.c.case_key, keys))
        .order_by(table.c.stored_seq)
    )
    found: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    for case_key, seq, told in connection.execute(query):
        found[case_key].append((int(seq), told))
    return found


def _find_moments(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    query = select(sittings.c.sitting_key, sittings.c.opened_at_us).where(
        is_among(connection, sittings.c.sitting_key, keys)
    )
    return {row.sitting_key: int(row.opened_at_us) for row in connection.execute(query)}


def _hold(acts: Sequence[tuple[int, Any]], seq: int) -> bool:
    """Return whether the latest of some acts before a place in the order of rows holds."""
    before = [told for at, told in acts if at < seq]
    return bool(before and before[-1])
