"""Addresses that the sign-in trusts: the service's own public one, and those of the provider."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from features.errors import ConfigError

_USUAL_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class PublicAddress:
    """Where people reach the service.

    Parameters
    ----------
    origin
        Scheme, host and port as a browser writes them in ``Origin``.
    host
        The host alone, as a request names it; an IPv6 address in brackets.
    is_https
        Whether it is reached by https, so that cookies may be bound to it.
    """

    origin: str
    host: str
    is_https: bool


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address (no port) is this machine's own."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_trustworthy(address: str) -> bool:
    """Return whether an address is https, or http on this machine, and holds no account."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or not address.isascii() or not address.isprintable() or " " in address:
        return False
    if "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def read_public_url(address: str) -> PublicAddress:
    """Return the public address that a setting names.

    Raises
    ------
    ConfigError
        If it is not https (or http on this machine), or holds more than scheme, host and port.
    """
    if not is_trustworthy(address):
        raise ConfigError("public_url must be an https:// address, or http:// on this machine")
    parts = urlsplit(address)
    if parts.path not in ("", "/") or parts.query:
        raise ConfigError("public_url must end with the host or the port; leave the path out")
    host = _name_host(parts)
    port = parts.port
    shown = host if port in (None, _USUAL_PORTS[parts.scheme]) else f"{host}:{port}"
    return PublicAddress(f"{parts.scheme}://{shown}", host, parts.scheme == "https")


def check_issuer(address: str) -> str:
    """Return the address of an OpenID provider as it stands in its tokens.

    Raises
    ------
    ConfigError
        If it is not https (or http on this machine), or holds a query.
    """
    if not is_trustworthy(address) or urlsplit(address).query:
        raise ConfigError(
            "oidc_issuer must be an https:// address, or http:// on this machine, without a query"
        )
    return address


def _name_host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    return f"[{name}]" if ":" in name else name
