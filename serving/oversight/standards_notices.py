"""Telling each of professional standards once a day how much access nothing explains.

A notice has counts and where to look, and no case, name or reason: whoever gets it signs in and
reads the page. It is worked out for each of them by themselves: nobody is told of what they did,
nor of a case to which they are a party, not even as a number. A day without any is told as well, so
that silence means that something is wrong.

The notices of a day are written in one transaction, once for all servers, and sent as messages
about flags are: claimed first, signed, and tried again until they are taken.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select

from features.contract.moments import parse_date
from serving.access.overseers import Overseers
from serving.flags.webhooks import Delivered, Outbox, Webhook, is_due, send_due
from serving.oversight.unexplained_access import OVER_DAYS, find_unexplained
from serving.oversight.unusual_access import AccessPeriod
from serving.persons import Person
from serving.store.database import Store, Unit, make_key
from serving.store.schema import standards_notices

PATH: Final = "/unexplained-access"
_MOST_DAYS: Final = OVER_DAYS
"""Days that are told late where nobody worked or nobody took a message: access before them explains
no day any more."""
_notices: Final = standards_notices.c


def write_notices(store: Store, unit: Unit, overseers: Overseers, until: dt.date) -> int:
    """Write the notices of the days that nobody was told of yet; return how many.

    Parameters
    ----------
    store, unit
        The store, and the zone of its days.
    overseers
        Whom the deployment names for professional standards: each has a notice of their own.
    until
        The day after the last that is told, by the unit's calendar.
    """
    with store.reading() as connection:
        last = _find_last(connection)
    days = _list_days(last, until)
    if not days or not overseers.professional_standards:
        return 0
    rows = [
        {"day": day.isoformat(), "recipient": subject} | _count(store, unit, day, subject)
        for day in days
        for subject in sorted(overseers.professional_standards)
    ]
    with store.writing() as writing:
        writing.take_seq(0)  # of two servers at once one finds the days told
        if _find_last(writing.connection) != last:
            return 0
        sent = {"attempts": 0, "next_at_us": writing.now_us}
        writing.connection.execute(
            insert(standards_notices), [row | sent | {"notice_key": make_key()} for row in rows]
        )
    return len(rows)


def send_notices(store: Store, webhook: Webhook, overseers: Overseers, now_us: int) -> Delivered:
    """Send the notices that are due to whoever is of professional standards still."""
    return send_due(store, _list_due(overseers, now_us), webhook, now_us)


def _find_last(connection: Connection) -> str | None:
    last: str | None = connection.execute(select(func.max(_notices.day))).scalar_one()
    return last


def _list_days(last: str | None, until: dt.date) -> Sequence[dt.date]:
    """Return the days to tell, in order: yesterday alone where none was ever told."""
    yesterday = until - dt.timedelta(days=1)
    told = yesterday - dt.timedelta(days=1) if last is None else dt.date.fromisoformat(last)
    n_days = min((yesterday - told).days, _MOST_DAYS)
    return [yesterday - dt.timedelta(days=ago) for ago in reversed(range(max(n_days, 0)))]


def _count(store: Store, unit: Unit, day: dt.date, subject: str) -> dict[str, int]:
    after = day + dt.timedelta(days=1)
    begin, end = (parse_date(one.isoformat(), unit.time_zone) for one in (day, after))
    # What is told rests on what the sign-in knows somebody by, and on nothing else of them.
    reader = Person(subject, "reviewer", "unit", subject)
    found = find_unexplained(store, AccessPeriod(begin, end), reader)
    return {
        "n_people": len({one.person.subject for one in found}),
        "n_cases": len({one.case_key for one in found}),
    }


def _list_due(overseers: Overseers, now_us: int) -> Outbox:
    query = (
        select(standards_notices)
        .where(
            is_due(standards_notices, now_us),
            _notices.recipient.in_(sorted(overseers.professional_standards)),
        )
        .order_by(_notices.next_at_us, _notices.notice_key)
        .limit(1)
    )
    return Outbox(standards_notices, query, _write_body)


def _write_body(row: Row[Any]) -> bytes:
    told = {
        "what": "unexplained_access",
        "day": row.day,
        "for": [row.recipient],
        "n_people": row.n_people,
        "n_cases": row.n_cases,
        "path": f"{PATH}?day={row.day}",
    }
    return json.dumps(told, separators=(",", ":")).encode()
