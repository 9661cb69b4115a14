"""Incidents that matter: the score with and without them, by the real engine (design section 7).

What a set of incidents is worth is the served log-odds of the history that holds them, the case's
answers and no other incident. Eight are chosen forward: each time the one that brings the score
most, so that of many that say the same some are named and not all are near zero. Every one of the
256 sets of the eight is then measured, so that their shares are exact and add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.contract.arrays import Float64
from features.engine.measurement import measure
from features.evidence.records_behind import CaseMoment
from features.history.columns import History
from features.history.subsets import keep_events
from models.bundle.folder import Bundle
from models.explanations.incident_groups import CaseUnits, IncidentGroup, find_units
from models.explanations.shapley import Bools, list_subsets, share_out
from models.wording.sentences import CLEAR, say

MOST_UNITS: Final = 8
"""256 sets; one more doubles them."""
MOST_CANDIDATES: Final = 24
"""The eight are chosen among so many: those whose effect alone or left out stands out most."""
MAINLY: Final = 0.8
"""The records on which a score mainly rests make up this share of what the eight add; own
judgement."""
HALF: Final = 0.5
"""Where the eight add less than this share of what all incidents do, they are some among many."""
LEAST_GAIN: Final = CLEAR
"""Log-odds; where the eight together did not move the score clearly, it rests on none of them."""


@dataclass(frozen=True)
class IncidentShare:
    """What one incident adds to the served log-odds of one outcome.

    Parameters
    ----------
    unit
        The incident.
    share
        Its exact Shapley value among the eight.
    alone
        What it adds where no other incident is on record.
    left_out
        What the score loses where it alone is left out. Near zero where another says the same.
    rests_on
        Whether the score mainly rests on it.
    """

    unit: IncidentGroup
    share: float
    alone: float
    left_out: float
    rests_on: bool


@dataclass(frozen=True)
class IncidentReasons:
    """The incidents behind one outcome's score.

    ``answers + sum of shares + others`` is ``log_odds``, to 1e-9; so is ``answers + sum of the
    shares shown + pattern + others``.

    Parameters
    ----------
    outcome
        The outcome.
    log_odds
        As served.
    answers
        Log-odds with no incident on record, from the case's answers and silence alone.
    others
        What all further incidents add to the answers and the eight.
    shares
        The eight, largest share first.
    n_units
        How many incidents there are.
    """

    outcome: str
    log_odds: float
    answers: float
    others: float
    shares: tuple[IncidentShare, ...]
    n_units: int

    @property
    def shown(self) -> tuple[IncidentShare, ...]:
        """Those named one by one: they moved the score up."""
        return tuple(share for share in self.shares if share.share > 0)

    @property
    def pattern(self) -> float:
        """What the others of the eight add together, never above 0.

        An incident that lowers a score does so by what it makes of the course of things (it closes
        a gap, it ages a count); it is described as the pattern over time, never by itself.
        """
        return float(sum(share.share for share in self.shares if share.share <= 0))

    @property
    def rests_on(self) -> tuple[IncidentShare, ...]:
        """Those on which the score mainly rests."""
        return tuple(share for share in self.shares if share.rests_on)

    @property
    def sentence(self) -> str:
        """What is said of them as a whole."""
        if not self.n_units:
            return say("no_incidents")
        if not self.rests_on:
            return say("rests_on_none")
        ours, whole = sum(share.share for share in self.shares), self.log_odds - self.answers
        return say("rests_mainly" if ours >= HALF * whole else "rests_among_many")


def explain_incidents(
    bundle: Bundle,
    history: History,
    case: int,
    as_of_us: int,
    outcomes: Sequence[str] | None = None,
) -> tuple[IncidentReasons, ...]:
    """Return the incidents behind the scores of one case.

    Parameters
    ----------
    bundle, history, case, as_of_us
        The model, and the case by its number in the history at a moment in microseconds UTC.
    outcomes
        Names; all modelled ones where ``None``.

    Returns
    -------
    tuple of IncidentReasons
        One for each outcome, in the order of the names.

    Raises
    ------
    KeyError
        If an outcome has no model.
    """
    names = tuple(bundle.outcomes if outcomes is None else outcomes)
    found = find_units(CaseMoment(history, bundle.catalogue, case, as_of_us, bundle.rules))
    lattice = _Lattice(bundle, history, case, as_of_us, found)
    n_units = len(found.units)
    first = lattice.worth(_first_sets(n_units), names)
    chosen = _choose_forward(lattice, first, n_units)
    sets = [_all_sets(chosen[name], n_units) for name in names]
    worth = lattice.worth_each(sets, names)
    return tuple(
        _reasons(name, found, chosen[name], first[name], worth[n]) for n, name in enumerate(names)
    )


@dataclass(frozen=True)
class _Lattice:
    """What sets of units are worth."""

    bundle: Bundle
    history: History
    case: int
    as_of_us: int
    found: CaseUnits

    def worth(self, sets: Bools, outcomes: Sequence[str]) -> dict[str, Float64]:
        """Return each outcome's served log-odds of every set, shape ``(n_sets,)``."""
        x = self._measure(sets)
        return {name: self.bundle.outcomes[name].log_odds(x) for name in outcomes}

    def worth_each(self, sets: Sequence[Bools], outcomes: Sequence[str]) -> list[Float64]:
        """Return the worth of the sets that belong to each outcome, measured together."""
        if not sets:
            return []
        x = self._measure(np.concatenate(sets))
        parts = np.split(x, np.cumsum([len(some) for some in sets])[:-1])
        return [
            self.bundle.outcomes[name].log_odds(part)
            for name, part in zip(outcomes, parts, strict=True)
        ]

    def _measure(self, sets: Bools) -> Float64:
        """Return the model matrix of the history with each set."""
        rows = self.history.events_of(self.case)
        kept = np.zeros((len(sets), rows.stop - rows.start), dtype=np.bool_)
        for unit, places in enumerate(self.found.rows):
            kept[:, places] = sets[:, [unit]]
        variants = keep_events(self.history, self.case, kept)
        values = measure(variants, self.bundle.plan, self.as_of_us, threads=1).values
        return self.bundle.encoding.encode(values)


def _first_sets(n_units: int) -> Bools:
    """Return the sets: none, all, each alone, each left out."""
    each = np.eye(n_units, dtype=np.bool_)
    ends = np.array([[False], [True]]).repeat(n_units, axis=1)
    return np.concatenate([ends, each, ~each])


def _effects(first: Float64) -> tuple[Float64, Float64]:
    """Return what each unit adds alone, and what is lost where it is left out."""
    n_units = (len(first) - 2) // 2
    return first[2 : 2 + n_units] - first[0], first[1] - first[2 + n_units :]


def _candidates(first: Float64) -> list[int]:
    """Return the units whose effect stands out most.

    One that others say as well loses nothing where it is left out, and adds alone; one that only
    completes a pattern does the reverse. The larger of the two counts. What any incident adds
    alone, the median of all, is no mark of this one.
    """
    alone, left_out = _effects(first)
    if not len(alone):
        return []
    size = np.maximum(np.abs(alone - np.median(alone)), np.abs(left_out))
    return [int(unit) for unit in np.argsort(-size, kind="stable")[:MOST_CANDIDATES]]


def _choose_forward(
    lattice: _Lattice, first: Mapping[str, Float64], n_units: int
) -> dict[str, list[int]]:
    """Return for each outcome the units that, one after the other, bring the score most."""
    names = list(first) if n_units else []
    candidates = {name: _candidates(first[name]) for name in names}
    # What each brings alone was measured before: the first is chosen from that.
    chosen = {
        name: [units[int(first[name][2:][units].argmax())]] for name, units in candidates.items()
    }
    for _ in range(min(MOST_UNITS, n_units) - 1):
        left = {name: [u for u in candidates[name] if u not in chosen[name]] for name in names}
        sets = [_joined(chosen[name], left[name], n_units) for name in names]
        for name, worth in zip(names, lattice.worth_each(sets, names), strict=True):
            chosen[name].append(left[name][int(worth.argmax())])
    return {name: sorted(chosen.get(name, [])) for name in first}


def _joined(chosen: list[int], left: list[int], n_units: int) -> Bools:
    """Return the chosen units with each of those that are left."""
    sets = np.zeros((len(left), n_units), dtype=np.bool_)
    sets[:, chosen] = True
    sets[np.arange(len(left)), left] = True
    return sets


def _all_sets(chosen: list[int], n_units: int) -> Bools:
    """Return every set of the chosen units, without any other."""
    subsets = list_subsets(len(chosen))
    sets = np.zeros((len(subsets), n_units), dtype=np.bool_)
    sets[:, chosen] = subsets
    return sets


def _reasons(
    outcome: str, found: CaseUnits, chosen: list[int], first: Float64, worth: Float64
) -> IncidentReasons:
    shares = share_out(worth)
    alone, left_out = _effects(first)
    mainly = find_mainstays(worth)
    # None with a larger share than one of these is left out.
    least = max(min((float(shares[player]) for player in mainly), default=np.inf), 0.0)
    named = [
        IncidentShare(
            unit=found.units[unit],
            share=float(shares[player]),
            alone=float(alone[unit]),
            left_out=float(left_out[unit]),
            rests_on=bool(mainly and shares[player] >= least and shares[player] > 0),
        )
        for player, unit in enumerate(chosen)
    ]
    return IncidentReasons(
        outcome=outcome,
        log_odds=float(first[1]),
        answers=float(first[0]),
        others=float(first[1] - worth[-1]),
        shares=tuple(sorted(named, key=lambda share: -share.share)),
        n_units=len(found.units),
    )


def find_mainstays(worth: Float64) -> frozenset[int]:
    """Return the players on which the whole mainly rests.

    Forward, the player that adds most joins until the set is worth ``MAINLY`` of the whole;
    backward, the one that is missed least leaves as long as the rest still is. Of two that say the
    same either selection keeps one and they need not keep the same, so both are returned together.

    Parameters
    ----------
    worth
        Shape ``(2 ** n_players,)``, as in :func:`models.explanations.shapley.list_subsets`.

    Returns
    -------
    frozenset of int
        Numbers of the players.
    """
    whole = len(worth) - 1
    gain = float(worth[-1] - worth[0])
    if gain < LEAST_GAIN:
        return frozenset()
    enough = worth[0] + MAINLY * gain
    players = range(whole.bit_length())
    forward = 0
    while worth[forward] < enough:
        joining = [forward | 1 << p for p in players if not forward >> p & 1]
        forward = max(joining, key=lambda code: float(worth[code]))
    backward = whole
    while True:
        leaving = [backward & ~(1 << p) for p in players if backward >> p & 1]
        best = max(leaving, key=lambda code: float(worth[code]), default=backward)
        if best == backward or worth[best] < enough:
            break
        backward = best
    return frozenset(p for p in players if (forward | backward) >> p & 1)
