"""Reasons as themes: exact sums, told by the records, called reasons only where they hold."""

import dataclasses

import numpy as np
import pytest

from features.catalogue.themes import map_themes
from features.contract.arrays import MISSING
from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.evidence.records_behind import CaseMoment
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from models.bundle.contributions import explain
from models.bundle.theme_refits import OutcomeRefits, Refit, read_theme_refits
from models.explanations.facade import list_families
from models.ranking.order import rank
from models.ranking.themes import (
    ThemeScores,
    describe_role,
    list_first,
    measure_holds,
    tell_themes,
)
from models.wording.sentences import say

ZONE = "Europe/London"
AS_OF = parse_date("2026-06-01", ZONE)
EXTRACT = parse_date("2026-06-02", ZONE)


def make_history(events, facts=()):
    """Return the history of one case; each event is (day, kind) with what else is stated."""
    rows = {
        "cases": [{"case_id": "C1", "recorded_at": "2025-01-01"}],
        "events": [
            {"case_id": "C1", "event_id": f"e{n}", "occurred_at": day, "kind": kind}
            | {"recorded_at": more.pop("recorded_at", day), "actor": "subject"}
            | more
            for n, (day, kind, more) in enumerate(
                (one[0], one[1], dict(*one[2:])) for one in events
            )
        ],
        "facts": [
            {"case_id": "C1", "fact_id": f"f{n}", "name": name, "asked": "yes", "value": value}
            | {"recorded_at": day}
            for n, (day, name, value) in enumerate(facts)
        ],
    }
    return assemble_history(assemble_folder(rows, time_zone=ZONE, extract_at_us=EXTRACT))


def tell(bundle, history, contribution=None, **scores):
    """Return the themes of one case by name, under contributions of one's own."""
    catalogue = bundle.catalogue
    values = measure(history, bundle.plan, AS_OF).values[0]
    shares = np.zeros(len(catalogue.indicators))
    for number, one in enumerate(catalogue.indicators):
        shares[number] = (contribution or {}).get(one.name, 0.0)
    asked = ThemeScores("persistence", shares, **scores)
    told = tell_themes(bundle, CaseMoment(history, catalogue, 0, AS_OF), values, asked)
    return {one.theme: one for one in told}


def hold_all(bundle):
    """Return that every theme held in every refit."""
    return np.ones(len(bundle.themes.themes))


def test_sums_of_themes_are_exact_over_random_models(bundles, rows_of):
    """Over random models, missing values and histories a theme is the sum of its members, and all
    themes with the base value are the served log-odds, to 1e-9.
    """
    history = rows_of(3, 12).assemble()
    for bundle in bundles:
        ranking = rank(bundle, history, AS_OF)
        for advice in ranking.advise(range(len(ranking))):
            estimate = {one.outcome: one for one in advice.estimates}[advice.leading_outcome]
            total = sum(one.contribution for one in advice.themes)
            assert estimate.base_log_odds + total == pytest.approx(estimate.log_odds, abs=1e-9)
            for theme in advice.themes:
                members = sum(one.contribution for one in theme.members)
                assert members == pytest.approx(theme.contribution, abs=1e-9)


def test_every_indicator_is_in_one_theme(stalking):
    """The catalogue's themes take in every indicator, and nine of them are named."""
    themes = map_themes(stalking)
    assert [one.name for one in themes.themes] == [one.name for one in stalking.themes]
    assert len(themes.themes) == 9
    assert len(themes.of_indicator) == len(stalking.indicators)


def test_a_catalogue_without_themes_has_one_for_each_family(stalking, bundles, rows_of):
    """A bundle of an earlier version is told by families: the same exact numbers."""
    plain = dataclasses.replace(stalking, themes=(), serious=None, frameworks=None)
    old = dataclasses.replace(bundles[0], catalogue=plain)
    history = rows_of(5, 4).assemble()
    advice = rank(old, history, AS_OF).advise([0])[0]
    case = history.case_id.tolist().index(advice.case_id)
    families = list_families(old, history, case, AS_OF, advice.leading_outcome)
    told = {one.theme: one.contribution for one in advice.themes}
    assert told == pytest.approx({one.family: one.share for one in families}, abs=1e-9)


def test_a_theme_names_acts_with_kind_number_and_dates(bundles):
    """The gravest acts stand first and each has its date; the others are counted."""
    history = make_history(
        [
            ("2026-05-20", "threat_of_violence"),
            ("2026-05-22", "threat_of_violence"),
            ("2026-04-01", "assault"),
            ("2026-05-01", "assault"),
            ("2026-03-02", "threat_to_kill"),
        ]
    )
    assert tell(bundles[0], history)["threats_and_violence"].sentence == (
        "A threat to kill, recorded for 2 March 2026. 2 assaults recorded, the last on 1 May 2026. "
        "Recorded in the last two years: 2 threats of violence, the last on 22 May 2026."
    )


def test_one_incident_told_thrice_is_one_act(bundles):
    """Three views of one incident count once, as in every indicator."""
    views = ("recorded", "account", "classification")
    history = make_history(
        [("2026-05-01", "assault", {"incident_id": "i1", "view": view}) for view in views]
    )
    assert tell(bundles[0], history)["threats_and_violence"].sentence.startswith(
        "An assault, recorded for 1 May 2026."
    )


def test_what_is_doubtful_is_said_in_numbers(bundles):
    """Acts reported and not verified and those of a person unknown are counted apart."""
    history = make_history(
        [
            ("2026-05-01", "approach", {"assurance": "unverified"}),
            ("2026-05-02", "approach", {"assurance": "fact"}),
            ("2026-05-03", "entry_to_home", {"actor": "unknown"}),
            ("2026-05-04", "loitering", {"actor": "unknown"}),
        ]
    )
    said = tell(bundles[0], history)["approach_and_pursuit"].sentence
    assert said == (
        "Not attributed to the subject, person unknown: entry to the home on 3 May 2026. Recorded "
        "in the last two years: 2 approaches in person (1 not verified), the last on 2 May 2026. "
        "Not attributed to the subject, person unknown: loitering on 4 May 2026."
    )


def test_an_act_laid_to_the_victim_is_told_apart_with_who_alleged_it(bundles):
    """It is no act of the subject's, and the sentence says who says so."""
    history = make_history(
        [
            ("2026-05-01", "message"),
            ("2026-05-02", "message", {"actor": "victim", "reporter_role": "subject"}),
        ]
    )
    assert tell(bundles[0], history)["persistence"].sentence.endswith(
        "Recorded against the victim and told apart: a message on 2 May 2026, alleged by subject."
    )


@pytest.mark.parametrize(
    "hidden",
    [
        {"handling": "agency_only", "source": "police"},
        {"source": "health"},
    ],
)
def test_what_others_may_not_see_makes_no_part_of_a_theme(bundles, hidden):
    """With and without a health or agency-only record every theme and question is the same."""
    told = [("2026-05-01", "message"), ("2026-05-03", "approach")]
    kept = [("2026-05-20", "threat_to_kill", hidden), ("2026-05-21", "assault", hidden)]
    one, other = (
        rank(bundles[0], make_history(events), AS_OF).advise([0])[0]
        for events in (told, told + kept)
    )
    assert one.themes == other.themes
    assert one.questions == other.questions
    assert one.reasons == other.reasons


def test_what_was_hidden_after_the_score_makes_no_part_of_a_theme(bundles):
    """A record kept apart since is not told, though the score of then had read it."""
    ranking = rank(bundles[0], make_history([("2026-05-20", "threat_to_kill")]), AS_OF)
    (before,) = ranking.advise([0])
    (after,) = dataclasses.replace(ranking, hidden=frozenset({"e0"})).advise([0])
    assert "threat to kill" in " ".join(one.sentence for one in before.themes)
    assert "hreat to kill" not in " ".join(one.sentence for one in after.themes)
    assert [one.contribution for one in after.themes] != []
    assert after.estimates == before.estimates


def test_a_serious_record_is_told_where_it_weighs_nothing(bundles):
    """It says that the score does not measure it, and stands first."""
    history = make_history([("2026-05-01", "message"), ("2026-05-02", "tracking_device")])
    told = tell(bundles[0], history, {"contacts_28d": 0.8}, holds=hold_all(bundles[0]))
    pursuit = told["approach_and_pursuit"]
    assert pursuit.role == "consider"
    assert pursuit.sentence == (
        "A device that tracks the victim's movements, recorded for 2 May 2026."
    )
    assert pursuit.notes == (say("not_measured"),)
    assert next(iter(told)) == "approach_and_pursuit"
    assert list_first(tuple(told.values()))[0].theme == "approach_and_pursuit"


def test_a_serious_record_that_weighs_is_not_told_as_unmeasured(bundles):
    """Where an indicator of its theme pushes up by it, the score measures it."""
    history = make_history([("2026-05-02", "tracking_device")])
    told = tell(bundles[0], history, {"electronic_monitoring": 0.4}, holds=hold_all(bundles[0]))
    assert told["approach_and_pursuit"].role == "reason"
    assert told["approach_and_pursuit"].notes == (
        "In the score: incidents of electronic monitoring or tracking on record: 1.",
    )


def test_a_severe_act_is_serious_whatever_its_kind(bundles):
    """Severity 8 of 10 says so of a visit to the home, severity 7 does not."""
    for severity, role in ((8, "consider"), (7, "record")):
        history = make_history([("2026-05-02", "home_visit", {"value": severity})])
        assert tell(bundles[0], history)["approach_and_pursuit"].role == role


def test_risk_is_never_told_as_lowering(bundles):
    """Acts against others and a yes to drugs push down: no reason, and marked so where exact."""
    history = make_history(
        [("2026-05-02", "message", {"target": "child"})],
        [("2026-05-03", "substance_misuse", "yes")],
    )
    shares = {"acts_against_others": -0.6, "substance_misuse": -0.5}
    told = tell(bundles[0], history, shares, holds=hold_all(bundles[0]))
    assert {one.role for one in told.values()}.isdisjoint({"lowers", "reason", "may"})
    marked = {m.indicator: m.note for one in told.values() for m in one.members}
    assert marked == dict.fromkeys(shares, "arithmetic of the model, not protection")


def test_an_answer_may_lower(bundles):
    """A subject who is a stranger lowers a score in the sources, and it is told so."""
    history = make_history([], [("2026-05-03", "stranger", "yes")])
    told = tell(bundles[0], history, {"stranger": -0.4}, holds=hold_all(bundles[0]))
    theme = told["relationship_and_separation"]
    assert theme.role == "lowers"
    assert "none of it says that what is on record is harmless" in describe_role(theme)


def test_zeroes_are_no_reasons_up(bundles):
    """A theme of which nothing is on record is none, whatever its sum."""
    told = tell(bundles[0], make_history([]), {"threats_ever": 0.9}, holds=hold_all(bundles[0]))
    assert told["threats_and_violence"].role == "none"


@pytest.mark.parametrize(
    ("holds", "role"), [(1.0, "reason"), (0.9, "reason"), (0.89, "may"), (None, "may")]
)
def test_a_theme_is_a_reason_where_it_holds_in_nine_of_ten_refits(bundles, holds, role):
    """In fewer, or where no refits were kept, it may play a part."""
    shares = None if holds is None else np.full(len(bundles[0].themes.themes), holds)
    history = make_history([("2026-05-30", "message")])
    theme = tell(bundles[0], history, {"contacts_7d": 0.8}, holds=shares)["persistence"]
    assert theme.role == role
    assert describe_role(theme) == say("is_reason" if role == "reason" else "may_play_a_part")


def test_a_theme_that_rests_on_noise_is_no_reason(bundles):
    """Where indicators that cannot be told from noise make most of it, it may play a part."""
    history = make_history([("2026-05-30", "message")])
    shares = {"contacts_7d": 0.5, "contacts_28d": 0.2}
    roles = [
        tell(bundles[0], history, shares, holds=hold_all(bundles[0]), uninformative=noise)[
            "persistence"
        ].role
        for noise in (frozenset(), frozenset({"contacts_28d"}), frozenset({"contacts_7d"}))
    ]
    assert roles == ["reason", "reason", "may"]


def test_what_is_usual_is_said_only_where_it_is_above_nine_in_ten(bundles):
    """A count above the 95th percentile of training cases is; one at it is not."""
    bundle = bundles[0]
    column = bundle.catalogue.columns.index("contacts_28d")
    quantiles = bundle.reference.quantiles.copy()
    quantiles[column] = [0, 0, 0, 1, 1, 3, 9]
    bundle = dataclasses.replace(
        bundle, reference=dataclasses.replace(bundle.reference, quantiles=quantiles)
    )
    for n, notes in (
        (3, ("In the score: contacts in the last 28 days: 3.",)),
        (4, ("Contacts in the last 28 days: 4, higher than in 9 of 10 similar cases.",)),
    ):
        history = make_history([(f"2026-05-2{day}", "message") for day in range(n)])
        told = tell(bundle, history, {"contacts_28d": 0.5}, holds=hold_all(bundle))
        assert told["persistence"].notes == notes


def test_sign_and_place_are_counted_over_refits():
    """Of four refits the first theme keeps sign and place in three, the last its sign in two."""
    served = np.array([[0.5, 0.4, 0.3, 0.1, -0.2]])
    again = np.array(
        [
            [[0.5, 0.4, 0.3, 0.1, -0.2]],
            [[0.1, 0.4, 0.3, 0.2, -0.1]],
            [[0.5, 0.4, -0.3, 0.1, 0.2]],
            [[0.5, 0.4, 0.3, 0.6, 0.2]],
        ]
    )
    assert measure_holds(served, again)[0].tolist() == [0.75, 1.0, 0.5, 1.0, 0.5]


def test_refits_are_read_back_exactly_and_scale_changes_nothing(bundles, rows_of):
    """What a bundle keeps of a refit gives the same signs and places as the model it was."""
    history = rows_of(7, 6).assemble()
    for bundle in bundles:
        model = bundle.outcomes["persistence"]
        kept = OutcomeRefits((Refit(model.text, model.linear),), model.weight, ("arrests",))
        read = read_theme_refits(kept.to_json(), model.columns)
        assert read.uninformative == ("arrests",)
        values = measure(history, bundle.plan, AS_OF).values
        x = bundle.encoding.encode(values)
        (found,) = read.contributions(x)
        own = explain(model, bundle.encoding, values).by_indicator
        assert model.calibration.slope * found.sum() == pytest.approx(own.sum(), abs=1e-9)
        served = dataclasses.replace(bundle, refits={"persistence": read})
        advices = rank(served, history, AS_OF).advise(range(3))
        for advice in advices:
            if advice.leading_outcome == "persistence":
                assert {one.holds for one in advice.themes} == {1.0}
    with pytest.raises(ValueError, match="other columns"):
        read_theme_refits(kept.to_json(), ("another", *model.columns[1:]))


def test_without_a_model_records_are_told(bundles):
    """Serious records stand there where there is no estimate, and say that it measures none."""
    history = make_history([("2026-05-02", "strangulation")])
    bare = dataclasses.replace(bundles[0], outcomes={}, rfs={})
    values = measure(history, bare.plan, AS_OF).values[0]
    moment = CaseMoment(history, bare.catalogue, 0, AS_OF)
    told = tell_themes(
        bare, moment, values, ThemeScores("", np.zeros(len(bare.catalogue.indicators)))
    )
    assert (told[0].theme, told[0].role) == ("threats_and_violence", "consider")
    assert told[0].outcome == ""


def test_records_of_linked_cases_make_no_part_of_a_sentence(bundles, rows_of):
    """Only the case's own records are told; a history marks those of others by their link."""
    history = make_history([("2026-05-02", "assault")])
    via = history.events.via
    linked = dataclasses.replace(via, codes=np.zeros_like(via.codes), values=("same_subject",))
    assert (via.codes == MISSING).all()
    other = dataclasses.replace(history, events=dataclasses.replace(history.events, via=linked))
    assert tell(bundles[0], other)["threats_and_violence"].sentence == ""


KILL_NO = ("2026-03-01", "threatened_to_kill", "no")
KILL_YES = ("2026-03-01", "threatened_to_kill", "yes")
SAID_NO = "Answer recorded 1 March 2026: no, the subject had not threatened to kill"


@pytest.mark.parametrize(
    ("events", "fact", "said"),
    [
        ([], KILL_NO, f"{SAID_NO}."),
        (
            [("2026-04-02", "threat_to_kill")],
            KILL_NO,
            f"{SAID_NO}; recorded since: threat to kill on 2 April 2026.",
        ),
        (
            [("2026-02-02", "threat_to_kill")],
            KILL_NO,
            f"{SAID_NO}; on record before that answer: threat to kill on 2 February 2026.",
        ),
        (
            [("2026-02-02", "threat_to_kill", {"recorded_at": "2026-04-01"})],
            KILL_NO,
            f"{SAID_NO}; recorded since: threat to kill on 2 February 2026.",
        ),
        (
            [],
            KILL_YES,
            "Answer recorded 1 March 2026: yes, the subject had threatened to kill; no record of "
            "it on this file: obtain details.",
        ),
        (
            [("2026-02-02", "threat_to_kill")],
            KILL_YES,
            "Answer recorded 1 March 2026: yes, the subject had threatened to kill.",
        ),
    ],
)
def test_an_answer_is_told_as_one_of_its_date(bundles, events, fact, said):
    """A no is no fact: a record known before it and one known since are told apart; a yes without
    a record leads to one.
    """
    assert tell(bundles[0], make_history(events, [fact]))["threats_and_violence"].sentence.endswith(
        said
    )


def test_fear_is_told_with_what_came_since_and_never_beside_the_score_alone(bundles):
    """An old no names the incidents since; what it is to the score follows no answer of a person's
    directly.
    """
    events = [("2026-02-01", "message"), ("2026-04-01", "message"), ("2026-05-01", "assault")]
    no = make_history(events, [("2026-03-01", "victim_very_frightened", "no")])
    assert tell(bundles[0], no)["victim_impact"].sentence == (
        "Answer recorded 1 March 2026: no, the victim was not very frightened; incidents since, on "
        "record: 2; ask again each time."
    )
    yes = make_history(events, [("2026-03-01", "victim_very_frightened", "yes")])
    theme = tell(bundles[0], yes, {"victim_very_frightened": 0.3}, holds=hold_all(bundles[0]))
    assert theme["victim_impact"].role == "reason"
    assert theme["victim_impact"].notes[0] == say("consider_anyway")


UNVERIFIED = {"assurance": "unverified"}


@pytest.mark.parametrize(
    ("events", "theme", "said"),
    [
        (
            [("2026-05-01", "tracking_device", UNVERIFIED)],
            "approach_and_pursuit",
            "A device that tracks the victim's movements, reported for 1 May 2026, not verified.",
        ),
        (
            [("2026-05-01", "assault", UNVERIFIED), ("2026-05-02", "assault")],
            "threats_and_violence",
            "2 assaults recorded (1 not verified), the last on 2 May 2026.",
        ),
        (
            [
                ("2026-05-01", "assault"),
                ("2026-05-02", "assault", {"actor": "unknown"} | UNVERIFIED),
            ],
            "threats_and_violence",
            "An assault, recorded for 1 May 2026. Not attributed to the subject, person unknown: "
            "an assault on 2 May 2026, not verified.",
        ),
        (
            [("2023-05-01", "following", UNVERIFIED), ("2026-05-02", "following")],
            "approach_and_pursuit",
            "Recorded in the last two years: following on 2 May 2026.",
        ),
        (
            [
                ("2020-01-05", "conviction"),
                ("2026-01-02", "charge"),
                ("2026-01-01", "arrest"),
                ("2025-01-01", "order_started"),
                ("2026-01-03", "order_ended"),
                ("2026-01-04", "bail_started"),
            ],
            "orders_bail_and_breaches",
            "On record: bail with conditions began on 4 January 2026; an order ended on 3 January "
            "2026; a charge on 2 January 2026; an arrest on 1 January 2026; an order began on 1 "
            "January 2025; a conviction on 5 January 2020.",
        ),
        (
            [("2026-02-01", "home_lost"), ("2026-01-01", "bereavement")],
            "change_and_escalation",
            "On record: the subject's loss of a home on 1 February 2026; a bereavement of the "
            "subject on 1 January 2026.",
        ),
        (
            [("2026-05-01", "new_relationship_known", {"actor": "victim"})],
            "change_and_escalation",
            "On record: a new relationship of the victim noted on 1 May 2026.",
        ),
        (
            [("2026-05-01", "planning_sign")],
            "change_and_escalation",
            "Something taken as a sign of planning, recorded for 1 May 2026.",
        ),
        (
            [("2026-05-01", "support_withdrawn", {"actor": "victim"})],
            "victim_impact",
            "On record: the victim did not wish to support action on 1 May 2026. That support was "
            "withdrawn is not a sign that risk is lower.",
        ),
        (
            [("2026-05-01", "release_notice"), ("2026-05-08", "custody_ended")],
            "access_and_opportunity",
            "On record: released from custody on 8 May 2026.",
        ),
        (
            [("2026-05-08", "custody_ended"), ("2026-05-20", "release_notice")],
            "access_and_opportunity",
            "Notice that release is due within seven days, recorded for 20 May 2026. On record: "
            "released from custody on 8 May 2026.",
        ),
    ],
)
def test_doubt_attribution_and_decisions_are_told_with_what_they_are_of(
    bundles, events, theme, said
):
    """Each row: what is on record, and the whole of what its theme tells."""
    assert tell(bundles[0], make_history(events))[theme].sentence == said


def test_a_report_of_the_victim_is_no_persistence_of_the_subject(bundles):
    """It is told with what the police and the unit did."""
    told = tell(bundles[0], make_history([("2026-05-01", "report", {"actor": "victim"})]))
    assert told["persistence"].sentence == ""
    assert told["orders_bail_and_breaches"].sentence == (
        "Reports to the police or the unit in the last year: 1."
    )


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (2, False),
        (3, True),
    ],
)
def test_a_rate_on_fewer_than_three_incidents_is_not_told(bundles, n, said):
    """From three on both numbers are told; what the police did is none of them."""
    events = [(f"2026-05-1{day}", "message") for day in range(n)] + [("2026-04-01", "message")]
    arrests = [(f"2026-05-2{day}", "arrest") for day in range(3)]
    told = tell(bundles[0], make_history(events + arrests))["change_and_escalation"].sentence
    rate = "Acts at a higher rate in the last 28 days than in the 90 days before: 3 against 1."
    assert told == (rate if said else "")


@pytest.mark.parametrize(
    ("arrests", "said"),
    [
        ([], ""),
        (
            [("2026-04-01", "arrest")],
            "On record: an arrest on 1 April 2026. Incidents since the last arrest, charge, "
            "conviction, order or bail: 1.",
        ),
    ],
)
def test_incidents_since_a_sanction_are_told_only_after_one(bundles, arrests, said):
    """Without one the number is of something else."""
    told = tell(bundles[0], make_history([*arrests, ("2026-05-01", "message")]))
    assert told["orders_bail_and_breaches"].sentence == said


@pytest.mark.parametrize(("date", "n"), [("2026-03-01", 1), ("2026-03-02", 2)])
def test_a_day_that_an_event_tells_is_told_once(bundles, date, n):
    """A date given for the end of the relationship is told where it is another day."""
    history = make_history(
        [("2026-03-01", "separation")], [("2026-04-01", "separation_date", date)]
    )
    told = tell(bundles[0], history)["relationship_and_separation"].sentence
    assert told.count("March 2026") == n


def test_one_of_anything_is_not_compared(bundles):
    """A single statement is above nine in ten cases and no pattern."""
    bundle = bundles[0]
    column = bundle.catalogue.columns.index("last_resort_language")
    quantiles = bundle.reference.quantiles.copy()
    quantiles[column] = 0
    reference = dataclasses.replace(bundle.reference, quantiles=quantiles)
    bundle = dataclasses.replace(bundle, reference=reference)
    shares = {"last_resort_language": 0.5}
    for n, compared in ((1, False), (2, True)):
        history = make_history([(f"2026-05-2{day}", "last_resort_language") for day in range(n)])
        theme = tell(bundle, history, shares, holds=hold_all(bundle))["change_and_escalation"]
        assert ("9 of 10" in theme.notes[0]) == compared


def test_a_reason_names_what_raises_the_score(bundles):
    """After acts and answers of both kinds "this" is what is named before it."""
    history = make_history([("2026-05-20", "threat_of_violence")], [KILL_NO])
    theme = tell(bundles[0], history, {"threats_28d": 0.5}, holds=hold_all(bundles[0]))
    assert theme["threats_and_violence"].notes == (
        "In the score: incidents with a threat in the last 28 days: 1.",
    )


def test_serious_threats_and_violence_stand_first_whatever_the_score(bundles):
    """An old threat to kill stands before a reason and before later serious records of others."""
    history = make_history(
        [("2024-05-01", "threat_to_kill"), ("2026-05-02", "entry_to_home"), ("2026-05-30", "call")]
    )
    told = tell(bundles[0], history, {"contacts_7d": 0.8}, holds=hold_all(bundles[0]))
    assert list(told)[:3] == ["threats_and_violence", "approach_and_pursuit", "persistence"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("yes", "End of the relationship as answered: 1 March 2026."),
        (
            "no",
            "End of the relationship as answered: 1 March 2026; the record contradicts itself, as "
            'the answer to "Is the subject a former partner of the victim?" is no: correct it '
            "first.",
        ),
    ],
)
def test_answers_that_contradict_each_other_are_told_as_such(bundles, answer, said):
    """A day on which a relationship ended assumes that there was one."""
    facts = [("2026-04-01", "former_partner", answer)]
    facts.append(("2026-04-01", "separation_date", "2026-03-01"))
    told = tell(bundles[0], make_history([], facts))["relationship_and_separation"].sentence
    assert said in told
    assert ("contradicts" in told) == (answer == "no")


def test_a_number_is_told_as_an_answer_of_its_date(bundles):
    """Of how many offences somebody was convicted is what was answered then."""
    history = make_history([], [("2026-04-01", "prior_offence_types", "3")])
    assert tell(bundles[0], history)["persistence"].sentence == (
        "Answer recorded 1 April 2026: different types of offence of which convicted: 3."
    )
