"""Who acts on the command line: by a token of the organisation's provider, or nobody by name."""

import getpass
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.persons import Person
    from serving.settings import Settings
    from serving.store.database import Unit

_MOST_TOKEN_BYTES: Final = 65_536


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
    return _read(settings, token)


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


def _read(settings: "Settings", token: str) -> "tuple[Person, frozenset[str]]":
    from serving.errors import ServiceError
    from serving.identity.tokens import TokenReader
    from serving.web.request_log import configure_log

    configure_log()  # what is noted of a refusal goes where the service's lines go
    try:
        return TokenReader(settings).read_scoped(token)
    except ServiceError as error:
        raise ConfigError(f"{error.body.message}; {error.body.remedy}") from None
