"""Messages about urgent flags: an outbox in the store, and sending what is due.

A message is written in the transaction that raises the flag, so no crash loses it, and is sent
outside of any transaction. It may arrive twice after a crash, never not at all: its delivery key
lets the receiver drop the second. It holds no case data; whoever gets it opens the duty page.
"""

import datetime as dt
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, Select, exists, insert, or_, select

from serving.flags.webhooks import (
    TIMEOUT_S,
    Delivered,
    Outbox,
    Webhook,
    find_webhook,
    is_due,
    send_due,
)
from serving.settings import Settings
from serving.standing.states import SEALED
from serving.store.database import Store, Writing, make_key
from serving.store.schema import (
    acknowledgements,
    deliveries,
    discharges,
    flag_raisings,
    standings,
)

DUTY_PATH: Final = "/urgent"
SEALED_PATH: Final = "/sealed-flags"
Audience = Literal["on_call", "opened"]
ON_CALL: Final = "on_call"
"""Nobody acknowledged an urgent flag of a sealed case in time: who is on call is told."""
OPENED: Final = "opened"
"""A duty supervisor opened a sealed case: those named and professional standards are told."""


def add_deliveries(
    writing: Writing, raising_keys: Sequence[str], audience: Audience | None = None
) -> None:
    """Put a message about each raising into the outbox, due at once.

    It is written whether or not a webhook is set here: the process that raises a flag need not be
    the one that sends. Without a webhook it waits, and ends with the acknowledgement.

    Parameters
    ----------
    writing
        The open transaction.
    raising_keys
        The raisings.
    audience
        Who is told of a sealed case beside whoever is told of the flag itself, which is ``None``.
    """
    rows = [
        {
            "delivery_key": make_key(),
            "raising_key": key,
            "attempts": 0,
            "next_at_us": writing.now_us,
            "audience": audience,
        }
        for key in raising_keys
    ]
    if rows:
        writing.connection.execute(insert(deliveries), rows)


def read_webhooks(settings: Settings) -> dict[bool, Webhook]:
    """Return where messages go: of ordinary cases under ``False``, of sealed ones under ``True``.

    A receiver of all messages would learn that there is a sealed case, so that those of sealed
    cases go to an address of their own or nowhere: they are on the page of the people named.

    Raises
    ------
    ConfigError
        If an address is not https (or http on this machine), or there is no key of 32 bytes.
    """
    found = {
        False: find_webhook(settings, "webhook_url"),
        True: find_webhook(settings, "sealed_webhook_url"),
    }
    return {sealed: webhook for sealed, webhook in found.items() if webhook is not None}


def deliver_due(
    store: Store, settings: Settings, now_us: int, *, timeout_s: float = TIMEOUT_S
) -> Delivered:
    """Send the messages that are due (:func:`serving.flags.webhooks.send_due`), until somebody has
    acknowledged the flag or discharged it.

    Parameters
    ----------
    store, settings
        The store, and the webhook in the settings; without one nothing is sent.
    now_us
        The moment, microseconds UTC.
    timeout_s
        How long one message may take in all.

    Raises
    ------
    ConfigError
        If a webhook cannot be used; see :func:`read_webhooks`.
    """
    rounds = [
        send_due(store, _list_due(now_us, sealed=sealed), webhook, now_us, timeout_s)
        for sealed, webhook in read_webhooks(settings).items()
    ]
    return Delivered(sum(one.sent for one in rounds), sum(one.failed for one in rounds))


def _list_due(now_us: int, *, sealed: bool) -> Outbox:
    due = _select_due(now_us, sealed=sealed)
    return Outbox(deliveries, due, partial(_write_body, sealed=sealed))


def escalate_sealed(store: Store, now_us: int) -> int:
    """Put a message for professional standards' on-call person into the outbox, once for each
    urgent flag of a sealed case that nobody acknowledged in time; return how many.
    """
    raising = flag_raisings.c.raising_key
    told = exists().where(deliveries.c.raising_key == raising, deliveries.c.audience == ON_CALL)
    query = select(raising).where(
        flag_raisings.c.due_at_us <= now_us,
        ~exists().where(acknowledgements.c.raising_key == raising),
        ~exists().where(discharges.c.raising_key == raising),
        ~told,
        _is_sealed(),
    )
    with store.reading() as connection:
        if connection.execute(query.limit(1)).first() is None:
            return 0
    with store.writing() as writing:
        writing.take_seq(0)  # of two workers at once one finds nothing left
        keys = list(writing.connection.execute(query).scalars())
        add_deliveries(writing, keys, ON_CALL)
    return len(keys)


def _is_sealed() -> ColumnElement[bool]:
    return exists().where(
        standings.c.case_key == flag_raisings.c.case_key,
        standings.c.state.startswith(SEALED, autoescape=True),
    )


def _select_due(
    now_us: int, *, sealed: bool
) -> Select[tuple[str, int, str | None, str, str, int | None]]:
    acknowledged = select(acknowledgements.c.raising_key).where(
        acknowledgements.c.raising_key == deliveries.c.raising_key
    )
    discharged = select(discharges.c.raising_key).where(
        discharges.c.raising_key == deliveries.c.raising_key
    )
    # That a case was opened is told whatever became of the flag since.
    is_open = ~acknowledged.exists() & ~discharged.exists()
    is_wanted = or_(deliveries.c.audience == OPENED, is_open)
    is_ordinary = ~_is_sealed() & deliveries.c.audience.is_(None)
    return (
        select(
            deliveries.c.delivery_key,
            deliveries.c.attempts,
            deliveries.c.audience,
            flag_raisings.c.raising_key,
            flag_raisings.c.flag,
            flag_raisings.c.due_at_us,
        )
        .join(flag_raisings, flag_raisings.c.raising_key == deliveries.c.raising_key)
        .where(
            is_due(deliveries, now_us),
            is_wanted,
            _is_sealed() if sealed else is_ordinary,
        )
        .order_by(deliveries.c.next_at_us, deliveries.c.delivery_key)
        .limit(1)
    )


def _write_body(row: Row[Any], *, sealed: bool) -> bytes:
    due = None
    if row.due_at_us is not None:
        due = dt.datetime.fromtimestamp(row.due_at_us // 1_000_000, tz=dt.UTC).isoformat()
    told = {"raising_key": row.raising_key, "flag": row.flag, "due_at": due, "path": DUTY_PATH}
    if sealed:
        # The receiver calls whom the words name; no party, no case and no person is in them.
        audiences = {None: ["named", "duty_supervisor"], ON_CALL: ["on_call"]}
        told["for"] = audiences.get(row.audience, ["named", "professional_standards"])
        told["path"] = SEALED_PATH
        told["what"] = "opened" if row.audience == OPENED else "waits"
    return json.dumps(told, separators=(",", ":")).encode()
