"""The place of a case that is sealed while it is on the list: the next case takes it.

A list with a row fewer than its capacity would tell whoever reads it later that a case was sealed.
The row is added to the list as everything in the store is: nothing of the sealed case's own row
changes, and those who see the case again find it where it was.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from models.bundle.folder import Bundle
from serving.lists.blind_review import Seat, seat
from serving.lists.composition import ListCandidate, Place, Rule
from serving.lists.draws import make_seed
from serving.lists.list_rows import Advise, SnapshotMoment, take_snapshots
from serving.lists.sittings import Sitting, current_sitting, sitting_before
from serving.standing.states import ELIGIBLE
from serving.store.database import Unit, Writing
from serving.store.record_conditions import is_sealed
from serving.store.schema import cases, list_places, overflow, standings


def fill_vacated(
    writing: Writing, case_key: str, unit: Unit, bundle: Bundle | None, advise: Advise
) -> str | None:
    """Give the place of a case that was just sealed to the next one; return the key of that.

    The next is the first flagged case without a place where the sealed one was on the list for a
    flag, and otherwise the first by the order of the list, of the cases that were there when it was
    composed. It stands last.

    Parameters
    ----------
    writing
        The transaction that seals the case.
    case_key
        The sealed case.
    unit
        What holds for the whole store.
    bundle, advise
        The model in use, and what tells the advice on stored scores.

    Returns
    -------
    str or None
        ``None`` where the case is not on the current list, or no case is left to take its place.
    """
    connection = writing.connection
    sitting = current_sitting(connection)
    if sitting is None:
        return None
    places = connection.execute(
        select(list_places.c.case_key, list_places.c.position, list_places.c.rule)
        .where(list_places.c.sitting_key == sitting.key)
        .order_by(list_places.c.position)
    ).all()
    rule = next((one.rule for one in places if one.case_key == case_key), None)
    if rule is None:
        return None
    found = _find_next(connection, sitting, rule, [one.case_key for one in places])
    if found is None:
        return None
    by_order: Rule = "priority" if sitting.ordering == "model" else "waited"
    # A draw needs every case of the list: what comes after it takes no place by lot.
    taken = Place(found, "flagged" if rule == "flagged" else by_order)
    (seated,) = seat([taken], sitting.policy["blind_share"], make_seed())
    _store(writing, sitting, seated, places[-1].position + 1, unit, bundle, advise)
    return found.key


def _find_next(
    connection: Connection, sitting: Sitting, rule: Rule, listed: Sequence[str]
) -> ListCandidate | None:
    by_model = sitting.ordering == "model"
    here, first = standings.c, overflow.c
    by_wait: list[ColumnElement[Any]] = [here.waiting_since_us, here.case_key]
    order = [here.priority.desc().nulls_last(), *by_wait] if by_model else by_wait
    query = (
        select(
            here.case_key,
            here.priority,
            here.waiting_since_us,
            here.flagged_since_us,
            here.n_urgent,
        )
        .join(cases, cases.c.case_key == here.case_key)
        .where(
            here.state.in_(ELIGIBLE),
            here.case_key.not_in(listed),
            here.waiting_since_us <= sitting.opened_at_us,
            cases.c.stored_seq < sitting.stored_seq,
            # Within this transaction the standing of the case that is sealed says nothing yet.
            ~is_sealed(here.case_key),
        )
    )
    if rule == "flagged":
        beside = query.join(overflow, first.case_key == here.case_key)
        beside = beside.where(first.sitting_key == sitting.key).order_by(first.stored_seq)
        row = connection.execute(beside.limit(1)).one_or_none()
        if row is not None:
            return ListCandidate(*row)
    row = connection.execute(query.order_by(*order).limit(1)).one_or_none()
    return None if row is None else ListCandidate(*row)


def _store(
    writing: Writing,
    sitting: Sitting,
    seated: Seat,
    position: int,
    unit: Unit,
    bundle: Bundle | None,
    advise: Advise,
) -> None:
    connection, place = writing.connection, seated.place
    before = sitting_before(connection, sitting)
    moment = SnapshotMoment(sitting.as_of_us, before.opened_at_us if before else None)
    found = take_snapshots(connection, [seated], moment, unit, bundle, advise)
    snapshot = found[place.candidate.key]
    writing.connection.execute(
        insert(list_places).values(
            sitting_key=sitting.key,
            position=position,
            case_key=place.candidate.key,
            rule=place.rule,
            probability=place.probability,
            by_lot=place.by_lot,
            blind=seated.blind,
            blind_probability=seated.probability,
            newly_referred=snapshot.newly_referred,
            waiting_since_us=snapshot.waiting_since_us,
            score_key=snapshot.score_key,
            rank=position if sitting.ordering == "model" and snapshot.score_key else None,
            shown=snapshot.shown,
            stored_seq=writing.take_seq(),
        )
    )
