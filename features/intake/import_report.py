"""What an import did, source by source, and whether a person should look before going on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from features.contract.arrays import Int64
from features.contract.rejects import REMEDIES, Rejects
from features.intake.mapped_rows import Mapped
from features.intake.normalisation import FILE, Normalised

MAX_REFUSED_SHARE: Final = 0.2
"""Above this share of a source's rows refused an import counts as failed."""


@dataclass(frozen=True)
class SourceReport:
    """What became of one source's rows.

    Parameters
    ----------
    file
        The file as the mapping names it.
    rows_read
        Its data rows.
    records
        Records made, by table; those tables alone that its mapping makes.
    rows_refused
        Rows of which at least one record was refused.
    reasons
        Rows refused, by code of reject; a row may have several.
    rows_not_taken
        Rows for which the conditions of no record held.
    never_held
        Conditions of the mapping that held in no row.
    """

    file: str
    rows_read: int
    records: Mapping[str, int]
    rows_refused: int
    reasons: Mapping[str, int]
    rows_not_taken: int
    never_held: tuple[str, ...]

    @property
    def failure(self) -> str:
        """What makes an import of this source a failed one; empty for nothing."""
        if not self.rows_read:
            return ""
        if not sum(self.records.values()):
            return f"{self.file} made no record"
        if self.rows_refused > MAX_REFUSED_SHARE * self.rows_read:
            return (
                f"{self.file}: {self.rows_refused:,} of {self.rows_read:,} rows were refused, more "
                f"than {MAX_REFUSED_SHARE:.0%}"
            )
        return ""


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Parameters
    ----------
    sources
        What became of each source's rows.
    records_written
        Records by table.
    repeats, conflicts
        Records that said again what another said, or contradicted one under the same key.
    rejects
        Rows refused, by code of reject.
    rejects_file
        Where in the folder the refused rows and their remedies are; empty for none.
    warnings
        What was kept but looks odd.
    """

    sources: tuple[SourceReport, ...]
    records_written: Mapping[str, int]
    repeats: int
    conflicts: int
    rejects: Mapping[str, int]
    rejects_file: str
    warnings: tuple[str, ...]

    @property
    def rows_read(self) -> int:
        """Data rows of the export."""
        return sum(source.rows_read for source in self.sources)

    @property
    def failures(self) -> tuple[str, ...]:
        """Sources that made nothing, or lost more of their rows than may be."""
        return tuple(source.failure for source in self.sources if source.failure)

    def list_remedies(self) -> Iterator[tuple[str, int, str]]:
        """Yield each code of reject with its number of rows and what to do about it."""
        for code, rows in self.rejects.items():
            yield code, rows, REMEDIES[code]


@dataclass
class Tally:
    """Counts of one source while its pieces are read."""

    name: str
    tables: tuple[str, ...]
    rows_read: int = 0
    rows_not_taken: int = 0
    files: set[str] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)

    def count_piece(self, file: str, rows: int, bad: int, mapped: list[Mapped]) -> None:
        """Count some rows, and which of them no record's conditions took.

        Parameters
        ----------
        file
            Their file, as rejects name it.
        rows, bad
            How many could be cut into cells, and how many could not.
        mapped
            What each record of the mapping made of them.
        """
        self.files.add(file)
        self.rows_read += rows + bad
        taken = np.zeros(rows, dtype=np.bool_)
        for number, one in enumerate(mapped, 1):
            taken |= one.taken
            for words, met in one.held.items():
                self.held[f"record {number}, {words}"] += met
        self.rows_not_taken += rows - int(taken.sum())

    def close(self, made: Mapping[tuple[str, str], int], rejects: Rejects) -> SourceReport:
        """Return the source's report.

        Parameters
        ----------
        made
            Records by file and table, of all sources.
        rejects
            Everything that was refused.

        Returns
        -------
        SourceReport
            The counts, rows as rows.
        """
        ours = rejects.frame[rejects.frame["file"].isin(self.files)]
        never = [words for words, met in self.held.items() if not met]
        return SourceReport(
            file=self.name,
            rows_read=self.rows_read,
            records={
                table: sum(made.get((file, table), 0) for file in self.files)
                for table in self.tables
            },
            rows_refused=len(ours.drop_duplicates(["file", "row"])),
            reasons=count_rows(Rejects(ours)),
            rows_not_taken=self.rows_not_taken,
            never_held=tuple(never) if self.rows_read else (),
        )


def count_made(
    parts: Mapping[str, list[Normalised]], lost: Rejects
) -> Mapping[tuple[str, str], int]:
    """Return how many records each file made of each table.

    Parameters
    ----------
    parts
        Records by table, as they were read.
    lost
        Those that a check across rows refused afterwards.

    Returns
    -------
    Mapping
        Counts by file and table.
    """
    made: Counter[tuple[str, str]] = Counter()
    for table, some in parts.items():
        for part in some:
            for file, count in Counter(part.rows[FILE].to_pylist()).items():
                made[str(file), table] += count
    # One line each: a row may have made several records of one table.
    for table, file in zip(lost.frame["table"], lost.frame["file"], strict=True):
        made[str(file), str(table)] -= 1
    return made


def count_rows(rejects: Rejects) -> dict[str, int]:
    """Return how many rows there are of each code, sorted by code."""
    return Rejects(rejects.frame.drop_duplicates(["file", "row", "code"])).count_codes()


def list_rows(rejects: Rejects) -> Mapping[str, Int64]:
    """Return the numbers of the refused rows by file, sorted."""
    return {
        str(file): np.unique(group.to_numpy(dtype=np.int64))
        for file, group in rejects.frame.groupby("file")["row"]
    }
