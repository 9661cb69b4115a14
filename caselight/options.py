"""Options that several verbs share, and what to do where they are left out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from features.errors import ConfigError

if TYPE_CHECKING:
    from serving.store.database import Store

TOKEN_VARIABLE: Final = "CASELIGHT_TOKEN"
SECOND_TOKEN_VARIABLE: Final = "CASELIGHT_SECOND_TOKEN"

StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="CASELIGHT_DATABASE_URL",
        help="sqlite:///PATH or postgresql://...; the environment's CASELIGHT_DATABASE_URL "
        "where absent.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"File of your token; the environment's {TOKEN_VARIABLE} where absent."),
]
SecondTokenFile = Annotated[
    Path | None,
    typer.Option(
        help="File of the token of a second person, of another agency; the environment's "
        f"{SECOND_TOKEN_VARIABLE} where absent."
    ),
]
Why = Annotated[
    str | None,
    typer.Option(help="What for; it stands in the audit chain. Needed where cases are real."),
]


def need_address(address: str | None) -> str:
    """Return the address of the store.

    Raises
    ------
    ConfigError
        If neither the option nor the environment names one.
    """
    if address is None:
        raise ConfigError("no store is named; give --store or set CASELIGHT_DATABASE_URL")
    return address


def open_named_store(
    address: str | None, *, any_key: bool = False, may_make: bool = False
) -> "Store":
    """Open the store at an address; the caller closes it.

    Parameters
    ----------
    address
        ``sqlite:///PATH`` or ``postgresql://...``.
    any_key
        Whether a store whose audit key is not the one at hand is opened all the same.
    may_make
        Whether a store may be made there: for `caselight db upgrade` alone.

    Raises
    ------
    CaselightError
        If no store is named, or it cannot be opened.
    """
    from serving.store.database import open_store

    return open_store(need_address(address), any_key=any_key, must_exist=not may_make)
