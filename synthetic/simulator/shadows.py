"""Another case's records under names of their own: indicators over them are irrelevant."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.contract.tables import RESERVED_KINDS, RETRACTED, Table
from synthetic.simulator.course import Courses, draw_courses
from synthetic.simulator.rows import Ints
from synthetic.simulator.worlds import Switches

PREFIX: Final = "shadow_"
_OTHER_SEED: Final = 0x5AD0
_NAMING: Final = {"events": "kind", "facts": "name"}
_KEYED: Final = {
    "events": ("event_id", "incident_id", "supersedes"),
    "facts": ("fact_id", "supersedes"),
}


def draw_shadows(numbers: Ints, n_cases: int, seed: int, world: Switches) -> tuple[int, Courses]:
    """Return the other cases, drawn from a seed of their own but referred when the first were.

    Each stands for a random case of the same time, so that its records are spread like the case's
    own and say nothing about it.
    """
    other_seed = seed ^ (_OTHER_SEED << 20)
    return other_seed, draw_courses(numbers, n_cases, other_seed, world, 0.0)


def add_shadows(table: Table, own: pa.Table, other: pa.Table) -> pa.Table:
    """Return a case's own rows and those of its shadow, by case and in the order of recording.

    Kinds and facts of the shadow begin with ``shadow_`` and its keys end in ``S``. Its life as a
    case (opened, closed) is left out; retractions keep their kind.
    """
    naming = _NAMING[table.name]
    lifecycle = pa.array([kind for kind in RESERVED_KINDS if kind != RETRACTED])
    other = other.filter(pc.invert(pc.is_in(other[naming], value_set=lifecycle)))
    named = pc.binary_join_element_wise(PREFIX, other[naming], "")
    kept = pc.equal(other[naming], RETRACTED)
    other = _replace(other, naming, pc.if_else(kept, other[naming], named))
    for column in _KEYED[table.name]:
        other = _replace(other, column, pc.binary_join_element_wise(other[column], "S", ""))
    whole = pa.concat_tables([own, other])
    keys = [("case_id", "ascending"), ("recorded_at", "ascending"), (table.id_column, "ascending")]
    return whole.sort_by(keys)


def _replace(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)
