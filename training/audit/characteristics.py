"""Protected characteristics, joined to cases for the audit alone (promise 9); groups by them."""

import itertools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.contract.arrays import Int64
from features.errors import ConfigError

Bools = npt.NDArray[np.bool_]
Values = npt.NDArray[np.object_]

NOT_KNOWN: Final = "not known"
MORE_THAN_ONE: Final = "more than one"
"""Value of a case with several people in one role who differ."""
UNSTATED: Final = frozenset(
    {
        "blank", "declined", "do not know", "don't know", "missing", "n/a", "n/k", "n/s", "nan",
        "nk", "not applicable", "not asked", "not available", "not disclosed", "not given",
        NOT_KNOWN, "not obtained", "not provided", "not recorded", "not specified", "not stated",
        "null", "prefer not to say", "refused", "tbc", "to be confirmed", "u/k", "undefined",
        "undisclosed", "unk", "unknown", "unspecified",
    }
)  # fmt: skip
"""Folded values that say that nothing is known. "None" is not among them (no religion, no
disability), nor are letters that are somebody's code for a group (NA, NS)."""
MOST_VALUES: Final = 30
"""More values than this are no groups; ages come in bands."""
_AND: Final = " and "


def read_characteristics(
    people: pd.DataFrame, case_id: npt.NDArray[np.generic], *, pairs: bool = False
) -> Mapping[str, Values]:
    """Return each case's value of each characteristic.

    Parameters
    ----------
    people
        Columns ``case_id, role, characteristic, value``; others are not looked at.
    case_id
        Shape ``(n,)``, keys of the cases, in the order of the result.
    pairs
        Whether to add the intersections of two characteristics.

    Returns
    -------
    Mapping
        By role and characteristic ("victim sex"), sorted; shape ``(n,)``, ``None`` where unknown.
    """
    name = _spell_alike(people["role"].astype(str) + " " + people["characteristic"].astype(str))
    name = name.str.replace("_", " ")
    value = people["value"].astype(object)
    # Without any person there is nothing to tell the type of what is mapped by.
    is_silent = value.where(value.notna(), "").astype(str).map(_says_nothing).astype(bool)
    known = value.notna() & ~is_silent
    index = pd.Index(case_id)
    found = {}
    for one in sorted(name.unique()):
        rows = people[known & (name == one)]
        found[one] = _take_values(rows.assign(value=_spell_alike(rows["value"].astype(str))), index)
    return found | pair_characteristics(found) if pairs else found


def fold_name(text: str) -> str:
    """Return a name as it is compared: one form for each letter, its case and blanks aside.

    White, WHITE and "white " are one group, which a list is fair to or is not.
    """
    letters = (one for one in unicodedata.normalize("NFKC", text) if not _is_unseen(one))
    return " ".join("".join(letters).replace("_", " ").split()).casefold()


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf"


def _says_nothing(text: str) -> bool:
    """Return whether a value stands for an unknown one: `N/K`, `not known`, a dash."""
    folded = fold_name(text)
    plain = re.sub(r"\s*/\s*", "/", folded.replace(".", "").replace("-", " ").strip(" ()[]<>?*"))
    return plain in UNSTATED or not any(letter.isalnum() for letter in folded)


def _spell_alike(texts: "pd.Series[str]") -> "pd.Series[str]":
    """Return names with one spelling for each: the one that most rows have, the first of equals."""
    tidy = texts.str.normalize("NFKC").str.split().str.join(" ")
    chosen: dict[str, str] = {}
    for text, _ in sorted(tidy.value_counts().items(), key=lambda pair: (-pair[1], str(pair[0]))):
        chosen.setdefault(fold_name(str(text)), str(text))
    return tidy.map(lambda text: chosen[fold_name(text)])


def _take_values(rows: pd.DataFrame, index: pd.Index) -> Values:
    found = np.full(len(index), None, dtype=object)
    at = index.get_indexer(pd.Index(rows["case_id"]))
    distinct = pd.DataFrame({"at": at, "value": rows["value"].astype(str).to_numpy()})
    distinct = distinct[distinct["at"] >= 0].drop_duplicates()
    first = distinct.drop_duplicates("at")
    found[first["at"].to_numpy()] = first["value"].to_numpy(dtype=object)
    found[distinct.loc[distinct.duplicated("at"), "at"].unique()] = MORE_THAN_ONE
    return found


def pair_characteristics(characteristics: Mapping[str, Values]) -> dict[str, Values]:
    """Return the intersections of two ("victim sex and victim ethnicity"); ``None`` where either
    is unknown.
    """
    return {
        one + _AND + other: np.array(
            [
                None if a is None or b is None else f"{a}, {b}"
                for a, b in zip(characteristics[one], characteristics[other], strict=True)
            ],
            dtype=object,
        )
        for one, other in itertools.combinations(characteristics, 2)
    }


@dataclass(frozen=True)
class Grouping:
    """Cases in groups by one characteristic, or by two together.

    Parameters
    ----------
    name
        The characteristic, or two joined by "and".
    labels
        Names of the groups; unknown values make groups of their own.
    code
        Shape ``(n,)``, each case's group.
    is_known
        Shape ``(n_groups,)``, false where a value is unknown.
    parts
        The two groupings that make a pair; group ``(a, b)`` has code ``a * n_b + b``.
    """

    name: str
    labels: tuple[str, ...]
    code: Int64
    is_known: Bools
    parts: "tuple[Grouping, Grouping] | None" = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the table of groups; one row where it is no pair."""
        if self.parts is None:
            return 1, len(self.labels)
        return len(self.parts[0].labels), len(self.parts[1].labels)


def group_cases(name: str, values: Values) -> Grouping:
    """Return the groups of one characteristic, sorted by name, unknown last.

    Raises
    ------
    ConfigError
        If there are too many values to be groups.
    """
    known = np.array([value is not None for value in values], dtype=bool)
    labels, codes = np.unique(values[known].astype(str), return_inverse=True)
    if len(labels) > MOST_VALUES:
        raise ConfigError(
            f"the audit's characteristic '{name}' has {len(labels)} values, at most {MOST_VALUES} "
            "can be groups; put them into bands"
        )
    code = np.full(len(values), len(labels), dtype=np.int64)
    code[known] = codes
    names = [str(label) for label in labels] + ([] if known.all() else [NOT_KNOWN])
    return Grouping(name, tuple(names), code, np.arange(len(names)) < len(labels))


def pair_groups(one: Grouping, other: Grouping) -> Grouping:
    """Return the groups by two characteristics together, empty ones too."""
    labels = tuple(f"{a}, {b}" for a in one.labels for b in other.labels)
    known = np.outer(one.is_known, other.is_known).ravel()
    code = one.code * len(other.labels) + other.code
    return Grouping(one.name + _AND + other.name, labels, code, known, (one, other))


def make_groupings(characteristics: Mapping[str, Values], *, pairs: bool) -> list[Grouping]:
    """Return one grouping per characteristic, then, where asked for, one per pair."""
    single = [group_cases(name, values) for name, values in characteristics.items()]
    if not pairs:
        return single
    return single + [pair_groups(a, b) for a, b in itertools.combinations(single, 2)]
