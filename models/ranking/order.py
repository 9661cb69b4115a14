"""From a bundle and case histories to advice in order of priority.

The list, the command line and the live service all rank through :func:`rank_cases`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.catalogue.declarations import Catalogue, Flag
from features.contract.arrays import MISSING, Float64, Int64
from features.engine.measurement import measure
from features.engine.plan import Plan
from features.evidence.records_behind import CaseMoment, records_of
from features.history.columns import History
from features.history.open_cases import open_cases
from features.history.reading_rules import CURRENT_RULES, ReadingRules
from features.history.subsets import end_state, take_cases
from models.bundle.contributions import explain, gather
from models.bundle.folder import Bundle
from models.bundle.plans import compile_cohort
from models.ranking.advice import Advice, RaisedFlag, RankedList, ThemeReason
from models.ranking.estimates import list_sourced_shares, list_without_estimate, make_estimates
from models.ranking.file_marks import mark_file
from models.ranking.priority import Harm, expected_harm
from models.ranking.questions import list_questions
from models.ranking.reasons_text import Explained, describe_reasons, list_unanswered
from models.ranking.themes import ThemeScores, measure_holds, tell_themes


@dataclass(frozen=True)
class RankedCases:
    """The order of cases, before reasons are worded.

    Parameters
    ----------
    case
        Numbers of the cases in the history, in order of priority.
    values
        Shape ``(n_cases, n_columns)``, indicators in the same order.
    priority, as_recorded
        Shape ``(n_cases,)``.
    log_odds
        For each modelled outcome, as served, shape ``(n_cases,)``.
    leading
        For each case, the outcome that adds most to its priority; empty without a model.
    """

    case: Int64
    values: Float64
    priority: Float64
    as_recorded: Float64
    log_odds: Mapping[str, Float64]
    leading: tuple[str, ...]


def cohort_cases(
    history: History, catalogue: Catalogue, as_of_us: int, rules: ReadingRules = CURRENT_RULES
) -> Int64:
    """Return the cases open at ``as_of_us`` that the catalogue's cohort takes in, ascending.

    Parameters
    ----------
    history, catalogue
        Case histories, and what is measured of them.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    rules
        How records are read.

    Returns
    -------
    Int64
        Numbers of the cases in the history.
    """
    return _take_cohort(history, catalogue, compile_cohort(catalogue, rules), as_of_us)


def _take_cohort(history: History, catalogue: Catalogue, plan: Plan | None, as_of_us: int) -> Int64:
    cases = open_cases(history, as_of_us)
    if plan is None or not len(cases):
        return cases
    value = measure(history, plan, as_of_us, cases).values[:, 0]
    return cases[value >= catalogue.cohort.at_least]


@dataclass(frozen=True)
class Ranking:
    """Cases in order of priority, whose reasons are worded when asked for.

    Parameters
    ----------
    bundle, history
        The model and the case histories.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    standing
        The cases in their order.
    hidden
        Keys of records that make no part of what themes and questions tell: those that were kept
        apart after the moment. The numbers stay what they were.
    """

    bundle: Bundle
    history: History
    as_of_us: int
    standing: RankedCases
    hidden: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.standing.case)

    def advise(self, places: Sequence[int]) -> tuple[Advice, ...]:
        """Return the advice on the cases at some places, counted from 0."""
        worded = _explain_all(self, places)
        flags = _raise_flags(self, self.standing.case[list(places)])
        return tuple(
            _advise(self, place, told, raised)
            for place, told, raised in zip(places, worded, flags, strict=True)
        )

    def urgent_places(self) -> tuple[int, ...]:
        """Return the places of cases that carry an urgent flag, in order of priority."""
        flags = self.bundle.catalogue.flags
        plan = self.bundle.flags_plan
        raised = measure_flags(
            self.bundle.catalogue, plan, self.history, self.as_of_us, self.standing.case
        )
        urgent = np.array([flag.urgent for flag in flags], dtype=np.bool_)
        return tuple(np.flatnonzero(raised[:, urgent].any(axis=1)).tolist())

    def list_first(self, top: int | None = None) -> RankedList:
        """Return the first ``top`` cases, all where ``None``, with what is needed to read them."""
        size = len(self) if top is None else min(top, len(self))
        catalogue = self.bundle.catalogue
        return RankedList(
            bundle_id=self.bundle.id,
            catalogue_name=catalogue.name,
            catalogue_digest=catalogue.digest,
            engine_version=self.bundle.engine_version,
            as_of_us=self.as_of_us,
            known_until_us=min(self.as_of_us, self.history.extract_at),
            time_zone=self.history.time_zone,
            advisory=catalogue.wording["advisory"],
            estimate_note=catalogue.wording["estimate"],
            advices=self.advise(range(size)),
        )


def rank(bundle: Bundle, history: History, as_of_us: int, cases: Int64 | None = None) -> Ranking:
    """Order cases by expected harm; the catalogue's cohort of open cases where none are named.

    Parameters
    ----------
    bundle, history
        The model, and the case histories.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    cases
        Numbers of the cases to order; the cohort where ``None``.

    Returns
    -------
    Ranking
        From the highest priority to the lowest; its reasons are made when asked for.
    """
    chosen = cases
    if chosen is None:
        chosen = _take_cohort(history, bundle.catalogue, bundle.cohort_plan, as_of_us)
    return Ranking(bundle, history, as_of_us, order_cases(bundle, history, as_of_us, chosen))


def rank_cases(
    bundle: Bundle,
    history: History,
    as_of_us: int,
    *,
    cases: Int64 | None = None,
    top: int | None = None,
) -> RankedList:
    """Rank cases by expected harm and word the reasons.

    Parameters
    ----------
    bundle
        The model; where it has no model of the ladder's outcomes, the rule orders.
    history
        The case histories.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    cases
        Numbers of the cases; the catalogue's cohort of open cases where ``None``.
    top
        How many to give reasons for, from the first; all where ``None``.

    Returns
    -------
    RankedList
        In order of priority; ties by case identifier.
    """
    return rank(bundle, history, as_of_us, cases).list_first(top)


def order_cases(bundle: Bundle, history: History, as_of_us: int, cases: Int64) -> RankedCases:
    """Measure and order cases by priority: the larger of as recorded and with custody ended.

    Parameters
    ----------
    bundle, history
        The model, and the case histories.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    cases
        Numbers of the cases in the history.

    Returns
    -------
    Standing
        The cases from the highest priority to the lowest.
    """
    values = measure(history, bundle.plan, as_of_us, cases).values
    free = _measure_free(bundle, history, as_of_us, cases)
    # Both at once: of few rows a model's answer takes less time than asking it.
    both = estimate_log_odds(bundle, np.concatenate((values, free)))
    log_odds = {name: column[: len(values)] for name, column in both.items()}
    recorded = _harm(bundle, values, log_odds)
    priority = recorded.priority.copy()
    if len(free):
        without = _harm(bundle, free, {name: both[name][len(values) :] for name in both})
        # A precaution of the order alone: estimates and reasons stay those of the file as it is.
        priority = np.maximum(priority, without.priority)
    # Ties by the number of the case: the order does not depend on how the cases were given.
    order = np.lexsort((cases, -priority))
    outcomes = list(recorded.by_outcome)
    shares = np.array([recorded.by_outcome[name] for name in outcomes])
    leading = shares.argmax(axis=0) if outcomes else np.zeros(len(cases), dtype=np.int64)
    return RankedCases(
        case=cases[order],
        values=values[order],
        priority=priority[order],
        as_recorded=recorded.priority[order],
        log_odds={name: column[order] for name, column in log_odds.items()},
        leading=tuple(outcomes[leading[row]] if outcomes else "" for row in order),
    )


def _measure_free(bundle: Bundle, history: History, as_of_us: int, cases: Int64) -> Float64:
    """Return the indicators with custody ended, of no rows where nobody was ever in custody."""
    state = bundle.catalogue.priority.custody_state
    if state is not None and len(cases):
        known = take_cases(history, cases)
        ended = end_state(known, bundle.catalogue, state, as_of_us)
        # The same object where nobody is in that state, and then nothing is measured again.
        if ended is not known:
            return measure(ended, bundle.plan, as_of_us).values
    return np.empty((0, len(bundle.plan.columns)))


def estimate_log_odds(bundle: Bundle, values: Float64) -> dict[str, Float64]:
    """Return each modelled outcome's served log-odds for an indicator matrix, ``(n_rows,)``."""
    x = bundle.encoding.encode(values)
    return {name: model.log_odds(x) for name, model in bundle.outcomes.items()}


def _harm(bundle: Bundle, values: Float64, log_odds: Mapping[str, Float64]) -> Harm:
    probability = {name: expit(column) for name, column in log_odds.items()}
    harm = expected_harm(bundle.catalogue.priority, probability)
    if harm.by_outcome or not bundle.rfs:
        return harm
    # No outcome of the ladder has a model: the rule orders, and the page says so.
    rule = next(iter(bundle.rfs.values()))
    return Harm(rule.raw(values), {})


@dataclass(frozen=True)
class _Told:
    """What is said of one case beside its estimates."""

    explained: Explained
    themes: tuple[ThemeReason, ...]


def _explain_all(ranking: Ranking, places: Sequence[int]) -> list[_Told]:
    bundle, standing = ranking.bundle, ranking.standing
    explained = {place: Explained((), (), ()) for place in places}
    nothing = np.zeros(len(bundle.catalogue.indicators))
    scores = {place: ThemeScores("", nothing) for place in places}
    for outcome, model in bundle.outcomes.items():
        led = [place for place in places if standing.leading[place] == outcome]
        if not led:
            continue
        shares = explain(model, bundle.encoding, standing.values[led]).by_indicator
        holds = _measure_holds(bundle, outcome, standing.values[led], shares)
        uninformative = bundle.refits[outcome].uninformative if outcome in bundle.refits else ()
        for row, (share, place) in enumerate(zip(shares, led, strict=True)):
            scores[place] = ThemeScores(
                outcome, share, None if holds is None else holds[row], frozenset(uninformative)
            )
            explained[place] = describe_reasons(
                ranking.history,
                bundle.catalogue,
                int(standing.case[place]),
                ranking.as_of_us,
                outcome,
                share,
                standing.values[place],
                bundle.reference,
                bundle.rules,
            )
    return [
        _Told(explained[place], _tell_themes(ranking, place, scores[place])) for place in places
    ]


def _measure_holds(
    bundle: Bundle, outcome: str, values: Float64, shares: Float64
) -> Float64 | None:
    """Return in what share of the refits each theme holds; ``None`` where none were kept."""
    kept = bundle.refits.get(outcome)
    if kept is None or not kept.refits:
        return None
    served = bundle.themes.add_up(shares)
    x = bundle.encoding.encode(values)
    again = [bundle.themes.add_up(gather(bundle.encoding, one)) for one in kept.contributions(x)]
    return measure_holds(served, np.array(again))


def _find_moment(ranking: Ranking, place: int) -> CaseMoment:
    bundle, case, history = ranking.bundle, int(ranking.standing.case[place]), ranking.history
    if ranking.hidden:
        events = history.events
        told = ~np.isin(events.event_id[:].astype(str), list(ranking.hidden))
        history = replace(history, events=replace(events, measured=events.measured & told))
    return CaseMoment(history, bundle.catalogue, case, ranking.as_of_us, bundle.rules)


def _tell_themes(ranking: Ranking, place: int, scores: ThemeScores) -> tuple[ThemeReason, ...]:
    moment = _find_moment(ranking, place)
    return tell_themes(ranking.bundle, moment, ranking.standing.values[place], scores)


def measure_flags(
    catalogue: Catalogue, plan: Plan, history: History, as_of_us: int, cases: Int64
) -> npt.NDArray[np.bool_]:
    """Return which flags hold for which cases.

    Parameters
    ----------
    catalogue, plan
        What is flagged, and its plan (:func:`models.bundle.plans.compile_flags`).
    history
        Case histories.
    as_of_us
        The moment, microseconds UTC, exclusive on both clocks.
    cases
        Numbers of cases in the history, shape ``(n_cases,)``.

    Returns
    -------
    ndarray of bool
        Of shape ``(n_cases, n_flags)``.
    """
    if not catalogue.flags or not len(cases):
        return np.zeros((len(cases), len(catalogue.flags)), dtype=np.bool_)
    values = measure(history, plan, as_of_us, cases).values
    return np.asarray(values >= [flag.at_least for flag in catalogue.flags])


def _raise_flags(ranking: Ranking, cases: Int64) -> list[tuple[RaisedFlag, ...]]:
    bundle, history, as_of_us = ranking.bundle, ranking.history, ranking.as_of_us
    catalogue = bundle.catalogue
    raised = measure_flags(catalogue, bundle.flags_plan, history, as_of_us, cases)
    ordered = sorted(catalogue.flags, key=lambda flag: not flag.urgent)
    place = {flag.name: number for number, flag in enumerate(catalogue.flags)}
    return [
        tuple(
            _flag(flag, bundle, history, int(case), as_of_us)
            for flag in ordered
            if raised[row, place[flag.name]]
        )
        for row, case in enumerate(cases)
    ]


def _flag(flag: Flag, bundle: Bundle, history: History, case: int, as_of_us: int) -> RaisedFlag:
    keys = records_of(history, bundle.catalogue, case, as_of_us, flag.expression, bundle.rules)
    return RaisedFlag(flag.name, flag.urgent, flag.wording, keys)


def _advise(ranking: Ranking, place: int, told: _Told, flags: tuple[RaisedFlag, ...]) -> Advice:
    history, standing, explained = ranking.history, ranking.standing, told.explained
    case = int(standing.case[place])
    values = standing.values[place]
    area = int(history.area.codes[case])
    unknowns = list_unanswered(ranking.bundle.catalogue, values) + explained.silences
    moment = _find_moment(ranking, place)
    questions = list_questions(moment)
    return Advice(
        case_id=str(history.case_id[case]),
        area=history.area.values[area] if area != MISSING else None,
        as_of_us=ranking.as_of_us,
        rank=place + 1,
        n_ranked=len(ranking),
        priority=float(standing.priority[place]),
        priority_as_recorded=float(standing.as_recorded[place]),
        estimates=make_estimates(ranking.bundle, _log_odds_at(standing, place)),
        leading_outcome=standing.leading[place],
        reasons=explained.reasons,
        counter_reasons=explained.counter_reasons,
        unknowns=unknowns,
        flags=flags,
        marks=mark_file(ranking.bundle, moment, values, questions),
        themes=told.themes,
        questions=questions,
        without_estimate=list_without_estimate(ranking.bundle),
        sourced_shares=list_sourced_shares(ranking.bundle),
    )


def _log_odds_at(standing: RankedCases, place: int) -> dict[str, float]:
    return {name: float(column[place]) for name, column in standing.log_odds.items()}
