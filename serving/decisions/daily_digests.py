"""A daily digest for those who want one: how much waits for them, and where to sign in.

A digest has counts and a link: no number of a case, no name and no reason; sealed cases are in none
of its counts. It is written once a day for all servers and sent as messages about flags are (ADR
16): claimed first, signed, and tried again until it is taken. A day on which nothing waits is told
as well, so that silence means that something is wrong.

Who wants one is the latest choice of each person, with the areas that they saw then. Role and
agency are those of their latest access; who opened nothing for some weeks is told nothing more.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select

from features.catalogue.declarations import DAY_US
from serving.access.roles import DECIDERS
from serving.decisions.own_work import OwnWork, read_own_work
from serving.flags.webhooks import Delivered, Outbox, Webhook, is_due, send_due
from serving.persons import Person
from serving.standing.standings import StandingRules
from serving.store.audit_lines import LOOKS
from serving.store.database import Store, Unit, Writing, make_key
from serving.store.schema import audit_lines, daily_digests, digest_choices

PATH: Final = "/for-me"
STOPS_AFTER_DAYS: Final = 28
"""Days without any access after which somebody is told nothing more; own judgement: longer than a
leave, and shorter than it takes to forget who has left."""
_choices: Final = digest_choices.c
_digests: Final = daily_digests.c


def choose_digest(writing: Writing, person: Person, *, wanted: bool) -> None:
    """Record whether a person wants a daily digest from now on."""
    writing.connection.execute(
        insert(digest_choices).values(
            choice_key=make_key(),
            wanted=wanted,
            areas=None if person.areas is None else sorted(person.areas),
            chosen_at_us=writing.now_us,
            stored_seq=writing.take_seq(),
            **person.columns(),
        )
    )


def wants_digest(connection: Connection, subject: str) -> bool:
    """Return whether a person wants a daily digest."""
    query = (
        select(_choices.wanted)
        .where(_choices.subject == subject)
        .order_by(_choices.stored_seq.desc())
        .limit(1)
    )
    return bool(connection.execute(query).scalar_one_or_none())


def write_digests(store: Store, unit: Unit, rules: StandingRules, day: dt.date) -> int:
    """Write the digests of a day that are not there yet; return how many.

    Parameters
    ----------
    store, unit, rules
        The store, the zone of its days, and the rules of where a case stands.
    day
        The day, by the unit's calendar.
    """
    told = day.isoformat()
    with store.reading() as connection:
        wanted = _list_wanted(connection)
        written = _list_written(connection, told)
    people = [one for row in wanted if row.subject not in written if (one := _find(store, row))]
    if not people:
        return 0
    now_us = store.clock()
    counts = [_count(read_own_work(store, one, unit, rules, now_us)) for one in people]
    with store.writing() as writing:
        writing.take_seq(0)  # of two servers at once one finds the day told
        there = _list_written(writing.connection, told)
        rows = [
            {"digest_key": make_key(), "day": told, "recipient": one.subject, "attempts": 0}
            | {"next_at_us": writing.now_us}
            | count
            for one, count in zip(people, counts, strict=True)
            if one.subject not in there
        ]
        if rows:
            writing.connection.execute(insert(daily_digests), rows)
    return len(rows)


def send_digests(store: Store, webhook: Webhook, now_us: int) -> Delivered:
    """Send the digests that are due to whoever wants them still."""
    with store.reading() as connection:
        recipients = [row.subject for row in _list_wanted(connection)]
    query = (
        select(daily_digests)
        .where(is_due(daily_digests, now_us), _digests.recipient.in_(recipients))
        .order_by(_digests.next_at_us, _digests.digest_key)
        .limit(1)
    )
    return send_due(store, Outbox(daily_digests, query, _write_body), webhook, now_us)


def _list_wanted(connection: Connection) -> Sequence[Row[Any]]:
    """Return the latest choice of each person who wants a digest."""
    query = select(digest_choices).order_by(_choices.stored_seq)
    latest = {row.subject: row for row in connection.execute(query)}
    return [row for row in latest.values() if row.wanted]


def _list_written(connection: Connection, day: str) -> frozenset[str]:
    query = select(_digests.recipient).where(_digests.day == day)
    return frozenset(connection.execute(query).scalars())


def _find(store: Store, choice: Row[Any]) -> Person | None:
    """Return the person of a choice as they last signed in; ``None`` of somebody who has opened
    nothing lately, or whose role acts on no cases any more.
    """
    query = (
        select(audit_lines)
        .where(audit_lines.c.book == LOOKS, audit_lines.c.subject == choice.subject)
        .order_by(audit_lines.c.number.desc())
        .limit(1)
    )
    with store.reading_looks() as connection:
        line = connection.execute(query).one_or_none()
    is_recent = line is not None and line.at_us >= store.clock() - STOPS_AFTER_DAYS * DAY_US
    if line is None or not is_recent or line.role not in DECIDERS:
        return None
    areas = None if choice.areas is None else frozenset(choice.areas)
    return Person(line.person, line.role, line.agency, choice.subject, areas)


def _count(work: OwnWork) -> dict[str, int]:
    return {
        "n_reviews": len(work.reviews),
        "n_corrections": work.corrections.n_open,
        "n_views": len(work.views),
        "n_news": len(work.news),
    }


def _write_body(row: Row[Any]) -> bytes:
    counts = {name: getattr(row, name) for name in ("n_reviews", "n_corrections", "n_views")}
    told = {"what": "daily_digest", "day": row.day, "for": [row.recipient], **counts}
    told |= {"n_news": row.n_news, "path": PATH}
    return json.dumps(told, separators=(",", ":")).encode()
