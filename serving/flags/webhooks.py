"""Sending what stands in an outbox: signed, claimed first, and tried again.

An outbox is a table with a key of its own and the columns ``attempts``, ``next_at_us``,
``delivered_at_us``, ``claimed_until_us`` and ``last_status``. A message may arrive twice after a
crash, never not at all: its key lets the receiver drop the second.
"""

import asyncio
import hashlib
import hmac
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

import httpx2
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, or_, update

from features.errors import ConfigError
from serving.clock import read_clock
from serving.settings import LOOPBACK_HOSTS, Settings
from serving.store.database import Store

DELIVERY_HEADER: Final = "Caselight-Delivery"
TIMESTAMP_HEADER: Final = "Caselight-Timestamp"
SIGNATURE_HEADER: Final = "Caselight-Signature"
TIMEOUT_S: Final = 10.0
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
    """Where messages go, and the key that signs them."""

    url: str
    key: bytes


@dataclass(frozen=True)
class Outbox:
    """Messages that are to be sent.

    Parameters
    ----------
    table
        The table in which they stand.
    due
        What selects the next one that is due, with the table's key and ``attempts``.
    write_body
        Writes what is sent of a row of ``due``.
    """

    table: Table
    due: Select[Any]
    write_body: Callable[[Row[Any]], bytes]

    @property
    def key(self) -> "Column[str]":
        """The column of a message's own key."""
        return self.table.primary_key.columns[0]


@dataclass(frozen=True)
class _Message:
    delivery_key: str
    claimed_until_us: int
    attempts: int
    body: bytes


WebhookSetting = Literal[
    "webhook_url",
    "sealed_webhook_url",
    "standards_webhook_url",
    "views_webhook_url",
    "digest_webhook_url",
]
"""The settings that name where messages go."""


def check_webhooks(settings: Settings) -> None:
    """Check every address that the settings name, before there is anything to say.

    Raises
    ------
    ConfigError
        As :func:`find_webhook`.
    """
    for name in get_args(WebhookSetting):
        find_webhook(settings, name)


def find_webhook(settings: Settings, name: WebhookSetting) -> Webhook | None:
    """Return where messages go, with the key that signs them; ``None`` where nowhere.

    Parameters
    ----------
    settings
        Those of the deployment.
    name
        The setting that holds the address.

    Returns
    -------
    Webhook or None

    Raises
    ------
    ConfigError
        If the address is not https (or http on this machine), or there is no key of 32 bytes.
    """
    url: str | None = getattr(settings, name)
    key_file = settings.webhook_key_file
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        local = parts.scheme == "http" and host in LOOPBACK_HOSTS
    except ValueError:
        local, host = False, None
    if not host or not (local or parts.scheme == "https"):
        raise ConfigError(f"{name} must be an https:// address, or http:// on this machine")
    if key_file is None:
        raise ConfigError(f"{name} needs webhook_key_file, the key that signs the messages")
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


def is_due(table: Table, now_us: int) -> ColumnElement[bool]:
    """Return the condition that a row of an outbox is to be sent now and is claimed by nobody."""
    claimed = table.c.claimed_until_us
    return (
        table.c.delivered_at_us.is_(None)
        & (table.c.next_at_us <= now_us)
        & or_(claimed.is_(None), claimed <= now_us)
    )


def send_due(
    store: Store, outbox: Outbox, webhook: Webhook, now_us: int, timeout_s: float = TIMEOUT_S
) -> Delivered:
    """Send the messages of an outbox that are due, each claimed first, so that of two processes one
    sends it.

    Any 2xx answer ends a message. Another is tried again after 1, 2, 4 ... minutes, at most an
    hour. Where nothing answers at all, the round ends: the next message would find nobody either.

    Parameters
    ----------
    store, outbox, webhook
        The store, the outbox in it, and where its messages go.
    now_us
        The moment, microseconds UTC.
    timeout_s
        How long one message may take in all.
    """
    sent = failed = 0
    started = time.monotonic()
    while sent + failed < _MOST_AT_ONCE and time.monotonic() - started < _ROUND_S:
        message = _claim_next(store, outbox, now_us)
        if message is None:
            break
        status = asyncio.run(_send(webhook, message, timeout_s))
        _note(store, outbox, message, status, now_us)
        sent, failed = sent + (status == "delivered"), failed + (status != "delivered")
        # The receiver is away: every further message would wait out its time as well.
        if status in _NO_ANSWER:
            break
    return Delivered(sent, failed)


def _claim_next(store: Store, outbox: Outbox, now_us: int) -> _Message | None:
    with store.reading() as connection:
        if connection.execute(outbox.due).first() is None:
            return None  # a look does not hold up those who write
    with store.writing() as writing:
        # A second worker takes the next message instead of waiting for this one.
        locked = outbox.due.with_for_update(skip_locked=True, of=outbox.table)
        row = writing.connection.execute(locked).first()
        if row is None:
            return None
        until_us, attempts = now_us + _LEASE_US, row.attempts + 1
        key = row._mapping[outbox.key.name]
        _update(writing.connection, outbox, key, attempts=attempts, claimed_until_us=until_us)
    return _Message(key, until_us, attempts, outbox.write_body(row))


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


def _note(store: Store, outbox: Outbox, message: _Message, status: str, now_us: int) -> None:
    """Keep how sending went, unless the claim has lapsed and the message is another's."""
    # No power above the sixth is needed: 2 ** 6 minutes is above the longest wait already.
    wait_minutes = min(2 ** min(message.attempts - 1, 6), _MOST_WAIT_MINUTES)
    is_done = status == "delivered"
    with store.writing() as writing:
        _update(
            writing.connection,
            outbox,
            message.delivery_key,
            held_until_us=message.claimed_until_us,
            delivered_at_us=now_us if is_done else None,
            next_at_us=now_us + (0 if is_done else wait_minutes * _MINUTE_US),
            claimed_until_us=None,
            last_status=status,
        )


def _update(
    connection: Connection,
    outbox: Outbox,
    delivery_key: str,
    *,
    held_until_us: int | None = None,
    **values: int | str | None,
) -> None:
    wanted = outbox.key == delivery_key
    if held_until_us is not None:
        wanted &= outbox.table.c.claimed_until_us == held_until_us
    connection.execute(update(outbox.table).where(wanted).values(**values))
