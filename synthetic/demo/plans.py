"""What the example unit's people decide: a plain rule of what is on file, with some chance.

The rule reads no score: nobody's case is closed, or anything done on it, for its score. Chance
comes from the seed, the case's identifier and the occasion, so that it is the same every time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from serving.decisions.drafts import NO_FURTHER_ACTION, ReasonViewIn
from serving.lists.draws import open_draw
from serving.lists.outputs import ListedOut
from serving.persons import Person
from synthetic.demo import words
from synthetic.demo.people import ADVOCATE, DETECTIVE, PROBATION, PSYCHOLOGIST, SCREENER
from synthetic.demo.seen_cases import SeenCase

QUIET_DAYS: Final = 28
"""From so many days without a new record on a case may be closed."""
MOST_REASONS: Final = 2
_BREACHES: Final = frozenset({"order_breach", "bail_breach", "licence_breach"})
_GRAVE: Final = frozenset(
    {
        "assault",
        "strangulation",
        "sexual_violence",
        "threat_to_kill",
        "threat_to_children",
        "threat_of_violence",
        "weapon_mentioned",
        "weapon_produced",
        "entry_to_home",
        "support_withdrawn",
        "victim_suicidality",
    }
)
_CRISIS: Final = frozenset({"suicide_threat", "self_harm"})
_OTHERS: Final = frozenset({"child_contact_decision", "home_lost", "threat_to_children"})
_One = TypeVar("_One")


@dataclass(frozen=True)
class DemoChance:
    """Where chance comes from, for one case on one occasion.

    Parameters
    ----------
    seed
        The example's seed.
    """

    seed: int

    def on(self, case_id: str, occasion: str) -> "DemoDraw":
        """Return the draws of a case on an occasion."""
        return DemoDraw(open_draw(str(self.seed), f"{occasion} {case_id}").random(16).tolist())


class DemoDraw:
    """Draws in order: what one settles is settled by no other.

    Parameters
    ----------
    numbers
        Numbers from 0, inclusive, to 1.
    """

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = iter(numbers)

    def happens(self, share: float) -> bool:
        """Return whether something happens that does in a share of cases."""
        return next(self._numbers) < share

    def pick(self, among: Sequence[_One]) -> _One:
        """Return one of several, each as likely as another."""
        return among[int(next(self._numbers) * len(among))]

    def days(self, least: int, most: int) -> int:
        """Return a number of days, both ends inclusive."""
        return least + int(next(self._numbers) * (most - least + 1))


@dataclass(frozen=True)
class DemoPlan:
    """What a person decides; ``owner`` and ``review_days`` are ``None`` where they close a case."""

    person: Person
    ways: Mapping[str, Mapping[str, Any]]
    owner: str | None = None
    review_days: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Judged:
    """What a person thinks of a score, once they have seen it, and of its reasons."""

    agrees: Literal["yes", "no", "not_seen"] = "not_seen"
    reasons: tuple[ReasonViewIn, ...] = ()
    score_key: str | None = None
    note: str | None = None


def plan_decision(case: SeenCase, draw: DemoDraw) -> DemoPlan:
    """Return what is decided on a case.

    A case on which nothing new was recorded for four weeks, with no urgent flag, is closed; every
    other one is taken on, by whoever's work it is first.
    """
    if case.quiet_days >= QUIET_DAYS and not case.n_urgent:
        closer = draw.pick((SCREENER, DETECTIVE, ADVOCATE))
        return DemoPlan(closer, {NO_FURTHER_ACTION: {"reason": draw.pick(words.CLOSING)}})
    ways = _find_ways(case, draw)
    person, owner = _find_people(ways, draw)
    review_days = draw.days(14, 28) if case.n_urgent else draw.days(28, 77)
    note = draw.pick(words.NOTES) if draw.happens(0.3) else None
    return DemoPlan(person, ways, owner, review_days, note)


def _find_ways(case: SeenCase, draw: DemoDraw) -> dict[str, dict[str, Any]]:
    ways: dict[str, dict[str, Any]] = {}
    if case.kinds & _BREACHES:
        ways["enforcement"] = {"what": draw.pick(words.ENFORCEMENT)}
    if case.kinds & _CRISIS and draw.happens(0.6):
        told = {"clinically_indicated": True, "motivated": True}
        ways["therapeutic_assessment"] = told | {"what": draw.pick(words.ASSESSMENT)}
    if case.kinds & _GRAVE:
        ways["victim_safety_planning"] = {"what": draw.pick(words.SAFETY)}
    if case.kinds & _OTHERS and draw.happens(0.7):
        ways["other_agency"] = {"which": draw.pick(words.AGENCIES)}
    if not ways or draw.happens(0.15):
        ways["further_enquiry"] = {"what": draw.pick(words.ENQUIRY)}
    return ways


def _find_people(ways: Mapping[str, Any], draw: DemoDraw) -> tuple[Person, str]:
    """Return who decides and who has the case from then on."""
    if "therapeutic_assessment" in ways:
        return PSYCHOLOGIST, PSYCHOLOGIST.name
    if "enforcement" in ways:
        return DETECTIVE, draw.pick((DETECTIVE, PROBATION)).name
    if "victim_safety_planning" in ways:
        return draw.pick((DETECTIVE, ADVOCATE)), ADVOCATE.name
    return SCREENER, draw.pick((DETECTIVE, SCREENER, PROBATION)).name


def judge_score(row: ListedOut, draw: DemoDraw) -> Judged:
    """Return what a person thinks of the score of a list's row, and of its first reasons.

    Parameters
    ----------
    row
        The row as it may be shown; without a score nothing is thought of it.
    draw
        Chance.
    """
    if row.withheld or row.score_key is None or draw.happens(0.06):
        return Judged()
    agrees = not draw.happens(0.15)
    reasons = tuple(
        _judge_reason(one.outcome, one.indicator, draw) for one in row.reasons[:MOST_REASONS]
    )
    note = None if agrees else draw.pick(words.DISAGREEMENT)
    return Judged("yes" if agrees else "no", reasons, row.score_key, note)


def _judge_reason(outcome: str, indicator: str, draw: DemoDraw) -> ReasonViewIn:
    agrees = not draw.happens(0.2)
    return ReasonViewIn(
        outcome=outcome,
        indicator=indicator,
        agrees=agrees,
        note=None if agrees else draw.pick(words.REASON_DOUBTED),
    )


def view_first(case: SeenCase, draw: DemoDraw) -> str:
    """Return a person's first view of a case, before anything of the model is shown."""
    if case.is_flagged:
        return "look_now"
    return draw.pick(("look_now", "look_soon", "can_wait"))
