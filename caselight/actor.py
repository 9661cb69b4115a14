"""Who acts on the command line: by a token of the organisation's provider, or nobody by name."""

import getpass
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caselight.options import TOKEN_VARIABLE
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
    token = _read_token(token_file)
    if token is not None:
        return Actor(_read_person(settings, token), is_signed=True)
    return find_nobody(unit)


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


def _read_token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError("the file of the token can be read by others; make its mode 0600")
        with path.open("rb") as file:
            token = file.read(_MOST_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError("the file of the token cannot be read; name it by --token-file") from None
    if not token:
        raise ConfigError("the file of the token is empty; fetch a token from your provider")
    return token


def _read_person(settings: "Settings", token: str) -> "Person":
    from serving.errors import ServiceError
    from serving.identity.tokens import TokenReader
    from serving.web.request_log import configure_log

    configure_log()  # what is noted of a refusal goes where the service's lines go
    try:
        return TokenReader(settings).read(token)
    except ServiceError as error:
        raise ConfigError(f"{error.body.message}; {error.body.remedy}") from None
