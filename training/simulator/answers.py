"""Answers to the unit's questions, often not asked, and people for the audit alone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.simulator import constants as set_by
from training.simulator.course import KINDS, Incidents
from training.simulator.population import Cases
from training.simulator.response import Response, Restraint
from training.simulator.rows import Bools, Floats, Ints
from training.simulator.world import World

Texts = npt.NDArray[np.object_]
DATE_FACTS: Final = ("separation_date", "release_date")
NUMBER_FACTS: Final = ("prior_offence_types",)


@dataclass(frozen=True)
class Answers:
    """Rows of the facts table; shape ``(n_answers,)``.

    ``day`` is the day a date fact tells (NaN otherwise), days before the extract; ``text`` is the
    answer (``None`` where it is a date or was not asked); ``supersedes`` is the position of the
    answer that this one replaces, or -1.
    """

    case: Ints
    name: Texts
    asked: Bools
    text: Texts
    day: Floats
    recorded: Floats
    supersedes: Ints


@dataclass(frozen=True)
class People:
    """Rows of the people table; shape ``(n_rows,)``; ``number`` tells people apart."""

    number: Ints
    case: Ints
    role: Texts
    characteristic: Texts
    value: Texts


def draw_answers(world: World, rng: np.random.Generator) -> Answers:
    """Return what was asked and answered at the referral, and what was asked again."""
    truths = _draw_truths(world.cases, world.response.incidents, rng)
    blocks = [_ask(world.cases, name, truth, rng) for name, truth in truths.items()]
    blocks.append(_tell_separation(world, rng))
    blocks.append(_tell_release(world.response, rng))
    first = _stack(blocks)
    return _ask_again(first, rng)


def draw_people(n_cases: int, rng: np.random.Generator) -> People:
    """Return sex, age band and ethnicity of subject and victim, apart from all else."""
    columns: list[tuple[Ints, Texts, Texts, Texts]] = []
    for offset, role in enumerate(("subject", "victim")):
        number = np.arange(n_cases) * 2 + offset
        male = set_by.SUBJECT_MALE if role == "subject" else 1.0 - set_by.VICTIM_FEMALE
        sex = _pick((("male", male), ("female", 1.0 - male)), n_cases, rng)
        age = _pick(set_by.AGE_BANDS, n_cases, rng)
        ethnicity = _pick(set_by.ETHNICITIES, n_cases, rng)
        ethnicity[rng.random(n_cases) < set_by.NOT_STATED] = "not_stated"
        for name, value in (("sex", sex), ("age_band", age), ("ethnicity", ethnicity)):
            columns.append((number, _fill(role, n_cases), _fill(name, n_cases), value))
    return People(
        number=np.concatenate([entry[0] for entry in columns]),
        case=np.tile(np.arange(n_cases), len(columns)),
        role=np.concatenate([entry[1] for entry in columns]),
        characteristic=np.concatenate([entry[2] for entry in columns]),
        value=np.concatenate([entry[3] for entry in columns]),
    )


def _draw_truths(cases: Cases, incidents: Incidents, rng: np.random.Generator) -> dict[str, Texts]:
    """Return, by fact, the answer each case would give if asked."""
    n_cases = len(cases)
    before = incidents.day < cases.referral[incidents.case]
    killing = np.zeros(n_cases, dtype=bool)
    killing[incidents.case[before & (incidents.act == KINDS.index("threat_to_kill"))]] = True
    log_aggression = np.log(cases.aggression)
    former = cases.is_former_partner

    def yes(probability: Floats | float) -> Bools:
        drawn: Bools = rng.random(n_cases) < probability
        return drawn

    truths = {
        "victim_very_frightened": yes(_logistic(-1.3 + 0.8 * log_aggression)),
        "threatened_to_kill": killing,
        "weapons_access": yes(_logistic(-2.6 + 0.5 * log_aggression)),
        "prior_violence": yes(_logistic(-0.9 + 0.9 * log_aggression)),
        "prior_stalking_of_others": yes(_logistic(-1.9 + 0.7 * np.log(cases.fixation + 0.1))),
        "substance_misuse": yes(_logistic(-0.8 + 0.4 * log_aggression)),
        "former_partner": former,
        "acquaintance": cases.relation == set_by.RELATIONS.index("acquaintance"),
        "stranger": cases.relation == set_by.RELATIONS.index("stranger"),
        "public_figure_victim": yes(np.where(former, 0.0, 0.05)),
        "new_partner": yes(np.where(former, 0.35, 0.15)),
        "children_in_common": cases.has_children,
        "child_of_another_relationship": yes(np.where(former, 0.18, 0.08)),
    }
    answers = {name: _yes_no(truth, rng) for name, truth in truths.items()}
    types = rng.poisson(0.8 * np.sqrt(cases.aggression))
    answers["prior_offence_types"] = types.astype(str).astype(object)
    return answers


def _yes_no(truth: Bools, rng: np.random.Generator) -> Texts:
    """Return yes or no, sometimes mistaken."""
    wrong = rng.random(len(truth)) < set_by.ANSWER_ERROR
    return np.where(truth ^ wrong, "yes", "no").astype(object)


def _ask(cases: Cases, name: str, answer: Texts, rng: np.random.Generator) -> Answers:
    """Return rows for those who were asked and for those said not to have been."""
    draw = rng.random(len(cases))
    asked = draw < set_by.ASKED
    row = asked | (draw < set_by.ASKED + set_by.SAID_NOT_ASKED)
    case = np.flatnonzero(row)
    return Answers(
        case=case,
        name=_fill(name, len(case)),
        asked=asked[case],
        text=np.array([answer[n] if asked[n] else None for n in case], dtype=object),
        day=np.full(len(case), np.nan),
        recorded=cases.referral[case] + rng.exponential(3.0, len(case)),
        supersedes=np.full(len(case), -1),
    )


def _tell_separation(world: World, rng: np.random.Generator) -> Answers:
    """Return the date of separation that some former partners give."""
    tells = rng.random(len(world.cases)) < set_by.ASKED
    case = np.flatnonzero(tells & np.isfinite(world.separation))
    known = world.cases.referral[case]
    return _dates("separation_date", case, world.separation[case], known, rng)


def _tell_release(response: Response, rng: np.random.Generator) -> Answers:
    """Return release dates, told at the start of custody or later."""
    custody = [entry for entry in response.spells if entry.restraint is Restraint.CUSTODY]
    case = np.concatenate([entry.case for entry in custody])
    start = np.concatenate([entry.start for entry in custody])
    end = np.concatenate([entry.end for entry in custody])
    told = rng.random(len(case)) < set_by.ASKED
    known = start + rng.random(len(case)) * (end - start)
    return _dates("release_date", case[told], end[told], known[told], rng)


def _dates(name: str, case: Ints, day: Floats, known: Floats, rng: np.random.Generator) -> Answers:
    """Return rows of one date fact."""
    return Answers(
        case=case,
        name=_fill(name, len(case)),
        asked=np.ones(len(case), dtype=bool),
        text=np.full(len(case), None, dtype=object),
        day=day,
        recorded=known + rng.exponential(3.0, len(case)),
        supersedes=np.full(len(case), -1),
    )


def _ask_again(first: Answers, rng: np.random.Generator) -> Answers:
    """Return the answers followed by a few later ones that replace them."""
    yes_no = ~np.isin(first.name, NUMBER_FACTS + DATE_FACTS)
    again = np.flatnonzero(yes_no & (rng.random(len(first.case)) < set_by.ASKED_AGAIN))
    # Most say the same again; some who had not been asked now are.
    changed = rng.random(len(again)) < set_by.ANSWER_CHANGED
    text = first.text[again]
    text = np.where(text == "yes", np.where(changed, "no", "yes"), np.where(changed, "yes", "no"))
    later = Answers(
        case=first.case[again],
        name=first.name[again],
        asked=np.ones(len(again), dtype=bool),
        text=text.astype(object),
        day=first.day[again],
        recorded=first.recorded[again] + rng.uniform(5.0, 150.0, len(again)),
        supersedes=again,
    )
    return _stack([first, later])


def _stack(blocks: list[Answers]) -> Answers:
    """Return all blocks as one."""
    return Answers(
        case=np.concatenate([block.case for block in blocks]),
        name=np.concatenate([block.name for block in blocks]),
        asked=np.concatenate([block.asked for block in blocks]),
        text=np.concatenate([block.text for block in blocks]),
        day=np.concatenate([block.day for block in blocks]),
        recorded=np.concatenate([block.recorded for block in blocks]),
        supersedes=np.concatenate([block.supersedes for block in blocks]),
    )


def _pick(shares: tuple[tuple[str, float], ...], count: int, rng: np.random.Generator) -> Texts:
    """Return words drawn by share."""
    height = np.array([share for _, share in shares])
    names = np.array([name for name, _ in shares], dtype=object)
    return names[rng.choice(len(names), count, p=height / height.sum())]


def _fill(word: str, count: int) -> Texts:
    """Return one word many times."""
    return np.full(count, word, dtype=object)


def _logistic(value: Floats) -> Floats:
    """Return the probability of a logit."""
    return 1.0 / (1.0 + np.exp(-value))
