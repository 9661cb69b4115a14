"""A year of weeks on the real store: nobody waits unseen where arrivals fit, and where they do not
the list says what happens.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pytest
from sqlalchemy import Connection, func, insert, select

from features.contract.moments import to_datetime
from serving.lists.sitting_opening import Terms
from serving.lists.sittings import Sitting
from serving.standing.standings import refresh_standings
from serving.store.database import Store, Writing, make_key
from serving.store.schema import (
    case_keys,
    cases,
    decisions,
    discharges,
    flag_raisings,
    scores,
    standings,
)
from serving.worker.worker import find_reviews_due
from tests.test_serving.case_rows import ANNE, DAY_US, open_list, read_places, score_row

pytestmark = pytest.mark.long

WEEK_US = 7 * DAY_US
MOST_WAIT_DAYS: Final = 28
"""The wait that is set: within it everybody is on a list, whatever the score."""


@dataclass
class Year:
    """A unit that meets every week and decides every case on its list.

    Parameters
    ----------
    store, clock
        The real store, and what time it is.
    source
        The only source of chance.
    flagged_share, review_share
        Share of arrivals with a flag, and of decisions whose review is due in eight weeks.
    """

    store: Store
    clock: Any
    source: np.random.Generator
    terms: Terms = field(default_factory=Terms)
    flagged_share: float = 0.0
    review_share: float = 0.0

    def arrive(self, size: int, n_low: int = 0) -> list[str]:
        """Let cases arrive in the week to come, scored as they do, and let the week pass.

        The first ``n_low`` have the lowest priority. Returns all keys, by arrival.
        """
        begun_us = self.clock.now_us
        self.clock.pass_days(7)
        moments = begun_us + np.sort(self.source.integers(1, WEEK_US, size))
        keys = [make_key() for _ in range(size)]
        with self.store.writing() as writing:
            seq = writing.take_seq(3 * size)
            connection = writing.connection
            for number, (key, moment) in enumerate(zip(keys, moments, strict=True)):
                known = {"case_key": key, "stored_seq": seq + number}
                connection.execute(
                    insert(case_keys).values(
                        case_id=f"SYN-{key}", retention_class="standard", **known
                    )
                )
                connection.execute(insert(cases).values(recorded_at=int(moment), **known))
                drawn = -1.0 if number < n_low else float(self.source.random())
                row = {"score_key": make_key(), "case_key": key, "priority": drawn}
                row["arrived_at_us"] = int(moment)
                connection.execute(insert(scores).values(score_row(row, seq + size + number)))
                if self.source.random() < self.flagged_share:
                    self._raise_flag(connection, key, int(moment), seq + 2 * size + number)
            refresh_standings(writing, [*keys, *find_reviews_due(connection, self.clock.now_us)])
        return keys

    def _raise_flag(self, connection: Connection, key: str, moment: int, seq: int) -> None:
        connection.execute(
            insert(flag_raisings).values(
                raising_key=make_key(),
                case_key=key,
                flag="threat",
                urgent=False,
                record_id="E1",
                raised_at_us=moment,
                stored_seq=seq,
            )
        )

    def meet(self) -> tuple[Sitting, list[Any]]:
        """Open a sitting, decide every case on its list, and return both."""
        sitting = open_list(self.store, self.terms).sitting
        places = read_places(self.store, sitting.key)
        with self.store.writing() as writing:
            for place in places:
                self._decide(writing, sitting, place.case_key)
            refresh_standings(writing, [place.case_key for place in places])
        return sitting, places

    def _decide(self, writing: Writing, sitting: Sitting, key: str) -> None:
        connection, seq = writing.connection, writing.take_seq()
        decision = make_key()
        version = select(func.count()).where(decisions.c.case_key == key).scalar_subquery()
        weeks = 8 if self.source.random() < self.review_share else 500
        connection.execute(
            insert(decisions).values(
                decision_key=decision,
                case_key=key,
                version=version + 1,
                sitting_key=sitting.key,
                seen_seq=seq,
                decided_at_us=writing.now_us,
                owner="SYN Owner",
                review_on=to_datetime(writing.now_us + weeks * WEEK_US, "Europe/London")
                .date()
                .isoformat(),
                routes={},
                stored_seq=seq,
                **ANNE.columns(),
            )
        )
        raised = select(flag_raisings.c.raising_key).where(flag_raisings.c.case_key == key)
        done = select(discharges.c.raising_key)
        for one in connection.execute(raised.where(flag_raisings.c.raising_key.not_in(done))):
            connection.execute(
                insert(discharges).values(
                    raising_key=one.raising_key, decision_key=decision, stored_seq=seq
                )
            )

    def waits(self) -> list[int]:
        """Return since when each case waits that is in the queue now."""
        query = select(standings.c.waiting_since_us).where(
            standings.c.state.in_(("awaiting", "returned"))
        )
        with self.store.reading() as connection:
            return list(connection.execute(query).scalars())


def test_within_capacity_nobody_waits_unseen(store: Store, clock: Any) -> None:
    """In a year of weeks with arrivals within capacity, some flagged and some coming back, every
    case is on a list within 28 days of beginning to wait.
    """
    year = Year(store, clock, np.random.default_rng(2018), flagged_share=0.1, review_share=0.2)
    seen, came_back = 0, 0
    for _ in range(52 if store.is_sqlite else 12):
        year.arrive(int(year.source.poisson(21)))
        sitting, places = year.meet()
        assert sitting.standing["waits"]["longest_days"] <= MOST_WAIT_DAYS
        assert all(clock.now_us - since <= (MOST_WAIT_DAYS - 7) * DAY_US for since in year.waits())
        seen += len(places)
        came_back += sum(place.shown["state"] == "returned" for place in places)
    with store.reading() as connection:
        n_cases = connection.execute(select(func.count()).select_from(cases)).scalar_one()
    assert seen - came_back == n_cases - len(year.waits())
    assert came_back > 0


def test_above_capacity_the_told_numbers_happen(store: Store, clock: Any) -> None:
    """With 45 arriving and 30 places the told growth, queue and longest wait are the real ones,
    and cases that nothing moves up are listed within the bounds told when they arrived.
    """
    year = Year(store, clock, np.random.default_rng(7))
    told: list[dict[str, Any]] = []
    tagged: dict[str, int] = {}
    placed: dict[str, tuple[int, str]] = {}
    for week in range(40 if store.is_sqlite else 10):
        tagged[year.arrive(45, n_low=1)[0]] = week
        waits = year.waits()
        sitting, places = year.meet()
        told.append(dict(sitting.standing["waits"]))
        placed |= {place.case_key: (week, place.rule) for place in places}
        assert told[-1]["n_waiting"] == len(waits)
        assert told[-1]["longest_days"] == (clock.now_us - min(waits)) // DAY_US
    queue = [one["n_waiting"] for one in told]
    assert {after - before for before, after in itertools.pairwise(queue)} == {15}
    for one in told[9:]:
        assert (one["growth_per_week"], one["fits"]) == (15, False)
        assert one["words"][2] == (
            "With 45 arriving a week and 30 places the queue grows by 15 a week."
        )
    waited = [key for key in tagged if key in placed and placed[key][1] == "waited"]
    assert waited
    for key in waited:
        arrived = tagged[key]
        if arrived == 0:
            continue
        bounds = told[arrived - 1]
        weeks = placed[key][0] - arrived + 1
        assert bounds["weeks_at_least"] <= weeks <= bounds["weeks_at_most"]
    assert {rule for _, rule in placed.values()} == {"random", "waited", "priority"}
