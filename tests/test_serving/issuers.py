"""OpenID providers as processes of their own, and what a test asks of them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.testclient import TestClient

CLIENT = "caselight"
AUDIENCE = "caselight-api"
SECRET = "the-secret"
PUBLIC = "https://caselight.example"
NOW_S = 1_800_000_000
ACCESS = """\
version: 1
contact: the service desk of the test force
people:
  - groups: [caselight-administrators]
    role: administrator
    agency: unit
    areas: all
  - groups: [caselight-halton, caselight-warrington]
    role: screener
    agency: police
    areas: [Halton, Warrington]
  - groups: caselight-health
    role: health
    agency: health
    areas: all
machines:
  - client: importer
    agency: police
    areas: [Halton]
    scopes: ["records:write", "records:read"]
  - client: exporter
    subject: service-account-exporter
    agency: unit
    areas: all
"""
_CLIENT = httpx2.Client(trust_env=False, verify=False)  # for loopback: no authorities are read
PERSON = {"sub": "syn-1", "name": "SYN Nightjar", "groups": ["other", "caselight-halton"]}


@dataclass(frozen=True)
class Issuer:
    """The small provider beside this file, running.

    Parameters
    ----------
    address
        Where it listens, and what it calls itself.
    """

    address: str

    def control(self, verb: str, **given: Any) -> dict[str, Any]:
        """Have it do something."""
        content = json.dumps(given)  # times that are no numbers go through as well
        return dict(_CLIENT.post(f"{self.address}/control/{verb}", content=content).json())

    def count(self) -> dict[str, int]:
        """Return how often it was asked for what."""
        return dict(_CLIENT.get(f"{self.address}/control").json()["counts"])

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Return a token with its signature."""
        return str(self.control("sign", claims=claims, header=header)["token"])

    def claim(self, *, now_s: int = NOW_S, **changed: Any) -> dict[str, Any]:
        """Return what a good token of the program says, changed; ``None`` leaves a claim out."""
        claims = {
            "iss": self.address,
            "sub": "importer",
            "aud": AUDIENCE,
            "client_id": "importer",
            "iat": now_s,
            "exp": now_s + 300,
            "scope": "records:write other",
        }
        told = claims | changed
        return {name: value for name, value in told.items() if value is not None}

    def authorize(self, location: str) -> str:
        """Return where the provider sends a person whom we sent to it."""
        answer = httpx2.get(location, trust_env=False, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


class Watch:
    """The machine's clock, as a test sets it."""

    def __init__(self, now_s: int = NOW_S) -> None:
        self.now_us = now_s * 1_000_000

    def __call__(self) -> int:
        """Return the moment that was set."""
        return self.now_us

    def pass_seconds(self, seconds: int) -> None:
        """Let time pass."""
        self.now_us += seconds * 1_000_000


@contextmanager
def run_issuer(host: str = "127.0.0.1") -> Iterator[Issuer]:
    """Run the small provider as a process while the block lasts."""
    script = Path(__file__).with_name("issuer_process.py")
    process = subprocess.Popen([sys.executable, str(script), host], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Issuer(process.stdout.readline().decode().strip())
    finally:
        _stop(process)


@contextmanager
def run_provider_mock(*users: str, port: int | None = None) -> Iterator[str]:
    """Run oidc-provider-mock as a process while the block lasts; return its address."""
    port = port or find_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    for user in users:
        command += ["--user-claims", user]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=dict(os.environ))
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield address
    finally:
        _stop(process)


def find_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def go_to(client: TestClient, location: str) -> Any:
    """Open an address of the service, as a browser that was sent there."""
    parts = urlsplit(location)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in(client: TestClient, issuer: Issuer) -> Any:
    """Go to the provider and back, and return the page that this ends with."""
    begun = client.get("/sign-in/begin")
    assert begun.status_code == 303, begun.text
    return go_to(client, issuer.authorize(begun.headers["location"]))


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the provider ended at once"
        try:
            httpx2.get(f"{address}/jwks", trust_env=False)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the provider does not answer")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=30)
    if process.stdout is not None:
        process.stdout.close()
