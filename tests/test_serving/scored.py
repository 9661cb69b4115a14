"""A small synthetic unit in a store, scored by a real model."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import select

from features.contract.tables import TABLES
from features.intake.contract_folder import ContractFolder, read_folder
from models.bundle.folder import Bundle, load_bundle
from serving.intake.records import append_rows
from serving.scoring.model_in_use import Champion
from serving.scoring.rescoring import score_cases
from serving.store.database import Store
from serving.store.schema import case_keys
from tests.test_serving.acts import RULES
from tests.test_serving.kept_contents import fill_once


@dataclass(frozen=True)
class Scored:
    """What a store was filled with: the bundle, its champion, and keys by case identifier."""

    bundle: Bundle
    champion: Champion
    keys: dict[str, str]

    @property
    def first(self) -> str:
        """Key of the first case."""
        return next(iter(self.keys.values()))


@functools.cache
def read_once(folder: Path) -> ContractFolder:
    """Return a unit's records, read once for all tests of a process; nobody changes them."""
    return read_folder(folder)


@functools.cache
def load_once(folder: Path) -> Bundle:
    """Return a bundle, loaded once for all tests of a process."""
    return load_bundle(folder)


def choose_cases(folder: Path, test_date: int, size: int) -> list[str]:
    """Return cases of a unit that were open at a date, those with the most events first."""
    read = read_once(folder)
    events = read.frame("events")
    known = events[events["recorded_at"] < test_date]
    shut = known["case_id"][known["kind"].isin(["closed", "merged"])]
    counts = known[~known["case_id"].isin(shut)]["case_id"].value_counts()
    return sorted(counts.index[:size])


def fill(store: Store, clock: Any, small_unit: Any, size: int = 4) -> Scored:
    """Put some open cases of the small unit into the store, as known at its test date, and score
    them then.
    """
    clock.now_us = small_unit.test_date
    bundle = load_once(small_unit.bundle)
    fill_once(store, ("scored", size), lambda: _fill(store, small_unit, size, bundle))
    return Scored(bundle, Champion(None, small_unit.bundle), _read_keys(store))


def _fill(store: Store, small_unit: Any, size: int, bundle: Bundle) -> None:
    read = read_once(small_unit.folder)
    chosen = choose_cases(small_unit.folder, small_unit.test_date, size)
    unit = store.read_unit()
    with store.writing() as writing:
        append_rows(writing, _take(read, chosen, small_unit.test_date), unit, import_key=None)
    score_cases(store, bundle, list(_read_keys(store).values()), unit, "import", RULES)


def _read_keys(store: Store) -> dict[str, str]:
    with store.reading() as connection:
        pairs = connection.execute(select(case_keys.c.case_id, case_keys.c.case_key))
        return dict(sorted((str(name), str(key)) for name, key in pairs))


def _take(read: Any, chosen: list[str], before_us: int) -> dict[str, pd.DataFrame]:
    frames = {}
    for name in ("cases", "events", "facts"):
        frame = read.frame(name)
        kept = frame["case_id"].isin(chosen) & (frame["recorded_at"] < before_us)
        frames[name] = frame[kept][list(TABLES[name].column_names)].reset_index(drop=True)
    return frames
