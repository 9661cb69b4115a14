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
class ThemeMember:
    """One indicator of a theme with its exact share.

    Parameters
    ----------
    indicator, sentence, value
        As of :class:`Reason`.
    contribution
        Exact share of the served log-odds; those of all members add up to the theme's.
    note
        Says that a push down by what the sources call a risk is *arithmetic of the model, not
        protection*; empty otherwise.
    """

    indicator: str
    sentence: str
    value: float | None
    contribution: float
    note: str = ""


@dataclass(frozen=True)
class ThemeReason:
    """What a clinician would call one reason: several indicators, told by the records.

    Parameters
    ----------
    outcome
        The outcome whose score it moved; empty where there is no model.
    theme, label, domains
        As the catalogue names them.
    role
        ``reason``: it pushes up, is among the first three and holds in the refits. ``may``: it
        pushes up and is not shown to hold. ``consider``: serious records that the score does not
        measure. ``lowers``: it pushes down by what is no risk. ``record``: it is on record and no
        reason in either direction. ``none``: nothing is on record.
    contribution
        Exact sum of its members' shares of the served log-odds.
    sentence
        What is on record, each sentence with its full stop; empty where nothing is.
    notes
        What is said beside it: what is usual, and what the score does not measure.
    holds
        Share of the refits in which sign and place among the first three held; ``None`` where none
        were kept.
    serious
        Whether a record of it is serious.
    latest_serious_us
        When the latest serious record of it occurred, microseconds UTC; ``None`` without one.
    records
        Keys of the records that the sentence tells, in time order by kind.
    members
        Its indicators with a share of the score, largest first.
    brief
        The first of ``sentence``, for a row of many.
    first_record
        Key of the latest record of the gravest kind; empty where no event tells it.
    """

    outcome: str
    theme: str
    label: str
    domains: str
    role: str
    contribution: float
    sentence: str
    notes: tuple[str, ...] = ()
    holds: float | None = None
    serious: bool = False
    latest_serious_us: int | None = None
    records: tuple[str, ...] = ()
    members: tuple[ThemeMember, ...] = ()
    brief: str = ""
    first_record: str = ""


@dataclass(frozen=True)
class CaseQuestion:
    """A question to ask, or one that a record answers and a person confirms.

    Parameters
    ----------
    fact, question
        As the catalogue has them.
    state
        ``not_asked``, ``each_time`` (asked of a person whatever is on record), ``recorded`` (a
        record answers yes), ``out_of_date`` (an older no against a newer record) or
        ``against_record`` (a no against a record that was known before).
    sentence
        What to ask or confirm.
    key_question
        Whether it is asked first.
    records
        Keys of the records that answer or prompt, in time order.
    """

    fact: str
    question: str
    state: str
    sentence: str
    key_question: bool
    records: tuple[str, ...] = ()


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

    ``low`` and ``high`` are the uncertainty of the rate among cases with such a score, not of this
    case, and hold ``probability``; ``None`` where the bundle holds no interval. ``rule_suffices``
    says that the back-tests of the bundle's run picked the simple rule.
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
    rule_suffices: bool = False


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
    themes
        Every theme of the catalogue, in the order in which they are told.
    questions
        What to ask and what to confirm.
    without_estimate
        Labels of the outcomes of the ladder that have no model, the gravest first.
    sourced_shares
        For each of them, by what it counts in the order; empty text where nothing stands in.
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
    themes: tuple[ThemeReason, ...] = ()
    questions: tuple[CaseQuestion, ...] = ()
    without_estimate: tuple[str, ...] = ()
    sourced_shares: tuple[str, ...] = ()


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
