"""A small OpenID provider, run as a process: ``python issuer_process.py`` prints its address.

It does what the provider of the tests' dependencies cannot: change its keys while it runs, check
PKCE, be down, and sign whatever a test asks for. It signs with RSA, and knows one person at a time.
"""

import base64
import hashlib
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

SPARE = [RSAKey.generate_key(2048, private=True) for _ in range(2)]
"""Keys take long to make; a rotation goes to the other one, under a name never used before."""


class State:
    """What the provider holds; a test sets it through ``/control``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.names = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything that a test set, and name the key anew."""
        self.names += 1
        self.turn = 0
        self.kid = f"key-{self.names}"
        self.published = [(self.kid, SPARE[0])]
        self.counts = {"jwks": 0, "discovery": 0, "token": 0}
        self.codes: dict[str, dict[str, str]] = {}
        self.person: dict[str, Any] = {}
        self.now_s: int | None = None
        self.is_down = False
        self.refuses = ""
        self.told: dict[str, Any] = {}  # what the discovery says otherwise
        self.claims: dict[str, Any] = {}  # what ID tokens say otherwise
        self.jwks: dict[str, Any] | None = None
        self.secret = "the-secret"

    @property
    def key(self) -> RSAKey:
        """The key that signs now."""
        return SPARE[self.turn % 2]

    def rotate(self, *, keeps_old: bool = False, keeps_kid: bool = False) -> None:
        """Sign with the other key from now on."""
        self.names += 1
        self.turn += 1
        if not keeps_kid:
            self.kid = f"key-{self.names}"
        old = self.published if keeps_old else []
        self.published = [*old, (self.kid, self.key)]

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Return a token; a header of ``None`` is left out."""
        head = {"alg": "RS256", "kid": self.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        registry = JWSRegistry({"unknown": HeaderParameter("", "int")}, algorithms=["RS256"])
        return jwt.encode(head, claims, self.key, registry=registry)

    def now(self) -> int:
        """Return the moment that was set, or the machine's, in seconds."""
        return int(time.time()) if self.now_s is None else self.now_s


class Handler(BaseHTTPRequestHandler):
    """Answers as a provider does."""

    state: State
    address: str

    def log_message(self, *given: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer whoever looks something up, or comes to sign in."""
        with self.state.lock:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path.startswith("/control"):
                return self._answer({"counts": self.state.counts, "kid": self.state.kid})
            if self.state.is_down:
                return self._answer({}, 503)
            if parts.path == "/.well-known/openid-configuration":
                self.state.counts["discovery"] += 1
                return self._answer(self._describe())
            if parts.path == "/jwks":
                self.state.counts["jwks"] += 1
                return self._answer(self._list_keys())
            if parts.path == "/authorize":
                return self._authorize(asked)
            if parts.path == "/end":
                return self._lead(asked["post_logout_redirect_uri"])
            self._answer({}, 404)

    def do_POST(self) -> None:
        """Answer whoever brings a code, or a test that sets something."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.state.lock:
            if self.path == "/token":
                self.state.counts["token"] += 1
                asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                return self._answer({}, 503) if self.state.is_down else self._exchange(asked)
            self._control(json.loads(body))

    def _control(self, asked: dict[str, Any]) -> None:
        verb = self.path.removeprefix("/control/")
        if verb == "reset":
            self.state.reset()
        elif verb == "rotate":
            self.state.rotate(**asked)
        elif verb == "set":
            for name, value in asked.items():
                setattr(self.state, name, value)
        elif verb == "sign":
            return self._answer({"token": self.state.sign(asked["claims"], asked["header"])})
        self._answer({})

    def _describe(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "end_session_endpoint": f"{self.address}/end",
        } | self.state.told

    def _list_keys(self) -> dict[str, Any]:
        if self.state.jwks is not None:
            return self.state.jwks
        shown = [key.as_dict(private=False) | {"kid": kid} for kid, key in self.state.published]
        return {"keys": [one | {"use": "sig", "alg": "RS256"} for one in shown]}

    def _authorize(self, asked: dict[str, str]) -> None:
        given = {"state": asked["state"]}
        if self.state.refuses:
            given |= {"error": self.state.refuses, "error_description": "SYN Canary is locked out"}
        else:
            code = secrets.token_urlsafe(8)
            self.state.codes[code] = asked
            given |= {"code": code}
        self._lead(f"{asked['redirect_uri']}?{urlencode(given)}")

    def _exchange(self, asked: dict[str, str]) -> None:
        begun = self.state.codes.pop(asked.get("code", ""), None)
        shown = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(shown).rstrip(b"=").decode()
        secret = base64.b64encode(f"caselight:{self.state.secret}".encode()).decode()
        if (
            begun is None
            or begun.get("code_challenge_method") != "S256"
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != asked.get("redirect_uri")
            or self.headers.get("authorization") != f"Basic {secret}"
        ):
            return self._answer({"error": "invalid_grant"}, 400)
        now_s = self.state.now()
        claims = {
            "iss": self.address,
            "aud": begun["client_id"],
            "iat": now_s,
            "exp": now_s + 300,
            "nonce": begun["nonce"],
        }
        claims |= self.state.person | self.state.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        self._answer(
            {
                "access_token": secrets.token_urlsafe(8),
                "token_type": "Bearer",
                "id_token": self.state.sign(claims),
            }
        )

    def _answer(self, told: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _lead(self, address: str) -> None:
        self.send_response(303)
        self.send_header("location", address)
        self.send_header("content-length", "0")
        self.end_headers()


def main() -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.state = State()
    Handler.address = f"http://{sys.argv[1]}:{server.server_address[1]}"
    sys.stdout.write(f"{Handler.address}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
