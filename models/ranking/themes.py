"""Reasons as themes: exact sums, told by the records, called reasons only where they hold.

A theme's contribution is the sum of its members'. What happened is told whatever its weight; what
the sources call a risk is never told as lowering, and a zero is no reason up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue.declarations import (
    DAY_US,
    Catalogue,
    FactQuestion,
    FactType,
    Indicator,
    Measure,
)
from features.catalogue.themes import ThemeMap
from features.contract.arrays import MISSING, Float64
from features.evidence.records_behind import CaseMoment, last_answer
from models.bundle.folder import Bundle, Reference
from models.ranking.advice import ThemeMember, ThemeReason
from models.ranking.questions import find_answering
from models.ranking.reasons_text import is_arithmetic
from models.ranking.theme_acts import (
    NOTHING,
    KindOnRecord,
    ThemeOnRecord,
    count_acts_since,
    find_on_record,
)
from models.ranking.theme_text import ThemeWords, describe_answer, first_large
from models.wording.sentences import describe_value, say, show_value

FIRST_THEMES: Final = 3
"""Place up to which (inclusive) a theme that pushes up is a reason."""
LEAST_HOLDS: Final = 0.9
"""Share of refits in which sign and place hold; stated policy."""
MOST_LOWERING: Final = 2
RECENT_DAYS: Final = 730
SERIOUS_RECENT_DAYS: Final = 90
"""Serious records of so many days stand before everything else."""
_LEAST: Final = 0.001
"""Log-odds; what moved a probability by less than 1 in 4,000 is no reason."""
LEAST_OF_TREND: Final = 3
"""Incidents in the later window from which (inclusive) a rate is told as higher; own judgement."""
_MOST_NAMED: Final = 2
_SOME: Final = 1.0
"""A count above this is compared; one of anything is no pattern."""
_NAMED: Final = (Measure.COUNT, Measure.DISTINCT)
_HALF: Final = 0.5
_NINE: Final = 9
_BRIEF: Final = 2
"""Sentences of a theme on a row of many."""
_UP: Final = ("reason", "may")
_ROLES: Final = ("reason", "may", "consider", "lowers", "record", "none")


@dataclass(frozen=True)
class ThemeScores:
    """What a model says of one case's themes.

    Parameters
    ----------
    outcome
        The leading outcome; empty without a model.
    contribution
        Shape ``(n_indicators,)``, log-odds; all 0 without a model.
    holds
        Shape ``(n_themes,)``: share of the refits in which sign and place held; ``None`` where no
        refits were kept.
    uninformative
        Names of indicators that the run could not tell from noise.
    """

    outcome: str
    contribution: Float64
    holds: Float64 | None = None
    uninformative: frozenset[str] = frozenset()


def tell_themes(
    bundle: Bundle, moment: CaseMoment, values: Float64, scores: ThemeScores
) -> tuple[ThemeReason, ...]:
    """Return every theme of one case in the order in which they are told.

    Parameters
    ----------
    bundle
        The catalogue and what was usual.
    moment
        The case as known at a moment.
    values
        Shape ``(n_columns,)``, the indicator matrix's row.
    scores
        What the model says.

    Returns
    -------
    tuple of ThemeReason
        The theme of the gravest kind first where it holds serious records; then those with serious
        records of the last 90 days, the gravest first; then reasons and what may play a part by
        contribution; then what else is on record.
    """
    teller = _ThemeTeller(bundle, moment, values, scores)
    told = teller.tell()
    recent_us = moment.as_of_us - SERIOUS_RECENT_DAYS * DAY_US
    lowering = [one for one in told if one.role == "lowers"]
    kept = sorted(lowering, key=lambda one: one.contribution)[:MOST_LOWERING]
    return tuple(
        sorted(
            (one for one in told if one.role != "lowers" or one in kept),
            key=lambda one: (
                not (one.serious and one.theme == teller.gravest),
                *_place(one, teller.gravity[one.theme], recent_us),
            ),
        )
    )


def _place(one: ThemeReason, gravity: int, recent_us: int) -> tuple[bool, int, int, float, str]:
    is_recent = one.latest_serious_us is not None and one.latest_serious_us >= recent_us
    grave = gravity if is_recent else 0
    return (not is_recent, grave, _ROLES.index(one.role), -one.contribution, one.theme)


class _ThemeTeller:
    """Tells the themes of one case."""

    def __init__(
        self, bundle: Bundle, moment: CaseMoment, values: Float64, scores: ThemeScores
    ) -> None:
        self._bundle = bundle
        self._catalogue: Catalogue = moment.catalogue
        self._map: ThemeMap = bundle.themes
        self._moment = moment
        self._values = values
        self._scores = scores
        self._words = ThemeWords(moment.catalogue, moment.history.time_zone)
        serious = moment.catalogue.serious
        self._on_record: Mapping[int, ThemeOnRecord] = find_on_record(
            moment,
            self._map,
            None if serious is None else serious.value_min,
            moment.as_of_us - RECENT_DAYS * DAY_US,
        )
        self._sums = self._map.add_up(scores.contribution[None, :])[0]
        self.gravity: dict[str, int] = {}
        places = (self._map.of_kind.get(kind) for kind, n in self._map.gravity.items() if n == 0)
        place = next(places, None)
        self.gravest = "" if place is None else self._map.themes[place].name

    def tell(self) -> list[ThemeReason]:
        first = _find_first(self._sums)
        return [
            self._tell_theme(number, is_first=number in first)
            for number in range(len(self._map.themes))
        ]

    def _tell_theme(self, number: int, *, is_first: bool) -> ThemeReason:
        theme, total = self._map.themes[number], float(self._sums[number])
        on_record = self._on_record.get(number, NOTHING)
        members = self._map.members(number).tolist()
        compared = self._compare(members)
        statements, answer_keys, risky = self._state(members, compared, on_record)
        holds = None if self._scores.holds is None else float(self._scores.holds[number])
        is_told = bool(on_record.kinds or any(statements))
        role = self._judge(members, total, on_record, is_told=is_told, risky=risky)
        if role == "reason" and not (is_first and holds is not None and holds >= LEAST_HOLDS):
            role = "may"
        unmeasured = self._find_unmeasured(members, on_record.serious)
        if unmeasured and role not in ("reason", "may"):
            role = "consider"
        self.gravity[theme.name] = min(
            (one.gravity for one in on_record.serious if one.gravity is not None), default=0
        )
        sentences = self._words.describe(on_record, statements)
        return ThemeReason(
            outcome=self._scores.outcome,
            theme=theme.name,
            label=theme.label,
            domains=theme.domains,
            role=role,
            contribution=total,
            sentence=" ".join(sentences),
            brief=" ".join(sentences[:_BRIEF]),
            first_record=on_record.kinds[0].records[-1] if on_record.kinds else "",
            notes=(
                *self._note(on_record, unmeasured, compared if role in _UP else None),
                *self._note_role(members, role, is_compared=compared is not None),
            ),
            holds=holds,
            serious=bool(on_record.serious),
            latest_serious_us=max((one.latest_us for one in on_record.serious), default=None),
            records=(
                *(key for one in on_record.kinds for key in one.records),
                *(key for one in on_record.against_victim for key in one.records),
                *answer_keys,
            ),
            members=self._list_members(members),
        )

    def _judge(
        self,
        members: Sequence[int],
        total: float,
        on_record: ThemeOnRecord,
        *,
        is_told: bool,
        risky: bool,
    ) -> str:
        """Return a theme's role by its sum and by what is on record."""
        if not self._scores.outcome or abs(total) < _LEAST:
            return "record" if is_told else "none"
        if total > 0:
            # Without anything on record the sum is made of zeroes and of what nobody asked.
            if not is_told:
                return "none"
            return "reason" if self._rests_on_signal(members, total) else "may"
        has_acts = any(one.kind in self._map.acts for one in on_record.kinds)
        if has_acts or risky or not is_told:
            return "record" if is_told else "none"
        return "lowers" if self._is_lowered_by_answers(members, total) else "record"

    def _rests_on_signal(self, members: Sequence[int], total: float) -> bool:
        """Return whether what the run could tell from noise makes at least half of the sum, by
        values above nothing.
        """
        shares = self._scores.contribution
        told = sum(
            float(shares[n])
            for n in members
            if self._catalogue.indicators[n].name not in self._scores.uninformative
            and self._value(n) != 0
            and not np.isnan(self._value(n))
        )
        return told >= _HALF * total

    def _is_lowered_by_answers(self, members: Sequence[int], total: float) -> bool:
        """Return whether answers that the run could tell from noise make at least half of a sum
        below nothing; silence and the unknown are no reason.
        """
        shares = self._scores.contribution
        said = [
            float(shares[n])
            for n in members
            if self._catalogue.indicators[n].expression.measure is Measure.LAST_FACT
            and self._catalogue.indicators[n].name not in self._scores.uninformative
            and not np.isnan(self._value(n))
        ]
        return sum(said) <= _HALF * total

    def _state(
        self, members: Sequence[int], compared: int | None, on_record: ThemeOnRecord
    ) -> tuple[list[str], list[str], bool]:
        """Return statements of answers and indicators, the answers' keys, and whether one is of a
        risk. What is compared with similar cases is told there.
        """
        said, keys, risky = [], [], False
        for number in members:
            one, value = self._catalogue.indicators[number], self._value(number)
            if np.isnan(value):
                continue
            if one.expression.measure is Measure.LAST_FACT:
                answer = last_answer(self._moment, str(one.expression.fact))
                if answer is None:
                    continue
                said.append(self._answer(one, value, answer.recorded_at_us, on_record))
                keys.append(answer.fact_id)
            # Words without a number are not what a comparison tells.
            elif number != compared or "{value}" not in one.told:
                said.append(self._tell(one, value))
            risky = risky or one.is_risk(value)
        return said, keys, risky

    def _tell(self, one: Indicator, value: float) -> str:
        """Return what an indicator tells of a theme; empty where it tells nothing."""
        if not one.told or value <= one.told_above or not self._is_meant(one):
            return ""
        told = one.told.replace("{value}", show_value(self._catalogue, one, value))
        if one.expression.measure is not Measure.RATE_RATIO:
            return told
        later, earlier = self._count_rates(one)
        if later < LEAST_OF_TREND:
            return ""
        return say("rate_counts", said=told, n=later, m=earlier)

    def _is_meant(self, one: Indicator) -> bool:
        """Return whether there is an event that it counts from, where it counts from one."""
        since = one.expression.since
        return since is None or bool(find_answering(self._moment, since))

    def _count_rates(self, one: Indicator) -> tuple[int, int]:
        """Return the incidents of both windows of a ratio of rates, the later one first."""
        events, expression = self._moment.history.events, one.expression
        start_us = self._moment.as_of_us - (expression.within_us or 0)
        first_us = start_us - (expression.against_us or 0)
        later: set[tuple[str, int]] = set()
        earlier: set[tuple[str, int]] = set()
        for row in find_answering(self._moment, expression.of):
            incident, at_us = int(events.incident[row]), int(events.occurred_at[row])
            key = ("alone", row) if incident == MISSING else ("", incident)
            if at_us >= start_us:
                later.add(key)
            elif at_us >= first_us:
                earlier.add(key)
        return len(later), len(earlier)

    def _answer(
        self, indicator: Indicator, value: float, recorded_at_us: int, on_record: ThemeOnRecord
    ) -> str:
        """Return an answer as a statement; a number of none says nothing, and neither does the day
        of an event that is told already.
        """
        fact = self._catalogue.facts[str(indicator.expression.fact)]
        if fact.type is FactType.DATE:
            day = self._words.day(self._moment.as_of_us - round(value * DAY_US))
            is_told = any(
                not one.is_act and one.n and self._words.day(one.last_us) == day
                for one in on_record.kinds
            )
            against = self._tell_contradiction(fact)
            if not fact.said_yes or (is_told and not against):
                return ""
            return say("answered_date", said=fact.said_yes, date=day) + against
        recorded = self._words.day(recorded_at_us)
        if fact.type is not FactType.YES_NO:
            said = describe_value(self._catalogue, indicator, value)
            return "" if value == 0 else say("answered_number", said=said, day=recorded)
        beside = self._tell_beside(fact, value, recorded_at_us)
        return describe_answer(fact, value, recorded, beside)

    def _tell_contradiction(self, fact: FactQuestion) -> str:
        """Return that an answer assumes what another one denies; empty where it does not."""
        if fact.assumes is None:
            return ""
        other = last_answer(self._moment, fact.assumes)
        if other is None or other.value != "no":
            return ""
        question = self._catalogue.facts[fact.assumes].question
        return say("answered_against_itself", question=question)

    def _tell_beside(self, fact: FactQuestion, value: float, recorded_at_us: int) -> str:
        """Return what is said beside an answer: what was known before it, what came since."""
        if fact.ask_each_time:
            n = count_acts_since(self._moment, self._map, recorded_at_us) if value != 1.0 else 0
            since = say("answered_incidents_since", n=f"{n:,}") if n else ""
            return since + say("answered_ask_again")
        rows = find_answering(self._moment, fact.answered_by)
        if value == 1.0:
            is_act = fact.answered_by is not None and self._map.acts.issuperset(
                fact.answered_by.kind
            )
            return say("answered_without_record") if is_act and not rows else ""
        known = self._moment.history.events.recorded_at
        before = [row for row in rows if int(known[row]) <= recorded_at_us]
        since_rows = [row for row in rows if int(known[row]) > recorded_at_us]
        parts = (
            self._name_record("answered_against", before),
            self._name_record("answered_before", since_rows),
        )
        return "".join(parts)

    def _name_record(self, name: str, rows: Sequence[int]) -> str:
        """Return the sentence of the latest of some records; empty without any."""
        if not rows:
            return ""
        events = self._moment.history.events
        row = max(rows, key=lambda one: (int(events.occurred_at[one]), one))
        label = self._words.name_kind(events.kind.values[int(events.kind.codes[row])])
        return say(name, label=label, day=self._words.day(int(events.occurred_at[row])))

    def _find_unmeasured(
        self, members: Sequence[int], serious: Sequence[KindOnRecord]
    ) -> list[KindOnRecord]:
        """Return the serious kinds that no member which pushes up counts."""
        return [
            one for one in serious if not any(self._measures(number, one) for number in members)
        ]

    def _measures(self, number: int, kind: KindOnRecord) -> bool:
        expression = self._catalogue.indicators[number].expression
        if self._scores.contribution[number] < _LEAST or expression.of is None:
            return False
        # Under a condition it may have been left out; said of it is what is certain.
        if expression.while_state is not None or expression.since is not None or not kind.n:
            return False
        window_us = expression.within_us
        if window_us is not None and kind.last_us < self._moment.as_of_us - window_us:
            return False
        return kind.kind in expression.of.kind

    def _note(
        self,
        on_record: ThemeOnRecord,
        unmeasured: Sequence[KindOnRecord],
        compared: int | None,
    ) -> tuple[str, ...]:
        notes = []
        if compared is not None:
            one = self._catalogue.indicators[compared]
            value = self._value(compared)
            notes.append(
                say("higher_than_usual", said=first_large(self._name(one, value)), n=_NINE)
            )
        if unmeasured and len(unmeasured) == len(on_record.kinds):
            notes.append(say("not_measured"))
        elif unmeasured:
            notes.append(say("kinds_not_measured", kinds=self._words.name_kinds(unmeasured)))
        return tuple(notes)

    def _note_role(
        self, members: Sequence[int], role: str, *, is_compared: bool
    ) -> tuple[str, ...]:
        """Return what stands before the words of what a theme is to the score.

        A reason names what raises the score, as the acts told before it are not all counted. What a
        person is asked each time is never followed by what it is to a score alone.
        """
        notes = []
        if role in (*_UP, "lowers") and any(self._is_asked_each_time(n) for n in members):
            notes.append(say("consider_anyway"))
        if role == "reason" and not is_compared:
            raising = [n for n in members if self._is_named(n)]
            raising.sort(key=lambda n: -float(self._scores.contribution[n]))
            named = [
                self._name(self._catalogue.indicators[n], self._value(n))
                for n in raising[:_MOST_NAMED]
            ]
            together = say("in_the_score_together")
            notes.append(say("in_the_score", said="; ".join(named or [together])))
        return tuple(notes)

    def _is_asked_each_time(self, number: int) -> bool:
        """Return whether an indicator is an answer on record to what is asked each time."""
        name = self._catalogue.indicators[number].expression.fact
        answered = name is not None and not np.isnan(self._value(number))
        return answered and self._catalogue.facts[str(name)].ask_each_time

    def _is_named(self, number: int) -> bool:
        """Return whether an indicator raises the score by something that a reader can count."""
        one = self._catalogue.indicators[number]
        return (
            float(self._scores.contribution[number]) >= _LEAST
            and one.expression.measure in _NAMED
            and one.name not in self._scores.uninformative
            and self._value(number) > 0
            and self._is_meant(one)
        )

    def _name(self, one: Indicator, value: float) -> str:
        """Return an indicator with its number, in the words of a theme where it has some."""
        if "{value}" in one.told:
            return one.told.replace("{value}", show_value(self._catalogue, one, value))
        return describe_value(self._catalogue, one, value)

    def _compare(self, members: Sequence[int]) -> int | None:
        """Return the member that pushes most, of those above what nine in ten similar cases had."""
        shares, columns = self._scores.contribution, self._catalogue.first_columns
        for number in sorted(members, key=lambda n: -float(shares[n])):
            one, value = self._catalogue.indicators[number], self._value(number)
            if shares[number] < _LEAST:
                break
            is_count = one.expression.measure is Measure.COUNT and one.is_risk(value)
            is_count = is_count and value > _SOME and self._is_meant(one)
            if is_count and is_above_nine(self._bundle.reference, columns[number], value):
                return number
        return None

    def _list_members(self, members: Sequence[int]) -> tuple[ThemeMember, ...]:
        shares = self._scores.contribution
        ordered = sorted(members, key=lambda n: (-abs(float(shares[n])), n))
        return tuple(self._tell_member(n, float(shares[n])) for n in ordered if shares[n] != 0.0)

    def _tell_member(self, number: int, share: float) -> ThemeMember:
        one, value = self._catalogue.indicators[number], self._value(number)
        return ThemeMember(
            indicator=one.name,
            sentence=describe_value(self._catalogue, one, value),
            value=None if np.isnan(value) else value,
            contribution=share,
            note=say("arithmetic_only") if is_arithmetic(one, value, share) else "",
        )

    def _value(self, number: int) -> float:
        return float(self._values[self._catalogue.first_columns[number]])


def name_unmeasured(theme: ThemeReason) -> str:
    """Return what is said of serious records that the score does not measure; empty without any."""
    closing = say("not_measured").partition(". ")[2]
    return next((note for note in theme.notes if note.endswith(closing)), "")


def list_first(themes: Sequence[ThemeReason]) -> tuple[ThemeReason, ...]:
    """Return the themes of the first screen: up to three up, and all with serious records.

    Parameters
    ----------
    themes
        As :func:`tell_themes` gives them, whose order stays.

    Returns
    -------
    tuple of ThemeReason
    """
    up = [one.theme for one in themes if one.role in _UP][:FIRST_THEMES]
    return tuple(one for one in themes if one.theme in up or one.serious)


def describe_role(theme: ThemeReason) -> str:
    """Return what a theme is to the score, in words; empty where its notes say it, or nothing is.

    Parameters
    ----------
    theme
        As :func:`tell_themes` gives it.

    Returns
    -------
    str
        One sentence with its full stop.
    """
    if theme.role == "reason":
        return say("is_reason")
    if theme.role == "may":
        return say("may_play_a_part")
    if theme.role == "lowers":
        return say("is_lower")
    return ""


def is_above_nine(reference: Reference, column: int, value: float) -> bool:
    """Return whether a value is above what nine in ten training cases had.

    Parameters
    ----------
    reference
        Quantiles of the training cases.
    column
        Position in the indicator matrix.
    value
        The value, never missing.
    """
    # The first quantile that is kept from nine in ten on: what is above it is above nine in ten.
    level = int(np.searchsorted(reference.levels, LEAST_HOLDS))
    return bool(value > reference.quantiles[column][level])


def _find_first(sums: Float64) -> frozenset[int]:
    order = np.argsort(-sums, kind="stable")[:FIRST_THEMES]
    return frozenset(int(one) for one in order if sums[one] >= _LEAST)


def measure_holds(served: Float64, refits: Float64) -> Float64:
    """Return in what share of refits each theme's sign and place among the first three held.

    Parameters
    ----------
    served
        Shape ``(n_rows, n_themes)``, as served.
    refits
        Shape ``(n_refits, n_rows, n_themes)``, each up to a factor above 0, which changes neither
        sign nor place.

    Returns
    -------
    Float64
        Shape ``(n_rows, n_themes)``. Of a theme that is not among the first three, the share in
        which its sign held.
    """
    sign = np.sign(refits) == np.sign(served)[None, :, :]
    same_place = _is_first(refits) | ~_is_first(served[None, :, :])
    return np.asarray((sign & same_place).mean(axis=0))


def _is_first(sums: Float64) -> np.ndarray:
    """Return which themes are among the first three by their sum, of those that push up."""
    above = (sums[..., None, :] > sums[..., :, None]).sum(axis=-1)
    return np.asarray((above < FIRST_THEMES) & (sums > 0))
