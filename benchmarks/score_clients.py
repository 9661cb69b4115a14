"""Clients that send bodies over kept connections, and servers in processes of their own."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 120.0
_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True)
class Server:
    """A server that answers: its port, the path that is asked, and the process that was started."""

    port: int
    path: str
    pid: int


@dataclass(frozen=True)
class Answers:
    """Text and seconds of each answer, in the order of the bodies; the seconds of all together, and
    those for which the server kept a processor busy.
    """

    texts: list[bytes]
    times_s: list[float]
    whole_s: float
    busy_s: float


@contextmanager
def started(
    command: Sequence[str],
    *,
    port: int,
    path: str,
    ready: str,
    environment: Mapping[str, str],
    processor: str = "0",
    folder: Path | None = None,
) -> Iterator[Server]:
    """Start a server on one processor, wait until it is ready, and end it and its children.

    Parameters
    ----------
    command
        What starts it.
    port, path
        Where it listens, and what of it is asked.
    ready
        The path that answers 200 once it is ready.
    environment
        Variables beside those of this process.
    processor
        Number of the processor that it and its children use.
    folder
        Where it runs; here where absent. ``python -m`` looks for modules there first.
    """
    process = subprocess.Popen(
        ["taskset", "-c", processor, *command],
        env=os.environ | dict(environment),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port, ready, process)
        yield Server(port, path, process.pid)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def find_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int, path: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError("a server did not start")


def send(server: Server, bodies: Sequence[bytes], n_clients: int) -> Answers:
    """Send bodies from several clients, each of which waits for its answer before it sends more.

    Parameters
    ----------
    server
        Who answers.
    bodies
        What is sent; the clients take turns.
    n_clients
        How many, each with a connection that it keeps.

    Returns
    -------
    Answers
        Of every body.
    """
    texts, times = [b""] * len(bodies), [0.0] * len(bodies)

    def work(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for place in range(first, len(bodies), n_clients):
            start = time.perf_counter()
            connection.request("POST", server.path, bodies[place], _JSON)
            answer = connection.getresponse()
            texts[place] = answer.read()
            times[place] = time.perf_counter() - start
            if answer.status != HTTPStatus.OK:
                texts[place] = b""
        connection.close()

    clients = [threading.Thread(target=work, args=(first,)) for first in range(n_clients)]
    busy, start = measure_busy(server.pid), time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    whole = time.perf_counter() - start
    if not all(texts):
        raise RuntimeError("a server refused a request")
    return Answers(texts, times, whole, measure_busy(server.pid) - busy)


def measure_memory(pid: int) -> int:
    """Return the bytes that a process and its children hold, shared pages in proportion."""
    content = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(line for line in content.splitlines() if line.startswith("Pss:"))
    return int(own.split()[1]) * 1024 + sum(measure_memory(child) for child in _children(pid))


def measure_busy(pid: int) -> float:
    """Return for how many seconds a process and its children have kept a processor busy."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])  # of the program, and of the system for it
    own = ticks / os.sysconf("SC_CLK_TCK")
    return own + sum(measure_busy(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]
