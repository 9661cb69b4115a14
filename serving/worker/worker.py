"""The store's own work: what is due is done, by one process at a time.

Reviews that fell due bring their cases back; cases whose records are newer than their score are
scored; every open case is scored once a night and when another bundle is put to use; messages are
sent. What a round does not finish the next one does: what is due follows from the store alone.
"""

import datetime as dt
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from features.contract.moments import find_zone, to_datetime
from features.errors import CaselightError
from models.bundle.folder import Bundle
from serving.access.overseers import name_overseers
from serving.decisions.daily_digests import send_digests, write_digests
from serving.decisions.view_notices import send_view_notices
from serving.flags.deliveries import deliver_due, escalate_sealed
from serving.flags.webhooks import find_webhook
from serving.oversight.audit_heads import export_daily
from serving.oversight.standards_notices import (
    send_notices,
    write_notices,
)
from serving.scoring.bundle_uses import note_switch, read_use
from serving.scoring.rescoring import CASES_A_TIME, Occasion, find_stale, score_cases
from serving.sealing.seal_settlement import ask_for_old_seals, has_unasked
from serving.service import Service
from serving.standing.standings import make_rules
from serving.standing.states import either
from serving.store.database import Store, Unit, make_key
from serving.store.schema import scores, standings
from serving.worker.leases import LeaseWatch, give_back, giving_signs, take_lease

LEASE: Final = "work"
WAIT_S: Final = 5.0
"""Between two rounds where nothing was left over."""
STALLED_S: Final = 120.0
"""How long nothing may be got done while something is due; a chunk of cases takes a few seconds."""
HUNG_S: Final = 600.0
"""How long a chunk may take before its process is taken to hang, and another may go on."""
FEW_BEHIND: Final = 5
"""So many cases may be behind without a standstill being told: a case that cannot be scored is told
by the log and by ``scores_behind``, and must not have the whole service taken out of use."""
_MOST_ANEW: Final = 5 * CASES_A_TIME
"""Cases that one round scores anew for the night or a promotion: what changed comes before them."""
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_log = structlog.get_logger("caselight.worker")


@dataclass(frozen=True)
class Worked:
    """What a round did.

    Parameters
    ----------
    reviews
        Managed cases whose review fell due.
    changed, promoted, nightly
        Scores added because records came, a bundle was put to use, or a day began.
    delivered
        Messages that were sent.
    bundle_id
        The bundle in use.
    more
        Whether something that was due is left over.
    held_by_another
        Whether something was due that another process has the lease of.
    """

    reviews: int = 0
    changed: int = 0
    promoted: int = 0
    nightly: int = 0
    delivered: int = 0
    bundle_id: str | None = None
    more: bool = False
    held_by_another: bool = False


@dataclass(frozen=True)
class _Due:
    """What is due: cases by why."""

    reviews: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    nightly: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reviews or self.changed or self.promoted or self.nightly)


def _always() -> bool:
    return True


def work_once(
    service: Service,
    *,
    holder: str | None = None,
    noted: str | None = None,
    watch: LeaseWatch | None = None,
    go_on: Callable[[], bool] = _always,
) -> Worked:
    """Do what is due, unless another process is at it.

    Parameters
    ----------
    service
        Settings, store and the model in use; without a store nothing is done.
    holder
        Name under which the lease is held; a new one where absent.
    noted
        The bundle that this process used before; another one in use now is recorded as a switch.
    watch
        What this process has seen of the leases of others; nothing where absent.
    go_on
        Asked between chunks; the round ends early where it says no.
    """
    if service.store is None:
        return Worked()
    store, bundle = service.store, service.champion.find()
    bundle_id = None if bundle is None else bundle.id
    if bundle is not None and bundle.id != noted:
        _note_switch(store, bundle)
    worked = Worked()
    try:
        due = _find_due(service, bundle)
        if due:
            asker = _Asker(holder or make_key(), watch or LeaseWatch(), go_on)
            worked = _work_off(service, bundle, due, asker)
    finally:  # a fault in scoring holds up no message
        try:
            _see_to_seals(service)
        finally:
            sent = deliver_due(store, service.settings, store.clock()).sent
    try:
        sent += _tell_standards(service)
        sent += _tell_owners(service)
    finally:
        try:
            sent += send_view_notices(store, service.settings, store.clock()).sent
        finally:
            _export_heads(service)
    return replace(worked, delivered=sent, bundle_id=bundle_id)


def _see_to_seals(service: Service) -> None:
    """Bring before professional standards what waits of sealed cases."""
    store, overseers = service.need_store(), name_overseers(service.settings)
    with store.reading() as connection:
        has_old = has_unasked(connection)
    if has_old:
        with store.writing() as writing:
            ask_for_old_seals(writing, overseers)
    if overseers.on_call is not None:
        escalate_sealed(store, store.clock())


def _tell_standards(service: Service) -> int:
    """Tell professional standards of yesterday's access, once a day; return the messages sent."""
    webhook = find_webhook(service.settings, "standards_webhook_url")
    if webhook is None:
        return 0
    store, unit = service.need_store(), service.need_unit()
    overseers, now_us = name_overseers(service.settings), store.clock()
    night_us = find_night(now_us, unit, service.settings.nightly_hour)
    write_notices(store, unit, overseers, to_datetime(night_us, unit.time_zone).date())
    return send_notices(store, webhook, overseers, now_us).sent


def _tell_owners(service: Service) -> int:
    """Tell those who want it what waits for them, once a day; return the messages sent."""
    webhook = find_webhook(service.settings, "digest_webhook_url")
    if webhook is None:
        return 0
    store, unit = service.need_store(), service.need_unit()
    now_us, rules = store.clock(), make_rules(service.settings)
    night_us = find_night(now_us, unit, service.settings.nightly_hour)
    write_digests(store, unit, rules, to_datetime(night_us, unit.time_zone).date())
    return send_digests(store, webhook, now_us).sent


def _export_heads(service: Service) -> None:
    """Write the heads of the audit log where that was not done today."""
    folder = service.settings.audit_heads_dir
    if folder is None:
        return
    try:
        export_daily(service.need_store(), folder)
    except CaselightError as error:  # a head that cannot be written holds up no other work
        note_error(error)


def _note_switch(store: Store, bundle: Bundle) -> None:
    with store.writing() as writing:
        note_switch(writing, bundle.id)


def _find_due(service: Service, bundle: Bundle | None) -> _Due:
    store, unit = service.need_store(), service.need_unit()
    now_us = store.clock()
    with store.reading() as connection:
        reviews = tuple(find_reviews_due(connection, now_us))
        if bundle is None:
            return _Due(reviews=reviews)
        changed = find_stale(connection)
        used_us = read_use(connection, bundle.id) or 0
        night_us = find_night(now_us, unit, service.settings.nightly_hour)
        older = _find_older(connection, max(used_us, night_us))
    known = set(changed)
    anew = [(key, at_us) for key, at_us in older if key not in known]
    return _Due(
        reviews=reviews,
        changed=tuple(changed),
        promoted=tuple(key for key, at_us in anew if at_us < used_us),
        nightly=tuple(key for key, at_us in anew if at_us >= used_us),
    )


def find_reviews_due(connection: Connection, now_us: int) -> list[str]:
    """Return the managed cases whose review is due and whose standing does not say so yet."""
    query = select(standings.c.case_key).where(
        standings.c.state.in_(either("managed")), standings.c.review_due_us <= now_us
    )
    return list(connection.execute(query).scalars())


def find_night(now_us: int, unit: Unit, nightly_hour: int) -> int:
    """Return the last moment, not after now, at which the unit's clock showed the hour."""
    now = to_datetime(now_us, unit.time_zone)
    zone = find_zone(unit.time_zone)
    for days in (0, 1):
        day = now.date() - dt.timedelta(days=days)
        at = dt.datetime.combine(day, dt.time(nightly_hour), tzinfo=zone)
        at_us = (at.astimezone(dt.UTC) - _EPOCH) // _MICROSECOND
        if at_us <= now_us:
            break
    return at_us


def _find_older(connection: Connection, before_us: int) -> list[tuple[str, int]]:
    """Return the cases, not closed, whose score is of before a moment, the oldest score first."""
    query = (
        select(standings.c.case_key, standings.c.scored_as_of_us)
        .where(standings.c.state.not_in(either("closed")), standings.c.scored_as_of_us < before_us)
        .order_by(standings.c.scored_as_of_us, standings.c.case_key)
        .limit(_MOST_ANEW + 1)
    )
    return [(row.case_key, row.scored_as_of_us) for row in connection.execute(query)]


@dataclass
class _Movement:
    """When something was last got done, on a clock that nobody sets."""

    at_s: float = field(default_factory=time.monotonic)

    def note(self) -> None:
        self.at_s = time.monotonic()

    def is_within(self, seconds: float) -> bool:
        return time.monotonic() - self.at_s <= seconds


@dataclass(frozen=True)
class _Asker:
    """Who would work, what they know of others' leases, and whether they go on."""

    holder: str
    watch: LeaseWatch
    go_on: Callable[[], bool]
    movement: _Movement = field(default_factory=_Movement)

    def take(self, store: Store) -> bool:
        self.movement.note()
        return take_lease(store, LEASE, self.holder, self.watch)


def _work_off(service: Service, bundle: Bundle | None, due: _Due, asker: _Asker) -> Worked:
    store = service.need_store()
    if not asker.take(store):
        return Worked(held_by_another=True)
    try:
        moving = asker.movement
        with giving_signs(
            store, LEASE, asker.holder, asker.watch, is_moving=lambda: moving.is_within(HUNG_S)
        ):
            # Asked again under the lease: another process may have done it meanwhile.
            return _work(service, bundle, _find_due(service, bundle), asker)
    finally:
        give_back(store, LEASE, asker.holder)


def _work(service: Service, bundle: Bundle | None, due: _Due, asker: _Asker) -> Worked:
    store, rules = service.need_store(), make_rules(service.settings)

    def still() -> bool:
        return asker.go_on() and asker.take(store)

    if due.reviews:
        with store.writing() as writing:
            writing.touch(due.reviews, rules)
    if bundle is None:
        return Worked(reviews=len(due.reviews))
    minutes, unit = service.settings.acknowledge_minutes, service.need_unit()
    occasions: tuple[tuple[Occasion, tuple[str, ...]], ...] = (
        ("import", due.changed),
        ("promotion", due.promoted),
        ("nightly", due.nightly),
    )
    added, faults = [], list[Exception]()
    for occasion, keys in occasions:
        try:
            scored = score_cases(
                store, bundle, keys, unit, occasion, rules, minutes=minutes, go_on=still
            )
        except Exception as error:  # told once the others are done
            faults.append(error)
            continue
        added.append(scored)
    if faults:
        raise faults[0]
    return Worked(
        reviews=len(due.reviews),
        changed=added[0],
        promoted=added[1],
        nightly=added[2],
        more=len(due.promoted) + len(due.nightly) > _MOST_ANEW,
    )


class Worker(threading.Thread):
    """Does what is due, again and again, until it is stopped; an error ends a round and no more.

    Parameters
    ----------
    service
        What it works with.
    wait_s
        Seconds between two rounds where nothing was left over.
    """

    def __init__(self, service: Service, *, wait_s: float = WAIT_S) -> None:
        super().__init__(name="caselight-worker", daemon=True)
        self._service = service
        self._wait_s = wait_s
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._holder = make_key()
        self._noted: str | None = None
        self._watch = LeaseWatch()
        self._movement = _Movement()
        self._last_score: int | None = None

    @property
    def is_working(self) -> bool:
        """Whether what is due gets done: by this process, or by another whose scores are seen."""
        return self.is_alive() and self._movement.is_within(STALLED_S)

    def run(self) -> None:
        """Work until stopped."""
        while not self._stopped.is_set():
            if not self._work():
                self._woken.wait(self._wait_s)
                self._woken.clear()

    def wake(self) -> None:
        """Begin the next round now."""
        self._woken.set()

    def stop(self, timeout_s: float | None = 30.0) -> None:
        """End after the chunk at hand, and wait for that."""
        self._stopped.set()
        self._woken.set()
        if self.is_alive():
            self.join(timeout_s)

    def _work(self) -> bool:
        """Do one round; return whether something is left over."""
        try:
            worked = work_once(
                self._service,
                holder=self._holder,
                noted=self._noted,
                watch=self._watch,
                go_on=self._go_on,
            )
        except Exception as error:
            note_error(error)
            if not isinstance(error, SQLAlchemyError) and self._count_behind() <= FEW_BEHIND:
                self._movement.note()
            return False
        if not worked.held_by_another or self._sees_scores():
            self._movement.note()
        self._noted = worked.bundle_id
        return worked.more

    def _go_on(self) -> bool:
        self._movement.note()
        return not self._stopped.is_set()

    def _count_behind(self) -> int:
        behind = select(func.count()).where(standings.c.record_seq > standings.c.known_seq)
        return self._ask(behind.select_from(standings), FEW_BEHIND + 1)

    def _sees_scores(self) -> bool:
        """Return whether scores came since the last time."""
        before = self._last_score
        self._last_score = self._ask(select(func.max(scores.c.stored_seq)), 0)
        return self._last_score != before

    def _ask(self, query: Select[Any], without: int) -> int:
        """Return a number of the store; another where it does not answer."""
        try:
            with self._service.need_store().reading() as connection:
                return int(connection.execute(query).scalar() or 0)
        except SQLAlchemyError:
            return without


def note_error(error: Exception) -> None:
    """Log an error by its type and the names of functions: its message may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.name}:{frame.lineno}" for frame in frames][-6:]
    _log.error("round failed", kind=type(error).__name__, frames=places)
