"""Telling an agency that somebody of another one recorded a view for it.

As of urgent flags (ADR 16): the message is a row written in the transaction that records the view,
due at once, and is sent until it is taken or the agency has confirmed or changed the view. It names
the agency and where to look, and no case, person or reason. Of a sealed case none is sent: those
whom the case names see it on their pages.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, exists, insert, select

from serving.decisions.counted_views import CHANGE_DAYS
from serving.flags.webhooks import Delivered, Outbox, find_webhook, is_due, send_due
from serving.settings import Settings
from serving.standing.states import SEALED
from serving.store.database import Store, Writing, make_key
from serving.store.schema import agency_views, standings, view_confirmations, view_notices

PATH: Final = "/views"


def add_notices(writing: Writing, view_keys: Sequence[str]) -> None:
    """Put a message about each view into the outbox, due at once."""
    rows = [
        {"notice_key": make_key(), "view_key": key, "attempts": 0, "next_at_us": writing.now_us}
        for key in view_keys
    ]
    if rows:
        writing.connection.execute(insert(view_notices), rows)


def send_view_notices(store: Store, settings: Settings, now_us: int) -> Delivered:
    """Send the messages that are due; none without a webhook in the settings."""
    webhook = find_webhook(settings, "views_webhook_url")
    if webhook is None:
        return Delivered(0, 0)
    return send_due(store, _list_due(now_us), webhook, now_us)


def _list_due(now_us: int) -> Outbox:
    views, later = agency_views.c, agency_views.alias("later_views")
    own_later = exists().where(
        later.c.case_key == views.case_key,
        later.c.agency == views.of_agency,
        later.c.of_agency.is_(None),
        later.c.stored_seq > views.stored_seq,
    )
    sealed = exists().where(
        standings.c.case_key == views.case_key,
        standings.c.state.startswith(SEALED, autoescape=True),
    )
    query = (
        select(view_notices.c.notice_key, view_notices.c.attempts, views.of_agency)
        .join(agency_views, views.view_key == view_notices.c.view_key)
        .where(
            is_due(view_notices, now_us),
            ~exists().where(view_confirmations.c.view_key == views.view_key),
            ~own_later,
            ~sealed,
        )
        .order_by(view_notices.c.next_at_us, view_notices.c.notice_key)
        .limit(1)
    )
    return Outbox(view_notices, query, _write_body)


def _write_body(row: Row[Any]) -> bytes:
    told = {
        "what": "view_recorded",
        "for": [row.of_agency],
        "change_days": CHANGE_DAYS,
        "path": PATH,
    }
    return json.dumps(told, separators=(",", ":")).encode()
