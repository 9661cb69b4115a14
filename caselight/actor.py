"""Who acts on the command line: by a token of the organisation's provider, or nobody by name."""

import getpass
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from caselight.options import TOKEN_VARIABLE
from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.identity.tokens import TokenReader
    from serving.persons import Person
    from serving.settings import Settings
    from serving.store.database import Unit

_MOST_TOKEN_BYTES: Final = 65_536
_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Actor:
    """Who acts.

    Parameters
    ----------
    person
        The person; where nobody is signed in, the user of this machine.
    is_signed
        Whether a token says so.
    """

    person: "Person"
    is_signed: bool


def find_actor(settings: "Settings", unit: "Unit", token_file: Path | None) -> Actor:
    """Return who acts: whom the token names, or the machine's user on a synthetic store.

    Parameters
    ----------
    settings
        Name the provider whose tokens are believed.
    unit
        Of the store that is acted on.
    token_file
        File of the token; the environment's ``CASELIGHT_TOKEN`` where ``None``.

    Raises
    ------
    CaselightError
        If the store holds real cases and there is no token, or the token is not accepted.
    """
    token = _read_token(token_file, TOKEN_VARIABLE, "--token-file")
    if token is not None:
        return Actor(_read(settings, lambda reader: reader.read(token)), is_signed=True)
    return find_nobody(unit)


def find_signed(
    settings: "Settings", token_file: Path | None, variable: str, option: str
) -> "tuple[Person, frozenset[str]] | None":
    """Return whom an access token names and what it is for; ``None`` where there is no token.

    Parameters
    ----------
    settings
        Name the provider whose tokens are believed.
    token_file
        File of the token; the environment's ``variable`` where ``None``.
    variable, option
        Where the token may come from, for messages.

    Raises
    ------
    CaselightError
        If the token is not accepted.
    """
    token = _read_token(token_file, variable, option)
    if token is None:
        return None
    return _read(settings, lambda reader: reader.read_scoped(token))


def find_nobody(unit: "Unit") -> Actor:
    """Return the machine's user, who is nobody signed in, on a synthetic store.

    Raises
    ------
    PromotionRefusedError
        If the store holds real cases.
    """
    from serving.persons import Person
    from serving.promotions.approval import need_synthetic
    from serving.promotions.rights import UNSIGNED

    need_synthetic(unit)
    user = getpass.getuser()
    return Actor(Person(user, "administrator", "unit", f"{UNSIGNED}{user}"), is_signed=False)


def _read_token(path: Path | None, variable: str, option: str) -> str | None:
    if path is None:
        return os.environ.get(variable, "").strip() or None
    try:
        # Of the open file: what its name leads to may be another one a moment later.
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError("the file of the token can be read by others; make its mode 0600")
            token = file.read(_MOST_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"the file of the token cannot be read; name it by {option}") from None
    if not token:
        raise ConfigError("the file of the token is empty; fetch a token from your provider")
    return token


def _read(settings: "Settings", read: "Callable[[TokenReader], _Read]") -> "_Read":
    from serving.errors import ServiceError
    from serving.identity.tokens import TokenReader
    from serving.web.request_log import configure_log

    configure_log()  # what is noted of a refusal goes where the service's lines go
    try:
        return read(TokenReader(settings))
    except ServiceError as error:
        raise ConfigError(f"{error.body.message}; {error.body.remedy}") from None
