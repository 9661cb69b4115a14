import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from features.errors import ConfigError
from serving.flags.deliveries import (
    ON_CALL,
    OPENED,
    add_deliveries,
    deliver_due,
    escalate_sealed,
    read_webhooks,
)
from serving.flags.duty import acknowledge
from serving.flags.flags import discharge
from serving.flags.webhooks import Delivered
from serving.persons import Person
from serving.sealing.directory import Directory
from serving.sealing.seals import seal_case
from serving.settings import Settings
from serving.store.database import Store, make_key
from serving.store.schema import deliveries, flag_raisings
from tests.test_serving.acts import add_flag
from tests.test_serving.sent_rows import key_of, make_case, make_event, send

NOW_US = 1_772_000_000_000_000
MINUTE_US = 60_000_000
KEY = b"k" * 32
DUTY = Person("SYN Duty", "duty", "police")
CASE = "case".ljust(24, "-")


class Receiver:
    """A real server that answers as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.release = threading.Event()
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.lock:
                    receiver.got.append((self.path, headers, body))
                    answer = receiver.answers.pop(0) if receiver.answers else 204
                if answer == "hang":
                    receiver.release.wait(30)
                    return
                self.send_response(int(answer))
                if int(answer) == 302:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self) -> None:
        """End it, and whoever hangs on it."""
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def settings(receiver: Receiver, tmp_path: Path) -> Settings:
    key_file = tmp_path / "webhook.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    return Settings(webhook_url=receiver.url, webhook_key_file=key_file)


def raise_flag(store: Store, record_id: str = "E1") -> str:
    key = make_key()
    with store.writing() as writing:
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=key,
                case_key=CASE,
                flag="weapon",
                urgent=True,
                record_id=record_id,
                raised_at_us=writing.now_us,
                due_at_us=writing.now_us + 30 * MINUTE_US,
                stored_seq=writing.take_seq(),
            )
        )
        add_deliveries(writing, [key])
    return key


def read_outbox(store: Store) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(deliveries)).all())


def test_a_message_is_signed_and_holds_no_case_data(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """The body is the raising's key, the flag, when it is due and where to look: nothing of the
    case; the signature is HMAC-SHA256 over the timestamp and the body.
    """
    raising = raise_flag(store, "SYN-E1-canary")
    assert deliver_due(store, settings, NOW_US) == Delivered(sent=1, failed=0)
    [(path, headers, body)] = receiver.got
    assert path == "/hook"
    assert json.loads(body) == {
        "raising_key": raising,
        "flag": "weapon",
        "due_at": "2026-02-25T06:43:20+00:00",
        "path": "/urgent",
    }
    signed = headers["caselight-timestamp"].encode() + b"." + body
    expected = hmac.new(KEY, signed, hashlib.sha256).hexdigest()
    assert headers["caselight-signature"] == f"v1={expected}"
    [row] = read_outbox(store)
    assert headers["caselight-delivery"] == row.delivery_key
    assert (row.delivered_at_us, row.attempts, row.last_status) == (NOW_US, 1, "delivered")


def test_a_delivered_message_is_not_sent_again(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """Once the receiver has accepted a message it is done with."""
    raise_flag(store)
    deliver_due(store, settings, NOW_US)
    assert deliver_due(store, settings, NOW_US + 600 * MINUTE_US) == Delivered(0, 0)
    assert len(receiver.got) == 1


def test_a_message_is_tried_until_it_is_accepted(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """A receiver that fails, refuses, redirects and hangs before it accepts gets it in the end, at
    waits of 1, 2, 4 and 8 minutes; a redirect is not followed.
    """
    raise_flag(store)
    receiver.answers = [500, 403, 302, "hang", 200]
    now_us, seen = NOW_US, []
    for wait_minutes in (1, 2, 4, 8):
        assert deliver_due(store, settings, now_us, timeout_s=0.5) == Delivered(0, 1)
        [row] = read_outbox(store)
        seen.append(row.last_status)
        assert row.next_at_us - now_us == wait_minutes * MINUTE_US
        assert deliver_due(store, settings, row.next_at_us - 1) == Delivered(0, 0)
        now_us = row.next_at_us
    assert deliver_due(store, settings, now_us) == Delivered(1, 0)
    assert seen == ["failed", "refused", "redirected", "timed_out"]
    assert {path for path, _, _ in receiver.got} == {"/hook"}
    assert len({headers["caselight-delivery"] for _, headers, _ in receiver.got}) == 1


def test_waits_grow_to_an_hour_and_never_end(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """After many failures a message is still tried every hour."""
    raise_flag(store)
    with store.writing() as writing:
        writing.connection.execute(update(deliveries).values(attempts=1_000))
    receiver.answers = [503]
    deliver_due(store, settings, NOW_US)
    assert read_outbox(store)[0].next_at_us == NOW_US + 60 * MINUTE_US


def test_where_nobody_answers_the_round_ends(store: Store, tmp_path: Path) -> None:
    """An unreachable receiver costs one attempt a round, and the other messages stay due."""
    key_file = tmp_path / "webhook.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    gone = Receiver()
    gone.close()
    raise_flag(store, "E1")
    raise_flag(store, "E2")
    settings = Settings(webhook_url=gone.url, webhook_key_file=key_file)
    assert deliver_due(store, settings, NOW_US) == Delivered(0, 1)
    assert sorted(row.last_status or "" for row in read_outbox(store)) == ["", "unreachable"]


@pytest.mark.parametrize("how", ["acknowledged", "discharged"])
def test_what_somebody_has_seen_is_told_no_more(
    store: Store, receiver: Receiver, settings: Settings, how: str
) -> None:
    """After an acknowledgement or a discharge a message that never arrived is given up."""
    raising = raise_flag(store)
    receiver.answers = [500]
    deliver_due(store, settings, NOW_US)
    with store.writing() as writing:
        if how == "acknowledged":
            acknowledge(writing, raising, DUTY, None)
        else:
            discharge(writing, CASE, make_key(), [("weapon", "E1")])
    assert deliver_due(store, settings, NOW_US + 60 * MINUTE_US) == Delivered(0, 0)
    assert len(receiver.got) == 1


def test_two_dispatchers_send_each_message_once(
    store: Store,
    open_another: Callable[[], Store],
    receiver: Receiver,
    settings: Settings,
) -> None:
    """Two servers that look for due messages at the same time send each of them once."""
    for number in range(12):
        raise_flag(store, f"E{number}")
    servers = [open_another(), open_another()]
    start = threading.Barrier(2)
    done: list[Delivered] = []

    def dispatch(server: Store) -> None:
        start.wait()
        done.append(deliver_due(server, settings, NOW_US))

    threads = [threading.Thread(target=dispatch, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.sent for one in done) == 12
    assert len(receiver.got) == 12
    assert len({headers["caselight-delivery"] for _, headers, _ in receiver.got}) == 12


def test_a_claim_of_a_server_that_died_lapses(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """A message claimed by a server that never came back is sent by another after two minutes."""
    raise_flag(store)
    with store.writing() as writing:
        writing.connection.execute(
            update(deliveries).values(claimed_until_us=NOW_US + 2 * MINUTE_US, attempts=1)
        )
    assert deliver_due(store, settings, NOW_US + MINUTE_US) == Delivered(0, 0)
    assert deliver_due(store, settings, NOW_US + 2 * MINUTE_US) == Delivered(1, 0)


def test_without_a_webhook_messages_wait(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """Where no webhook is set nothing is sent or lost; once one is set, it is told."""
    raise_flag(store)
    assert deliver_due(store, Settings(), NOW_US) == Delivered(0, 0)
    assert deliver_due(store, settings, NOW_US) == Delivered(1, 0)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.org/hook", KEY),
        ("ftp://127.0.0.1/hook", KEY),
        ("https:///hook", KEY),
        ("https://[/hook", KEY),
        ("https://example.org/hook", KEY[:31]),
        ("https://example.org/hook", None),
    ],
)
def test_a_webhook_that_cannot_be_trusted_is_refused(
    tmp_path: Path, url: str, key: bytes | None
) -> None:
    """An address in clear text to another machine, or a key that is short or absent, is an error;
    it names the setting and nothing of its value.
    """
    key_file = tmp_path / "webhook.key"
    if key is not None:
        key_file.write_bytes(key)
        key_file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"^webhook_(url|key_file) ") as refused:
        read_webhooks(Settings(webhook_url=url, webhook_key_file=key_file))
    assert "example" not in str(refused.value)


def test_messages_of_a_sealed_case_go_to_their_own_address_or_nowhere(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """The usual receiver learns of no sealed case; another address may be named for its flags."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1", "A")]})
    case_key, raising = key_of(store, "A"), make_key()
    people = frozenset({DUTY.subject, "local:syn second"})
    with store.writing() as writing:
        seal_case(writing, case_key, DUTY, people, "somebody is connected", Directory(people))
        writing.connection.execute(
            insert(flag_raisings).values(
                raising_key=raising,
                case_key=case_key,
                flag="weapon",
                urgent=True,
                record_id="E1",
                raised_at_us=writing.now_us,
                due_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
            )
        )
        add_deliveries(writing, [raising])
    assert deliver_due(store, settings, NOW_US) == Delivered(sent=0, failed=0)
    assert receiver.got == []
    apart = settings.model_copy(
        update={"webhook_url": None, "sealed_webhook_url": receiver.url + "-apart"}
    )
    assert deliver_due(store, apart, NOW_US) == Delivered(sent=1, failed=0)
    [(path, _, body)] = receiver.got
    assert path == "/hook-apart"
    assert json.loads(body)["raising_key"] == raising


def test_messages_of_a_sealed_case_say_for_whom_they_are(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """Those named and the supervisor; who is on call, in time; all of them once it was opened."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1", "A")]})
    case_key = key_of(store, "A")
    people = frozenset({DUTY.subject, "local:syn second"})
    with store.writing() as writing:
        seal_case(writing, case_key, DUTY, people, "somebody is connected", Directory(people))
    raising = add_flag(store, case_key, "weapon", "E1", due_us=0)
    with store.writing() as writing:
        add_deliveries(writing, [raising])
        add_deliveries(writing, [raising], OPENED)
    assert escalate_sealed(store, NOW_US) == 1
    apart = settings.model_copy(update={"sealed_webhook_url": receiver.url + "-apart"})
    assert deliver_due(store, apart, NOW_US) == Delivered(sent=3, failed=0)
    told = [json.loads(body) for _, _, body in receiver.got]
    assert {path for path, _, _ in receiver.got} == {"/hook-apart"}
    assert sorted((one["what"], one["for"]) for one in told) == [
        ("opened", ["named", "professional_standards"]),
        ("waits", ["named", "duty_supervisor"]),
        ("waits", ["on_call"]),
    ]
    assert all(one["path"] == "/sealed-flags" for one in told)
    assert not [body for _, _, body in receiver.got if case_key.encode() in body]


def test_the_usual_receiver_never_learns_that_a_case_was_sealed(
    store: Store, receiver: Receiver, settings: Settings
) -> None:
    """Once the case is open again, messages for those who saw to it while sealed are not sent."""
    send(store, {"cases": [make_case("A")], "events": [make_event("E1", "A")]})
    raising = add_flag(store, key_of(store, "A"), "weapon", "E1", due_us=0)
    with store.writing() as writing:
        add_deliveries(writing, [raising], OPENED)
        add_deliveries(writing, [raising], ON_CALL)
    assert deliver_due(store, settings, NOW_US) == Delivered(sent=0, failed=0)
    assert receiver.got == []
