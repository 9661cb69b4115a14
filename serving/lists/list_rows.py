"""The rows of a list: what a snapshot keeps of a case, and a row as it is told later."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, select

from features.catalogue.declarations import DAY_US, Catalogue
from features.contract.moments import format_moment
from models.bundle.folder import Bundle
from models.ranking.advice import Advice, ThemeReason
from models.ranking.questions import NOT_ASKED
from models.ranking.themes import list_first
from serving.flags.flags import StandingFlag, standing_flags
from serving.lists.blind_review import Seat
from serving.store.database import Unit
from serving.store.schema import standings

NEW_FOR_DAYS: Final = 28
"""A case that arrived within so many days and was never decided is newly referred; the headline
figures of the training report are on the same cases (design section 8)."""
MOST_REASONS: Final = 3
MOST_UNKNOWNS: Final = 6
_CHUNK: Final = 1_000

Advise = Callable[[Connection, Bundle, Sequence[str], Unit], Mapping[str, Advice]]
"""Tells stored scores' advice by case key: ``serving.scoring.stored_advice.advise_scores``."""


@dataclass(frozen=True)
class Snapshot:
    """What a list keeps of one case.

    Parameters
    ----------
    newly_referred
        Whether it arrived lately and was never decided.
    waiting_since_us
        Since when it waited.
    score_key
        The score it was placed by.
    shown
        Everything that the row shows, in plain values, but the case's identifier, which can be
        erased.
    """

    newly_referred: bool
    waiting_since_us: int
    score_key: str | None
    shown: dict[str, Any]


def read_flags(
    connection: Connection, case_keys: Sequence[str], catalogue: Catalogue | None, unit: Unit
) -> dict[str, list[dict[str, Any]]]:
    """Return each case's open flags with their records: urgent ones first, then the oldest."""
    worded = {flag.name: flag.wording for flag in catalogue.flags} if catalogue else {}
    found: dict[str, list[StandingFlag]] = {}
    for start in range(0, len(case_keys), _CHUNK):
        found |= standing_flags(connection, case_keys[start : start + _CHUNK])
    return {
        case_key: [
            {
                "name": one.flag,
                "urgent": one.urgent,
                "wording": worded.get(one.flag, one.flag.replace("_", " ")),
                "records": list(one.record_ids),
                "raised_at": format_moment(one.raised_at_us, unit.time_zone),
                "record_corrected": one.record_corrected,
                "correction_pending": one.correction_pending,
            }
            for one in flags
        ]
        for case_key, flags in found.items()
    }


@dataclass(frozen=True)
class SnapshotMoment:
    """When a list is made, and what its rows are told against.

    Parameters
    ----------
    now_us
        The sitting's moment, microseconds UTC.
    last_us
        When the sitting before was opened; ``None`` at the first.
    """

    now_us: int
    last_us: int | None


def take_snapshots(
    connection: Connection,
    seats: Sequence[Seat],
    moment: SnapshotMoment,
    unit: Unit,
    bundle: Bundle | None,
    advise: Advise,
) -> dict[str, Snapshot]:
    """Return the snapshot of every case on a list, by key."""
    keys = [one.place.candidate.key for one in seats]
    found = _read_standings(connection, keys)
    flags = read_flags(connection, keys, bundle.catalogue if bundle else None, unit)
    placed_by = [row.score_key for row in found.values() if row.score_key is not None]
    # Scores of an earlier model stand without reasons until the case is scored again.
    advices = advise(connection, bundle, placed_by, unit) if bundle and placed_by else {}
    labels = {one.name: one.label for one in bundle.catalogue.outcomes} if bundle else {}
    return {
        key: Snapshot(
            newly_referred=is_new(row.arrived_at_us, row.version, moment.now_us),
            waiting_since_us=int(row.waiting_since_us),
            score_key=row.score_key,
            shown=_describe(row, moment, unit)
            | {"flags": flags.get(key, [])}
            | _describe_advice(advices.get(key), labels),
        )
        for key, row in found.items()
    }


def is_new(arrived_at_us: int, version: int, now_us: int) -> bool:
    """Return whether a case is newly referred: arrived lately, and never decided."""
    return version == 0 and arrived_at_us > now_us - NEW_FOR_DAYS * DAY_US


def _read_standings(connection: Connection, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        query = select(standings).where(standings.c.case_key.in_(chunk))
        found |= {row.case_key: row for row in connection.execute(query)}
    return {key: found[key] for key in keys}


def _describe(row: Any, moment: SnapshotMoment, unit: Unit) -> dict[str, Any]:
    zone, now_us = unit.time_zone, moment.now_us
    since = int(row.waiting_since_us)
    return {
        "area": row.area,
        "source": row.referral_source,
        "state": row.state,
        "returned_for": row.returned_for,
        "newly_referred": is_new(row.arrived_at_us, row.version, now_us),
        "new_since_last": moment.last_us is not None and since > moment.last_us,
        "waiting_since": format_moment(since, zone),
        "waiting_days": max(now_us - since, 0) // DAY_US,
        "first_read_due": format_moment(row.first_read_due_us, zone),
        "first_read_at": None
        if row.first_read_at_us is None
        else format_moment(row.first_read_at_us, zone),
        "family": row.family,
        "priority": row.priority,
        "scored_as_of": None
        if row.scored_as_of_us is None
        else format_moment(row.scored_as_of_us, zone),
        "score_is_behind": row.score_key is not None and row.record_seq > row.known_seq,
    }


def _describe_advice(advice: Advice | None, labels: Mapping[str, str]) -> dict[str, Any]:
    if advice is None:
        return dict(_NO_ADVICE)
    told = asdict(advice)
    return {
        "leading_outcome": advice.leading_outcome or None,
        "leading_label": labels.get(advice.leading_outcome),
        "estimates": list(told["estimates"]),
        "reasons": [_plain(reason) for reason in told["reasons"][:MOST_REASONS]],
        "n_reasons": len(advice.reasons),
        "counter_reasons": [_plain(reason) for reason in told["counter_reasons"]],
        "marks": list(advice.marks),
        "unknown": next((one.sentence for one in advice.unknowns), None),
        "unknowns": [one.sentence for one in advice.unknowns[:MOST_UNKNOWNS]],
        "ask_first": next(
            (one.sentence for one in advice.questions if one.state == NOT_ASKED), None
        ),
        "themes": [_shorten(theme) for theme in list_first(advice.themes)],
        "questions": [_plain(question) for question in told["questions"]],
        "without_estimate": list(advice.without_estimate),
    }


def _shorten(theme: ThemeReason) -> dict[str, Any]:
    """Return a theme as a row keeps it: without its single indicators, which the case page has."""
    return _plain(asdict(replace(theme, members=()))) | {"notes": list(theme.notes), "members": []}


def _plain(reason: dict[str, Any]) -> dict[str, Any]:
    return reason | {"records": list(reason["records"])}


_NO_ADVICE: Final[dict[str, Any]] = {
    "leading_outcome": None,
    "leading_label": None,
    "estimates": [],
    "reasons": [],
    "n_reasons": None,
    "counter_reasons": [],
    "marks": [],
    "unknown": None,
    "unknowns": [],
    "ask_first": None,
    "themes": [],
    "questions": [],
    "without_estimate": [],
}
