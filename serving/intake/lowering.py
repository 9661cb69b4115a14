"""Whether a correction could lower a severity, a count, a score or a flag: one rule, by columns.

A score may fall by the change of any column that is measured, and which way it falls is the
model's. So the rule asks no model: every change of a measured column waits, but for those that can
only add: what was unknown is stated, a kind is told more closely, a severity rises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from features.contract.kept_apart import is_kept_apart
from features.contract.tables import RETRACTED
from serving.store.frames import Cell

Version = Mapping[str, Cell]
"""A record's cells by the contract's columns."""
_ACTING: Final = ("subject", "proxy")
_PLAIN: Final = ("view", "source", "target", "channel", "detail")
"""Columns of which any value may count for more than another."""


@dataclass(frozen=True)
class Change:
    """What a correction does to what is counted.

    Parameters
    ----------
    lowers
        Whether something could be less than before.
    raises
        Whether something could be more than before.
    narrows
        Whether fewer people may see the record.
    """

    lowers: bool = False
    raises: bool = False
    narrows: bool = False


BOTH: Final = Change(lowers=True, raises=True)
LOWERS: Final = Change(lowers=True)
RAISES: Final = Change(raises=True)
NOTHING: Final = Change()


def compare(table: str, old: Version, new: Version, parents: Mapping[str, str | None]) -> Change:
    """Return what a correction changes.

    Parameters
    ----------
    table
        The records' table: ``events``, ``facts`` or ``links``.
    old, new
        The record, and what corrects it.
    parents
        The kind above each kind of event.
    """
    if table == "facts":
        return _compare_answers(old, new)
    if table == "links":
        same = all(old[name] == new[name] for name in ("kind", "linked_case_id", "ended_at"))
        return NOTHING if same else LOWERS
    return _compare_events(old, new, parents)


def _compare_events(old: Version, new: Version, parents: Mapping[str, str | None]) -> Change:
    if _is_apart(old):  # it is in no count, so that nothing can lower one
        return RAISES
    if new["kind"] == RETRACTED or _is_apart(new):
        return Change(lowers=True, narrows=_is_apart(new))
    found = [
        _compare_kinds(str(old["kind"]), str(new["kind"]), parents),
        _compare_numbers(old["value"], new["value"]),
        _compare_actors(old["actor"], new["actor"]),
        _compare_moments(int(old["occurred_at"] or 0), int(new["occurred_at"] or 0)),
        # Acts that are put together into one incident are fewer incidents.
        NOTHING if old["incident_id"] == new["incident_id"] else BOTH,
        *(_compare_plain(old[name], new[name]) for name in _PLAIN),
    ]
    return Change(any(one.lowers for one in found), any(one.raises for one in found))


def _is_apart(version: Version) -> bool:
    return bool(is_kept_apart(_text(version["source"]), _text(version["handling"])))


def _text(cell: Any) -> str | None:
    return None if cell is None else str(cell)


def _compare_kinds(old: str, new: str, parents: Mapping[str, str | None]) -> Change:
    if old == new:
        return NOTHING
    above: str | None = new
    while above is not None:
        above = parents.get(above)
        if above == old:
            return RAISES
    return BOTH


def _compare_numbers(old: Cell, new: Cell) -> Change:
    if old == new:
        return NOTHING
    if old is None:
        return RAISES
    return LOWERS if new is None or float(new) < float(old) else RAISES


def _compare_actors(old: Cell, new: Cell) -> Change:
    if old == new:
        return NOTHING
    if old in _ACTING:
        return BOTH if new in _ACTING else LOWERS
    return RAISES if new in _ACTING else BOTH


def _compare_moments(old: int, new: int) -> Change:
    if old == new:
        return NOTHING
    return BOTH if new > old else LOWERS


def _compare_plain(old: Cell, new: Cell) -> Change:
    if old == new:
        return NOTHING
    if old is None:
        return RAISES
    return LOWERS if new is None else BOTH


def _compare_answers(old: Version, new: Version) -> Change:
    """Answers have no order that is the same for every question: only what was open is added to."""
    if old["name"] != new["name"]:
        return LOWERS
    if old["asked"] == "no" or old["value"] is None:
        return NOTHING if (old["asked"], old["value"]) == (new["asked"], new["value"]) else RAISES
    if (old["asked"], old["value"]) == (new["asked"], new["value"]):
        return NOTHING
    return RAISES if (old["value"], new["value"], new["asked"]) == ("no", "yes", "yes") else LOWERS
