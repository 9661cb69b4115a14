"""Messages about urgent flags: an outbox in the store, and sending what is due.

A message is written in the transaction that raises the flag, so no crash loses it, and is sent
outside of any transaction. It may arrive twice after a crash, never not at all: its delivery key
lets the receiver drop the second. It holds no case data; whoever gets it opens the duty page.
"""

import asyncio
import datetime as dt
import hashlib
import hmac
import json
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    exists,
    insert,
    or_,
    select,
    update,
)

from features.errors import ConfigError
from serving.clock import read_clock
from serving.settings import LOOPBACK_HOSTS, Settings
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
DELIVERY_HEADER: Final = "Caselight-Delivery"
TIMESTAMP_HEADER: Final = "Caselight-Timestamp"
SIGNATURE_HEADER: Final = "Caselight-Signature"
_TIMEOUT_S: Final = 10.0
"""How long one message may take in all, from name look-up to the answer's first line."""
_LEASE_US: Final = 120_000_000
"""How long a claimed message is another's: well above the longest that sending may take."""
_MOST_AT_ONCE: Final = 100
_ROUND_S: Final = 60.0
"""How long a round claims further messages: leases count from its beginning."""
_MINUTE_US: Final = 60_000_000
_MOST_WAIT_MINUTES: Final = 60
_LEAST_KEY_BYTES: Final = 32
_NO_ANSWER: Final = ("timed_out", "unreachable")


@dataclass(frozen=True)
class Delivered:
    """How a round of sending went: messages accepted by the receiver, and attempts that failed."""

    sent: int
    failed: int


@dataclass(frozen=True)
class Webhook:
    """Where urgent flags are told, and the key that signs what is told."""

    url: str
    key: bytes


@dataclass(frozen=True)
class _Message:
    delivery_key: str
    claimed_until_us: int
    attempts: int
    body: bytes


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
    named = {False: settings.webhook_url, True: settings.sealed_webhook_url}
    return {
        sealed: _read_webhook(url, settings.webhook_key_file)
        for sealed, url in named.items()
        if url is not None
    }


def _read_webhook(url: str, key_file: Path | None) -> Webhook:
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        local = parts.scheme == "http" and host in LOOPBACK_HOSTS
    except ValueError:
        local, host = False, None
    if not host or not (local or parts.scheme == "https"):
        raise ConfigError("webhook_url must be an https:// address, or http:// on this machine")
    if key_file is None:
        raise ConfigError("webhook_url needs webhook_key_file, the key that signs the messages")
    try:
        if stat.S_IMODE(key_file.stat().st_mode) & 0o077:
            raise ConfigError("webhook_key_file can be read by others; make its mode 0600")
        key = key_file.read_bytes().strip()
    except OSError:
        raise ConfigError("webhook_key_file cannot be read; name the file of the key") from None
    if len(key) < _LEAST_KEY_BYTES:
        raise ConfigError(f"webhook_key_file must hold at least {_LEAST_KEY_BYTES} bytes")
    return Webhook(url, key)


def sign(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of a message: HMAC-SHA256 over ``timestamp.body``, hexadecimal."""
    return hmac.new(key, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def deliver_due(
    store: Store, settings: Settings, now_us: int, *, timeout_s: float = _TIMEOUT_S
) -> Delivered:
    """Send the messages that are due, each claimed first, so that of two processes one sends it.

    Any 2xx answer ends a message. Another is tried again after 1, 2, 4 ... minutes, at most an
    hour, until somebody has acknowledged the flag or discharged it. Where nothing answers at all,
    the round ends: the next message would find nobody either.

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
        _deliver(store, webhook, now_us, timeout_s, sealed=sealed)
        for sealed, webhook in read_webhooks(settings).items()
    ]
    return Delivered(sum(one.sent for one in rounds), sum(one.failed for one in rounds))


def _deliver(
    store: Store, webhook: Webhook, now_us: int, timeout_s: float, *, sealed: bool
) -> Delivered:
    sent = failed = 0
    started = time.monotonic()
    while sent + failed < _MOST_AT_ONCE and time.monotonic() - started < _ROUND_S:
        message = _claim_next(store, now_us, sealed=sealed)
        if message is None:
            break
        status = asyncio.run(_send(webhook, message, timeout_s))
        _note(store, message, status, now_us)
        sent, failed = sent + (status == "delivered"), failed + (status != "delivered")
        # The receiver is away: every further message would wait out its time as well.
        if status in _NO_ANSWER:
            break
    return Delivered(sent, failed)


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
    claimed = deliveries.c.claimed_until_us
    # That a case was opened is told whatever became of the flag since.
    is_open = ~acknowledged.exists() & ~discharged.exists()
    is_due = or_(deliveries.c.audience == OPENED, is_open)
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
            deliveries.c.delivered_at_us.is_(None),
            deliveries.c.next_at_us <= now_us,
            or_(claimed.is_(None), claimed <= now_us),
            is_due,
            _is_sealed() if sealed else is_ordinary,
        )
        .order_by(deliveries.c.next_at_us, deliveries.c.delivery_key)
        .limit(1)
    )


def _claim_next(store: Store, now_us: int, *, sealed: bool) -> _Message | None:
    due = _select_due(now_us, sealed=sealed)
    with store.reading() as connection:
        if connection.execute(due).first() is None:
            return None  # a look does not hold up those who write
    with store.writing() as writing:
        # A second worker takes the next message instead of waiting for this one.
        locked = due.with_for_update(skip_locked=True, of=deliveries)
        row = writing.connection.execute(locked).first()
        if row is None:
            return None
        until_us, attempts = now_us + _LEASE_US, row.attempts + 1
        _update(
            writing.connection,
            row.delivery_key,
            attempts=attempts,
            claimed_until_us=until_us,
        )
    return _Message(row.delivery_key, until_us, attempts, _write_body(row, sealed=sealed))


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


async def _send(webhook: Webhook, message: _Message, timeout_s: float) -> str:
    """Send a message and return in one word how that went; nothing of the answer is kept."""
    # By the machine's clock, whatever time the unit lives at: the receiver refuses old messages.
    timestamp = str(read_clock() // 1_000_000)
    headers = {
        "content-type": "application/json",
        DELIVERY_HEADER: message.delivery_key,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"v1={sign(webhook.key, timestamp, message.body)}",
    }
    try:
        async with (
            asyncio.timeout(timeout_s),
            # A redirect could lead the message to another host; the environment's proxies as well.
            httpx2.AsyncClient(follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", webhook.url, content=message.body, headers=headers, timeout=timeout_s
            ) as response,
        ):
            return _name_status(response.status_code)
    except (TimeoutError, httpx2.TimeoutException):
        return "timed_out"
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        return "unreachable"


def _name_status(status: int) -> str:
    words = {2: "delivered", 3: "redirected", 4: "refused"}
    return words.get(status // 100, "failed")


def _note(store: Store, message: _Message, status: str, now_us: int) -> None:
    """Keep how sending went, unless the claim has lapsed and the message is another's."""
    # No power above the sixth is needed: 2 ** 6 minutes is above the longest wait already.
    wait_minutes = min(2 ** min(message.attempts - 1, 6), _MOST_WAIT_MINUTES)
    is_done = status == "delivered"
    with store.writing() as writing:
        _update(
            writing.connection,
            message.delivery_key,
            held_until_us=message.claimed_until_us,
            delivered_at_us=now_us if is_done else None,
            next_at_us=now_us + (0 if is_done else wait_minutes * _MINUTE_US),
            claimed_until_us=None,
            last_status=status,
        )


def _update(
    connection: Connection,
    delivery_key: str,
    *,
    held_until_us: int | None = None,
    **values: int | str | None,
) -> None:
    wanted = deliveries.c.delivery_key == delivery_key
    if held_until_us is not None:
        wanted &= deliveries.c.claimed_until_us == held_until_us
    connection.execute(update(deliveries).where(wanted).values(**values))
