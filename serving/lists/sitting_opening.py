"""Opening a sitting: its list is composed once and stored with what it showed.

It stays as it was whatever comes in afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from features.catalogue.declarations import DAY_US
from features.contract.moments import format_moment, to_datetime
from models.bundle.folder import Bundle
from serving.access.roles import need_opener
from serving.lists.blind_review import Seat, seat
from serving.lists.composition import (
    TOLD_APART,
    Composition,
    ListCandidate,
    Ordering,
    Pools,
    compose,
)
from serving.lists.draws import Division, Shares, divide_places, make_seed
from serving.lists.list_rows import Advise, Snapshot, SnapshotMoment, read_flags, take_snapshots
from serving.lists.pools import count_states, read_pools
from serving.lists.sittings import (
    ComposedBeside,
    ListPolicy,
    NamedModel,
    NewSince,
    Sitting,
    ToldOverflow,
    ToldWaits,
    current_sitting,
)
from serving.lists.waiting_times import count_waited_places, describe_waits, read_flow
from serving.persons import Person
from serving.settings import Settings
from serving.standing.states import OPEN
from serving.store.database import Store, Unit, Writing, make_key
from serving.store.record_conditions import is_sealed
from serving.store.schema import decisions, list_places, overflow, sittings, standings

ADVISORY: Final = (
    "Advisory: an order for specialist screening. It opens, closes, downgrades or allocates "
    "nothing; a named person decides."
)
"""Said beside a list where no model, and so no catalogue's wording, is in use."""


@dataclass(frozen=True)
class Terms:
    """By what a list is composed.

    Parameters
    ----------
    capacity
        Places.
    shares
        Places reserved, of thirty.
    blind_share
        Share of listed cases first looked at without anything of the model.
    ordering
        The order in force.
    tolerance
        Priorities nearer than this, relative to their size, cannot be told apart.
    """

    capacity: int = 30
    shares: Shares = field(default_factory=Shares)
    blind_share: float = 0.1
    ordering: Ordering = "model"
    tolerance: float = TOLD_APART


def make_terms(settings: Settings, ordering: Ordering) -> Terms:
    """Return the terms that the settings state, with the order in force."""
    shares = Shares(settings.random_places, settings.waited_places, settings.most_flagged_places)
    return Terms(settings.capacity, shares, settings.blind_share, ordering, settings.told_apart)


@dataclass(frozen=True)
class Opened:
    """A sitting, and whether it was opened just now or was there already."""

    sitting: Sitting
    is_new: bool


@dataclass(frozen=True)
class _Draft:
    """A list that was composed and is not stored yet."""

    composition: Composition
    seats: tuple[Seat, ...]
    snapshots: Mapping[str, Snapshot]
    flags: Mapping[str, list[dict[str, Any]]]
    ranks: Mapping[str, int]
    sitting: dict[str, Any]


def open_sitting(
    store: Store,
    unit: Unit,
    terms: Terms,
    person: Person,
    bundle: Bundle | None,
    advise: Advise,
    *,
    again: str | None = None,
) -> Opened:
    """Open a sitting: compose the list, and store it with what it showed.

    There is one sitting a day in the unit's zone: where one was opened today already that one is
    returned, unless a reason is given to open another. Two people who open at once get the same.

    Parameters
    ----------
    store, unit
        Where the cases are.
    terms
        By what the list is composed.
    person
        Who opens it.
    bundle
        The model in use; without one rows have no reasons.
    advise
        Tells the advice on stored scores.
    again
        Why another one is opened on the same day.

    Raises
    ------
    ServiceError
        If the person's role may not open one (403).
    """
    need_opener(person)
    now_us = store.clock()
    with store.reading() as connection:
        # Composed before anybody has to wait; `_store` sees whether another list came first.
        before = current_sitting(connection)
        if before is not None and again is None and _same_day(before.opened_at_us, now_us, unit):
            return Opened(before, is_new=False)
        draft = _compose(connection, before, now_us, unit, terms, bundle, advise)
    if again is not None:
        draft.sitting["standing"]["opened_again_because"] = again
    with store.writing() as writing:
        return _store(writing, draft, before, person)


def _same_day(one_us: int, other_us: int, unit: Unit) -> bool:
    # By the unit's own calendar: its day does not end at midnight UTC.
    days = [to_datetime(us, unit.time_zone).date() for us in (one_us, other_us)]
    return days[0] == days[1]


def _compose(
    connection: Connection,
    before: Sitting | None,
    now_us: int,
    unit: Unit,
    terms: Terms,
    bundle: Bundle | None,
    advise: Advise,
) -> _Draft:
    seed = make_seed()
    division = divide_places(terms.capacity, terms.shares, seed)
    ordering, tolerance = terms.ordering, terms.tolerance
    counts = count_states(connection)
    pools = read_pools(
        connection, division, ordering=ordering, seed=seed, tolerance=tolerance, states=counts
    )
    composition = compose(pools, division, ordering=ordering, seed=seed, tolerance=tolerance)
    seats = seat(composition.places, terms.blind_share, seed)
    moment = SnapshotMoment(now_us, before.opened_at_us if before else None)
    outside = [case.key for case in composition.overflow]
    standing: ComposedBeside = {
        **describe_bundle(bundle),
        "as_of": format_moment(now_us, unit.time_zone),
        "synthetic": unit.synthetic,
        "states": counts,
        "since_last": _count_since(connection, before),
        "waits": _describe_waits(connection, pools, len(seats), terms, now_us),
        "overflow": _describe_overflow(composition.overflow, unit),
    }
    return _Draft(
        composition,
        seats,
        take_snapshots(connection, seats, moment, unit, bundle, advise),
        read_flags(connection, outside, bundle.catalogue if bundle else None, unit),
        {case.key: rank for rank, case in enumerate(pools.prior, 1)}
        if terms.ordering == "model"
        else {},
        {
            "opened_at_us": now_us,
            "as_of_us": now_us,
            "capacity": terms.capacity,
            "ordering": terms.ordering,
            "policy": _describe_policy(terms, division),
            "seed": seed,
            "bundle_id": bundle.id if bundle else None,
            "n_eligible": pools.n_eligible,
            "n_open": sum(counts.values()),
            "standing": standing,
        },
    )


def _describe_policy(terms: Terms, division: Division) -> ListPolicy:
    return {
        "shares_of_thirty": asdict(terms.shares),
        "places": {
            "random": division.random,
            "waited": division.waited,
            "flagged": division.flagged,
            "priority": division.priority,
        },
        "blind_share": terms.blind_share,
        "told_apart": terms.tolerance,
    }


def describe_bundle(bundle: Bundle | None) -> NamedModel:
    """Return what names the model in use and says how to read it."""
    if bundle is None:
        return {
            "bundle_id": None,
            "catalogue": None,
            "catalogue_digest": None,
            "engine_version": None,
            "estimate_note": None,
            "advisory": ADVISORY,
        }
    return {
        "bundle_id": bundle.id,
        "catalogue": bundle.catalogue.name,
        "catalogue_digest": bundle.catalogue.digest,
        "engine_version": bundle.engine_version,
        "estimate_note": bundle.catalogue.wording["estimate"],
        "advisory": bundle.catalogue.wording["advisory"],
    }


def _count_since(connection: Connection, before: Sitting | None) -> NewSince | None:
    """Count what is new since the sitting before."""
    if before is None:
        return None

    def count(*where: Any) -> int:
        query = select(func.count()).select_from(standings).where(*where)
        return int(connection.execute(query).scalar_one())

    state, since_us = standings.c.state, before.opened_at_us
    decided = select(func.count()).where(
        decisions.c.stored_seq > before.stored_seq, ~is_sealed(decisions.c.case_key)
    )
    return {
        "sitting_key": before.key,
        "arrived": sum(count(state == one, standings.c.arrived_at_us > since_us) for one in OPEN),
        "returned": count(state == "returned", standings.c.waiting_since_us > since_us),
        "flagged": sum(
            count(state == one, standings.c.flagged_since_us > since_us) for one in OPEN
        ),
        "decided": int(connection.execute(decided).scalar_one()),
    }


def _describe_waits(
    connection: Connection, pools: Pools, n_listed: int, terms: Terms, now_us: int
) -> ToldWaits:
    longest_us = pools.waited[0].waiting_since_us if pools.waited else now_us
    waits = describe_waits(
        read_flow(connection, now_us),
        capacity=terms.capacity,
        n_waiting=pools.n_eligible,
        n_listed=n_listed,
        longest_days=max(now_us - longest_us, 0) // DAY_US,
        waited_places=count_waited_places(
            terms.capacity, terms.shares, longest_wait_first=terms.ordering == "longest_wait"
        ),
    )
    return {
        "n_waiting": waits.n_waiting,
        "longest_days": waits.longest_days,
        "weeks_observed": waits.weeks_observed,
        "arrivals_per_week": waits.arrivals_per_week,
        "decided_per_week": waits.decided_per_week,
        "places_per_week": waits.places_per_week,
        "growth_per_week": waits.growth_per_week,
        "fits": waits.fits,
        "weeks_at_least": waits.weeks_at_least,
        "weeks_at_most": waits.weeks_at_most,
        "words": list(waits.words),
    }


def _describe_overflow(outside: Sequence[ListCandidate], unit: Unit) -> ToldOverflow:
    oldest = min((case.flagged_since_us or 0 for case in outside), default=None)
    return {
        "n_cases": len(outside),
        "n_urgent": sum(case.n_urgent > 0 for case in outside),
        "flagged_since": None if oldest is None else format_moment(oldest, unit.time_zone),
    }


def _store(writing: Writing, draft: _Draft, before: Sitting | None, person: Person) -> Opened:
    """Store a list, unless another was stored since it was composed: then that one is the list."""
    connection = writing.connection
    n_rows = 1 + len(draft.seats) + len(draft.composition.overflow)
    writing.take_seq(0)  # from here on others wait
    latest = current_sitting(connection)
    if latest is not None and (before is None or latest.key != before.key):
        return Opened(latest, is_new=False)
    seq, key = writing.take_seq(n_rows), make_key()
    connection.execute(
        insert(sittings).values(
            sitting_key=key, **draft.sitting, **person.columns(), stored_seq=seq
        )
    )
    rows = [_place_row(key, position, one, draft) for position, one in enumerate(draft.seats, 1)]
    _insert(connection, list_places, rows, seq + 1)
    outside = [
        {
            "sitting_key": key,
            "case_key": case.key,
            "flags": draft.flags.get(case.key, []),
            "flagged_since_us": case.flagged_since_us,
        }
        for case in draft.composition.overflow
    ]
    _insert(connection, overflow, outside, seq + 1 + len(rows))
    found = current_sitting(connection)
    assert found is not None
    return Opened(found, is_new=True)


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]], seq: int) -> None:
    if rows:
        numbered = [row | {"stored_seq": seq + number} for number, row in enumerate(rows)]
        connection.execute(insert(table), numbered)


def _place_row(key: str, position: int, one: Seat, draft: _Draft) -> dict[str, Any]:
    place = one.place
    snapshot = draft.snapshots[place.candidate.key]
    return {
        "sitting_key": key,
        "position": position,
        "case_key": place.candidate.key,
        "rule": place.rule,
        "probability": place.probability,
        "by_lot": place.by_lot,
        "blind": one.blind,
        "blind_probability": one.probability,
        "newly_referred": snapshot.newly_referred,
        "waiting_since_us": snapshot.waiting_since_us,
        "score_key": snapshot.score_key,
        "rank": draft.ranks.get(place.candidate.key),
        "shown": snapshot.shown,
    }
