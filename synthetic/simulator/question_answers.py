"""Answers to the unit's questions, often not asked, and people for the audit alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from synthetic.simulator import constants as set_by
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Courses, Records
from synthetic.simulator.logs import MARK_KINDS
from synthetic.simulator.population import is_former_partner
from synthetic.simulator.rows import (
    NO_TEXT,
    NONE,
    Bools,
    Codes,
    Floats,
    Ints,
    Vocabulary,
    count_within,
)

PEOPLE: Final = ("subject", "victim")


@dataclass(frozen=True)
class Answers:
    """Rows of the facts table; shape ``(n_answers,)``.

    ``day`` is the day a date fact tells (NaN otherwise), days before the extract; ``text`` is the
    code of the answer (``NO_TEXT`` where it is a date or was not asked); ``supersedes`` is the
    position of the answer that this one replaces, or ``NONE``.
    """

    case: Ints
    name: Codes
    asked: Bools
    text: Codes
    day: Floats
    recorded: Floats
    supersedes: Ints

    def __len__(self) -> int:
        return len(self.case)


@dataclass(frozen=True)
class People:
    """Rows of the people table; ``person`` is a position in ``PEOPLE``; the rest are codes."""

    case: Ints
    person: Ints
    characteristic: Codes
    value: Codes


def draw_answers(courses: Courses, words: Vocabulary, chance: Chance) -> Answers:
    """Return what was asked and answered at the referral and again, in the order of recording."""
    cases = courses.cases
    blocks = []
    for name, truth in _draw_truths(courses, chance).items():
        wrong = chance.happens(set_by.ANSWER_ERROR, f"mistaken {name}", cases["number"])
        said = np.where(truth ^ wrong, words.code("yes"), words.code("no"))
        blocks.append(_ask(cases, name, said.astype(np.int16), words, chance))
    types = chance.poisson(0.8 * np.sqrt(cases["aggression"]), "offences", cases["number"])
    numbers = words.codes([str(number) for number in range(int(types.max(initial=0)) + 1)])
    question = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    blocks.append(_ask_again(_stack(blocks), question, words, chance))
    blocks.append(_ask(cases, "prior_offence_types", numbers[types], words, chance))
    blocks.append(_describe_separation(courses, words, chance))
    blocks.append(_describe_release(courses, words, chance))
    return _in_order(_stack(blocks))


def draw_people(cases: Records, words: Vocabulary, chance: Chance) -> People:
    """Return sex, age band and ethnicity of subject and victim, apart from all else."""
    number = cases["number"]
    blocks = []
    for person, role in enumerate(PEOPLE):
        male = cases["victim_is_male"]
        if role == "subject":
            male = chance.happens(set_by.SUBJECT_MALE, "subject male", number)
        ethnicity = _pick(set_by.ETHNICITIES, f"{role} ethnicity", number, words, chance)
        unstated = chance.happens(set_by.NOT_STATED, f"{role} not stated", number)
        values = {
            "sex": np.where(male, words.code("male"), words.code("female")),
            "age_band": _pick(set_by.AGE_BANDS, f"{role} age", number, words, chance),
            "ethnicity": np.where(unstated, words.code("not_stated"), ethnicity),
        }
        blocks += [(person, words.code(name), value) for name, value in values.items()]
    count = len(blocks)
    # One case after another, so that no chunk changes the order.
    return People(
        case=np.repeat(number, count),
        person=np.tile([person for person, _, _ in blocks], len(number)),
        characteristic=np.tile(np.array([name for _, name, _ in blocks], np.int16), len(number)),
        value=np.stack([value for _, _, value in blocks], axis=1).astype(np.int16).ravel(),
    )


def _draw_truths(courses: Courses, chance: Chance) -> Mapping[str, Bools]:
    """Return, by fact, the answer each case would give if asked."""
    cases = courses.cases
    number, former = cases["number"], is_former_partner(cases)
    log_aggression = np.log(cases["aggression"])

    def yes(probability: Floats, name: str) -> Bools:
        return chance.happens(probability, name, number)

    def logit(intercept: float, slope: float, trait: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-(intercept + slope * trait))))

    chances = {
        "victim_very_frightened": logit(-1.3, 0.8, log_aggression),
        "weapons_access": logit(-2.6, 0.5, log_aggression),
        "prior_violence": logit(-0.9, 0.9, log_aggression),
        "prior_stalking_of_others": logit(-1.9, 0.7, np.log(cases["fixation"] + 0.1)),
        "substance_misuse": logit(-0.8, 0.4, log_aggression),
        "public_figure_victim": np.where(former, 0.0, 0.05),
        "new_partner": np.where(former, 0.35, 0.15),
        "child_of_another_relationship": np.where(former, 0.18, 0.08),
    }
    known = {
        "threatened_to_kill": courses.states["threatened_to_kill"],
        "former_partner": former,
        "acquaintance": cases["relation"] == set_by.RELATIONS.index("acquaintance"),
        "stranger": cases["relation"] == set_by.RELATIONS.index("stranger"),
        "children_in_common": cases["has_children"],
    }
    return {name: yes(probability, name) for name, probability in chances.items()} | known


def _ask(cases: Records, name: str, said: Codes, words: Vocabulary, chance: Chance) -> Answers:
    """Return rows for those who were asked and for those said not to have been."""
    draw = chance.uniform(f"asked {name}", cases["number"])
    asked = draw < set_by.ASKED
    place = np.flatnonzero(draw < set_by.ASKED + set_by.SAID_NOT_ASKED)
    case = cases["number"][place]
    wait = set_by.ANSWERED_AFTER_DAYS * chance.exponential(f"when {name}", case)
    return Answers(
        case=case,
        name=np.full(len(place), words.code(name), dtype=np.int16),
        asked=asked[place],
        text=np.where(asked, said, NO_TEXT)[place].astype(np.int16),
        day=np.full(len(place), np.nan),
        recorded=cases["referral"][place] + wait,
        supersedes=np.full(len(place), NONE),
    )


def _ask_again(first: Answers, question: Ints, words: Vocabulary, chance: Chance) -> Answers:
    """Return a few later answers that replace given ones; ``question`` numbers what was asked."""
    again = np.flatnonzero(chance.happens(set_by.ASKED_AGAIN, "again", first.case, question))
    case, number = first.case[again], question[again]
    # Most say the same again; those who had not been asked now are.
    changed = chance.happens(set_by.ANSWER_CHANGED, "changed", case, number)
    yes = (first.text[again] == words.code("yes")) ^ changed
    text = np.where(yes, words.code("yes"), words.code("no"))
    return Answers(
        case=case,
        name=first.name[again],
        asked=np.ones(len(again), dtype=np.bool_),
        text=text.astype(np.int16),
        day=first.day[again],
        recorded=first.recorded[again] + chance.between(5.0, 150.0, "again at", case, number),
        supersedes=again,
    )


def _describe_separation(courses: Courses, words: Vocabulary, chance: Chance) -> Answers:
    """Return the date of separation that some former partners give."""
    cases = courses.cases
    told = chance.happens(set_by.ASKED, "separation date", cases["number"])
    place = np.flatnonzero(told & np.isfinite(cases["separation"]))
    days, known = cases["separation"][place], cases["referral"][place]
    return _dates("separation_date", cases["number"][place], days, known, words, chance)


def _describe_release(courses: Courses, words: Vocabulary, chance: Chance) -> Answers:
    """Return release dates, told at the start of custody or later."""
    marks = courses.marks
    number = count_within(marks["case"])
    chosen = marks["kind"] == MARK_KINDS.index("custody")
    chosen &= chance.happens(set_by.ASKED, "release date", marks["case"], number)
    custody = marks[chosen]
    lasted = custody["until"] - custody["day"]
    known = custody["day"] + lasted * chance.uniform("release told", custody["case"])
    return _dates("release_date", custody["case"], custody["until"], known, words, chance)


def _dates(
    name: str, case: Ints, day: Floats, known: Floats, words: Vocabulary, chance: Chance
) -> Answers:
    """Return rows of one date fact."""
    number = count_within(case)
    wait = set_by.ANSWERED_AFTER_DAYS * chance.exponential(f"when {name}", case, number)
    return Answers(
        case=case,
        name=np.full(len(case), words.code(name), dtype=np.int16),
        asked=np.ones(len(case), dtype=np.bool_),
        text=np.full(len(case), NO_TEXT, dtype=np.int16),
        day=day,
        recorded=known + wait,
        supersedes=np.full(len(case), NONE),
    )


def _stack(blocks: Sequence[Answers]) -> Answers:
    """Return all blocks as one."""
    parts = {
        column.name: np.concatenate([getattr(block, column.name) for block in blocks])
        for column in fields(Answers)
    }
    return Answers(**parts)


def _in_order(answers: Answers) -> Answers:
    """Return what was recorded before the extract, by case and in the order of recording."""
    kept = np.flatnonzero(answers.recorded < 0.0)
    order = kept[np.lexsort((answers.recorded[kept], answers.case[kept]))]
    position = np.full(len(answers), NONE)
    position[order] = np.arange(len(order))
    parts = {column.name: getattr(answers, column.name)[order] for column in fields(Answers)}
    replaced = parts["supersedes"]
    parts["supersedes"] = np.where(replaced >= 0, position[replaced], NONE)
    return Answers(**parts)


def _pick(
    shares: tuple[tuple[str, float], ...],
    purpose: str,
    case: Ints,
    words: Vocabulary,
    chance: Chance,
) -> Codes:
    """Return words drawn by share."""
    place = chance.pick([share for _, share in shares], purpose, case)
    return words.codes([name for name, _ in shares])[place]
