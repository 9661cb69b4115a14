import re

import pytest

from features.catalogue.declarations import Catalogue, Direction, Measure
from features.catalogue.file import load_catalogue

FAMILIES = {
    "threat_and_violence",
    "approach_and_pursuit",
    "contact_and_channels",
    "fixation_and_persistence",
    "orders_and_breaches",
    "custody_and_release",
    "escalation_and_change",
    "victim_impact",
    "third_parties_and_proxies",
    "relationship_and_separation",
    "triggers",
    "not_known",
}
LISTED_ACTS = {  # Protection from Harassment Act 1997 s.2A(3)(a) to (g)
    "following": "(a)",
    "contact": "(b)",
    "publishing": "(c)",
    "monitoring": "(d)",
    "loitering": "(e)",
    "interfering": "(f)",
    "watching": "(g)",
}
CONSTRAINED_BY_THE_REVIEW = {  # the build notes of the domain review, by their numbers there
    "threats_ever": 7,
    "threats_to_kill": 9,
    "threats_to_children": 10,
    "weapon_incidents": 11,
    "strangulations": 12,
    "prior_stalking_of_others": 18,
    "loitering_or_following": 34,
    "property_damage": 36,
    "breaches_365d": 48,
    "suicide_markers": 52,
    "victim_very_frightened": 59,
}
LEFT_OPEN_BY_THE_REVIEW = {
    "prior_violence": 15,
    "arrests": 16,
    "rate_ratio_28d_90d": 22,
    "severity_slope": 23,
    "approaches_28d": 32,
    "children_in_common": 44,
    "forced_changes": 60,
    "support_withdrawn": 61,
}
PROTECTED = (
    r"\b(age|aged|sex|gender|race|racial|ethnic\w*|nationality|religio\w*|belief|disab\w*|"
    r"pregnan\w*|maternity|marriage|married|orientation|transgender|postcode|employ\w*|"
    r"unemploy\w*|psychosis|psychotic|personality|delusion\w*|diagnos\w*|health)\b"
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("stalking")


def test_there_are_enough_indicators_in_every_family(catalogue: Catalogue) -> None:
    """The catalogue measures widely: at least 40 indicators, in the families people recognise."""
    assert len(catalogue.indicators) >= 40
    assert {indicator.family for indicator in catalogue.indicators} == FAMILIES


def test_every_indicator_has_its_source_and_words(catalogue: Catalogue) -> None:
    """Each indicator names its source and says its reason in words of association."""
    for indicator in catalogue.indicators:
        assert indicator.source.strip()
        assert "{value}" in indicator.reason
        words = f"{indicator.reason} {indicator.none_reason}".lower()
        assert not re.search(
            r"\b(because|causes?|caused|due to|leads? to|perpetrator|offender)\b", words
        )


def test_listed_acts_stand_right_under_conduct(catalogue: Catalogue) -> None:
    """The kinds take the behaviours of section 2A(3) as their top level, each with its letter."""
    for kind, letter in LISTED_ACTS.items():
        assert catalogue.kinds[kind].parent == "conduct"
        assert catalogue.kinds[kind].source.endswith(f"1997 s.2A(3){letter}")


def test_no_protected_characteristic_is_named(catalogue: Catalogue) -> None:
    """No kind, question, indicator, outcome or flag is about what may never reach a model."""
    words = [f"{kind.name} {kind.label}" for kind in catalogue.kinds.values()]
    words += [f"{fact.name} {fact.question}" for fact in catalogue.facts.values()]
    words += [f"{entry.name} {entry.reason} {entry.none_reason}" for entry in catalogue.indicators]
    words += [f"{outcome.name} {outcome.label}" for outcome in catalogue.outcomes]
    words += [f"{flag.name} {flag.wording}" for flag in catalogue.flags]
    found = [text for text in words if re.search(PROTECTED, text.replace("_", " ").lower())]
    assert found == []


@pytest.mark.parametrize("name", sorted(CONSTRAINED_BY_THE_REVIEW))
def test_directions_follow_the_review(catalogue: Catalogue, name: str) -> None:
    """Where the review's sources agree, more raises."""
    indicators = {indicator.name: indicator for indicator in catalogue.indicators}
    assert indicators[name].direction is Direction.RAISES


@pytest.mark.parametrize("name", sorted(LEFT_OPEN_BY_THE_REVIEW))
def test_conflicting_sources_leave_the_direction_open(catalogue: Catalogue, name: str) -> None:
    """Where sources conflict or the sign is an artefact of recording, the direction is open."""
    indicators = {indicator.name: indicator for indicator in catalogue.indicators}
    assert indicators[name].direction is Direction.OPEN


def test_flagged_acts_can_only_raise(catalogue: Catalogue) -> None:
    """Threats, weapons, violence, breaches and entry to the home enter constrained counts only."""
    flagged = {"threat", "weapon", "violence", "breach", "entry_to_home", "threat_to_kill"}
    flagged |= {"strangulation", "threat_to_children", "suicide_threat"}
    # An entry to the home is interference with property as well, which patterns look at.
    patterns = {"interfering"}
    for indicator in catalogue.indicators:
        selector = indicator.expression.of
        if indicator.direction is not Direction.OPEN or selector is None:
            continue
        if patterns & set(selector.kind) or indicator.family == "not_known":
            continue
        separation = indicator.name in {
            "days_conduct_before_separation",
            "days_since_first_incident",
        }
        assert separation or not flagged & set(selector.kind), indicator.name


def test_silence_is_never_good_news(catalogue: Catalogue) -> None:
    """Recency, recent counts, custody, forced changes and withdrawn support count as silence."""
    for indicator in catalogue.indicators:
        expression = indicator.expression
        if expression.measure in (Measure.DAYS_SINCE_LAST, Measure.DAYS_IN_STATE):
            assert indicator.silence, indicator.name
    silent = {indicator.name for indicator in catalogue.indicators if indicator.silence}
    assert {"incidents_28d", "contacts_28d", "forced_changes", "support_withdrawn"} <= silent


def test_first_read_has_its_questions(catalogue: Catalogue) -> None:
    """The questions that a first read must ask are marked, and each that a record or a person
    answers once is measured; what the victim is asked each time, and what is
    shown of a safety plan, is not measured.
    """
    asked = {name for name, fact in catalogue.facts.items() if fact.key_question}
    assert {"victim_very_frightened", "threatened_to_kill", "weapons_access"} <= asked
    measured = {indicator.expression.fact for indicator in catalogue.indicators}
    each_time = {"victim_suicidal", "victim_unsafe_now", "victim_wishes_known"}
    shown_alone = {"safety_plan", "safety_plan_reviewed"}
    assert set(catalogue.facts) - each_time - shown_alone <= measured
    assert not measured & (each_time | shown_alone)
    assert all(catalogue.facts[name].ask_each_time for name in each_time)


def test_the_unit_insights_are_there(catalogue: Catalogue) -> None:
    """Contact from custody, persistence despite sanctions and differing views are measured."""
    expressions = {entry.name: entry.expression for entry in catalogue.indicators}
    assert expressions["contacts_from_custody"].while_state == "custody"
    assert expressions["conduct_under_order"].while_state == "order"
    assert expressions["conduct_on_bail"].while_state == "bail"
    assert expressions["views_differ_on_act"].measure is Measure.DISAGREEMENT
    assert catalogue.priority.custody_state == "custody"


def test_every_measure_of_the_grammar_is_used(catalogue: Catalogue) -> None:
    """The catalogue exercises the whole grammar."""
    assert {indicator.expression.measure for indicator in catalogue.indicators} == set(Measure)


def test_outcomes_share_one_horizon_and_make_a_ladder(catalogue: Catalogue) -> None:
    """Priority weighs outcomes of one horizon, mildest first, each level worse than the last."""
    assert {outcome.horizon.days for outcome in catalogue.outcomes} == {90}
    weights = [rung.weight for rung in catalogue.priority.ladder]
    assert weights == sorted(weights)
    assert [rung.name for rung in catalogue.priority.ladder] == [
        "persistence",
        "violence",
        "serious_harm",
    ]
    persistence, violence = (
        next(outcome for outcome in catalogue.outcomes if outcome.name == name)
        for name in ("persistence", "violence")
    )
    assert set(violence.of.kind) < set(persistence.of.kind)


def test_urgent_flags_are_those_of_the_design(catalogue: Catalogue) -> None:
    """Every urgent flag the design names is declared."""
    assert {flag.name for flag in catalogue.flags if flag.urgent} == {
        "new_strangulation",
        "threat_to_kill_or_to_children",
        "weapon",
        "entry_to_home",
        "victim_suicidality",
        "suicide_threat_with_last_resort_language",
        "release_within_seven_days",
    }


def test_wording_states_the_permitted_use(catalogue: Catalogue) -> None:
    """Every page can say that the score is advisory and what is estimated."""
    advisory, estimate = catalogue.wording["advisory"], catalogue.wording["estimate"]
    assert advisory.startswith("Advisory.")
    for word in (
        "arrest",
        "search",
        "charge",
        "bail",
        "order application",
        "sentencing",
        "refusal",
    ):
        assert word in advisory
    assert "recorded outcome under past practice" in estimate
