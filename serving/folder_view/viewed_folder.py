"""What a viewing shows of a contract folder: its ranked cases, and one case with its records.

Only the history is kept, which holds no narrative and nobody's characteristics. Records of health
and of one agency alone are shown nowhere.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from features.contract.arrays import MISSING
from features.contract.manifest import read_manifest
from features.contract.moments import format_moment, parse_date
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.columns import Coded, History
from features.history.in_force import in_force
from features.intake.contract_folder import read_folder
from models.bundle.folder import Bundle, load_bundle
from models.explanations.facade import FileReport, report_file
from models.ranking.advice import Advice
from models.ranking.order import Ranking, rank

MOST_LISTED: Final = 200
_KEY_BYTES: Final = 9


@dataclass(frozen=True)
class ViewedRecord:
    """One record of a case, as it is shown.

    Parameters
    ----------
    number
        Its key.
    what
        The kind or the question, in the catalogue's words.
    occurred, recorded
        Dates or moments in the folder's zone; ``occurred`` is empty for an answer.
    told
        By whom it was done, to whom, by what means, its detail, its source, its value.
    """

    number: str
    what: str
    occurred: str
    recorded: str
    told: str


@dataclass(frozen=True)
class ViewedCase:
    """One case: its advice, what is said of its file, and its records, the latest first."""

    advice: Advice
    file: FileReport
    records: tuple[ViewedRecord, ...]


@dataclass(frozen=True)
class ViewedRow:
    """One row of the list; ``key`` stands for the case in addresses, for this viewing alone."""

    key: str
    advice: Advice


class ViewedFolder:
    """A contract folder ranked by a bundle at a moment.

    Parameters
    ----------
    name
        The folder's name.
    synthetic
        Whether every case in it is invented.
    bundle, history, as_of_us
        The model, the histories, and the moment: microseconds UTC, exclusive on both clocks.
    top
        How many cases the list shows, from the first.
    """

    def __init__(
        self,
        name: str,
        bundle: Bundle,
        history: History,
        as_of_us: int,
        *,
        synthetic: bool,
        top: int,
    ) -> None:
        self.name, self.synthetic, self.bundle = name, synthetic, bundle
        self._history, self._as_of_us = history, as_of_us
        self._ranking: Ranking = rank(bundle, history, as_of_us)
        cases = self._ranking.standing.case.tolist()
        self._places = {str(history.case_id[case]): place for place, case in enumerate(cases)}
        self._key_of: dict[str, str] = {}
        self._case_of: dict[str, str] = {}
        places = range(min(top, len(self._ranking)))
        self.rows = tuple(
            ViewedRow(self.name_key(one.case_id), one) for one in self._ranking.advise(places)
        )

    @property
    def as_of(self) -> str:
        """The moment in words."""
        return format_moment(self._as_of_us, self._history.time_zone)

    @property
    def n_ranked(self) -> int:
        """How many cases are ranked."""
        return len(self._ranking)

    def name_key(self, case_id: str) -> str:
        """Return what stands for a case in addresses."""
        if case_id not in self._key_of:
            key = secrets.token_hex(_KEY_BYTES)
            self._key_of[case_id], self._case_of[key] = key, case_id
        return self._key_of[case_id]

    def find(self, case_id: str) -> str | None:
        """Return the key of a ranked case by its number, ``None`` where there is none."""
        return self.name_key(case_id) if case_id in self._places else None

    def find_case(self, key: str) -> str | None:
        """Return the number of the case that a key stands for."""
        return self._case_of.get(key)

    def describe(self, case_id: str) -> ViewedCase:
        """Return a ranked case with its records.

        Parameters
        ----------
        case_id
            Its number.

        Returns
        -------
        ViewedCase
            As known at the moment.
        """
        place = self._places[case_id]
        case = int(self._ranking.standing.case[place])
        return ViewedCase(
            advice=self._ranking.advise([place])[0],
            file=report_file(self.bundle, self._history, case, self._as_of_us),
            records=self._list_records(case),
        )

    def _list_records(self, case: int) -> tuple[ViewedRecord, ...]:
        events, facts = self._history.events, self._history.facts
        rows, answers = self._history.events_of(case), self._history.facts_of(case)
        known = in_force(events.recorded_at[rows], events.superseded_at[rows], self._as_of_us)
        known &= events.occurred_at[rows] < self._as_of_us
        known &= events.measured[rows] & (events.via.codes[rows] == MISSING)
        said = in_force(facts.recorded_at[answers], facts.superseded_at[answers], self._as_of_us)
        found = [
            (int(events.occurred_at[row]), self._tell_event(row))
            for row in (np.flatnonzero(known) + rows.start).tolist()
        ]
        found += [
            (int(facts.recorded_at[row]), self._tell_answer(row))
            for row in (np.flatnonzero(said) + answers.start).tolist()
        ]
        ordered = sorted(found, key=lambda one: (one[0], one[1].number), reverse=True)
        return tuple(record for _, record in ordered)

    def _tell_event(self, row: int) -> ViewedRecord:
        events = self._history.events
        kind = _read(events.kind, row) or ""
        declared = self.bundle.catalogue.kinds.get(kind)
        columns = (
            ("by", events.actor),
            ("to", events.target),
            ("by means of", events.channel),
            ("", events.detail),
            ("source", events.source),
        )
        told = [
            f"{words} {cell}".strip()
            for words, column in columns
            if (cell := _read(column, row)) is not None
        ]
        if not np.isnan(events.value[row]):
            told.append(f"value {events.value[row]:g}")
        return ViewedRecord(
            number=events.event_id[row],
            what=declared.label if declared is not None else kind,
            occurred=self._write(int(events.occurred_at[row])),
            recorded=self._write(int(events.recorded_at[row])),
            told=", ".join(told),
        )

    def _tell_answer(self, row: int) -> ViewedRecord:
        facts = self._history.facts
        name = _read(facts.name, row) or ""
        declared = self.bundle.catalogue.facts.get(name)
        answer = _read(facts.value, row)
        not_given = "asked, not answered" if facts.asked[row] else "not asked"
        return ViewedRecord(
            number=facts.fact_id[row],
            what=declared.question if declared is not None else name,
            occurred="",
            recorded=self._write(int(facts.recorded_at[row])),
            told=answer if answer is not None else not_given,
        )

    def _write(self, us: int) -> str:
        return format_moment(us, self._history.time_zone)


def open_folder(bundle: Path, folder: Path, as_of: str, top: int) -> ViewedFolder:
    """Read a contract folder and rank its open cases.

    Parameters
    ----------
    bundle, folder
        Folders of a bundle and of contract tables.
    as_of
        A date, for 00:00 in the folder's zone, or a moment.
    top
        How many cases to list.

    Returns
    -------
    ViewedFolder
        Without narratives and people.

    Raises
    ------
    ConfigError
        If the folder is an export that holds sealed cases or what agencies keep to themselves, or
        the moment is none, lies after the extract or has no open case.
    """
    # Before any record is read: what must never be shown is not read either.
    if read_manifest(folder).everything:
        raise ConfigError(
            "the folder is an export of everything, sealed cases among it, which is not viewed; "
            "export it again without --everything"
        )
    model = load_bundle(bundle)
    found = read_folder(folder)
    synthetic, history = found.manifest.synthetic, assemble_history(found)
    try:
        as_of_us = parse_date(as_of, history.time_zone)
    except ValueError:
        raise ConfigError("--as-of takes a date such as 2012-01-01") from None
    if as_of_us > history.extract_at:
        raise ConfigError("--as-of lies after the folder's extract; name an earlier date")
    viewed = ViewedFolder(
        folder.resolve().name, model, history, as_of_us, synthetic=synthetic, top=top
    )
    if not viewed.n_ranked:
        raise ConfigError("no case is open at that moment; name another date")
    return viewed


def _read(column: Coded, row: int) -> str | None:
    code = int(column.codes[row])
    return None if code == MISSING else column.values[code].replace("_", " ")
