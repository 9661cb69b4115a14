"""Dataclasses to plain JSON values and back, by their type hints.

Reading never fails: what is absent or of another kind is ``None``, an empty tuple or an empty
mapping, and what no field names is left out. Each number keeps its place in the file, so that every
figure of a page can say where it comes from.
"""

import functools
import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Final, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
OMITTED: Final = "omitted"
"""Metadata of a field whose key is left out of the file where there is no value."""
UNSTORED: Final = "unstored"
"""Metadata of a field that is never in the file."""


class PlacedFloat(float):
    """A number that was read, and its place as a JSON pointer (RFC 6901)."""

    pointer: str = ""


class PlacedInt(int):
    """A whole number that was read, and its place as a JSON pointer (RFC 6901)."""

    pointer: str = ""


def place_of(value: float | None) -> str:
    """Return the place of a number in the file; empty for one that was not read from a file."""
    return value.pointer if isinstance(value, PlacedFloat | PlacedInt) else ""


class PlacedNumbers:
    """The numbers of a file by their places.

    Parameters
    ----------
    text
        The file's JSON.

    Raises
    ------
    ValueError
        If it is no JSON.
    """

    def __init__(self, text: str | bytes) -> None:
        self._content: object = json.loads(text)

    def find(self, pointer: str) -> float | None:
        """Return the number at a place; ``None`` where no number is there.

        Parameters
        ----------
        pointer
            A JSON pointer (RFC 6901), as :func:`place_of` gives it.

        Returns
        -------
        float or None
            As it stands in the file, unrounded.
        """
        found = self._content
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return None
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return found if is_number else None  # type: ignore[return-value]


def encode(value: object) -> object:
    """Return a value as JSON holds it; keys are in the order of the fields.

    Parameters
    ----------
    value
        A dataclass, mapping, tuple, list, enumeration member, number, text or ``None``.

    Returns
    -------
    object
        Mappings, lists, texts and numbers alone.
    """
    if is_dataclass(value):
        return {
            field.name: encode(one)
            for field in fields(value)
            for one in [getattr(value, field.name)]
            if UNSTORED not in field.metadata and not (one is None and OMITTED in field.metadata)
        }
    if isinstance(value, Mapping):
        return {str(encode(key)): encode(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [encode(one) for one in value]
    return value.value if isinstance(value, Enum) else value


def decode(kind: type[T], value: object) -> T | None:
    """Return plain JSON values as a dataclass.

    Parameters
    ----------
    kind
        The dataclass.
    value
        What was read.

    Returns
    -------
    dataclass or None
        ``None`` where the value is no mapping or lacks a field that has no default.
    """
    found = _decode(kind, value, "")
    return found if isinstance(found, kind) else None


def _decode(kind: object, value: object, pointer: str) -> object:
    """Return a value as one of a kind; ``None`` where it is of another."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        decoded = (_decode(part, value, pointer) for part in parts)
        return next((one for one in decoded if one is not None), None)
    if isinstance(kind, type) and kind in _SCALARS:
        return _SCALARS[kind](value, pointer)
    if origin is tuple:
        return _decode_items(parts, value, pointer) if isinstance(value, list | tuple) else None
    if not isinstance(value, Mapping):
        return None
    if isinstance(kind, type) and is_dataclass(kind):
        return _decode_fields(kind, value, pointer)
    return _decode_names(parts[1], value, pointer) if parts else None


def _decode_names(kind: object, value: Mapping[object, object], pointer: str) -> dict[str, object]:
    decoded = {
        str(name): _decode(kind, one, f"{pointer}/{_escape(name)}") for name, one in value.items()
    }
    return {name: one for name, one in decoded.items() if one is not None or _allows_none(kind)}


def _decode_fields(kind: type, value: Mapping[object, object], pointer: str) -> object:
    found = {}
    for field in fields(kind):
        if UNSTORED in field.metadata:
            continue
        hint = _hints(kind)[field.name]
        one = _decode(hint, value.get(field.name), f"{pointer}/{_escape(field.name)}")
        if one is not None:
            found[field.name] = one
        elif field.default is MISSING and field.default_factory is MISSING:
            if not _allows_none(hint):
                return None
            found[field.name] = None
    return kind(**found)


def _decode_items(
    parts: tuple[object, ...], value: "list[object] | tuple[object, ...]", pointer: str
) -> tuple[object, ...] | None:
    """Return a list of any length without what is of another kind, or a list of a fixed length."""
    is_of_any_length = parts[-1] is Ellipsis
    kinds = parts[:1] * len(value) if is_of_any_length else parts
    if len(kinds) != len(value):
        return None
    items = [
        _decode(kind, one, f"{pointer}/{number}")
        for number, (kind, one) in enumerate(zip(kinds, value, strict=True))
    ]
    if is_of_any_length:
        return tuple(one for one in items if one is not None or _allows_none(parts[0]))
    return None if None in items else tuple(items)


def _read_float(value: object, pointer: str) -> PlacedFloat | PlacedInt | None:
    # A boolean is an integer in Python, and a number in no file of figures.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        if not math.isfinite(value):
            return None
    except OverflowError:
        return None
    # A whole number stays one, so that it is written again as it stood.
    found = PlacedInt(value) if isinstance(value, int) else PlacedFloat(value)
    found.pointer = pointer
    return found


def _read_int(value: object, pointer: str) -> PlacedFloat | PlacedInt | None:
    number = _read_float(value, pointer)
    if number is None or not float(number).is_integer():
        return None
    return _read_float(int(number), pointer)


_SCALARS: Final[Mapping[type, Callable[[object, str], object]]] = {
    float: _read_float,
    int: _read_int,
    str: lambda value, _: value if isinstance(value, str) else None,
    bool: lambda value, _: value if isinstance(value, bool) else None,
}


@functools.cache
def _hints(kind: type) -> Mapping[str, object]:
    return get_type_hints(kind)


def _allows_none(kind: object) -> bool:
    return type(None) in get_args(kind)


def _escape(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
