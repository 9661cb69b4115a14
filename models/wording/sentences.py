"""Every sentence that is shown beside a score, and numbers in words: the one place for both.

What belongs to a field (an indicator's reason, a question, a flag) stands in its catalogue. A test
reads all of them: they state association and never cause, promise nothing, blame nobody and
use no term of art.
"""

import math
from collections.abc import Mapping
from typing import Final, Protocol

from features.catalogue.declarations import Catalogue, FactType, Indicator, Measure

SENTENCES: Final[Mapping[str, str]] = {
    # estimates
    "estimate": (
        "Among cases given a score like this, {frequency}{doubt} within {horizon}; usual is "
        "{average}{rule}"
    ),
    "rule_suffices": "a simple rule suffices",
    "doubt": " ({low} to {high})",
    "estimate_briefly": "{frequency}{doubt}; usual {average}{rule}",
    "estimate_key": (
        "An estimate tells of cases given a score like this in how many of 100, or of 1,000, it "
        "came to be recorded within the time stated, and then the usual figure of comparable cases"
    ),
    "no_estimate": "No estimate. Use the flags, the records and your judgement.",
    "sourced_share": (
        "Too few people had it to learn from. In the order it counts as {share} in 100 of "
        '"{of}" ({source}).'
    ),
    "no_theme": "Nothing on record stands out. It may not have been asked or recorded.",
    "not_in_order": (
        "The order does not measure psychological harm, harm to somebody else than before, or "
        "motive."
    ),
    "below_one": "fewer than 1 in 1,000",
    "of_thousand": "about {count} in 1,000",
    "above_ninety_nine": "more than 99 in 100",
    "of_hundred": "about {count} in 100",
    "not_prioritised": "not prioritised this week",
    "range_of_answers": "{low} to {high}, depending on the answer",
    "no_range_of_answers": "{low}, whichever the answer",
    # reasons
    "moved_strongly": "moved the score {way} strongly",
    "moved_clearly": "moved the score {way} clearly",
    "moved_a_little": "moved the score {way} a little",
    "usual": "in 9 of 10 comparable cases: {low} to {high}",
    "usual_one": "in 9 of 10 comparable cases: {low}",
    "usual_none": "most comparable cases have none on record",
    "not_answered": "Not answered: {question}",
    "riskier_answer": "Counted as the riskier answer until it is",
    "told_once": "{label}, recorded for {day}",
    "told_once_unverified": "{label}, reported for {day}, not verified",
    "told_often": "{n} {label} recorded{doubt}, the last on {day}",
    "dated_once": "{label} on {day}",
    "dated_once_unverified": "{label} on {day}, not verified",
    "dated_often": "{n} {label}{doubt}, the last on {day}",
    "some_unverified": " ({n} not verified)",
    "told_recent": "Recorded in the last two years: {acts}, the last on {day}: {label}",
    "told_one_recent": "Recorded in the last two years: {acts}",
    "told_same_recent": "Recorded in the last two years: {acts}, the last on {day}",
    "told_earlier": "Recorded more than two years ago: {acts}, the last on {day}: {label}",
    "told_one_earlier": "Recorded more than two years ago: {acts}",
    "told_same_earlier": "Recorded more than two years ago: {acts}, the last on {day}",
    "told_further": "{n} other acts{doubt}",
    "told_further_one": "1 other act{doubt}",
    "told_events": "On record: {events}",
    "not_attributed": "Not attributed to the subject, person unknown: {acts}",
    "answered_yes": "Answer recorded {day}: yes, {said}",
    "answered_yes_plainly": 'Answer recorded {day} to "{question}": yes',
    "answered_no": "Answer recorded {day}: no, {said}",
    "answered_number": "Answer recorded {day}: {said}",
    "answered_date": "{said} {date}",
    "answered_against_itself": (
        '; the record contradicts itself, as the answer to "{question}" is no: correct it first'
    ),
    "answered_against": "; on record before that answer: {label} on {day}",
    "answered_before": "; recorded since: {label} on {day}",
    "answered_without_record": "; no record of it on this file: obtain details",
    "answered_incidents_since": "; incidents since, on record: {n}",
    "answered_ask_again": "; ask again each time",
    "rate_counts": "{said}: {n} against {m}",
    "laid_to_victim": "Recorded against the victim and told apart: {acts}{by}",
    "alleged_by": ", alleged by {by}",
    "nothing_on_record": "Nothing of it is on record",
    "not_measured": "The score does not measure this. Consider it separately.",
    "kinds_not_measured": "The score does not measure: {kinds}. Consider it separately.",
    "in_the_score": "In the score: {said}.",
    "in_the_score_together": "the records of this theme together",
    "consider_anyway": "Consider it whatever the score.",
    "is_reason": "The score is higher with this.",
    "is_lower": "The score is lower with this; none of it says that what is on record is harmless.",
    "may_play_a_part": "May play a part in the score.",
    "higher_than_usual": ("{said}, higher than in {n} of 10 similar cases."),
    "arithmetic_only": "arithmetic of the model, not protection",
    "meaning_unknown": "{said}: what this means is unknown",
    "not_asked": "Not asked: {question}",
    "no_answer": "No answer on record: {question}",
    "ask_each_time": "Ask each time: {question}",
    "recorded_confirm": (
        "Recorded {day}: {label}. Confirm from the record; ask nobody for this alone: {question}"
    ),
    "similar_cases": (
        "Similar cases are those that the model was fitted on: open cases of this unit, earlier."
    ),
    "against_answer": (
        "Recorded {day}: {label}, while the answer recorded {answered} is no. Ask again: {question}"
    ),
    "out_of_date": (
        "Answered no on {answered}, out of date: recorded {day}: {label}. Ask again: {question}"
    ),
    "asked_in_vain": "Asked, no answer recorded: {question}",
    # the file
    "thin_file": "thin file: little is on record, so little is known; it does not mean safety",
    "strange_file": (
        "unlike the cases the model has learnt from: few earlier cases resemble this one; do not "
        "rely on these figures"
    ),
    "file_new": ("reported {n} days ago: little can be on record yet; it does not mean safety"),
    "file_new_day": ("reported 1 day ago: little can be on record yet; it does not mean safety"),
    "file_short": (
        "few records: {n}, where nearly all earlier cases had at least {least}; "
        "it does not mean safety"
    ),
    "file_unasked": "key questions with no answer on record: {n}. {which}",
    "file_unanswered": "few questions answered: {n}",
    "file_unlike": (
        "unlike earlier cases in: {what}. Few earlier cases resemble this one; do not rely on "
        "these figures"
    ),
    "unusual_values": (
        "Outside what nearly all earlier cases held: {count} of {total} measures of this file; "
        "99 in 100 earlier cases had {most} or fewer"
    ),
    "unusual_value": "{said} (nearly all earlier cases: {low} to {high})",
    "interval": "doubt about the average of cases with such a score, not about this case",
    # incidents
    "rests_mainly": "The score rests mainly on these records",
    "rests_among_many": "The score rests on many records, among them mainly these",
    "rests_on_none": "The score rests on no single record",
    "no_incidents": "No incident is on record at this moment",
    "other_incidents": "other incidents together",
    "pattern": "pattern over time",
    "incident": "{label}, {day}",
    "incident_span": "{label}, {first} to {last}",
    "incident_group": "{label}, {count} times on {day}",
    "incident_linked": "in a linked case: {told}",
    # movement
    "moved_from_to": "{label}: {before} on {then}, {after} on {now}",
    "switch_new_records": "new records",
    "switch_corrections": "corrections of earlier records",
    "switch_passing_time": "time that has passed",
    "switch_model": "another model",
    "switch_catalogue": "another catalogue",
    "switch_moved": "{what} moved the score {way}",
    "switch_unmoved": "{what}: no change of the score",
    "rank_from_to": "Place {before} of {n_before} before, place {after} of {n_after} now",
    "rank_arrived": "came to the list ahead of it: {count}",
    "rank_left": "were ahead of it and left the list: {count}",
    "rank_overtaken_by": "were behind it and stand ahead now: {count}",
    "rank_overtook": "were ahead of it and stand behind now: {count}",
    # one case as text
    "title": "Case {case} as of {moment}",
    "place": "Place {rank} of {n_ranked}",
    "heading_estimates": "Estimates",
    "heading_flags": "Flags",
    "heading_reasons": "Single indicators: what moved the score of {label}",
    "heading_themes": "What is on record, by theme",
    "heading_families": "The same by theme, exact",
    "heading_incidents": "Incidents",
    "heading_unknown": "Not known",
    "heading_file": "The file",
    "heading_movement": "What changed",
    "no_reasons": "No model is in use for this case; rules and judgement order",
    "records": "records: {keys}",
    "more_records": "{keys} and {count} more",
    "urgent": "urgent: {said}",
    "ask_first": "ask first: {said}",
    # sensitivity: what could change the score
    "in_dispute": "Told differently from different views: {told}",
    "range_of_views": "{low} to {high}, depending on which view holds",
    "no_range_of_views": "{low}, whichever view holds",
    "leaves_window": "After {day} one record less within its period: {said}",
}
"""By name. Parts in braces are filled in by :func:`say`."""

_WHOLE: Final = (
    Measure.COUNT,
    Measure.DISTINCT,
    Measure.FIRST_USE,
    Measure.QUIET_THEN_RETURN,
    Measure.DISAGREEMENT,
)
_DAYS: Final = (
    Measure.DAYS_SINCE_LAST,
    Measure.DAYS_SINCE_FIRST,
    Measure.DAYS_IN_STATE,
    Measure.TIME_BETWEEN,
    Measure.GAP_MEDIAN,
)
_ONE_PERCENT: Final = 0.01
_FEWER: Final = "fewer than 1 in 100"
FEW: Final = 5.0
"""In 100: fewer are told out of a thousand (the estimate must never read 0); stated policy."""
STRONG: Final = 0.5
CLEAR: Final = 0.2
"""Log-odds from which a share moved the score strongly, or clearly; own judgement. Near 3 in 100
they are about 1.9 and 0.7 in 100."""


def say(name: str, **parts: str | float) -> str:
    """Return one of ``SENTENCES``, filled in.

    Raises
    ------
    KeyError
        If there is no such sentence, or a part of it is missing.
    """
    return SENTENCES[name].format_map(parts)


def describe_value(catalogue: Catalogue, indicator: Indicator, value: float) -> str:
    """Return a sentence for an indicator's value; its ``none_reason`` where it is missing.

    Parameters
    ----------
    catalogue
        Its wording.
    indicator
        Which indicator.
    value
        Its value, NaN where it is missing.

    Returns
    -------
    str
        A sentence without its full stop.
    """
    if math.isnan(value):
        return indicator.none_reason
    return indicator.reason.replace("{value}", show_value(catalogue, indicator, value))


def show_value(catalogue: Catalogue, indicator: Indicator, value: float) -> str:
    """Return an indicator's value alone, as its reason shows it; never of a missing one.

    Parameters
    ----------
    catalogue
        Its wording.
    indicator
        Which indicator.
    value
        Its value, never NaN.

    Returns
    -------
    str
        A number, days, or yes or no.
    """
    measure = indicator.expression.measure
    if measure is Measure.LAST_FACT:
        return format_answer(catalogue.facts[str(indicator.expression.fact)].type, value)
    if measure in _WHOLE:
        return f"{value:.0f}"
    return format_days(value) if measure in _DAYS else format_number(value)


def format_answer(kind: FactType, value: float) -> str:
    """Return a fact's answer: yes or no, a number, or days since a date."""
    if kind is FactType.YES_NO:
        return "yes" if value == 1.0 else "no"
    return format_days(value) if kind is FactType.DATE else format_number(value)


def format_days(value: float) -> str:
    """Return days: whole from two days up, one decimal below."""
    return f"{value:.0f}" if abs(value) >= 2 else f"{value:.1f}".removesuffix(".0")


def format_number(value: float) -> str:
    """Return a number with two decimals at most, a small one with two significant figures."""
    if value % 1 == 0:
        return f"{value:.0f}"
    shown = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return shown if "e" in shown else shown.rstrip("0").rstrip(".")


def format_probability(probability: float) -> str:
    """Return a probability as a count out of a hundred, below ``FEW`` out of a thousand; never 0.

    One fixed format everywhere: people hear "0 in 100" as never, and 1 in 100 and 4 in 100 alike.
    """
    of_hundred = 100 * probability
    if of_hundred > 99:
        return say("above_ninety_nine")
    if of_hundred >= FEW:
        return say("of_hundred", count=f"{of_hundred:.0f}")
    of_thousand = 1_000 * probability
    return say("below_one") if of_thousand < 1 else say("of_thousand", count=f"{of_thousand:.0f}")


def format_average(probability: float, average: float) -> str:
    """Return the usual figure beside an estimate, out of the same number, so that they compare.

    Parameters
    ----------
    probability
        The estimate; under ``FEW`` in 100 both are told out of a thousand.
    average
        The usual figure.

    Returns
    -------
    str
        Without "about"; never 0.
    """
    if 100 * probability < FEW:
        count = 1_000 * average
        return say("below_one") if count < 1 else f"{count:.0f} in 1,000"
    if average < _ONE_PERCENT:
        return _FEWER
    return _bare(
        say("above_ninety_nine" if average > 0.99 else "of_hundred", count=f"{100 * average:.0f}")
    )


class EstimateNumbers(Protocol):
    """The numbers of an estimate, from whatever carries them to a reader."""

    @property
    def probability(self) -> float: ...  # noqa: D102
    @property
    def average(self) -> float: ...  # noqa: D102
    @property
    def horizon(self) -> str: ...  # noqa: D102
    @property
    def low(self) -> float | None: ...  # noqa: D102
    @property
    def high(self) -> float | None: ...  # noqa: D102
    @property
    def rule_suffices(self) -> bool: ...  # noqa: D102


def describe_estimate(estimate: EstimateNumbers) -> str:
    """Return an estimate in its one fixed format: frequency, doubt, average and horizon."""
    return say(
        "estimate",
        frequency=format_probability(estimate.probability),
        doubt=describe_doubt(estimate),
        average=format_average(estimate.probability, estimate.average),
        horizon=estimate.horizon,
        rule=describe_rule(estimate),
    )


def describe_briefly(estimate: EstimateNumbers) -> str:
    """Return an estimate for a row of many: frequency, doubt and average of the same format.

    What the numbers are is to be said once beside the rows, by ``estimate_key``.
    """
    return say(
        "estimate_briefly",
        frequency=format_probability(estimate.probability),
        doubt=describe_doubt(estimate),
        average=format_average(estimate.probability, estimate.average),
        rule=describe_rule(estimate),
    )


def describe_rule(estimate: EstimateNumbers) -> str:
    """Return four words where a simple rule orders as well; empty elsewhere."""
    return f"; {say('rule_suffices')}" if estimate.rule_suffices else ""


def describe_doubt(estimate: EstimateNumbers) -> str:
    """Return the doubt about the average of such cases, in brackets, as counts of the estimate's
    own base; empty where there is none, or none that whole counts show.
    """
    if estimate.low is None or estimate.high is None:
        return ""
    base = 100 if 100 * estimate.probability >= FEW else 1_000
    low, high = (f"{base * bound:.0f}" for bound in (estimate.low, estimate.high))
    return "" if low == high else say("doubt", low=low, high=high)


def describe_push(contribution: float) -> str:
    """Return how a share of the log-odds moved the score, in words of association."""
    size = abs(contribution)
    strength = "strongly" if size >= STRONG else "clearly" if size >= CLEAR else "a_little"
    return say(f"moved_{strength}", way="up" if contribution > 0 else "down")


def describe_range(low: float, high: float, of: str = "answers") -> str:
    """Return the range of a probability over ``answers`` to a question, or ``views`` of a thing.

    Parameters
    ----------
    low, high
        Probabilities.
    of
        ``answers`` or ``views``.

    Returns
    -------
    str
        Both as counts out of a hundred.
    """
    lowest, highest = format_probability(low), format_probability(high)
    if lowest == highest:
        return say(f"no_range_of_{of}", low=lowest)
    # Both ends are counts of the same number, that of the higher one.
    of_hundred = 100 * high >= FEW
    if of_hundred and 100 * low < FEW:
        lowest = say("of_hundred", count=f"{100 * low:.0f}") if low >= _ONE_PERCENT else _FEWER
    unit = " in 100" if of_hundred else " in 1,000"
    return say(f"range_of_{of}", low=lowest.removesuffix(unit), high=_bare(highest))


def _bare(frequency: str) -> str:
    return frequency.removeprefix("about ")
