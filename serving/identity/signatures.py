"""Opening a signed token: only what the provider signed, by a method that only it can use."""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from features.contract.json_text import read_json
from serving.identity.issuer import Issuer, Key, find_keys

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures that need a private key. With a symmetric one a public key would be the secret."""
TYPES: Final = (None, "jwt", "at+jwt", "application/at+jwt")
"""What a token may say that it is; one that ends sessions, say, proves nobody's sign-in."""
_MOST_CHARACTERS: Final = 32_000
_MOST_HEADER_CHARACTERS: Final = 8_000
# Each try is work, and anybody can send a token that fits no key.
_MOST_KEYS_TRIED: Final = 4
_PARTS: Final = 3


class UntrustedToken(Exception):
    """A token that proves nothing; says nothing of it, so that nothing can be told or logged."""


class _Registry(JWSRegistry):
    """Takes the headers of any provider; what is critical to one must be known all the same."""

    max_header_length = _MOST_HEADER_CHARACTERS

    def __init__(self) -> None:
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)


_REGISTRY: Final = _Registry()


def open_token(token: str, issuer: Issuer) -> dict[str, Any]:
    """Return the claims of a token that the provider signed; none of them is checked yet.

    Where no known key signed it, the provider is asked once for its keys of now.

    Raises
    ------
    UntrustedToken
        If it is not a signed token, or nobody whom we know signed it.
    ServiceError
        If the provider does not answer and its keys are not known (503).
    """
    header = _read_header(token)
    kid = header.get("kid")
    known = issuer.read()
    claims = _try_keys(token, find_keys(known.keys, kid))
    if claims is None:
        # The key may be newer than what is known; forged tokens make this ask only once a while.
        newer = issuer.read_again(known)
        claims = None if newer is None else _try_keys(token, find_keys(newer.keys, kid))
    if claims is None:
        raise UntrustedToken
    return claims


def _read_header(token: str) -> dict[str, Any]:
    """Return a token's header, so that what cannot be right asks nobody for keys."""
    parts = token.split(".")
    if len(token) > _MOST_CHARACTERS or not token.isascii():
        raise UntrustedToken
    # The last part empty would be a token that nobody signed.
    if len(parts) != _PARTS or not all(parts):
        raise UntrustedToken
    try:
        # Tokens leave out the padding that the decoder asks for (RFC 7515).
        header = read_json(urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except ValueError:
        raise UntrustedToken from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise UntrustedToken
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in TYPES:
        raise UntrustedToken
    if not isinstance(header.get("kid"), str | None):
        raise UntrustedToken
    return header


def _try_keys(token: str, keys: Sequence[Key]) -> dict[str, Any] | None:
    for key in keys[:_MOST_KEYS_TRIED]:
        try:
            return jwt.decode(token, key, registry=_REGISTRY).claims
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return None
