"""Random histories on which a catalogue is tried without any real case."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from features.catalogue.declarations import (
    DAY_US,
    Catalogue,
    Indicator,
    Selector,
    find_state,
)
from features.contract.arrays import NEVER
from features.contract.manifest import Manifest
from features.contract.moments import parse_date
from features.contract.rejects import join_rejects
from features.contract.tables import (
    ACTORS,
    CASES,
    EVENTS,
    FACTS,
    LINKS,
    PEOPLE,
    TABLES,
    Table,
)
from features.intake.contract_folder import ContractFolder
from features.intake.frames import empty_rows, to_frame, to_rows
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY
from models.wording.sentences import format_days
from training.checks.additions import HOUR_US, LARGE, SMALL, Addition, other_view, same_moment

RANDOM_AS_OF: Final = "2026-01-01"
RANDOM_ZONE: Final = "UTC"


class RandomHistories:
    """Random histories around an indicator, and random additions to them."""

    def __init__(
        self,
        catalogue: Catalogue,
        kinds: Sequence[str],
        as_of_us: int,
        random: np.random.Generator,
    ) -> None:
        self.catalogue = catalogue
        self.kinds = tuple(kinds)
        self.as_of_us = as_of_us
        self.random = random
        self.pools = {entry.name: self._pool(entry) for entry in catalogue.indicators}

    def _pool(self, focus: Indicator) -> tuple[str, ...]:
        """Return the kinds that can move an indicator."""
        expression = focus.expression
        found: list[str] = []
        for selector in _selectors(focus):
            found += selector.kind or self.catalogue.kinds
        states = {expression.while_state, expression.state} - {None}
        for kind in self.catalogue.kinds:
            edges = {find_state(self.catalogue.kinds, kind, edge) for edge in ("starts", "ends")}
            if edges & states:
                # States are rare among the kinds and without them nothing happens in one.
                found += [kind] * (1 + len(found) // 6)
        return tuple(found) or tuple(self.catalogue.kinds)

    def make_folder(self, focuses: Sequence[Indicator]) -> ContractFolder:
        """Return a folder with one random history for each indicator given."""
        rows = [row for n, focus in enumerate(focuses) for row in self._history(f"h{n:06d}", focus)]
        names = [f"h{n:06d}" for n in range(len(focuses))]
        started = parse_date("2015-01-01", RANDOM_ZONE)
        tables = {
            "cases": _make_table(
                CASES, {"case_id": names, "recorded_at": [started] * len(names)}, len(names)
            ),
            "events": _make_table(
                EVENTS,
                {
                    name: [row.get(name) for row in rows]
                    for name in (*EVENTS.column_names, SUPERSEDED_AT)
                },
                len(rows),
            ),
            **{table.name: _make_table(table, {}, 0) for table in (FACTS, LINKS, PEOPLE)},
        }
        return ContractFolder(
            manifest=Manifest(RANDOM_ZONE, self.as_of_us, synthetic=True),
            **{name: to_rows(TABLES[name], frame) for name, frame in tables.items()},
            rejects=join_rejects([]),
            repeats=0,
            conflicts=0,
            warnings={},
        )

    def _history(self, case: str, focus: Indicator) -> Iterator[Mapping[str, Any]]:
        incidents: list[tuple[str, str]] = []
        moments: list[int] = []
        # A few kinds of the many, so that the same ones meet often.
        pool = self.random.choice(np.array(self.pools[focus.name]), 6).tolist()
        for number in range(int(self.random.integers(1, 11))):
            kind = self._pick(pool if self._happens(0.75) else self.kinds)
            row = self._draw_event(focus, kind)
            if moments and self._happens(0.15):
                row["occurred_at"] = self._pick(moments)
            name, view = f"e{number:02d}", "recorded"
            if incidents and self._happens(0.25):
                row["incident_id"], other = self._pick(incidents)
                view = other_view(other, number)
            moments.append(row["occurred_at"])
            incidents.append((row.get("incident_id") or name, view))
            recorded = min(row["occurred_at"] + HOUR_US, self.as_of_us - 1)
            yield row | {
                "case_id": case,
                "event_id": name,
                "kind": kind,
                "view": view,
                "recorded_at": recorded,
                "handling": "unit",
                SUPERSEDED_AT: NEVER,
            }

    def draw_addition(self, focus: Indicator, events: pd.DataFrame, kind: str) -> Addition:
        """Return one event to add to a history."""
        row = self._draw_event(focus, kind)
        at, words = row["occurred_at"], ""
        other = events.iloc[int(self.random.integers(len(events)))]
        if self._happens(0.2):
            at = int(other["occurred_at"])
            words = same_moment(self.as_of_us, at)
        elif self._happens(0.2):
            at = int(events["occurred_at"].min()) - DAY_US
            words = "a day before the first event"
        incident, view = None, "recorded"
        if self._happens(0.5):
            named = other["incident_id"]
            incident = str(other["event_id"] if pd.isna(named) else named)
            view = other_view(str(other["view"]), int(self.random.integers(2)))
        return Addition(
            kind=kind,
            occurred_at_us=at,
            recorded_at_us=at if self._happens(0.5) else self.as_of_us - 1,
            moment=words or f"{format_days((self.as_of_us - at) / DAY_US)} days before",
            value=row["value"],
            incident=incident,
            view=view,
            **{name: row[name] for name in ("actor", "target", "channel", "detail")},
        )

    def _draw_event(self, focus: Indicator, kind: str) -> dict[str, Any]:
        days = 10.0 ** self.random.uniform(-1.0, 2.9)
        selector = self._pick(_selectors(focus) or [Selector()])
        values = [np.nan, SMALL, 1.0, 3.0, 5.0, LARGE, selector.value_min, selector.value_max]
        starts = [selector.detail_prefix] if selector.detail_prefix else []
        state = any(find_state(self.catalogue.kinds, kind, edge) for edge in ("starts", "ends"))
        return {
            "occurred_at": self.as_of_us - int(days * DAY_US),
            "actor": self._pick((selector.actor if self._happens(0.8) else ACTORS) or ("subject",)),
            "target": self._pick((*selector.target, "victim", "child", "other", None)),
            "channel": self._pick((*selector.channel, "phone", "email", None)),
            # A state ends under the detail that it began under.
            "detail": None
            if state
            else self._pick((*selector.detail_in, *starts, "first", "second", None)),
            "value": self._pick([value for value in values if value is not None]),
        }

    def _happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _pick(self, among: Sequence[Any]) -> Any:
        return among[int(self.random.integers(len(among)))]


def _selectors(indicator: Indicator) -> list[Selector]:
    expression = indicator.expression
    return [s for s in (expression.of, expression.among, expression.since) if s is not None]


def _make_table(table: Table, given: Mapping[str, Sequence[Any]], size: int) -> pd.DataFrame:
    like = to_frame(table, empty_rows(table))
    if table.supersedes:
        like[SUPERSEDED_AT] = pd.Series([], dtype="int64")
        like[SUPERSEDED_BY] = pd.Series([], dtype="str")
    nothing = [None] * size
    return pd.DataFrame(
        {name: pd.Series(given.get(name, nothing), dtype=like[name].dtype) for name in like.columns}
    )
