"""A person's way to the provider and back: authorization code, PKCE, state and nonce.

What ties the two ends together travels in a signed cookie of its own, for ten minutes, and is good
once: its number is kept as used, on every server.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oauth2.client import (  # type: ignore[import-untyped]
    OAuth2Client as AuthorizationRequest,
)
from itsdangerous import BadData, URLSafeSerializer

from serving.clock import Clock
from serving.errors import Forbidden, ServiceError
from serving.identity.claims import check_nonce
from serving.identity.configuration import OpenId
from serving.identity.ended_sessions import Endings
from serving.identity.identities import identify_person
from serving.identity.issuer import TIMEOUT_S, Issuer, Provider, make_unanswered
from serving.identity.signatures import UntrustedToken, open_token
from serving.identity.tokens import TokenReader
from serving.persons import Person

FLOW_SECONDS: Final = 600
"""How long a person may take at the provider."""
SCOPE: Final = "openid profile"
# One key signs sessions as well: by the salt neither passes for the other.
_SALT: Final = "caselight sign-in under way"
_SECRET_BYTES: Final = 32
_SECOND_US: Final = 1_000_000
_SHAPE: Final = [str, str, str, str, int, str, int]
_NOT_SIGNED_IN: Final = "your organisation's account did not sign you in"


@dataclass(frozen=True)
class Begun:
    """Where a person is sent, and the cookie's value that goes with them."""

    location: str
    value: str


@dataclass(frozen=True)
class Came:
    """Who came back, and the session that they had before, which ends now.

    Parameters
    ----------
    person
        Who signed in.
    ends, ends_begun_s
        Number of the session before, empty where there was none, and when it was begun, seconds.
    """

    person: Person
    ends: str
    ends_begun_s: int


@dataclass(frozen=True)
class _Flow:
    number: str
    state: str
    nonce: str
    verifier: str
    begun_s: int
    ends: str
    ends_begun_s: int


class CodeFlow:
    """Sends people to the provider and takes them back; safe to use from several threads.

    Parameters
    ----------
    openid
        How people sign in.
    issuer, tokens
        The provider, and what checks its tokens.
    key
        What the cookie is signed with.
    endings
        Where used numbers are kept.
    clock
        The machine's time.
    """

    def __init__(
        self,
        openid: OpenId,
        *,
        issuer: Issuer,
        tokens: TokenReader,
        key: bytes,
        endings: Endings,
        clock: Clock,
    ) -> None:
        named = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(key, salt=_SALT, signer_kwargs=named)
        self._openid = openid
        self._issuer = issuer
        self._tokens = tokens
        self._endings = endings
        self._clock = clock

    def begin(self, ends: str = "", ends_begun_s: int = 0) -> Begun:
        """Begin a sign-in that ends a session, if its number is given.

        Raises
        ------
        ServiceError
            If the provider does not answer (503).
        """
        provider = self._issuer.read()
        flow = _Flow(
            number=secrets.token_urlsafe(16),
            state=secrets.token_urlsafe(_SECRET_BYTES),
            nonce=secrets.token_urlsafe(_SECRET_BYTES),
            verifier=secrets.token_urlsafe(_SECRET_BYTES),
            begun_s=self._clock() // _SECOND_US,
            ends=ends,
            ends_begun_s=ends_begun_s,
        )
        rules = self._openid.rules
        way = AuthorizationRequest(
            None,
            client_id=rules.client_id,
            scope=SCOPE,
            redirect_uri=self._openid.redirect_uri,
            code_challenge_method="S256",
        )
        location, _ = way.create_authorization_url(
            provider.authorization_endpoint,
            state=flow.state,
            nonce=flow.nonce,
            code_verifier=flow.verifier,
        )
        return Begun(str(location), str(self._serializer.dumps(list(vars(flow).values()))))

    def finish(self, value: str | None, *, state: str, code: str, error: str, issuer: str) -> Came:
        """Return who came back from the provider with a code; once for each beginning.

        Parameters
        ----------
        value
            The cookie's value.
        state, code, error, issuer
            What the provider gave the person to bring; empty where it gave none.

        Raises
        ------
        ServiceError
            If the sign-in was not begun in this browser, took too long or was finished before, the
            provider refused it, or its token proves nothing or gives no access (403); if the
            provider does not answer (503).
        """
        flow = self._open_flow(value)
        if flow is None or not hmac.compare_digest(flow.state.encode(), state.encode()):
            raise _refuse("not_begun", "this sign-in was not begun here, or it took too long")
        until_s = flow.begun_s + FLOW_SECONDS + 1
        # Used up before the answer is looked at: a refused one is not tried again either.
        if not self._endings.add(f"flow.{flow.number}", until_s * _SECOND_US):
            raise _refuse("finished_before", "this sign-in was finished before")
        # A provider that names itself on the way back must be ours (RFC 9207); many name nothing.
        if error or not code or issuer not in ("", self._issuer.address):
            raise _refuse("issuer_refused", _NOT_SIGNED_IN)
        return Came(self._identify(flow, code), flow.ends, flow.ends_begun_s)

    def find_way_out(self) -> str | None:
        """Return where a person signs out at the provider; ``None`` where it has no such place.

        The address names this service and nobody else: the provider knows whom it signed in.
        """
        try:
            endpoint = self._issuer.read().end_session_endpoint
        except ServiceError:
            return None
        if endpoint is None:
            return None
        told = {
            "client_id": self._openid.rules.client_id,
            "post_logout_redirect_uri": self._openid.signed_out_uri,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}"

    def _identify(self, flow: _Flow, code: str) -> Person:
        rules = self._openid.rules
        token = self._fetch_tokens(flow, code).get("id_token")
        try:
            if not isinstance(token, str):
                raise UntrustedToken
            claims = open_token(token, self._issuer)
            self._tokens.check_id_token(claims)
            check_nonce(claims, flow.nonce)
        except UntrustedToken:
            raise _refuse("bad_answer", "the answer of your organisation proves nothing") from None
        return identify_person(claims, rules.access, rules.issuer)

    def _fetch_tokens(self, flow: _Flow, code: str) -> Mapping[str, Any]:
        provider = self._issuer.read()
        try:
            with self._open_client(provider) as client:
                told: Mapping[str, Any] = client.fetch_token(
                    provider.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=flow.verifier,
                )
                return told
        except AuthlibBaseError:
            raise _refuse(
                "issuer_refused", "your organisation's account did not sign you in"
            ) from (None)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            raise make_unanswered() from None

    def _open_client(self, provider: Provider) -> Any:
        secret = self._openid.client_secret
        method = "client_secret_post" if provider.takes_secret_in_body else "client_secret_basic"
        return OAuth2Client(
            client_id=self._openid.rules.client_id,
            client_secret=secret,
            token_endpoint_auth_method=method if secret else "none",
            redirect_uri=self._openid.redirect_uri,
            timeout=TIMEOUT_S,
        )

    def _open_flow(self, value: str | None) -> _Flow | None:
        if not value:
            return None
        try:
            content = self._serializer.loads(value)
        except BadData:
            return None
        # By exact type: a truth value is a whole number too.
        if not isinstance(content, list) or [type(part) for part in content] != _SHAPE:
            return None
        flow = _Flow(*content)
        age_s = self._clock() // _SECOND_US - flow.begun_s
        # Below zero where it was begun on a server whose clock is ahead.
        return flow if -self._openid.rules.skew_s <= age_s <= FLOW_SECONDS else None


def _refuse(code: Forbidden, message: str) -> ServiceError:
    return ServiceError(code, message, "go back to the sign-in and begin again")
