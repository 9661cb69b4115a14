"""One more event on record: the ways to add it to a history, and the histories with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue.declarations import (
    DAY_US,
    Catalogue,
    Direction,
    Measure,
    Selector,
    find_state,
)
from features.contract.arrays import NEVER, Float64, Int64
from features.contract.kept_apart import is_kept_apart
from features.contract.tables import (
    RESERVED_KINDS,
    VIEWS,
)
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.in_force import rows_in_force
from features.intake.contract_folder import ContractFolder
from features.intake.integrity import SUPERSEDED_AT
from models.wording.sentences import format_days, format_number

LEAST_FALL: Final = 1e-9
"""Falls up to this, in log-odds or as a share of the priority, are rounding."""
HOUR_US: Final = DAY_US // 24
_MINUTE_US: Final = DAY_US // 1440
_DAYS_BEFORE: Final = (1, 7, 28, 90, 400)
SMALL: Final = 0.5
LARGE: Final = 10.0
_N_VALUES: Final = 4
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Addition:
    """One event added to a history.

    Parameters
    ----------
    kind
        Its kind.
    occurred_at_us, recorded_at_us
        Its moments, microseconds UTC.
    moment
        When it occurred, in words that name no case.
    value
        Its severity; NaN where missing.
    incident
        Identifier of the incident that it is a further view of; ``None`` for a new incident.
    view, actor, target, channel, detail
        As in the data contract.
    """

    kind: str
    occurred_at_us: int
    recorded_at_us: int
    moment: str
    value: float
    incident: str | None = None
    view: str = "recorded"
    actor: str = "subject"
    target: str | None = "victim"
    channel: str | None = None
    detail: str | None = None

    def describe(self) -> str:
        """Return it in words, without anything of the case."""
        value = "no value" if np.isnan(self.value) else f"value {format_number(self.value)}"
        place = "as a new incident"
        if self.incident is not None:
            place = f"as a further view ({self.view}) of an incident on record"
        return f"{self.kind} {self.moment}, {value}, {place}"


def widen_kinds(catalogue: Catalogue, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds, each followed by all kinds below it.

    Raises
    ------
    ConfigError
        If the catalogue has no such kind.
    """
    if unknown := [kind for kind in kinds if kind not in catalogue.kinds]:
        raise ConfigError(
            f"the catalogue {catalogue.name} has no kind {', '.join(unknown)}; "
            "name some of its kinds with --kinds"
        )
    below: dict[str, list[str]] = {}
    for kind in catalogue.kinds.values():
        below.setdefault(kind.parent or "", []).append(kind.name)
    found: list[str] = []
    waiting = list(reversed(kinds))
    while waiting:
        name = waiting.pop()
        found.append(name)
        waiting += reversed(below.get(name, []))
    return tuple(dict.fromkeys(found))


def list_grave_kinds(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the kinds of event that a catalogue declares to be grave, gravest first.

    They are the kinds of its outcomes from the top of the ladder down, of its other outcomes, and
    those counted by its urgent flags, as far as an indicator measures them. The kinds of the
    mildest outcome are left out: it takes in nearly everything. Where nothing is left they are the
    kinds of which the indicators say that more of them raises risk.
    """
    outcomes = {outcome.name: outcome for outcome in catalogue.outcomes}
    climbed = [rung.outcome for rung in reversed(catalogue.priority.ladder) if rung.outcome]
    mildest = _find_tops(catalogue, outcomes[climbed[-1]].of) if climbed else ()
    selectors = [outcomes[name].of for name in dict.fromkeys([*climbed, *outcomes])]
    flagged = [flag.expression for flag in catalogue.flags if flag.urgent]
    selectors += [one.of for one in flagged if one.measure is Measure.COUNT and one.of]
    measured = [one for one in catalogue.indicators if one.expression.of is not None]
    seen = {kind for one in measured if one.expression.of for kind in one.expression.of.kind}
    grave = [kind for one in selectors if one.actor for kind in _find_tops(catalogue, one)]
    found = [kind for kind in grave if kind in seen and kind not in mildest]
    if not found:
        raising = [one for one in measured if one.direction is Direction.RAISES]
        found = [
            kind
            for one in raising or measured
            if one.expression.of
            for kind in _find_tops(catalogue, one.expression.of)
        ]
    return tuple(dict.fromkeys(found))


def _find_tops(catalogue: Catalogue, selector: Selector) -> tuple[str, ...]:
    """Return the kinds of a selector that no other kind of it takes in."""
    kinds = catalogue.kinds
    named = [kind for kind in selector.kind if kind in kinds]
    return tuple(kind for kind in named if kinds[kind].parent not in named)


class Variants(NamedTuple):
    """Cases as they are and with one event added, as cases of one history.

    ``case`` holds the number of each copy in the history; ``base`` the position, in ``case``, of
    the unchanged copy that each is to be held against; ``added`` what was added, ``None`` for the
    unchanged copies.
    """

    history: History
    case: Int64
    base: Int64
    added: tuple[Addition | None, ...]


def vary(
    folder: ContractFolder, cases: Sequence[str], additions: Sequence[Sequence[Addition]]
) -> Variants:
    """Copy each case once unchanged and once for each of its additions.

    The copies go through the same assembly as any record, so that identifiers, ties and incidents
    are settled as they would be had the event been in the folder. Linked cases come with them.
    """
    wanted = pd.Index(cases)
    copies = np.array([1 + len(some) for some in additions], dtype=np.int64)
    first = np.cumsum(copies) - copies
    # No identifier in a folder begins with a blank, so a copy cannot be taken for a case.
    names = np.array([f" {number:08d}" for number in range(int(copies.sum()))], dtype=object)
    added: list[Addition | None] = []
    for some in additions:
        added += [None, *some]

    def copy(frame: pd.DataFrame, column: str = "case_id") -> pd.DataFrame:
        position = wanted.get_indexer(pd.Index(frame[column]))
        rows = np.flatnonzero(position >= 0)
        position = position[rows]
        times = copies[position]
        starts = np.cumsum(times) - times
        number = np.repeat(first[position] - starts, times) + np.arange(int(times.sum()))
        copied = frame.take(np.repeat(rows, times)).reset_index(drop=True)
        copied[column] = pd.Series(names[number], dtype=frame[column].dtype)
        return copied

    held = {name: folder.frame(name) for name in ("cases", "events", "facts", "links")}
    both = [copy(held["links"]), copy(held["links"], "linked_case_id")]
    links = pd.concat(both, ignore_index=True)
    companions = pd.Index(pd.concat([links["case_id"], links["linked_case_id"]])).difference(names)
    beside = {
        name: frame[frame["case_id"].isin(companions)]
        for name, frame in held.items()
        if name in ("cases", "events")
    }
    events = [copy(held["events"]), _added_rows(held["events"], names, added), beside["events"]]
    varied = {
        "cases": pd.concat([copy(held["cases"]), beside["cases"]], ignore_index=True),
        "events": pd.concat(events, ignore_index=True),
        "facts": copy(held["facts"]),
        "links": links,
    }
    history = assemble_history(folder.with_frames(varied))
    return Variants(
        history=history,
        case=pd.Index(history.case_id).get_indexer(pd.Index(names)).astype(np.int64),
        base=np.repeat(first, copies),
        added=tuple(added),
    )


def _added_rows(
    like: pd.DataFrame, names: npt.NDArray[np.object_], added: Sequence[Addition | None]
) -> pd.DataFrame:
    rows = [(name, one) for name, one in zip(names, added, strict=True) if one is not None]
    given: dict[str, list[Any]] = {
        "case_id": [name for name, _ in rows],
        # A blank in front again, so that it is no other event's.
        "event_id": [" added"] * len(rows),
        "occurred_at": [one.occurred_at_us for _, one in rows],
        "recorded_at": [one.recorded_at_us for _, one in rows],
        "incident_id": [one.incident for _, one in rows],
        "handling": ["unit"] * len(rows),
        SUPERSEDED_AT: [NEVER] * len(rows),
    }
    for name in ("kind", "view", "actor", "target", "channel", "value", "detail"):
        given[name] = [getattr(one, name) for _, one in rows]
    nothing = [None] * len(rows)
    return pd.DataFrame(
        {name: pd.Series(given.get(name, nothing), dtype=like[name].dtype) for name in like.columns}
    )


def keep_known(folder: ContractFolder, as_of_us: int) -> ContractFolder:
    """Leave out what cannot count at the moment, so that copies are small."""

    def known(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[rows_in_force(frame, as_of_us)]

    events = known(folder.frame("events"))
    events = events[events["occurred_at"] < as_of_us]
    return folder.with_frames({"events": events, "facts": known(folder.frame("facts"))})


def plan_additions(
    events: pd.DataFrame,
    catalogue: Catalogue,
    kinds: Sequence[str],
    as_of_us: int,
    turn: int,
    random: np.random.Generator,
) -> list[Addition]:
    """Return the additions to one case: every kind at every moment, as a new incident and as a
    further view, the values in turn from case to case.
    """
    occurred = events["occurred_at"].to_numpy(dtype=np.int64)
    recorded = as_of_us - _MINUTE_US
    largest = events["value"].max()
    values = (np.nan, SMALL, float(largest) if pd.notna(largest) else 1.0, LARGE)
    incidents = _incidents_of(events, catalogue)
    moments = [(as_of_us - HOUR_US, "an hour before")]
    moments += [
        (as_of_us - n * DAY_US, f"{n} day{'s' if n > 1 else ''} before") for n in _DAYS_BEFORE
    ]
    if len(occurred):
        first = int(occurred.min()) - DAY_US
        days = format_days((as_of_us - first) / DAY_US)
        moments.append((first, f"before the first event ({days} days before)"))
    found = []
    for k, kind in enumerate(kinds):
        for m, (moment, words) in enumerate(moments):
            value = values[(turn + m + k) % _N_VALUES]
            found.append(Addition(kind, moment, recorded, words, value))
            if incidents:
                at = incidents[int(random.integers(len(incidents)))]
                value = values[(turn + m + k + 1) % _N_VALUES]
                view = other_view(at.view, turn + m)
                found.append(Addition(kind, moment, recorded, words, value, at.incident, view))
        if len(occurred):
            tie = int(occurred[int(random.integers(len(occurred)))])
            value = values[(turn + k + 2) % _N_VALUES]
            found.append(Addition(kind, tie, recorded, same_moment(as_of_us, tie), value))
        if incidents:
            at = incidents[int(random.integers(len(incidents)))]
            value = values[(turn + k + 3) % _N_VALUES]
            words, view = same_moment(as_of_us, at.occurred_at_us), other_view(at.view, turn)
            found.append(
                Addition(kind, at.occurred_at_us, recorded, words, value, at.incident, view)
            )
    return found


class _Incident(NamedTuple):
    incident: str
    view: str
    occurred_at_us: int


def _incidents_of(events: pd.DataFrame, catalogue: Catalogue) -> list[_Incident]:
    """Return what may have a further view: what the subject did, not states and case keeping."""
    states = [
        kind
        for kind in catalogue.kinds
        if find_state(catalogue.kinds, kind, "starts") or find_state(catalogue.kinds, kind, "ends")
    ]
    done = events[
        events["actor"].isin(["subject", "proxy"])
        & ~events["kind"].isin([*states, *RESERVED_KINDS])
        & ~is_kept_apart(events["source"], events["handling"])
    ]
    incident = done["incident_id"].where(done["incident_id"].notna(), done["event_id"])
    return [
        _Incident(str(name), str(view), int(at))
        for name, view, at in zip(incident, done["view"], done["occurred_at"], strict=True)
    ]


def other_view(view: str, turn: int) -> str:
    """Return a view other than the one given; each in turn."""
    others = [name for name in VIEWS if name != view]
    return others[turn % len(others)]


def same_moment(as_of_us: int, moment_us: int) -> str:
    """Say in words that an event falls on the moment of another, and how long ago that is."""
    days = format_days((as_of_us - moment_us) / DAY_US)
    return f"at the very moment of another event ({days} days before)"


def addition_of(variants: Variants, row: int) -> Addition:
    """Return what was added in a row, which must not be an unchanged copy."""
    added = variants.added[row]
    assert added is not None, "an unchanged copy is held against itself"
    return added


def describe_change(before: float, after: float) -> str:
    """Return a value of an indicator before and after the addition."""
    told = ["missing" if np.isnan(value) else f"{value:.6g}" for value in (before, after)]
    return " -> ".join(told)


def are_same(one: Float64, other: Float64) -> Bools:
    """Return where two arrays hold the same value; two missing ones are the same."""
    return np.asarray((one == other) | (np.isnan(one) & np.isnan(other)))
