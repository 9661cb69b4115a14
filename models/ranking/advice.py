"""What a score says to a person: estimates, reasons, unknowns, flags and a place in the order.

Advice opens, closes, downgrades or allocates nothing (promise 1); a named person decides.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One indicator that moved the leading outcome's score, with the records behind its value.

    Parameters
    ----------
    outcome
        The outcome whose score it moved.
    indicator, family
        Column of the catalogue and the family it belongs to.
    sentence
        The value in words.
    value
        The indicator's value; ``None`` where there is none on record.
    contribution
        Exact share of the served log-odds, after calibration.
    pushes
        Whether it moved the score ``up`` or ``down``.
    records
        Keys of the records that made the value, in time order.
    usual, usual_low, usual_high
        What is usual among comparable cases, the training cases, in words (empty where nothing is
        known) and as the ends of the range that holds nine in ten of them, inclusive.
    """

    outcome: str
    indicator: str
    family: str
    sentence: str
    value: float | None
    contribution: float
    pushes: str
    records: tuple[str, ...]
    usual: str = ""
    usual_low: float | None = None
    usual_high: float | None = None


@dataclass(frozen=True)
class Unknown:
    """Something the file does not say; unknown is not no (promise 6)."""

    indicator: str
    sentence: str
    key_question: bool


@dataclass(frozen=True)
class Estimate:
    """A calibrated probability of one outcome, beside the average among comparable cases.

    ``probability`` equals ``1 / (1 + exp(-log_odds))``; ``log_odds`` is ``base_log_odds`` plus the
    sum of all contributions. Outcomes are served uncoupled; only the priority makes the ladder
    coherent.

    ``low`` and ``high`` are doubt about the average of cases with such a score, not about this
    case, and hold ``probability``; ``None`` where the bundle holds no interval.
    """

    outcome: str
    label: str
    horizon: str
    probability: float
    average: float
    base_log_odds: float
    log_odds: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RaisedFlag:
    """A rule that holds for the case whatever its score."""

    name: str
    urgent: bool
    wording: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """What is said about one case at one moment.

    Parameters
    ----------
    case_id, area
        The case.
    as_of_us
        Moment of the score, microseconds UTC; only what was recorded before it is used.
    rank, n_ranked
        Place from 1 in the order of priority among ``n_ranked`` cases.
    priority, priority_as_recorded
        Expected harm over the horizon; the first is the larger of the second and the same with
        custody ended.
    estimates
        One for each outcome that has a model.
    leading_outcome
        The outcome that adds most to the priority; reasons are of it. Empty where no outcome has a
        model and the order is the rule's.
    reasons
        Up to five that moved the score up, largest first.
    counter_reasons
        Up to two that moved it down.
    unknowns
        What the file does not say, key questions first.
    flags
        Urgent ones first.
    marks
        What is said of the file itself: that it is thin, or unlike those that were learnt from.
    """

    case_id: str
    area: str | None
    as_of_us: int
    rank: int
    n_ranked: int
    priority: float
    priority_as_recorded: float
    estimates: tuple[Estimate, ...]
    leading_outcome: str
    reasons: tuple[Reason, ...]
    counter_reasons: tuple[Reason, ...]
    unknowns: tuple[Unknown, ...]
    flags: tuple[RaisedFlag, ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RankedList:
    """Advice on every ranked case, first to last, with what is needed to read and replay it."""

    bundle_id: str
    catalogue_name: str
    catalogue_digest: str
    engine_version: str
    as_of_us: int
    known_until_us: int
    time_zone: str
    advisory: str
    estimate_note: str
    advices: tuple[Advice, ...]
