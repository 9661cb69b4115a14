"""A synthetic unit as tables in the contract's columns, made chunk by chunk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from features.contract.tables import CASES, EVENTS, FACTS, PEOPLE, Form, Table
from features.errors import ConfigError
from synthetic.simulator import constants as set_by
from synthetic.simulator import question_answers as answers
from synthetic.simulator.arrow_columns import (
    find_whole_days,
    make_dates,
    make_keys,
    make_moments,
    make_texts,
    to_microseconds,
)
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Courses, draw_courses
from synthetic.simulator.event_rows import record_events
from synthetic.simulator.rows import Codes, EventRows, Ints, Vocabulary, count_within
from synthetic.simulator.shadows import add_shadows, draw_shadows
from synthetic.simulator.worlds import World, find_world, to_switches

MOST_CASES: Final = 1_000_000
CHUNK_CASES: Final = 50_000
_TEXT_COLUMNS: Final = (
    "kind", "view", "source", "reporter_role", "assurance",
    "actor", "target", "channel", "detail", "handling",
)  # fmt: skip


@dataclass(frozen=True)
class SyntheticUnit:
    """What a synthetic unit, or a chunk of its cases, holds: Arrow tables in contract columns."""

    cases: pa.Table
    events: pa.Table
    facts: pa.Table
    people: pa.Table


def check_request(n_cases: int, seed: int) -> None:
    """Refuse numbers that no unit can be made of.

    Raises
    ------
    ConfigError
        If the number of cases is not 1 to 1,000,000 or the seed is below 0.
    """
    if not 1 <= n_cases <= MOST_CASES:
        raise ConfigError(f"the number of cases must be 1 to {MOST_CASES:,}")
    if seed < 0:
        raise ConfigError("the seed must be 0 or more")


def list_chunks(n_cases: int, chunk_cases: int) -> Sequence[Ints]:
    """Return the numbers of the cases of each chunk."""
    return [
        np.arange(first, min(first + chunk_cases, n_cases))
        for first in range(0, n_cases, chunk_cases)
    ]


def stream_unit(
    n_cases: int, seed: int, *, world: str = "standard", chunk_cases: int = CHUNK_CASES
) -> Iterator[SyntheticUnit]:
    """Yield a synthetic unit in chunks, each of whole cases; memory holds one chunk.

    Parameters
    ----------
    n_cases
        Number of cases referred in the three years before the extract, 1 to 1,000,000.
    seed
        0 or more. Each case is drawn by itself from it, so that chunks change nothing.
    world
        Name of a world of :data:`synthetic.simulator.worlds.WORLDS`.
    chunk_cases
        Most cases in a chunk.

    Raises
    ------
    ConfigError
        If a number is out of range or there is no such world.
    """
    check_request(n_cases, seed)
    chosen = find_world(world)
    for numbers in list_chunks(n_cases, chunk_cases):
        yield make_chunk(numbers, n_cases, seed, chosen)


def make_unit(n_cases: int, seed: int, *, world: str = "standard") -> SyntheticUnit:
    """Return a whole synthetic unit in memory; the parameters are those of `stream_unit`."""
    return next(stream_unit(n_cases, seed, world=world, chunk_cases=MOST_CASES))


def make_chunk(numbers: Ints, n_cases: int, seed: int, world: World) -> SyntheticUnit:
    """Return the cases ``numbers`` (consecutive) of a unit of ``n_cases``."""
    courses = draw_courses(numbers, n_cases, seed, to_switches(world), 0.0)
    chance = Chance(seed)
    unit = _make_tables(courses, chance, world)
    if not world.has_shadows:
        return unit
    shadow_seed, others = draw_shadows(numbers, n_cases, seed, to_switches(world))
    shadow = _make_tables(others, Chance(shadow_seed), world)
    return SyntheticUnit(
        cases=unit.cases,
        events=add_shadows(EVENTS, unit.events, shadow.events),
        facts=add_shadows(FACTS, unit.facts, shadow.facts),
        people=unit.people,
    )


def _make_tables(courses: Courses, chance: Chance, world: World) -> SyntheticUnit:
    """Return what the unit holds of cases."""
    words = Vocabulary()
    rows = record_events(
        courses, words, chance, plain=world.follows_rule, quiet_harm=world.quiet_harm
    )
    facts = answers.draw_answers(courses, words, chance)
    people = answers.draw_people(courses.cases, words, chance)
    cases = _case_table(courses, chance)
    texts = pa.array(words.words, pa.string())
    return SyntheticUnit(
        cases=cases,
        events=_repeat_some(_event_table(rows, texts), rows.case, chance),
        facts=_fact_table(facts, texts),
        people=_people_table(people, texts),
    )


def _case_table(courses: Courses, chance: Chance) -> pa.Table:
    """Return the cases table."""
    number = courses.cases["number"]

    def draw(shares: tuple[tuple[str, float], ...], purpose: str) -> pa.Array:
        place = chance.pick([share for _, share in shares], purpose, number).astype(np.int16)
        return make_texts(place, pa.array([name for name, _ in shares]))

    columns = {
        "case_id": make_keys("C", number),
        "recorded_at": make_moments(to_microseconds(courses.cases["referral"])),
        "area": draw(set_by.AREAS, "area"),
        "referral_source": draw(set_by.REFERRAL_SOURCES, "referral source"),
    }
    return _in_contract(CASES, columns)


def _event_table(rows: EventRows, texts: pa.Array) -> pa.Table:
    """Return the events table; acts known to the day alone begin and end with that day."""
    occurred_us = to_microseconds(rows.occurred)
    day_only = ~np.isnan(rows.until)
    starts, ends = find_whole_days(occurred_us[day_only])
    occurred_us[day_only] = starts
    until_us = np.zeros(len(rows), dtype=np.int64)
    until_us[day_only] = ends
    number = count_within(rows.case)
    columns = {
        "event_id": make_keys("E", rows.case, number),
        "case_id": make_keys("C", rows.case),
        "occurred_at": make_moments(occurred_us),
        "recorded_at": make_moments(to_microseconds(rows.recorded)),
        "occurred_until": make_moments(until_us, ~day_only),
        "incident_id": make_keys("I", rows.case, rows.incident, rows.incident < 0),
        "supersedes": make_keys("E", rows.case, number[rows.supersedes], rows.supersedes < 0),
        "value": pa.array(rows.value, mask=np.isnan(rows.value)),
    }
    columns |= {name: make_texts(getattr(rows, name), texts) for name in _TEXT_COLUMNS}
    return _in_contract(EVENTS, columns)


def _repeat_some(events: pa.Table, case: Ints, chance: Chance) -> pa.Table:
    """Return the events with a few rows written twice, as exports have them."""
    twice = chance.happens(set_by.REPEATED, "repeated", case, count_within(case))
    return events.take(pa.array(np.repeat(np.arange(len(case)), 1 + twice)))


def _fact_table(facts: answers.Answers, texts: pa.Array) -> pa.Table:
    """Return the facts table."""
    number = count_within(facts.case)
    said = make_texts(facts.text, texts)
    columns = {
        "fact_id": make_keys("F", facts.case, number),
        "case_id": make_keys("C", facts.case),
        "name": make_texts(facts.name, texts),
        "asked": make_texts(np.where(facts.asked, 0, 1).astype(np.int16), pa.array(["yes", "no"])),
        "value": pa.compute.coalesce(said, make_dates(facts.day)),
        "recorded_at": make_moments(to_microseconds(facts.recorded)),
        "supersedes": make_keys("F", facts.case, number[facts.supersedes], facts.supersedes < 0),
    }
    return _in_contract(FACTS, columns)


def _people_table(people: answers.People, texts: pa.Array) -> pa.Table:
    """Return the people table."""
    roles: Codes = people.person.astype(np.int16)
    columns = {
        "person_id": make_keys("P", people.case, people.person),
        "case_id": make_keys("C", people.case),
        "role": make_texts(roles, pa.array(answers.PEOPLE)),
        "characteristic": make_texts(people.characteristic, texts),
        "value": make_texts(people.value, texts),
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
