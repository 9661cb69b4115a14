"""Records planted after a moment, in the ways in which later knowledge comes into histories."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.catalogue.declarations import DAY_US, Catalogue, FactType, Outcome, Selector
from features.contract.arrays import Int64
from features.contract.moments import format_moment
from features.contract.rejects import no_rejects
from features.contract.tables import (
    EVENTS,
    FACTS,
    LINKS,
    RETRACTED,
    TABLES,
    Column,
    Form,
    Table,
)
from features.contract.visibility import may_be_measured
from features.engine.outcomes import horizon_end
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.in_force import rows_in_force
from features.intake.contract_folder import ContractFolder, join_tables
from features.intake.files import Piece
from features.intake.frames import to_rows
from features.intake.normalisation import FILE, ROW, Clock, Normalised, normalise

_HOUR_US: Final = DAY_US // 24
_AFTER_US: Final = (0, 1, _HOUR_US, 12 * _HOUR_US, 30 * DAY_US)
"""How long after the moment a mine is recorded; exactly at it is after it."""
_BEFORE_US: Final = (1, _HOUR_US, 3 * DAY_US, 20 * DAY_US, 80 * DAY_US, 400 * DAY_US)
"""How long before the moment a back-dated mine occurred."""
_PER_CASE: Final = 2
_NAME: Final = "landmine"
_SEED: Final = 41
_TEXT_CONDITIONS: Final = ("kind", "channel", "source", "view", "actor", "target")


class Mine(StrEnum):
    """What is planted."""

    FUTURE = "records of the future"
    BACK_DATED = "back-dated records that came late"
    CORRECTION = "corrections and retractions"
    OUTCOME_DERIVED = "fields derived from the outcome"
    LATE_OUTCOME = "outcomes recorded after the training cut"
    CONTROL = "control: recorded just before"


@dataclass(frozen=True)
class Site:
    """One moment: what is mined and from what.

    ``train_us`` is the latest date whose labels were ripe at ``as_of_us``; ``counting`` are the
    events in force and measured at it.
    """

    folder: ContractFolder
    catalogue: Catalogue
    history: History
    as_of_us: int
    train_us: int
    counting: pd.DataFrame
    random: np.random.Generator

    @property
    def case_id(self) -> npt.NDArray[np.object_]:
        """Identifiers of the cases, in the order of the history."""
        return self.history.case_id

    def after(self, size: int) -> Int64:
        """Return moments at or after the site's, not after the extract."""
        moments = self.as_of_us + np.resize(_AFTER_US, size)
        return np.asarray(np.minimum(moments, self.history.extract_at), dtype=np.int64)

    def before(self, size: int) -> Int64:
        """Return moments before the site's."""
        return np.asarray(self.as_of_us - np.resize(_BEFORE_US, size), dtype=np.int64)


def find_training_date(catalogue: Catalogue, as_of_us: int) -> int:
    """Return the latest whole number of days back at which every outcome is ripe at a moment."""
    # A month as its longest: rather too far back than a window that has not ended.
    days = max(outcome.horizon.days + 31 * outcome.horizon.months for outcome in catalogue.outcomes)
    maturity_us = max(outcome.maturity_us for outcome in catalogue.outcomes)
    return as_of_us - (days + maturity_us // DAY_US + 1) * DAY_US


def choose_site(
    folder: ContractFolder, history: History, catalogue: Catalogue, as_of_us: int
) -> Site:
    """Return the moment with what counts at it, and the training date whose outcomes are ripe."""
    events = folder.frame("events")
    counts = rows_in_force(events, as_of_us) & (events["occurred_at"] < as_of_us)
    return Site(
        folder=folder,
        catalogue=catalogue,
        history=history,
        as_of_us=as_of_us,
        train_us=find_training_date(catalogue, as_of_us),
        counting=events[counts & may_be_measured(events)],
        random=np.random.default_rng(_SEED),
    )


def plant(site: Site, mine: Mine) -> tuple[History, int]:
    """Return the history with mines of one kind, and how many passed the checks."""
    folder, manifest = site.folder, site.folder.manifest
    clock = Clock(manifest.time_zone, manifest.extract_at_us, manifest.earliest_us)
    parts: dict[str, list[Normalised]] = {}
    for name, table in TABLES.items():
        own = folder.frame(name)[list(table.column_names)]
        own[FILE], own[ROW] = "", 0
        parts[name] = [Normalised(to_rows(table, own), no_rejects(), {}, {})]
    for table, frames in _MAKERS[mine](site).items():
        if frames:
            piece = _make_piece(table, frames)
            parts[table.name].append(normalise(table, piece, clock))
    mined = join_tables(manifest, parts, files=False)
    sizes = (mined.events, mined.facts, mined.links), (folder.events, folder.facts, folder.links)
    planted = sum(after.num_rows - before.num_rows for after, before in zip(*sizes, strict=True))
    return assemble_history(mined), planted


_Frames = dict[Table, list[pd.DataFrame]]


def _make_piece(table: Table, frames: list[pd.DataFrame]) -> Piece:
    """Return mines as a file would bring them, under identifiers of their own."""
    frame = pd.concat([f.astype(object) for f in frames], ignore_index=True)
    frame = frame.reindex(columns=list(table.column_names))
    frame[table.id_column] = [f"{_NAME}-{number}" for number in range(1, len(frame) + 1)]
    columns = {column.name: _write_cells(column, frame[column.name]) for column in table.columns}
    return Piece(_NAME, pa.table(columns), np.arange(1, len(frame) + 1, dtype=np.int64))


def _write_cells(column: Column, cells: "pd.Series[Any]") -> pa.Array:
    if column.form in (Form.OCCURRED, Form.RECORDED) and column.required:
        us = cells.to_numpy(dtype="datetime64[us]").astype(np.int64)
        return pa.array(us).cast(pa.timestamp("us", tz="UTC"))
    kind = pa.float64() if column.form is Form.NUMBER else pa.large_string()
    return pa.array(cells.to_numpy(dtype=object), kind, from_pandas=True)


def _redate(rows: pd.DataFrame, occurred_us: Int64, recorded_us: Int64) -> pd.DataFrame:
    """Return copies of events as new records: other moments, an incident of their own."""
    return rows.reset_index(drop=True).assign(
        occurred_at=occurred_us,
        recorded_at=recorded_us,
        occurred_until=None,
        incident_id=None,
        supersedes=None,
    )


def _draw_events(site: Site, size: int) -> pd.DataFrame:
    """Return events of the folder as patterns, every kind as often as any other."""
    events = site.folder.frame("events")
    events = events[may_be_measured(events)]
    if events.empty:
        imagined = pd.concat([_imagine(outcome.of) for outcome in site.catalogue.outcomes])
        return imagined.iloc[np.arange(size) % len(imagined)]
    by_kind = list(events.groupby("kind", sort=True).indices.values())
    chosen = np.empty(size, dtype=np.int64)
    for number, places in enumerate(by_kind):
        turns = np.arange(number, size, len(by_kind))
        chosen[turns] = site.random.choice(places, len(turns))
    return events.iloc[site.random.permutation(chosen)]


def _imagine(selector: Selector) -> pd.DataFrame:
    """Return one event that a selector takes in, where the folder holds none."""
    row: dict[str, Any] = dict.fromkeys(EVENTS.column_names)
    for name in _TEXT_CONDITIONS:
        row[name] = next(iter(getattr(selector, name)), None)
    row["kind"] = row["kind"] or "conduct"
    row["detail"] = next(iter((*selector.detail_in, *selector.detail_prefix)), None)
    row["value"] = selector.value_max if selector.value_min is None else selector.value_min
    return pd.DataFrame([row], dtype=object)


def _meets(events: pd.DataFrame, selector: Selector) -> npt.NDArray[np.bool_]:
    """Return which events of a table a selector takes in."""
    met = may_be_measured(events)
    for name in _TEXT_CONDITIONS:
        wanted = getattr(selector, name)
        if wanted:
            met &= events[name].isin(wanted)
    if selector.detail_in or selector.detail_prefix:
        listed = events["detail"].isin(selector.detail_in)
        if selector.detail_prefix:
            listed |= events["detail"].str.startswith(selector.detail_prefix).fillna(False)
        met &= listed
    if selector.value_min is not None:
        met &= events["value"] >= selector.value_min
    if selector.value_max is not None:
        met &= events["value"] <= selector.value_max
    return met.to_numpy(dtype=np.bool_)


def _draw_outcomes(site: Site, outcome: Outcome, size: int) -> pd.DataFrame:
    """Return events that count towards an outcome, as patterns."""
    places = np.flatnonzero(_meets(site.folder.frame("events"), outcome.of))
    if len(places):
        return site.folder.frame("events").iloc[site.random.choice(places, size)]
    return _imagine(outcome.of).iloc[np.zeros(size, dtype=np.int64)]


def _make_future(site: Site) -> _Frames:
    """Occurred and recorded at or after the moment."""
    cases = np.repeat(site.case_id, _PER_CASE)
    moments = site.after(len(cases))
    drawn = _redate(_draw_events(site, len(cases)), moments, moments)
    return {EVENTS: [drawn.assign(case_id=cases)]}


def _make_back_dated(site: Site) -> _Frames:
    """Occurred before the moment, recorded at or after it; some as another view of a known
    incident.
    """
    cases = np.repeat(site.case_id, _PER_CASE)
    drawn = _draw_events(site, len(cases))
    late = _redate(drawn, site.before(len(cases)), site.after(len(cases))).assign(case_id=cases)
    joined = _draw_counting(site, 1)
    incident = joined["incident_id"].where(joined["incident_id"].notna(), joined["event_id"])
    moments = joined["occurred_at"].to_numpy(dtype=np.int64)
    view = _redate(joined, moments, site.after(len(joined))).assign(
        incident_id=incident.to_numpy(),
        view="account",
        value=np.nan_to_num(joined["value"].to_numpy(dtype=np.float64)) + 7,
    )
    return {EVENTS: [late, view], LINKS: _link_cases(site)}


def _link_cases(site: Site) -> list[pd.DataFrame]:
    """Return links of every tenth case to its neighbour, learnt of at or after the moment, so that
    older events come into view late.
    """
    expressions = [indicator.expression for indicator in site.catalogue.indicators]
    selectors = [s for e in expressions for s in (e.of, e.among, e.since) if s is not None]
    kinds = sorted({kind for selector in selectors for kind in selector.via})
    cases = site.case_id[:-1:10]
    if not kinds or not len(cases):
        return []
    linked = {
        "case_id": cases,
        "linked_case_id": site.case_id[1::10],
        "kind": np.resize(np.array(kinds, dtype=object), len(cases)),
        "recorded_at": site.after(len(cases)),
    }
    return [pd.DataFrame(linked)]


def _draw_counting(site: Site, per_case: int) -> pd.DataFrame:
    """Return up to some events of each case that count at the moment."""
    shuffled = site.counting.sample(frac=1, random_state=_SEED)
    return shuffled.groupby("case_id", sort=False).head(per_case).reset_index(drop=True)


def _make_corrections(site: Site) -> _Frames:
    """Correct one record of each case that counts at the moment, withdraw another, and correct an
    answer.
    """
    drawn = _draw_counting(site, 2)
    second = drawn.duplicated("case_id").to_numpy()
    frames = []
    for rows, withdraws in ((drawn[~second], False), (drawn[second], True)):
        moments = rows["occurred_at"].to_numpy(dtype=np.int64)
        moved = moments if withdraws else moments - 40 * DAY_US
        new = _redate(rows, moved, site.after(len(rows)))
        new = new.assign(supersedes=rows["event_id"].to_numpy())
        if withdraws:
            new = new.assign(kind=RETRACTED)
        else:
            value = np.nan_to_num(rows["value"].to_numpy(dtype=np.float64)) + 5
            new = new.assign(value=value, kind=np.roll(new["kind"].to_numpy(), 1))
        frames.append(new)
    facts = site.folder.frame("facts")
    known = facts[rows_in_force(facts, site.as_of_us)].sample(frac=1, random_state=_SEED)
    known = known.groupby("case_id", sort=False).head(1).reset_index(drop=True)
    answers = known.assign(
        asked="yes",
        value=known["value"].map({"yes": "no", "no": "yes"}).fillna("yes"),
        recorded_at=site.after(len(known)),
        supersedes=known["fact_id"],
    )
    return {EVENTS: frames, FACTS: [answers]}


def _make_outcome_derived(site: Site) -> _Frames:
    """Copy the outcome's own events back in time, and answer every question, in the cases that go
    on to have the outcome; all of it recorded after the moment.
    """
    events, zone = site.folder.frame("events"), site.history.time_zone
    frames: list[pd.DataFrame] = []
    for outcome in site.catalogue.outcomes:
        end = horizon_end(site.as_of_us, outcome.horizon, zone)
        inside = (events["occurred_at"] >= site.as_of_us) & (events["occurred_at"] < end)
        own = events[_meets(events, outcome.of) & inside.to_numpy()]
        own = own.groupby("case_id").head(_PER_CASE)
        frames.append(_redate(own, site.before(len(own)), site.after(len(own))))
    cases = pd.concat(frames)["case_id"].drop_duplicates() if frames else pd.Series(dtype="str")
    answers = {
        FactType.YES_NO: "yes",
        FactType.NUMBER: "9",
        FactType.DATE: format_moment(site.as_of_us - DAY_US, zone)[:10],
    }
    facts = [
        pd.DataFrame({"case_id": cases, "recorded_at": site.after(len(cases))}).assign(
            name=name, asked="yes", value=answers[question.type]
        )
        for name, question in site.catalogue.facts.items()
    ]
    return {EVENTS: frames, FACTS: facts}


def _inside_window(site: Site, outcome: Outcome, size: int) -> Int64:
    """Return moments spread over a training label's window, its first and its last included."""
    end = horizon_end(site.train_us, outcome.horizon, site.history.time_zone)
    return np.resize(np.linspace(site.train_us, end - 1, 7).astype(np.int64), size)


def _make_late_outcomes(site: Site) -> _Frames:
    """Give every case every outcome within the training labels' window, recorded after the cut;
    and end the follow-up of every fourth.
    """
    frames = []
    for outcome in site.catalogue.outcomes:
        size = len(site.case_id)
        moments, late = _inside_window(site, outcome, size), site.after(size)
        rows = _redate(_draw_outcomes(site, outcome, size), moments, late)
        rows = rows.assign(case_id=site.case_id)
        frames.append(rows)
        if outcome.follow_up_ends:
            ends = rows.iloc[::4]
            kinds = np.resize(np.array(outcome.follow_up_ends, dtype=object), len(ends))
            frames.append(ends.assign(kind=kinds))
    return {EVENTS: frames}


def _make_control(site: Site) -> _Frames:
    """Give every case one outcome within the window, recorded one microsecond before the cut."""
    frames = []
    outcomes = site.catalogue.outcomes
    for number, outcome in enumerate(outcomes):
        cases = site.case_id[number :: len(outcomes)]
        if not len(cases):
            continue
        just_before = np.full(len(cases), site.as_of_us - 1, dtype=np.int64)
        moments = _inside_window(site, outcome, len(cases))
        rows = _redate(_draw_outcomes(site, outcome, len(cases)), moments, just_before)
        frames.append(rows.assign(case_id=cases))
    return {EVENTS: frames}


_MAKERS: Final[Mapping[Mine, Callable[[Site], _Frames]]] = {
    Mine.FUTURE: _make_future,
    Mine.BACK_DATED: _make_back_dated,
    Mine.CORRECTION: _make_corrections,
    Mine.OUTCOME_DERIVED: _make_outcome_derived,
    Mine.LATE_OUTCOME: _make_late_outcomes,
    Mine.CONTROL: _make_control,
}
