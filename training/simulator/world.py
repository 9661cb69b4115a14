"""The whole hidden truth of a synthetic unit, drawn in one go, and all that is recorded of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.simulator import circumstances, course, population, recording, response
from training.simulator.rows import Floats, Rows, Vocabulary, stack_rows


@dataclass(frozen=True)
class World:
    """What is true: the cases, what unsettled, what happened in spite of what was done.

    ``separation`` has shape ``(n_cases,)``: days before the extract, infinity where there was no
    relationship.
    """

    cases: population.Cases
    separation: Floats
    triggers: course.Triggers
    response: response.Response


def draw_world(
    n_cases: int, words: Vocabulary, rng: np.random.Generator, say: Callable[[str], None]
) -> World:
    """Return the truth of ``n_cases`` cases; ``say`` hears each step."""
    say(f"drawing {n_cases:,} synthetic cases")
    cases = population.draw_cases(n_cases, rng)
    episodes = population.draw_episodes(cases, rng)
    separation = population.draw_separations(cases, episodes, rng)
    triggers = course.draw_triggers(cases, episodes, rng)
    say("drawing what happened")
    incidents = course.draw_incidents(cases, episodes, triggers, words, rng)
    say("drawing what was done about it")
    answer = response.respond(cases, incidents, words, rng)
    return World(cases, separation, triggers, answer)


def record_events(world: World, words: Vocabulary, rng: np.random.Generator) -> Rows:
    """Return every row of the events table, in the order in which it was recorded."""
    cases = world.cases
    acts = recording.record_incidents(cases, world.response.incidents, words, rng)
    signs = recording.record_warnings(cases, acts, words, rng)
    rest = stack_rows(
        [
            recording.record_reports(cases, acts, words, rng),
            recording.record_triggers(cases, world.triggers, words, rng),
            circumstances.record_response(cases, world.response, words, rng),
            circumstances.record_victim(cases, world.separation, words, rng),
        ]
    )
    rows = stack_rows([acts, signs, rest])
    rows = stack_rows([rows, circumstances.record_lifecycle(cases, rows, words, rng)])
    eligible = np.arange(len(rows)) < len(acts) + len(signs)
    rows = recording.add_corrections(rows, eligible, words, rng)
    order = np.lexsort((rows.kind, rows.occurred, rows.case, rows.recorded))
    position = np.empty(len(rows), dtype=np.int64)
    position[order] = np.arange(len(rows))
    rows = rows.take(order)
    corrected = np.where(rows.supersedes >= 0, position[rows.supersedes], -1)
    return rows.with_columns(supersedes=corrected)
