"""Every sentence that a reader meets: association, no promise, no blame, no terms of art."""

import re
import string
from dataclasses import replace

import numpy as np
import pytest

from features.catalogue.file import load_catalogue
from models.ranking.advice import Estimate
from models.wording.sentences import (
    SENTENCES,
    describe_briefly,
    describe_estimate,
    describe_push,
    describe_range,
    say,
)

CATALOGUES = ("stalking", "complaints", "screenings")
FORBIDDEN = {
    "cause": r"because|cause[sd]?|causing|led to|leads to|due to the|results? in|as a result|"
    r"driven by|explains why",
    "certainty": r"will|certain|certainly|surely|definitely|proves?|proven|guarantee[sd]?|"
    r"predict\w*|forecast|safe|low risk|high risk|no risk|dangerous",
    "blame": r"offenders?|perpetrators?|guilty|culprits?|abusers?|liars?|lied|fault|"
    r"manipulat\w+|attention.seeking|failed to",
    "jargon": r"log.odds|shap\w*|calibrat\w+|logits?|quantiles?|percentiles?|features?|covariates?|"
    r"coefficients?|gradient\w*|boost\w*|algorithms?|classifiers?|inference|posterior|stochastic|"
    r"regression|horizon",
    "nothing": r"did not matter|does not matter|irrelevant|crosses the line",
}
OLDEST = 15.0


def sentences():
    """Return every sentence with where it stands."""
    found = [(f"models/wording/sentences.py {name}", text) for name, text in SENTENCES.items()]
    for name in CATALOGUES:
        catalogue = load_catalogue(name)
        place = f"catalogues/{name}.yaml"
        found += [(f"{place} wording {key}", text) for key, text in catalogue.wording.items()]
        for entry in catalogue.indicators:
            found.append((f"{place} {entry.name}", entry.reason))
            found.append((f"{place} {entry.name} none", entry.none_reason))
        found += [(f"{place} {flag.name}", flag.wording) for flag in catalogue.flags]
        found += [(f"{place} {fact.name}", fact.question) for fact in catalogue.facts.values()]
        found += [(f"{place} {outcome.name}", outcome.label) for outcome in catalogue.outcomes]
        found += [(f"{place} {kind.name}", kind.label) for kind in catalogue.kinds.values()]
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_sentence_speaks_of(what):
    """No sentence in code or catalogue claims a cause, is certain, blames or uses a term of art."""
    pattern = re.compile(rf"\b(?:{FORBIDDEN[what]})\b", re.IGNORECASE)
    found = []
    for place, text in sentences():
        words = re.sub(r"\{\w+\}", "", text)
        found += [f"{place}: {text}"] if pattern.search(words) else []
    assert found == []


def test_every_sentence_is_filled_by_name():
    """Parts have names, so that a sentence can be changed without reading code."""
    for text in SENTENCES.values():
        names = [part for _, part, _, _ in string.Formatter().parse(text) if part is not None]
        assert all(name.isidentifier() for name in names)
    with pytest.raises(KeyError):
        say("estimate")


def count_syllables(word: str) -> int:
    """Return a word's syllables, by its groups of vowels."""
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = (
        word.lower().endswith("e") and not word.lower().endswith(("le", "ee")) and len(groups) > 1
    )
    return max(1, len(groups) - silent)


def reading_age(text: str) -> float:
    """Return the age at which a text is read with ease, in years.

    Flesch-Kincaid grade (Kincaid and others 1975), 0.39 words a sentence + 11.8 syllables a word -
    15.59, plus 5 years.
    """
    parts = [part for part in re.split(r"[.:;?!]+(?:\s|$)", text) if re.search(r"[A-Za-z]", part)]
    words = re.findall(r"[A-Za-z]+(?:'[a-z]+)?", text)
    syllables = sum(count_syllables(word) for word in words)
    return 0.39 * len(words) / len(parts) + 11.8 * syllables / len(words) - 15.59 + 5


def test_the_sentences_can_be_read():
    """The sentences of the code, read one after the other, ask for a reading age below fifteen."""
    ours = [re.sub(r"\{\w+\}", "it", text) for text in SENTENCES.values()]
    age = reading_age(". ".join(ours) + ".")
    for name in CATALOGUES:
        wording = load_catalogue(name).wording
        print(  # noqa: T201  # the figures are what is asked for
            f"reading age, {name} wording: {reading_age(' '.join(wording.values())):.1f}"
        )
    print(  # noqa: T201
        f"reading age, models/wording/sentences.py: {age:.1f}"
    )
    assert age < OLDEST


def test_reading_age_counts_as_the_formula_says():
    """Six words of one syllable in one sentence: grade 0.39 x 6 + 11.8 - 15.59, and five years."""
    assert reading_age("The cat sat on the mat.") == pytest.approx(3.55)
    assert [count_syllables(w) for w in ("the", "recorded", "cases", "little", "score")] == [
        1,
        3,
        2,
        2,
        1,
    ]


def make_estimate(probability, average=0.03, low=None, high=None):
    """Return an estimate of those numbers."""
    return Estimate(
        "violence", "violence recorded", "180 days", probability, average, 0, 0, low, high
    )


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (
            make_estimate(0.07, 0.03, 0.04, 0.11),
            "Among cases given a score like this, about 7 in 100 (4 to 11) within 180 days; usual "
            "is 3 in 100",
        ),
        (
            make_estimate(0.004, 0.004),
            "Among cases given a score like this, about 4 in 1,000 within 180 days; usual is 4 in "
            "1,000",
        ),
        (
            make_estimate(0.0492, 0.1, 0.031, 0.062),
            "Among cases given a score like this, about 49 in 1,000 (31 to 62) within 180 days; "
            "usual is 100 in 1,000",
        ),
        (
            make_estimate(0.06, 0.004),
            "Among cases given a score like this, about 6 in 100 within 180 days; usual is fewer "
            "than 1 in 100",
        ),
        (
            make_estimate(0.0006, 0.0004),
            "Among cases given a score like this, fewer than 1 in 1,000 within 180 days; usual is "
            "fewer than 1 in 1,000",
        ),
    ],
)
def test_an_estimate_has_one_format(estimate, said):
    """Frequency, doubt, average and time stand in one fixed sentence, out of one number."""
    assert describe_estimate(estimate) == said


def test_an_estimate_in_a_row_has_the_numbers_of_the_sentence():
    """The short form holds the same frequency, doubt and average, in the same counts."""
    numbers = make_estimate(0.07, 0.03, 0.04, 0.11)
    assert describe_briefly(numbers) == "about 7 in 100 (4 to 11); usual 3 in 100"
    assert "about 7 in 100 (4 to 11) within 180 days; usual is 3 in 100" in describe_estimate(
        numbers
    )
    assert describe_briefly(make_estimate(0.995, 0.004)) == (
        "more than 99 in 100; usual fewer than 1 in 100"
    )


def test_where_a_simple_rule_does_as_well_four_words_say_so():
    """The sentence and its short form end with them, of that outcome alone."""
    numbers = replace(make_estimate(0.07, 0.03), rule_suffices=True)
    for told in (describe_estimate(numbers), describe_briefly(numbers)):
        assert told.endswith("3 in 100; a simple rule suffices")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.042, 0.11, "about 4 to 11 in 100, depending on the answer"),
        (0.061, 0.064, "about 6 in 100, whichever the answer"),
        (0.0412, 0.0413, "about 41 in 1,000, whichever the answer"),
        (0.002, 0.02, "about 2 to 20 in 1,000, depending on the answer"),
        (0.002, 0.08, "fewer than 1 to 8 in 100, depending on the answer"),
        (0.6, 0.995, "about 60 to more than 99 in 100, depending on the answer"),
    ],
)
def test_a_range_is_told_in_the_same_counts(low, high, said):
    """A range of answers uses the format of every probability."""
    assert describe_range(low, high) == said


def test_a_share_moved_the_score():
    """Whatever its size, a share is told as association, by direction and strength."""
    said = [describe_push(share) for share in (0.6, -0.3, 0.01)]
    assert said == [
        "moved the score up strongly",
        "moved the score down clearly",
        "moved the score up a little",
    ]
    assert all(np.array([describe_push(x).startswith("moved the score") for x in (-9, 9)]))
