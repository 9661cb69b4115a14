"""What a token must say before it is believed: by whom, for whom, and when."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from serving.identity.signatures import UntrustedToken

CLIENT_CLAIMS: Final = ("client_id", "azp", "appid")
"""Where providers write which client a token was made for."""


@dataclass(frozen=True)
class Expected:
    """What a token must say.

    Parameters
    ----------
    issuer
        The provider's address, exactly as written.
    audience
        For whom it must be meant.
    now_s
        Seconds since 1970, UTC.
    skew_s
        By how many seconds the provider's clock may differ from ours.
    """

    issuer: str
    audience: str
    now_s: int
    skew_s: int


def check_times_and_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    """Check issuer, audience and times; ``exp`` itself is the first moment at which it is over.

    Raises
    ------
    UntrustedToken
        If one is absent or another.
    """
    registry = JWTClaimsRegistry(
        now=expected.now_s,
        leeway=expected.skew_s,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        # The value of a check that is empty is no check.
        if not expected.issuer or not expected.audience:
            raise UntrustedToken
        registry.validate(dict(claims))
    except (JoseError, ValueError, TypeError, OverflowError):
        raise UntrustedToken from None


def check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Check that an ID token was made for our client: its ``azp``, which several audiences need.

    Raises
    ------
    UntrustedToken
        If it was made for another, or may have been.
    """
    audience = claims.get("aud")
    needs_party = isinstance(audience, list) and len(audience) > 1
    if ("azp" in claims or needs_party) and claims.get("azp") != client_id:
        raise UntrustedToken


def check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    """Check that an ID token answers the sign-in that was begun, and no earlier one.

    Raises
    ------
    UntrustedToken
        If it does not.
    """
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise UntrustedToken


def read_client(claims: Mapping[str, Any]) -> str | None:
    """Return the client that a token was made for; ``None`` where it says none, or several."""
    told = {claims[name] for name in CLIENT_CLAIMS if isinstance(claims.get(name), str)}
    return told.pop() if len(told) == 1 else None


def read_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what a token allows: words of ``scope``, or of ``scp``, which may be a list."""
    told = claims.get("scope", claims.get("scp"))
    words = told.split(" ") if isinstance(told, str) else told
    listed = words if isinstance(words, list) else []
    return frozenset(word for word in listed if isinstance(word, str) and word)
