"""Conditions of a mapping: a test of one column, on the text of its cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.arrays import Bools
from features.contract.yaml_file import Entry, Found, Section, Several, Text, TrueFalse, written_as
from features.intake.source_rows import SourceRows

_TESTS: Final = ("equals", "prefix", "contains", "present")


@dataclass(frozen=True)
class Condition:
    """A test of one column: ``test`` is equals, prefix, contains or present; any value will do."""

    column: str
    test: str
    values: tuple[str, ...]

    def holds(self, rows: SourceRows) -> Bools:
        """Return for each row whether the condition holds; an empty cell meets only absence."""
        cells = rows.write(self.column)
        if self.test == "present":
            met = pc.equal(pc.is_valid(cells), self.values == ("true",))
        elif self.test == "equals":
            met = pc.is_in(cells, value_set=pa.array(self.values, pa.large_string()))
        else:
            match = pc.starts_with if self.test == "prefix" else pc.match_substring
            met = pa.repeat(pa.scalar(False), len(cells))
            for value in self.values:
                met = pc.or_(met, pc.fill_null(match(cells, value), False))
        return np.asarray(met.to_numpy(zero_copy_only=False), dtype=np.bool_)

    def __str__(self) -> str:
        return f"{self.column} {self.test} {', '.join(self.values)}"


@dataclass(frozen=True)
class ConditionEntry(Entry):
    """A condition as a file writes it: the test is the key."""

    column: Text
    equals: Several[Text] = ()
    prefix: Several[Text] = ()
    contains: Several[Text] = ()
    present: TrueFalse | None = None

    @classmethod
    def find_problems(cls, section: Section, context: Any) -> Iterator[Found]:
        """Ask for one test, no more and no fewer."""
        if sum(test in section for test in _TESTS) != 1:
            yield (), f"state 'column' and one of: {', '.join(_TESTS)}"

    def to_condition(self) -> Condition:
        """Return the condition."""
        if self.present is not None:
            return Condition(self.column, "present", (str(self.present).lower(),))
        test = next(test for test in _TESTS if getattr(self, test))
        return Condition(self.column, test, getattr(self, test))


Tested = Annotated[Condition, written_as(ConditionEntry, lambda entry, _: entry.to_condition())]
