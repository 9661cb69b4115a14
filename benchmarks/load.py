"""Pages and scores of the running demonstration under load, beside an earlier commit.

``python -m benchmarks --only load``. Each commit makes its own demonstration of the same cases and
serves it with `caselight demo`; clients keep their connections and ask for the list, case pages and
``/v1/scores``: one, eight and fifty of them, first of one server process, then of two on one store.
Servers and clients share this machine's processors.
"""

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from benchmarks.environments import ROOT, check_out, prepare_tree
from benchmarks.score_cases import make_requests
from benchmarks.score_clients import Server, find_port, started
from features.catalogue.file import load_catalogue

BEFORE: Final = "24daef8"
CASES: Final = 600
CLIENTS: Final = (1, 8, 50)
PROCESSES: Final = (1, 2)
_SECONDS: Final = 6.0
_SCREENER: Final = {"name": "SYN Anne", "role": "screener", "agency": "police"}
_SEED: Final = 2018


@dataclass
class Load:
    """What clients of one route met: seconds of each answer, and refusals by status."""

    times_s: list[float] = field(default_factory=list)
    refused: int = 0

    def lay_out(self, seconds: float) -> str:
        """Return answers a second, p50, p95 and refusals as cells of a table."""
        if not self.times_s:
            return f"0 | | | {self.refused}"
        ordered = sorted(self.times_s)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        return (
            f"{len(ordered) / seconds:.0f} | {statistics.median(ordered) * 1000:.0f} ms "
            f"| {p95 * 1000:.0f} ms | {self.refused}"
        )


@dataclass(frozen=True)
class _Ask:
    """One request, and the cookie by which its client is signed in."""

    method: str
    path: str
    body: bytes | None = None


def describe_load() -> str:
    """Return the table of both commits."""
    lines = [
        f"A demonstration of {CASES} cases; {_SECONDS:.0f} seconds a row. Refused is what was not",
        "answered with 200. Last of each comes the list for one client while eight ask for cases.",
        "",
        "| commit | processes | what | clients | a second | p50 | p95 | refused |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as place:
        for name, root in ((BEFORE, check_out(BEFORE)), ("this one", ROOT)):
            python = sys.executable if root == ROOT else str(prepare_tree(root))
            folder = Path(place) / root.name
            _style(root)
            _make(python, root, folder)
            for processes in PROCESSES:
                lines += [
                    f"| {name} | {processes} | {row} |"
                    for row in _race(python, root, folder, processes)
                ]
    return "\n".join([*lines, ""])


def _make(python: str, root: Path, folder: Path) -> None:
    command = [*_name_demo(python, folder), "--no-serve"]
    local = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run(command, cwd=root, env=local, check=True, stdout=subprocess.DEVNULL)


def _style(root: Path) -> None:
    """Give a work tree the page styles, which no commit holds."""
    styles = Path("serving") / "static" / "vendor"
    if not (root / styles).is_dir():
        shutil.copytree(ROOT / styles, root / styles)


def _name_demo(python: str, folder: Path) -> list[str]:
    return [python, "-m", "caselight", "demo", "--folder", str(folder), "--cases", str(CASES)]


def _race(python: str, root: Path, folder: Path, processes: int) -> Iterator[str]:
    with ExitStack() as stack:
        servers = []
        for number in range(processes):
            port = find_port()
            server = started(
                [*_name_demo(python, folder), "--port", str(port)],
                port=port,
                path="/",
                ready="/readyz",
                environment={"PYTHONPATH": str(root)},
                processor=str(number),
                folder=root,
            )
            servers.append(stack.enter_context(server))
        routes = _find_routes(servers[0])
        for name, asks in routes.items():
            for n_clients in CLIENTS:
                load = _load(servers, [asks] * n_clients)[0]
                yield f"{name} | {n_clients} | {load.lay_out(_SECONDS)}"
        beside = _load(servers, [routes["the list"], *[routes["case pages"]] * 8])[1]
        yield f"the list beside case pages | 1 + 8 | {beside.lay_out(_SECONDS)}"


def _find_routes(server: Server) -> dict[str, list[_Ask]]:
    connection, cookie = _sign_in(server)
    connection.request("GET", "/", headers={"cookie": cookie})
    page = connection.getresponse().read().decode()
    connection.close()
    cases = sorted(set(re.findall(r'href="(/cases/[^"/?#]+)', page)))
    scores = make_requests(load_catalogue("stalking"), 20, _SEED)
    return {
        "the list": [_Ask("GET", "/")],
        "case pages": [_Ask("GET", path) for path in cases],
        "scores": [_Ask("POST", "/v1/scores", json.dumps(one).encode()) for one in scores],
    }


def _sign_in(server: Server) -> tuple[http.client.HTTPConnection, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    origin = f"http://127.0.0.1:{server.port}"
    headers = {"content-type": "application/json", "origin": origin}
    connection.request("POST", "/v1/sign-in", json.dumps(_SCREENER), headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError("the demonstration lets nobody sign in")
    cookies = answer.headers.get_all("set-cookie") or []
    return connection, "; ".join(one.split(";")[0] for one in cookies)


def _load(servers: Sequence[Server], clients: Sequence[Sequence[_Ask]]) -> tuple[Load, Load]:
    """Let clients ask at once; return what all of them met, and what the first one did."""
    loads = [Load() for _ in clients]
    until = time.monotonic() + _SECONDS

    def work(number: int) -> None:
        server = servers[number % len(servers)]
        connection, cookie = _sign_in(server)
        headers = {
            "cookie": cookie,
            "content-type": "application/json",
            "origin": f"http://127.0.0.1:{server.port}",
        }
        place = number
        while time.monotonic() < until:
            asked = clients[number][place % len(clients[number])]
            place += 1
            start = time.perf_counter()
            connection.request(asked.method, asked.path, asked.body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == HTTPStatus.OK:
                loads[number].times_s.append(time.perf_counter() - start)
            else:
                loads[number].refused += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = Load([one for load in loads for one in load.times_s], sum(one.refused for one in loads))
    return every, loads[0]


if __name__ == "__main__":
    print(describe_load())
