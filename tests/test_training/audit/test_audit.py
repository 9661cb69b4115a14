"""The audit of a list: fairlearn's figures, what may be told, and what is never a pass."""

import dataclasses
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, count, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.declarations import Catalogue
from features.catalogue.file import SHIPPED, load_catalogue
from features.catalogue.names import PROTECTED
from features.errors import ConfigError
from features.history.columns import History
from models.run_figures.codec import encode
from training.audit import audit_list, pair_characteristics, read_characteristics
from training.audit.characteristics import group_cases, pair_groups
from training.audit.disclosure import LEAST_SHOWN, hide_counts
from training.audit.group_measures import GroupMeasure
from training.audit.wording import FEWER, RECORDED_LESS, TOO_FEW, VERDICTS, WITHHELD
from training.figures.multiplicity import correct_holm

GROUPS = np.array(["a", "b", "c", None], dtype=object)


def make_cases(n=3000, seed=1):
    """Return a list of cases whose outcome, score and groups have nothing to do with each other
    beyond what a score should know.
    """
    random = np.random.default_rng(seed)
    log_odds = random.normal(-1.5, 1, n)
    probability = 1 / (1 + np.exp(-log_odds))
    return {
        "y_true": random.random(n) < probability,
        "probability": probability,
        "score": log_odds,
        "person": np.arange(n),
        "capacity": n // 5,
        "characteristics": {
            "victim sex": random.choice(np.array(["female", "male"], dtype=object), n),
            "victim ethnicity": random.choice(GROUPS, n, p=[0.5, 0.3, 0.15, 0.05]),
        },
        "primary": [("recall_at_capacity", "victim sex")],
        "n_draws": 60,
        "seed": 1,
    }


@pytest.fixture(scope="module")
def cases():
    return make_cases()


@pytest.fixture(scope="module")
def audit(cases):
    return audit_list(**cases, pairs=True)


def flatten(audit):
    """Return every group by characteristic and name."""
    return {
        (one.characteristic, group.group): group
        for one in audit.characteristics
        for group in one.groups
    }


def missed_case_rate(y_true, y_pred):
    """Return the share with the outcome among those without a place."""
    return y_true[~y_pred].mean()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_are_those_of_fairlearn(seed):
    """Counts, selection rate, recall and missed-case rate equal MetricFrame's, for pairs too."""
    cases = make_cases(seed=seed)
    y_pred = np.zeros(3000, dtype=bool)
    y_pred[np.argsort(-cases["score"])[: cases["capacity"]]] = True
    sensitive = pd.DataFrame(cases["characteristics"]).fillna("not known")
    metrics = {
        "n": count,
        "selection_rate": selection_rate,
        "recall_at_capacity": true_positive_rate,
        "missed_case_rate": missed_case_rate,
    }
    found = flatten(audit_list(**cases, pairs=True))
    compared = 0
    for features in (["victim sex"], ["victim ethnicity"], list(sensitive)):
        frame = MetricFrame(
            metrics=metrics,
            y_true=cases["y_true"],
            y_pred=y_pred,
            sensitive_features=sensitive[features],
        ).by_group
        for key, row in frame.iterrows():
            label = ", ".join(key) if isinstance(key, tuple) else key
            group = found[" and ".join(features), label]
            assert group.n in (None, int(row["n"]))
            for name in list(metrics)[1:]:
                if group.figures[GroupMeasure(name)] is not None:
                    assert group.figures[GroupMeasure(name)].value == pytest.approx(row[name])
                    compared += 1
    assert compared > 20


def test_exposure_and_calibration_by_their_definitions(cases, audit):
    """Exposure is the mean of 1/log2(1+rank) over that of all; calibration adds up."""
    rank = np.argsort(np.argsort(-cases["score"])) + 1
    exposure = 1 / np.log2(1 + rank)
    for label in ("female", "male"):
        inside = cases["characteristics"]["victim sex"] == label
        figures = flatten(audit)["victim sex", label].figures
        expected = exposure[inside].mean() / exposure.mean()
        assert figures[GroupMeasure.EXPOSURE].value == pytest.approx(expected)
        ratio = cases["y_true"][inside].sum() / cases["probability"][inside].sum()
        one = figures[GroupMeasure.OBSERVED_OVER_EXPECTED]
        assert one.value == pytest.approx(ratio)
        assert one.low < ratio < one.high
        level = figures[GroupMeasure.CALIBRATION_INTERCEPT].value
        fitted = 1 / (1 + np.exp(-(cases["score"][inside] + level)))
        assert fitted.sum() == pytest.approx(cases["y_true"][inside].sum())


def test_the_intercepts_standard_error_is_the_textbook_one():
    """With one row a person the error of the intercept is near that of the maximum likelihood."""
    cases = make_cases(n=4000, seed=5)
    cases["characteristics"] = {"victim sex": cases["characteristics"]["victim sex"]}
    group = flatten(audit_list(**cases))["victim sex", "male"]
    inside = cases["characteristics"]["victim sex"] == "male"
    p = cases["probability"][inside]
    textbook = 1 / np.sqrt((p * (1 - p)).sum())
    one = group.figures[GroupMeasure.CALIBRATION_INTERCEPT]
    assert (one.high - one.low) / (2 * 1.96) == pytest.approx(textbook, rel=0.1)


def test_a_group_is_held_against_all_others(cases, audit):
    """The difference is from the other known cases together, whichever group is the largest."""
    ethnicity = cases["characteristics"]["victim ethnicity"]
    y_true = cases["y_true"]
    for label in ("a", "b", "c"):
        inside = ethnicity == label
        others = ~inside & np.array([value is not None for value in ethnicity])
        one = flatten(audit)["victim ethnicity", label].comparisons[GroupMeasure.BASE_RATE]
        assert one.estimate == pytest.approx(y_true[inside].mean() - y_true[others].mean())
        assert one.low < one.estimate < one.high


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_row_order_and_names_are_irrelevant(seed):
    """Shuffled rows give the same audit; other names give the same figures under those names."""
    cases = make_cases(n=800, seed=seed)
    cases["score"] = np.round(cases["score"], 1)
    names = {"a": "z", "b": "y", "c": "x", None: None}
    order = np.random.default_rng(seed).permutation(800)
    other = cases | {name: cases[name][order] for name in ("y_true", "probability", "score")}
    other["person"] = cases["person"][order]
    other["characteristics"] = {
        "victim sex": cases["characteristics"]["victim sex"][order],
        "victim ethnicity": np.array(
            [names[value] for value in cases["characteristics"]["victim ethnicity"][order]],
            dtype=object,
        ),
    }
    found, again = flatten(audit_list(**cases)), flatten(audit_list(**other))
    assert len(found) == len(again)
    for (characteristic, label), group in found.items():
        twin = again[characteristic, names.get(label, label)]
        assert (group.n, group.positives, group.verdict) == (twin.n, twin.positives, twin.verdict)
        for name, figure in group.figures.items():
            expected = twin.figures[name]
            assert (figure is None) == (expected is None)
            if figure is not None:
                assert dataclasses.astuple(figure) == pytest.approx(dataclasses.astuple(expected))
        for name, one in group.comparisons.items():
            assert one.p_value == pytest.approx(twin.comparisons[name].p_value)


COUNTS = st.lists(st.integers(0, 60), min_size=2, max_size=6)


@given(counts=COUNTS)
def test_no_small_count_follows_by_subtraction(counts):
    """What is hidden is never one group alone, nor groups that together count under 10."""
    cases = np.array(counts, dtype=np.int64)
    grouping = group_cases("x", np.array([f"g{n}" for n in range(len(counts))], dtype=object))
    hidden = hide_counts(grouping, cases, cases // 2)
    for covered, of in ((hidden.cases, cases), (hidden.positives, cases // 2)):
        assert covered[of < LEAST_SHOWN].all()
        if covered.any() and not covered.all():
            assert covered.sum() > 1
            assert of[covered].sum() >= LEAST_SHOWN
    assert (hidden.positives | ~hidden.cases).all()


@given(data=st.data(), rows=st.integers(2, 4), columns=st.integers(2, 4))
def test_no_small_count_of_a_pair_follows_from_its_margins(data, rows, columns):
    """In a table of two characteristics every line hides none, at least two, or all."""
    size = rows * columns
    counts = np.array(data.draw(st.lists(st.integers(0, 60), min_size=size, max_size=size)))
    values = [[f"g{n // columns}", f"h{n % columns}"] for n in range(size)]
    one, other = (
        group_cases(name, np.array(of, dtype=object))
        for name, of in zip(("x", "y"), zip(*values, strict=True), strict=True)
    )
    table = counts.reshape(rows, columns)
    margins = [
        hide_counts(grouping, table.sum(axis=axis), table.sum(axis=axis) // 2)
        for grouping, axis in ((one, 1), (other, 0))
    ]
    hidden = hide_counts(pair_groups(one, other), counts, counts // 2, margins).cases
    hidden = hidden.reshape(rows, columns)
    assert hidden[table < LEAST_SHOWN].all()
    assert hidden[margins[0].cases].all()
    assert hidden[:, margins[1].cases].all()
    for line, covered in itertools.chain(
        zip(table, hidden, strict=True), zip(table.T, hidden.T, strict=True)
    ):
        if covered.any() and not covered.all():
            assert covered.sum() > 1
            assert line[covered].sum() >= LEAST_SHOWN


def test_no_small_count_of_a_pair_follows_from_all_totals_together():
    """Where two blocks of hidden counts hang together by one small one, others are hidden too."""
    table = np.array([[5, 6, 50, 60], [7, 8, 70, 80], [90, 9, 4, 3], [90, 95, 8, 7]])
    names = [[f"{of}{n}" for n in range(4)] for of in "gh"]
    one = group_cases("x", np.repeat(np.array(names[0], dtype=object), 4))
    other = group_cases("y", np.tile(np.array(names[1], dtype=object), 4))
    margins = [
        hide_counts(grouping, table.sum(axis=axis), table.sum(axis=axis) // 2)
        for grouping, axis in ((one, 1), (other, 0))
    ]
    hidden = hide_counts(pair_groups(one, other), table.ravel(), table.ravel() // 2, margins)
    # (g2, h1) alone joins the blocks: its row and column would give it away.
    assert hidden.cases.reshape(4, 4)[2, 1]
    assert hidden.cases.sum() > (table < LEAST_SHOWN).sum()


@settings(max_examples=15)
@given(n_small=st.integers(1, 250), seed=st.integers(0, 1000))
def test_suppression_holds(n_small, seed):
    """No rate under 100 people or 20 outcomes, no count under 10, and too few is not a pass."""
    cases = make_cases(n=600, seed=seed)
    sex = cases["characteristics"]["victim sex"]
    sex[:n_small], sex[n_small:] = "other", np.where(np.arange(n_small, 600) % 2, "male", "female")
    cases["y_true"][: n_small - n_small // 10] = False
    groups = flatten(audit_list(**cases))
    for label in ("other", "male", "female"):
        group, inside = groups["victim sex", label], sex == label
        n, positives = int(inside.sum()), int(cases["y_true"][inside].sum())
        assert group.n is None or group.n == n >= 10
        assert group.positives is None or group.positives == positives >= 10
        rates = [group.figures[name] for name in GroupMeasure if name in group.figures]
        if n < 100:
            assert group.verdict == TOO_FEW
            assert rates == [None] * len(rates)
            assert all(one.verdict == TOO_FEW for one in group.comparisons.values())
        if positives < 20:
            assert group.figures[GroupMeasure.RECALL] is None
            assert group.figures[GroupMeasure.OBSERVED_OVER_EXPECTED] is None
        if positives < 20 and GroupMeasure.RECALL in group.comparisons:
            assert group.comparisons[GroupMeasure.RECALL].verdict == TOO_FEW
        if group.positives is None:
            assert group.figures[GroupMeasure.BASE_RATE] is None
            assert group.figures[GroupMeasure.MISSED_CASE_RATE] is None
    assert sum(groups["victim sex", of].n is None for of in ("other", "male", "female")) != 1
    told = groups["victim sex", "other"].rounded.n
    assert told == (FEWER if n_small < 10 else n_small)


def test_a_hidden_group_takes_a_second_with_it(cases):
    """With four of one sex the next smallest group's count is withheld, its comparisons stay."""
    sex = np.where(np.arange(3000) % 3, "female", "male").astype(object)
    sex[:4] = "other"
    found = flatten(audit_list(**cases | {"characteristics": {"victim sex": sex}}))
    assert found["victim sex", "other"].rounded.n == FEWER
    male = encode(found["victim sex", "male"].rounded)
    assert (male["n"], male["positives"]) == (WITHHELD, WITHHELD)
    assert male["figures"]["selection_rate"] is None
    assert male["figures"]["recall_at_capacity"] is not None
    assert male["comparisons"]["selection_rate"]["verdict"] != TOO_FEW
    assert isinstance(found["victim sex", "female"].rounded.n, int)


def test_a_planted_difference_is_found_and_told():
    """Where men's scores are lowered their recall differs, in the primary comparison."""
    cases = make_cases()
    male = cases["characteristics"]["victim sex"] == "male"
    found = audit_list(**cases | {"score": cases["score"] - 1.0 * male})
    assert {one.comparison.verdict for one in found.primary} == {"differs"}
    by_group = {one.group: one for one in found.primary}
    assert by_group["male"].comparison.high < 0 < by_group["female"].comparison.low
    assert "lower than among the other cases" in by_group["male"].describe()


def test_what_is_even_is_told_with_what_cannot_be_ruled_out(audit):
    """No difference found names the size of a difference that may still be there."""
    for one in audit.primary:
        assert one.comparison.verdict == "no difference found"
        bound = max(-one.comparison.low, one.comparison.high)
        assert f"one of up to {bound:.3f} cannot be ruled out" in one.describe()


def test_chance_alone_rarely_makes_a_difference():
    """Over 40 lists without any difference, the primary comparison seldom errs."""
    wrong = 0
    for seed in range(40):
        cases = make_cases(n=1200, seed=seed)
        cases["characteristics"] = {"victim sex": cases["characteristics"]["victim sex"]}
        found = audit_list(**cases)
        wrong += any(one.comparison.verdict == "differs" for one in found.primary)
    assert wrong <= 6


def test_none_on_the_list_is_not_taken_for_certain():
    """A group that would expect fewer than five places is too few to tell, though it has none."""
    cases = make_cases() | {"capacity": 30}
    ethnicity = cases["characteristics"]["victim ethnicity"]
    score = np.where(ethnicity == "c", -9.0, cases["score"])
    group = flatten(audit_list(**cases | {"score": score}))["victim ethnicity", "c"]
    assert group.n > 100
    assert group.figures[GroupMeasure.SELECTION_RATE].value == 0.0
    assert group.comparisons[GroupMeasure.SELECTION_RATE].verdict == TOO_FEW


def test_at_most_three_comparisons_are_fixed_beforehand(cases, audit):
    """A fourth or an unknown measure is refused; an absent characteristic is told, not passed."""
    pair = ("recall_at_capacity", "victim sex")
    with pytest.raises(ConfigError, match="at most 3"):
        audit_list(**cases | {"primary": [pair] * 4})
    with pytest.raises(ConfigError, match="selection_rate"):
        audit_list(**cases | {"primary": [("fairness", "victim sex")]})
    absent = audit_list(**cases | {"primary": [("recall_at_capacity", "subject age band")]})
    assert [one.figures.verdict for one in absent.primary] == [TOO_FEW]
    roles = {
        (key, name): one.role
        for key, group in flatten(audit).items()
        for name, one in group.comparisons.items()
    }
    fixed = {key for key, role in roles.items() if role == "fixed beforehand"}
    assert fixed == {(("victim sex", of), GroupMeasure.RECALL) for of in ("female", "male")}


def test_two_groups_are_one_comparison(audit):
    """Of two groups each is the other's rest: both carry the same p value, which counts once."""
    groups = flatten(audit)
    for name, one in groups["victim sex", "female"].comparisons.items():
        other = groups["victim sex", "male"].comparisons[name]
        assert one.p_value == pytest.approx(other.p_value)
        assert one.corrected_p == other.corrected_p
    told = [g.comparisons.values() for key, g in groups.items() if key[0] != "victim sex"]
    exploratory = sum(1 for of in told for one in of if one.p_value is not None)
    once = len(groups["victim sex", "female"].comparisons) - 1
    assert audit.n_exploratory == exploratory + once


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_correction_is_the_textbook_one(p_values):
    """Holm's lies between none and Bonferroni's, and is the one worked out by hand."""
    given_ = np.array(p_values)
    holm = correct_holm(given_)
    assert (holm >= given_).all()
    assert (holm <= np.minimum(given_ * len(given_), 1) + 1e-12).all()
    assert correct_holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_fewer_and_graver_records_are_a_question_not_a_proof(cases):
    """Half the records and twice the share of grave ones is named, in careful words."""
    random = np.random.default_rng(1)
    is_c = cases["characteristics"]["victim ethnicity"] == "c"
    n_records = random.poisson(np.where(is_c, 4, 8)) + 1
    n_grave = random.binomial(n_records, np.where(is_c, 0.4, 0.2))
    happens = cases["y_true"] | (is_c & (random.random(3000) < 0.3))
    found = audit_list(**cases, n_records=n_records, n_grave=n_grave, happens=happens)
    assert [(one.characteristic, one.group) for one in found.recorded_less] == [
        ("victim ethnicity", "c")
    ]
    words = found.recorded_less[0].describe()
    assert RECORDED_LESS in words
    assert "shows nothing by itself" in words
    share = flatten(found)["victim ethnicity", "c"].comparisons[GroupMeasure.RECORDED_SHARE]
    assert (share.verdict, share.estimate < 0) == ("differs", True)
    plain = audit_list(**cases, n_records=n_records, n_grave=random.binomial(n_records, 0.2))
    assert plain.recorded_less == ()


def test_an_audit_is_plain_values_with_its_limits(audit):
    """The record of an audit is JSON without NaN, says its limits, and knows three verdicts."""
    text = json.dumps(encode(audit.figures), allow_nan=False)
    told = json.loads(text)
    assert {"correction", "limits", "caution"} <= set(told)
    verdicts = {
        one["verdict"]
        for characteristic in told["characteristics"]
        for group in characteristic["groups"]
        for one in group["comparisons"].values()
    }
    assert verdicts <= set(VERDICTS)
    assert "unbiased" not in text
    assert "fair" not in text


def test_a_list_without_estimates_or_cases_is_audited_as_far_as_it_goes(cases):
    """Without probabilities calibration is left out; without cases there is nothing to tell."""
    found = audit_list(**cases | {"probability": None})
    for group in flatten(found).values():
        assert GroupMeasure.OBSERVED_OVER_EXPECTED not in group.figures
        assert GroupMeasure.CALIBRATION_INTERCEPT not in group.figures
        assert GroupMeasure.RECALL in group.figures
    nobody = {name: cases[name][:0] for name in ("y_true", "probability", "score", "person")}
    none = {name: of[:0] for name, of in cases["characteristics"].items()}
    empty = audit_list(**cases | nobody | {"characteristics": none})
    assert [one.figures.verdict for one in empty.primary] == [TOO_FEW]
    with pytest.raises(ConfigError, match="one value per case"):
        audit_list(**cases | {"score": cases["score"][:5]})


def test_characteristics_are_read_by_role_and_case():
    """Each case has its value by role; unstated is unknown, two who differ are more than one."""
    people = pd.DataFrame(
        [
            ("p1", "A", "victim", "sex", "female"),
            ("p2", "A", "subject", "age_band", "18_24"),
            ("p3", "B", "victim", "sex", "female"),
            ("p4", "B", "victim", "sex", "male"),
            ("p5", "C", "victim", "sex", "not_stated"),
            ("p6", "elsewhere", "victim", "sex", "male"),
            ("p7", "D", "victim", "sex", None),
        ],
        columns=["person_id", "case_id", "role", "characteristic", "value"],
    )
    case_id = np.array(["D", "C", "B", "A"], dtype=object)
    found = read_characteristics(people, case_id, pairs=True)
    assert {name: list(of) for name, of in found.items()} == {
        "subject age band": [None, None, None, "18_24"],
        "victim sex": [None, None, "more than one", "female"],
        "subject age band and victim sex": [None, None, None, "18_24, female"],
    }
    assert list(pair_characteristics({"victim sex": found["victim sex"]})) == []


def read_values(*values, characteristic="ethnicity"):
    """Read one value of one characteristic for as many cases."""
    rows = [(f"p{n}", f"C{n}", "victim", characteristic, one) for n, one in enumerate(values)]
    names = ["person_id", "case_id", "role", "characteristic", "value"]
    case_id = np.array([f"C{n}" for n in range(len(values))], dtype=object)
    (found,) = read_characteristics(pd.DataFrame(rows, columns=names), case_id).values()
    return list(found)


@pytest.mark.parametrize(
    ("spellings", "shown"),
    [
        (("White", "white", "WHITE ", "White"), "White"),
        (
            ("Black  British", "Black\u00a0British", "BLACK BRITISH", "Black British"),
            "Black British",
        ),
        (("\uff21sian", "Asian", "ASIAN", "asian\u200b"), "Asian"),
        (("not_white", "Not White", "not white"), "Not White"),
        (("Straße", "STRASSE"), "STRASSE"),
        (("e\u0301lan", "\u00e9lan"), "\u00e9lan"),
    ],
)
def test_a_group_spelled_in_several_ways_is_one_group(spellings, shown):
    """Letter case, blanks and other forms of a letter make no group of their own, too few to tell
    of; the spelling that most cases have is shown, or the first of equals.
    """
    assert read_values(*spellings, "Other") == [*[shown] * len(spellings), "Other"]


@pytest.mark.parametrize(
    "stand_in",
    [
        "N/K", "n/k", "n / k", "N.K.", "NK", "Not Known", "not-known", "NOT_KNOWN ", "Unknown",
        "(unknown)", "\uff35nknown", "Not Stated", "Not recorded", "N/A", "Refused",
        "-", "--", "?", "...", " ", "", "\u2014", "null", "Don't know", "UNK",
        "Prefer not to say",
    ],
)  # fmt: skip
def test_what_stands_for_an_unknown_value_is_no_group(stand_in):
    """A stand-in for what nobody knows is told as not known, beside empty cells, not as a group."""
    assert read_values("White", stand_in) == ["White", None]


@pytest.mark.parametrize(
    "value", ["None", "NA", "NS", "Other", "Mixed", "18-24", "18_24", "0", "A1"]
)
def test_a_code_that_could_mean_a_group_stays_one(value):
    """No religion is a group, and so are letters that may be somebody's code for one."""
    assert read_values("White", value) == ["White", value]


def test_people_of_one_group_do_not_differ_by_its_spelling():
    """Two people of one case whose group is spelled otherwise are not "more than one", and names of
    a characteristic that differ so are one characteristic.
    """
    rows = [
        ("p1", "A", "victim", "Ethnicity", "White"),
        ("p2", "A", "victim", "ethnicity ", "WHITE"),
        ("p3", "B", "victim", "ethnicity", "White"),
        ("p4", "B", "victim", "ethnicity", "Asian"),
    ]
    names = ["person_id", "case_id", "role", "characteristic", "value"]
    found = read_characteristics(pd.DataFrame(rows, columns=names), np.array(["A", "B"], object))
    assert {name: list(of) for name, of in found.items()} == {
        "victim ethnicity": ["White", "more than one"]
    }


def test_values_that_are_no_groups_are_refused():
    """A date of birth is not a band: too many values are one error that repeats none of them."""
    values = np.array([f"born {n}" for n in range(40)], dtype=object)
    with pytest.raises(ConfigError, match="bands") as caught:
        group_cases("victim birth", values)
    assert "born" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(file.stem for file in SHIPPED.glob("*.yaml")))
def test_no_column_of_a_model_is_or_selects_a_characteristic(name):
    """No column, nor anything a column looks for in the records, is a protected characteristic."""
    catalogue = load_catalogue(name)
    words = {*catalogue.columns, *looked_for(catalogue)}
    assert len(words) > len(catalogue.indicators)
    assert [word for word in sorted(words) if PROTECTED.search(word)] == []


def looked_for(catalogue: Catalogue) -> set[str]:
    """Return every kind, channel, source, detail, state and fact that an indicator looks for."""
    found: set[str] = set()
    for indicator in catalogue.indicators:
        one = indicator.expression
        found |= {text for text in (one.field, one.state, one.while_state, one.fact) if text}
        for selector in (one.of, one.since, one.among):
            for value in dataclasses.asdict(selector).values() if selector else ():
                found |= set(value) if isinstance(value, tuple) else set()
    return found


def test_a_history_has_no_place_for_people():
    """What indicators are made from holds no person, role or characteristic (promise 9)."""
    names = {field.name for field in dataclasses.fields(History)}
    for part in (History.__dataclass_fields__["events"], History.__dataclass_fields__["facts"]):
        names |= {field.name for field in dataclasses.fields(part.type)}
    assert not {"people", "person_id", "role", "characteristic", "characteristics"} & names
    assert [name for name in sorted(names) if PROTECTED.search(name)] == []
