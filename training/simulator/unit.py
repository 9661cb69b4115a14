"""Writes a synthetic unit as a contract folder."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import CASES, EVENTS, FACTS, PEOPLE, Form, Table
from features.errors import ConfigError
from training.simulator import answers, population, world
from training.simulator import constants as set_by
from training.simulator.rows import (
    NO_TEXT,
    Bools,
    Codes,
    Floats,
    Ints,
    Rows,
    Vocabulary,
)

_MINUTE_US: Final = 60_000_000
_MINUTES_A_DAY: Final = 1_440
_EXTRACT_US: Final = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
_MOST_CASES: Final = 1_000_000
_MOMENT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Unit:
    """Everything a synthetic unit holds, as Arrow tables in contract columns."""

    cases: pa.Table
    events: pa.Table
    facts: pa.Table
    people: pa.Table


def simulate_unit(
    n_cases: int,
    seed: int,
    out: Path,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write a synthetic anti-stalking unit as a contract folder.

    The same numbers always give the same histories. Identifiers begin with ``SYN-`` and the
    manifest says synthetic.

    Parameters
    ----------
    n_cases
        Number of cases referred in the three years before the extract, 1 to 1,000,000.
    seed
        Seed of the one generator that all chance comes from, 0 or more.
    out
        Folder to write; made if missing. Files of an earlier unit in it are replaced.
    progress
        Called with a sentence before each step.

    Raises
    ------
    ConfigError
        If ``n_cases`` or ``seed`` is out of range.
    """
    if not 1 <= n_cases <= _MOST_CASES:
        raise ConfigError(f"the number of cases must be 1 to {_MOST_CASES:,}")
    if seed < 0:
        raise ConfigError("the seed must be 0 or more")
    say = progress or _say_nothing
    unit = make_unit(n_cases, np.random.default_rng(seed), say)
    say("writing the contract folder")
    _write_unit(unit, out)


def make_unit(n_cases: int, rng: np.random.Generator, say: Callable[[str], None]) -> Unit:
    """Return a synthetic unit drawn from ``rng``; ``say`` hears each step."""
    words = Vocabulary()
    truth = world.draw_world(n_cases, words, rng, say)
    say("drawing what was recorded")
    events = world.record_events(truth, words, rng)
    facts = answers.draw_answers(truth, rng)
    people = answers.draw_people(n_cases, rng)
    sources = rng.choice(
        len(set_by.REFERRAL_SOURCES), n_cases, p=[share for _, share in set_by.REFERRAL_SOURCES]
    )
    return Unit(
        cases=_case_table(truth.cases, sources),
        events=_event_table(events, words),
        facts=_fact_table(facts),
        people=_people_table(people),
    )


def _case_table(cases: population.Cases, sources: Ints) -> pa.Table:
    """Return the cases table."""
    names = np.array([name for name, _ in set_by.REFERRAL_SOURCES], dtype=object)
    areas = np.array([name for name, _ in set_by.AREAS], dtype=object)
    columns = {
        "case_id": _keys("C", np.arange(len(cases))),
        "recorded_at": _moments(cases.referral),
        "area": pa.array(areas[cases.area], pa.string()),
        "referral_source": pa.array(names[sources], pa.string()),
    }
    return _in_contract(CASES, columns)


def _event_table(rows: Rows, words: Vocabulary) -> pa.Table:
    """Return the events table; acts known to the day alone begin and end with that day."""
    occurred_us = _microseconds(rows.occurred)
    day_only = ~np.isnan(rows.until)
    starts, ends = _whole_days(occurred_us[day_only])
    occurred_us[day_only] = starts
    until_us = np.zeros(len(rows), dtype=np.int64)
    until_us[day_only] = ends
    columns = {
        "event_id": _keys("E", np.arange(len(rows))),
        "case_id": _keys("C", rows.case),
        "occurred_at": pa.array(occurred_us, _MOMENT),
        "recorded_at": _moments(rows.recorded),
        "occurred_until": pa.array(until_us, _MOMENT, mask=~day_only),
        "incident_id": _keys("I", rows.incident, rows.incident < 0),
        "supersedes": _keys("E", rows.supersedes, rows.supersedes < 0),
        "value": pa.array(rows.value, mask=np.isnan(rows.value)),
    }
    vocabulary = pa.array(words.words, pa.string())
    for name in (
        "kind", "view", "source", "reporter_role", "assurance",
        "actor", "target", "channel", "detail", "handling",
    ):  # fmt: skip
        columns[name] = _texts(getattr(rows, name), vocabulary)
    return _in_contract(EVENTS, columns)


def _fact_table(facts: answers.Answers) -> pa.Table:
    """Return the facts table, in the order in which it was recorded."""
    kept = facts.recorded < 0.0
    order = np.flatnonzero(kept)[np.lexsort((facts.case[kept], facts.recorded[kept]))]
    position = np.full(len(facts.case), -1)
    position[order] = np.arange(len(order))
    replaced = facts.supersedes[order]
    replaced = np.where(replaced >= 0, position[replaced], -1)
    is_date = ~np.isnan(facts.day[order])
    value = facts.text[order]
    value[is_date] = _dates(facts.day[order][is_date])
    columns = {
        "fact_id": _keys("F", np.arange(len(order))),
        "case_id": _keys("C", facts.case[order]),
        "name": pa.array(facts.name[order], pa.string()),
        "asked": pa.array(np.where(facts.asked[order], "yes", "no"), pa.string()),
        "value": pa.array(value, pa.string()),
        "recorded_at": _moments(facts.recorded[order]),
        "supersedes": _keys("F", replaced, replaced < 0),
    }
    return _in_contract(FACTS, columns)


def _people_table(people: answers.People) -> pa.Table:
    """Return the people table."""
    columns = {
        "person_id": _keys("P", people.number),
        "case_id": _keys("C", people.case),
        "role": pa.array(people.role, pa.string()),
        "characteristic": pa.array(people.characteristic, pa.string()),
        "value": pa.array(people.value, pa.string()),
    }
    return _in_contract(PEOPLE, columns)


def _in_contract(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    """Return the columns in contract order; those not given are empty."""
    count = len(columns[table.id_column])
    empty = {
        column.name: pa.nulls(count, pa.float64() if column.form is Form.NUMBER else pa.string())
        for column in table.columns
        if column.name not in columns
    }
    whole = columns | empty
    return pa.table({name: whole[name] for name in table.column_names})


def _keys(letter: str, numbers: Ints, mask: Bools | None = None) -> pa.Array:
    """Return identifiers such as ``SYN-C000012``; null where masked."""
    texts = np.char.add(f"SYN-{letter}", np.char.zfill((numbers + 1).astype(str), 7))
    return pa.array(texts.astype(object), pa.string(), mask=mask)


def _texts(codes: Codes, vocabulary: pa.Array) -> pa.Array:
    """Return words for codes; null where there is no text."""
    indices = pa.array(codes, pa.int16(), mask=codes == NO_TEXT)
    return pa.DictionaryArray.from_arrays(indices, vocabulary).cast(pa.string())


def _microseconds(days: Floats) -> Ints:
    """Return days before the extract as microseconds UTC, to the minute."""
    minutes: Ints = np.floor(days * _MINUTES_A_DAY).astype(np.int64)
    return _EXTRACT_US + minutes * _MINUTE_US


def _moments(days: Floats) -> pa.Array:
    """Return days before the extract as moments."""
    return pa.array(_microseconds(days), _MOMENT)


def _whole_days(moments_us: Ints) -> tuple[Ints, Ints]:
    """Return the first and the last microsecond of the unit's day that holds each moment."""
    local = pd.to_datetime(moments_us, unit="us", utc=True).tz_convert(set_by.TIME_ZONE)
    starts = local.normalize()
    ends = (starts + pd.DateOffset(days=1)).as_unit("us").asi8 - 1
    return np.asarray(starts.as_unit("us").asi8), np.asarray(ends)


def _dates(days: Floats) -> list[str]:
    """Return days before the extract as dates of the unit's zone."""
    local = pd.to_datetime(_microseconds(days), unit="us", utc=True).tz_convert(set_by.TIME_ZONE)
    return [str(text) for text in local.strftime("%Y-%m-%d")]


def _write_unit(unit: Unit, out: Path) -> None:
    """Write tables and manifest."""
    out.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, table in vars(unit).items():
        path = out / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries[name] = {"rows": table.num_rows, "files": {path.name: digest}}
    manifest = {
        "format": 1,
        "time_zone": set_by.TIME_ZONE,
        "extract_at": set_by.EXTRACT_AT.isoformat(),
        "synthetic": True,
        "tables": entries,
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (out / "manifest.json").write_text(text, encoding="utf-8")


def _say_nothing(_: str) -> None:
    """Ignore what progress says."""
