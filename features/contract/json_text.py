"""JSON from outside, read strictly: a text that means one thing to every reader, or an error.

Python's own reader takes NaN and Infinity, keeps the last of two fields of one name, and turns
``1e999`` into infinity; other readers do otherwise, so none of these is taken here.
"""

import json
import math
import re
from typing import Any, Final, NoReturn

MOST_DEPTH: Final = 12
MOST_DIGITS: Final = 32
"""Python needs time by the square of a whole number's digits."""
_NESTED: Final = (dict, list)
_ESCAPED: Final = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


class JsonError(ValueError):
    """A text that is not taken; says why and holds nothing of it."""


def read_json(content: bytes | str) -> Any:
    """Read one JSON text.

    Parameters
    ----------
    content
        The text; as bytes in UTF-8.

    Returns
    -------
    Any
        What it holds. Its texts may be such as no database holds: see :func:`check_texts`.

    Raises
    ------
    JsonError
        If it is not JSON, or holds NaN, Infinity, a number too large for a float, a whole number of
        more than 32 digits, one field twice, or more than 12 levels.
    """
    try:
        found = json.loads(
            # Decoded here: of bytes `json` would guess the encoding, and another reader
            # differently.
            content if isinstance(content, str) else content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_int=_read_int,
            parse_float=_read_float,
            object_pairs_hook=_read_object,
        )
    except JsonError:
        raise
    except RecursionError:
        raise JsonError("it is nested too deeply") from None
    except ValueError:
        raise JsonError("it is not JSON in UTF-8") from None
    if isinstance(found, _NESTED):
        _check_depth(found, MOST_DEPTH)
    return found


def is_storable(text: str) -> bool:
    """Return whether every database can hold a text: no lone surrogates, no NUL characters."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def may_be_unstorable(content: bytes) -> bool:
    """Return whether the texts of some JSON in UTF-8, which was read, need :func:`check_texts`.

    JSON holds a NUL character or a lone surrogate as an escape alone; as bytes neither is taken.
    """
    return _ESCAPED.search(content) is not None


def check_texts(content: Any) -> None:
    """Check that every text in what was read can be stored.

    Raises
    ------
    JsonError
        If one cannot; see :func:`is_storable`.
    """
    if isinstance(content, str):
        if not is_storable(content):
            raise JsonError("a text holds a NUL character or a lone surrogate")
    elif isinstance(content, list):
        for item in content:
            check_texts(item)
    elif isinstance(content, dict):
        check_texts(list(content))
        check_texts(list(content.values()))


def _check_depth(content: dict[str, Any] | list[Any], left: int) -> None:
    if left == 0:
        raise JsonError("it is nested too deeply")
    for item in content.values() if isinstance(content, dict) else content:
        # Asked here: most of what a request holds is texts, and a call for each takes time.
        if isinstance(item, _NESTED):
            _check_depth(item, left - 1)


def _refuse_constant(text: str) -> NoReturn:
    raise JsonError("NaN and Infinity are not numbers in JSON")


def _read_int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise JsonError("a whole number has too many digits")
    return int(text)


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonError("a number is too large")
    return number


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("an object names the same field twice")
    return found
