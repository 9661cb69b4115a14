"""The service as it is started in earnest, a process of its own, and raw requests to it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_SECONDS = 300  # the first start after a change compiles before it listens
_PROCESS = """
import json, sys
from caselight.commands.serve import serve_pages
serve_pages(int(sys.argv[1]), **json.loads(sys.argv[2]))
"""


@dataclass(frozen=True)
class Server:
    """A running service.

    Parameters
    ----------
    port
        Where it listens on this machine.
    log
        The file of what it writes.
    """

    port: int
    log: Path

    def ask(self, request: bytes, *, wait_s: float = 20.0) -> bytes:
        """Return everything that comes back until the connection ends or nothing comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as connection:
            connection.sendall(request)
            return read_all(connection)

    def connect(self, wait_s: float = 20.0) -> socket.socket:
        """Return an open connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=wait_s)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection.

    Raises
    ------
    TimeoutError
        If it does not end.
    """
    found = b""
    while True:
        try:
            some = connection.recv(65_536)
        except ConnectionResetError:
            return found
        if not some:
            return found
        found += some


def write_request(
    method: str = "GET",
    path: str = "/healthz",
    *fields: str,
    body: bytes = b"",
    host: str = "127.0.0.1",
    closes: bool = True,
) -> bytes:
    """Return a request as it goes over the wire; it asks for an end of the connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    lines += ["Connection: close"] if closes else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_status(answer: bytes) -> int:
    """Return the status of the first answer."""
    return int(answer.split(b" ", 2)[1])


@contextmanager
def run_server(folder: Path, environment: Mapping[str, str], **given: Any) -> Iterator[Server]:
    """Run the service until the block ends.

    Parameters
    ----------
    folder
        Where its log goes, and its temporary files.
    environment
        Settings, as an operator gives them.
    given
        What the command is told.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log, scratch = folder / "server.log", folder / "temporary"
    scratch.mkdir()
    told = {name: str(value) for name, value in given.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(port), json.dumps(told)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(scratch)} | dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(process, port, log)
            yield Server(port, log)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def run_over_copy(
    folder: Path, filled: Path, environment: Mapping[str, str], **given: Any
) -> Iterator[Server]:
    """Run the service over a copy of a filled SQLite store; see :func:`run_server`."""
    copied = folder / "unit.db"
    for suffix in (".db", ".looks.db"):
        shutil.copyfile(filled.with_suffix(suffix), copied.with_suffix(suffix))
    quiet = {"CASELIGHT_WORK": "false"} | dict(environment)
    with run_server(folder, quiet, database_url=f"sqlite:///{copied}", **given) as running:
        yield running


def sign_in(server: Server, role: str) -> str:
    """Sign in on this machine; return the header field of the cookie."""
    body = json.dumps({"name": "SYN Sender", "role": role, "agency": "unit"}).encode()
    fields = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    fields += ["Origin: http://127.0.0.1"]
    answer = server.ask(write_request("POST", "/v1/sign-in", *fields, body=body))
    head = answer.split(b"\r\n\r\n", 1)[0].decode("latin-1")
    line = next(one for one in head.split("\r\n") if one.lower().startswith("set-cookie: "))
    return f"Cookie: {line.partition(': ')[2].split(';')[0]}"


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until_s = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < until_s:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the service did not start: {log.read_text()[-2_000:]}")
