"""Blind first: what is not shown of a case until a person's own first view of it is on record.

A drawn share of listed cases, every random row and as many matched others are blind, so that views
formed without the model can be compared with it, and so that a random row is looked at like any
other. Flags stay visible: safety is never blind.

Opening another sitting ends nothing: a case stays blind for the views that sittings of the last 24
hours still want. Why a row is there is told once no view of its block is wanted any more, since the
last blind row could otherwise be told from the others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Exists, Select, and_, exists, insert, select

from features.catalogue.declarations import DAY_US
from serving.access.roles import need_opener
from serving.errors import ServiceError
from serving.lists.composition import Place
from serving.lists.draws import open_draw
from serving.lists.sittings import ListPolicy
from serving.persons import Person
from serving.store.database import Writing
from serving.store.read_once import read_once
from serving.store.schema import first_views, list_places, sittings

VIEWS: Final = ("look_now", "look_soon", "can_wait")
VISIBLE: Final = frozenset(
    {
        "key",
        "case_id",
        "position",
        "area",
        "source",
        "state",
        "returned_for",
        "newly_referred",
        "new_since_last",
        "waiting_since",
        "waiting_days",
        "first_read_due",
        "first_read_at",
        "read_by",
        "owner",
        "review_on",
        "flags",
        "n_flags",
        "n_urgent",
        "correction_pending",
        "flagged_since",
        "blind",
        "withheld",
        "first_view",
        "first_view_by",
        "first_view_at",
        "decided",
        "decision_key",
        "decided_by",
        "decided_ways",
    }
)
"""What a person may see before a first view; whatever is not named here is withheld."""
DRAWN: Final = frozenset({"rule", "by_lot", "probability"})
"""What of a viewed row still says how many of its block were drawn at random."""
_MOST_EXTRA: Final = 2
"""Matched rows beyond as many as the random ones, at most: so the size of the block does not say
how many of it are random. Two are what a list of thirty draws at random (design section 9)."""


@dataclass(frozen=True)
class Seat:
    """A place and how it is shown: blind ones last, but for those with an urgent flag."""

    place: Place
    blind: bool
    probability: float


def seat(places: Sequence[Place], share: float, seed: str) -> tuple[Seat, ...]:
    """Draw which rows are blind, and put the list in the order in which it is shown.

    Every row is drawn with ``share``. Random rows are blind for certain, and at least as many rows
    without an urgent flag that priority placed are drawn to match them, none to two more by chance;
    where there are too few of those, others without an urgent flag. A row's probability is of
    either draw.

    Parameters
    ----------
    places
        The list.
    share
        Between 0 and 1.
    seed
        The sitting's seed.
    """
    # By key, so that the same seed draws the same cases whatever order they came in.
    ordered = sorted(places, key=lambda place: place.candidate.key)
    matched, chance = _match(ordered, seed)
    source = open_draw(seed, "blind share")
    seats = []
    for place, number in zip(ordered, source.random(len(ordered)), strict=True):
        key = place.candidate.key
        by_match = 1.0 if place.rule == "random" else chance.get(key, 0.0)
        blind = place.rule == "random" or key in matched or bool(number < share)
        # Either draw makes a row blind, and they are independent.
        seats.append(Seat(place, blind, 1 - (1 - share) * (1 - by_match)))
    return _order(seats, places, seed)


def _match(ordered: Sequence[Place], seed: str) -> tuple[set[str], dict[str, float]]:
    """Return the rows that are drawn to match the random ones, and every row's chance of it."""
    n_random = sum(place.rule == "random" for place in ordered)
    others = [place for place in ordered if place.rule != "random" and not place.candidate.n_urgent]
    pool = [place for place in others if place.rule == "priority"]
    most = n_random + _MOST_EXTRA
    if len(pool) < most:
        pool = others
    keys = [place.candidate.key for place in pool]
    if not n_random or not keys:
        return set(), {}
    extra = int(open_draw(seed, "more matched rows").integers(_MOST_EXTRA + 1))
    size = min(n_random + extra, len(keys))
    drawn = open_draw(seed, "matched rows").choice(len(keys), size=size, replace=False)
    sizes = [min(n_random + more, len(keys)) for more in range(_MOST_EXTRA + 1)]
    chance = sum(sizes) / len(sizes) / len(keys)
    return {keys[int(number)] for number in drawn}, dict.fromkeys(keys, chance)


SHOWN_AS: Final = {"flagged": 0, "priority": 1, "waited": 2, "random": 3}


def _order(seats: Sequence[Seat], places: Sequence[Place], seed: str) -> tuple[Seat, ...]:
    """Return flagged rows, those of priority, those that waited, and the blind block, shuffled.

    Blind rows with an urgent flag stand before all others: safety is never blind. A flag is shown
    on a blind row as well, so where the row stands says nothing more.
    """
    given = {place.candidate.key: number for number, place in enumerate(places)}
    seen = sorted(
        (one for one in seats if not one.blind),
        key=lambda one: (SHOWN_AS[one.place.rule], given[one.place.candidate.key]),
    )
    blind = [one for one in seats if one.blind]
    shuffled = open_draw(seed, "blind block").permutation(len(blind))
    block = [blind[int(number)] for number in shuffled]
    urgent = [one for one in block if one.place.candidate.n_urgent]
    return (*urgent, *seen, *(one for one in block if not one.place.candidate.n_urgent))


def withhold(
    row: Mapping[str, Any], *, blind: bool, viewed: bool, drawn: bool = True
) -> dict[str, Any]:
    """Return a row as it may be shown: whole, or without anything of the model or of the draw.

    Every representation for people goes through here. The fields and their order are the same
    either way; what is withheld is empty.

    Parameters
    ----------
    row
        All that there is to show.
    blind, viewed
        Whether the case was drawn to be blind, and whether a first view of it is on record.
    drawn
        Whether what the draw says of a viewed row, ``DRAWN``, may be told.
    """
    if not blind:
        return dict(row)
    if viewed:
        return {k: _empty(value) if k in DRAWN and not drawn else value for k, value in row.items()}
    return {name: value if name in VISIBLE else _empty(value) for name, value in row.items()}


def withhold_division(policy: ListPolicy) -> ListPolicy:
    """Return a sitting's policy without how many places each pool got."""
    told = policy.copy()
    told.pop("places", None)
    return told


def _empty(value: object) -> list[Any] | None:
    return [] if isinstance(value, list | tuple) else None


def _recent() -> Any:
    """Return the sittings that still want first views: the latest, and those of its last day."""
    latest = select(sittings.c.opened_at_us).order_by(sittings.c.stored_seq.desc()).limit(1)
    # Each was the latest once, so that opening another one shows nothing of it.
    return sittings.c.opened_at_us >= latest.scalar_subquery() - DAY_US


def _unviewed() -> Any:
    return and_(
        list_places.c.blind,
        ~exists().where(
            first_views.c.sitting_key == list_places.c.sitting_key,
            first_views.c.case_key == list_places.c.case_key,
        ),
    )


def _wanted_of(case_key: str) -> Select[Any]:
    """Return the sittings that want a first view of a case, the latest first."""
    return (
        select(list_places.c.sitting_key)
        .join(sittings, sittings.c.sitting_key == list_places.c.sitting_key)
        .where(list_places.c.case_key == case_key, _recent(), _unviewed())
        .order_by(list_places.c.stored_seq.desc())
    )


@read_once
def blind_sitting(connection: Connection, case_key: str) -> str | None:
    """Return the key of the latest sitting that wants a first view of a case; ``None`` if none."""
    return connection.execute(_wanted_of(case_key).limit(1)).scalar_one_or_none()


def wants_first_view(case_key: str) -> Exists:
    """Return the condition that the case :func:`is_blind`, for a query that asks more."""
    return _wanted_of(case_key).exists()


def is_blind(connection: Connection, case_key: str) -> bool:
    """Return whether the case is blind in a recent sitting that has no first view of it.

    Recent are the latest sitting and those that were opened within the 24 hours before it.
    """
    return blind_sitting(connection, case_key) is not None


def find_blind(connection: Connection) -> frozenset[str]:
    """Return every case that :func:`is_blind`."""
    # By the recent sittings' rows: a join would pass over every list that was ever made.
    recent = select(sittings.c.sitting_key).where(_recent())
    query = select(list_places.c.case_key).where(list_places.c.sitting_key.in_(recent), _unviewed())
    return frozenset(connection.execute(query).scalars())


def find_unsettled(connection: Connection, sitting_keys: Collection[str]) -> frozenset[str]:
    """Return those of these sittings, of any age, that have a blind row which nobody viewed.

    What they drew of each kind is told nowhere: with it the rules of the other rows would say what
    the last blind rows are.
    """
    if not sitting_keys:
        return frozenset()
    query = select(list_places.c.sitting_key).where(
        list_places.c.sitting_key.in_(sitting_keys), _unviewed()
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def record_first_view(
    writing: Writing, sitting_key: str, case_key: str, person: Person, view: str
) -> None:
    """Record what a person thought of a blind case; from then on its row is whole.

    The view was formed without the model, so that it stands for every recent sitting that wants one
    of the case. The same person's same view again changes nothing.

    Raises
    ------
    ServiceError
        If the person's role gives no views, the sitting is over, the case is not a blind one on its
        list, or another view stands.
    """
    need_opener(person)
    if view not in VIEWS:
        raise ServiceError("unknown_view", "that is no view", f"write {', '.join(VIEWS)}")
    connection = writing.connection
    recent = select(sittings.c.sitting_key).where(sittings.c.sitting_key == sitting_key, _recent())
    if connection.execute(recent).one_or_none() is None:
        raise ServiceError(
            "sitting_over", "that sitting takes no views any more", "read /v1/list again"
        )
    blind = connection.execute(
        select(list_places.c.blind).where(
            list_places.c.sitting_key == sitting_key, list_places.c.case_key == case_key
        )
    ).scalar_one_or_none()
    if blind is None:
        raise ServiceError("not_listed", "the case is not on this list", "read /v1/list")
    if not blind:
        raise ServiceError(
            "not_blind", "the case is shown whole already", "give a decision instead"
        )
    wanted = connection.execute(_wanted_of(case_key)).scalars().all()
    for key in (sitting_key, *(other for other in wanted if other != sitting_key)):
        _store_view(writing, key, case_key, person, view)


def _store_view(
    writing: Writing, sitting_key: str, case_key: str, person: Person, view: str
) -> None:
    connection = writing.connection
    writing.take_seq(0)  # of two who view at once the first stands
    stands = connection.execute(
        select(first_views.c.view, first_views.c.person).where(
            first_views.c.sitting_key == sitting_key, first_views.c.case_key == case_key
        )
    ).one_or_none()
    if stands is None:
        connection.execute(
            insert(first_views).values(
                sitting_key=sitting_key,
                case_key=case_key,
                view=view,
                **person.columns(),
                viewed_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
            )
        )
        return
    # Somebody was first. The same view sent again by the same person is no conflict.
    if (stands.view, stands.person) != (view, person.name):
        raise ServiceError(
            "already_viewed", "a first view of the case is on record", "read the row again"
        )
