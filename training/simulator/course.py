"""What the subject would do if nobody acted: triggers, bursts of acts, signs of crisis."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from training.simulator import constants as set_by
from training.simulator.population import Cases, Episodes
from training.simulator.rows import NO_TEXT, Bools, Codes, Floats, Ints, Vocabulary

KINDS: Final = tuple(act.kind for act in set_by.ACTS)
SEVERITY: Final = np.array([act.severity for act in set_by.ACTS])
GRAVE: Final = np.array([act.severity >= set_by.LEAST_GRAVE_SEVERITY for act in set_by.ACTS])
CONTACTS: Final = np.isin(KINDS, ("call", "message", "letter", "gift", "approach", "home_visit"))
THREATS: Final = np.isin(KINDS, ("threat_of_violence", "threat_to_kill", "threat_to_children"))
VIOLENCE: Final = np.isin(KINDS, ("assault", "strangulation", "sexual_violence"))
NEAR_HOME: Final = np.isin(KINDS, ("home_visit", "loitering", "entry_to_home"))
_CHUNK: Final = 100_000


@dataclass(frozen=True)
class Triggers:
    """Unsettling events; ``kind`` is a position in ``TRIGGER_KINDS``. Shape ``(n_triggers,)``."""

    case: Ints
    day: Floats
    kind: Ints


TRIGGER_KINDS: Final = (
    "legal_step",
    "child_contact_decision",
    "hearing",
    "new_relationship_known",
    "home_lost",
    "bereavement",
)


@dataclass(frozen=True)
class Incidents:
    """True acts in order of case and day; shape ``(n_incidents,)``.

    ``act`` is a position in ``ACTS``; ``anchor`` marks the act that led to the referral, which is
    always recorded; ``order`` and ``on_bail`` say under which conditions it happened (``order`` is
    the code of the kind of order or ``NO_TEXT``).
    """

    case: Ints
    day: Floats
    act: Ints
    channel: Codes
    proxy: Bools
    anchor: Bools
    order: Codes
    on_bail: Bools

    def __len__(self) -> int:
        return len(self.case)

    def take(self, chosen: Ints | Bools) -> "Incidents":
        """Return the chosen incidents, by position or by mask."""
        parts = {column.name: getattr(self, column.name)[chosen] for column in fields(self)}
        return Incidents(**parts)


def draw_triggers(cases: Cases, episodes: Episodes, rng: np.random.Generator) -> Triggers:
    """Return events that may unsettle the subject during episodes."""
    length = episodes.end - episodes.start
    count = rng.poisson(set_by.TRIGGERS_A_YEAR / 365.25 * (length + 30.0))
    case = np.repeat(episodes.case, count)
    day = np.repeat(episodes.start - 30.0, count) + rng.random(len(case)) * np.repeat(
        length + 30.0, count
    )
    kind = rng.integers(0, len(TRIGGER_KINDS), len(case))
    about_children = kind == TRIGGER_KINDS.index("child_contact_decision")
    about_partner = kind == TRIGGER_KINDS.index("new_relationship_known")
    possible = (~about_children | cases.has_children[case]) & (
        ~about_partner | cases.is_former_partner[case]
    )
    return Triggers(case[possible], day[possible], kind[possible])


def draw_incidents(
    cases: Cases,
    episodes: Episodes,
    triggers: Triggers,
    words: Vocabulary,
    rng: np.random.Generator,
) -> Incidents:
    """Return every true act before the extract, in bursts and lulls.

    Fresh acts come at random within an episode; each act sets off a Poisson number of further ones
    within days (a self-exciting process in its branching form).
    """
    fresh_case, fresh_day = _draw_fresh(cases, episodes, triggers, rng)
    case, day = _draw_offspring(fresh_case, fresh_day, rng)
    anchor_case = np.arange(len(cases))
    anchor_day = cases.referral - np.minimum(rng.exponential(1.0, len(cases)) + 0.02, 5.0)
    anchor = np.concatenate([np.ones(len(cases), dtype=bool), np.zeros(len(case), dtype=bool)])
    case = np.concatenate([anchor_case, case])
    day = np.concatenate([anchor_day, day])
    ends = np.minimum(cases.departs, 0.0)[case]
    order = np.lexsort((day, case))
    order = order[(day < ends)[order]]
    case, day, anchor = case[order], day[order], anchor[order]
    gain = _grave_gain(cases, episodes, triggers, case, day)
    act = _draw_acts(cases, case, gain, rng)
    return Incidents(
        case=case,
        day=day,
        act=act,
        channel=_draw_channels(act, words, rng),
        proxy=rng.random(len(case)) < set_by.PROXY_SHARE,
        anchor=anchor,
        order=np.full(len(case), NO_TEXT, dtype=np.int16),
        on_bail=np.zeros(len(case), dtype=bool),
    )


def _draw_fresh(
    cases: Cases, episodes: Episodes, triggers: Triggers, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Return case and day of acts that no other act set off."""
    length = episodes.end - episodes.start
    daily = set_by.BURSTS_A_DAY * cases.fixation[episodes.case]
    daily = daily * (1.0 + set_by.SHORT_EPISODE_GAIN * np.exp(-length / 14.0))
    count = rng.poisson(daily * length) + 1
    case = np.repeat(episodes.case, count)
    day = np.repeat(episodes.start, count) + rng.random(len(case)) * np.repeat(length, count)
    answers = rng.random(len(triggers.case)) < set_by.TRIGGER_ACT_PROBABILITY
    answer_day = triggers.day + rng.exponential(set_by.TRIGGER_DELAY_DAYS, len(triggers.case))
    return (
        np.concatenate([case, triggers.case[answers]]),
        np.concatenate([day, answer_day[answers]]),
    )


def _draw_offspring(case: Ints, day: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Return the acts given and all those they set off, generation by generation."""
    cases, days = [case], [day]
    while len(case):
        count = rng.poisson(set_by.BRANCHING, len(case))
        case = np.repeat(case, count)
        day = np.repeat(day, count)
        day = day + rng.exponential(set_by.BRANCHING_DELAY_DAYS, len(day))
        cases.append(case)
        days.append(day)
    return np.concatenate(cases), np.concatenate(days)


def _draw_acts(cases: Cases, case: Ints, gain: Floats, rng: np.random.Generator) -> Ints:
    """Return what kind of act each one is; ``gain`` is the factor on grave ones."""
    liking = rng.gamma(set_by.REPERTOIRE_SHAPE, 1.0, (len(cases), len(KINDS)))
    power = np.array([act.aggression_power for act in set_by.ACTS])
    # Grave acts follow aggression, not liking: nobody is spared violence by taste.
    liking = np.where(GRAVE, 1.0, liking / set_by.REPERTOIRE_SHAPE)
    weight = np.array([act.weight for act in set_by.ACTS]) * liking
    weight *= cases.aggression[:, None] ** power
    draw = rng.random(len(case))
    act = np.empty(len(case), dtype=np.int64)
    for begin in range(0, len(case), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        heights = weight[case[part]]
        heights = np.where(GRAVE, heights * gain[part, None], heights).cumsum(axis=1)
        act[part] = (heights < (draw[part] * heights[:, -1])[:, None]).sum(axis=1)
    return np.minimum(act, len(KINDS) - 1)


def _grave_gain(
    cases: Cases, episodes: Episodes, triggers: Triggers, case: Ints, day: Floats
) -> Floats:
    """Return the factor on grave acts from escalation and from recent triggers."""
    first = np.full(len(cases), np.inf)
    last = np.full(len(cases), -np.inf)
    np.minimum.at(first, episodes.case, episodes.start)
    np.maximum.at(last, episodes.case, episodes.end)
    span = np.maximum(last - first, 14.0)
    progress = np.clip((day - first[case]) / span[case], 0.0, 1.0)
    gain: Floats = np.where(cases.escalates[case], np.exp(set_by.ESCALATION_GAIN * progress), 1.0)
    since = _days_since_latest(triggers.case, triggers.day, case, day)
    gain[since <= set_by.TRIGGER_GRAVE_DAYS] *= set_by.TRIGGER_GRAVE_GAIN
    return gain


def _days_since_latest(event_case: Ints, event_day: Floats, case: Ints, day: Floats) -> Floats:
    """Return days from the case's latest earlier event to each day; infinity without one."""
    if len(event_case) == 0:
        return np.full(len(case), np.inf)
    order = np.lexsort((event_day, event_case))
    # One number orders by case, then day: days here stay well within the span given to a case.
    span = 1e6
    keys = event_case[order] * span + event_day[order]
    place = np.searchsorted(keys, case * span + day, side="right") - 1
    found = order[np.maximum(place, 0)]
    same = (place >= 0) & (event_case[found] == case)
    return np.where(same, day - event_day[found], np.inf)


def _draw_channels(act: Ints, words: Vocabulary, rng: np.random.Generator) -> Codes:
    """Return the channel of each act, ``NO_TEXT`` where the kind says it all."""
    channel = np.full(len(act), NO_TEXT, dtype=np.int16)
    for number, entry in enumerate(set_by.ACTS):
        if not entry.means:
            continue
        chosen = np.flatnonzero(act == number)
        channel[chosen] = words.draw(entry.means, len(chosen), rng)
    return channel
