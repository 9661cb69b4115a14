"""A model goes on to be measured, explained and compared by the engine that it was trained by."""

import dataclasses

import lightgbm
import numpy as np
import pytest

from features.contract.moments import parse_date
from features.engine.measurement import measure
from features.history.assembly import assemble_history
from features.intake.contract_folder import assemble_folder
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.calibration import Calibration
from models.bundle.encoding import make_encoding
from models.bundle.folder import Bundle, make_reference
from models.explanations.facade import MovementEnd, explain_incidents, explain_movement
from models.ranking.order import rank_cases

ZONE = "Europe/London"
AS_OF = parse_date("2026-06-01", ZONE)
HELD, APART = "custody_days_365d", "days_since_separation"
EVENTS = (
    {"event_id": "start", "kind": "custody_started", "detail": "one", "occurred_at": "2026-03-01"},
    {"event_id": "end", "kind": "custody_ended", "occurred_at": "2026-04-10"},
    {"event_id": "letter", "kind": "letter", "occurred_at": "2026-05-01"},
)
STAND_IN = {"fact_id": "f", "name": "separation_date", "asked": "yes", "value": "1900-01-01"}


@pytest.fixture(scope="module")
def history():
    """Return one case with a release that names no prison, and a stand-in for a date."""
    case = {"case_id": "A", "recorded_at": "2026-01-01"}
    events = [{"case_id": "A", "recorded_at": row["occurred_at"]} | row for row in EVENTS]
    facts = [{"case_id": "A", "recorded_at": "2026-02-01"} | STAND_IN]
    folder = assemble_folder(
        {"cases": [case], "events": events, "facts": facts},
        time_zone=ZONE,
        extract_at_us=AS_OF,
    )
    assert not len(folder.rejects), folder.rejects.frame
    return assemble_history(folder)


@pytest.fixture(scope="module")
def bundle_of(stalking):
    """Return a function that gives a model of the days in custody, as trained by an engine."""
    random = np.random.default_rng(0)
    values = np.zeros((400, len(stalking.columns)))
    values[:, stalking.columns.index(HELD)] = random.integers(0, 100, len(values))
    encoding = make_encoding(stalking)
    x = encoding.encode(values)
    label = values[:, stalking.columns.index(HELD)] > 20
    data = lightgbm.Dataset(x, label.astype(float), feature_name=list(encoding.columns))
    options = {
        "objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5,
        "monotone_constraints": encoding.constraint.tolist(),
    }  # fmt: skip
    model = OutcomeModel(
        outcome="violence",
        text=lightgbm.train(options, data, num_boost_round=5).model_to_string(),
        calibration=Calibration(0.0, 1.0),
        average=0.1,
        columns=encoding.columns,
    )

    def make(engine: str) -> Bundle:
        return Bundle(
            id=engine * 64,
            catalogue=stalking,
            outcomes={"violence": model},
            rfs={},
            reference=make_reference(values),
            trained_for_us=parse_date("2026-01-01", ZONE),
            engine_version=engine,
        )

    return make


@pytest.mark.parametrize(
    ("engine", "held", "apart", "behind", "n_units"),
    [("1", 92, 46172, ("start",), 3), ("2", 40, None, ("start", "end"), 2)],
)
def test_values_reasons_and_incidents_follow_the_engine_of_the_bundle(
    bundle_of, history, engine, held, apart, behind, n_units
):
    """The first engine lets the stay go on and reckons with 1900; the second does neither."""
    bundle = bundle_of(engine)
    (row,) = measure(history, bundle.plan, AS_OF, threads=1).values
    assert row[bundle.plan.columns.index(HELD)] == pytest.approx(held, abs=0.05)
    found = row[bundle.plan.columns.index(APART)]
    assert np.isnan(found) if apart is None else found == pytest.approx(apart, abs=0.05)

    ranked = rank_cases(bundle, history, AS_OF)
    assert ranked.engine_version == engine
    (reason,) = (one for one in ranked.advices[0].reasons if one.indicator == HELD)
    assert reason.value == row[bundle.plan.columns.index(HELD)]
    assert reason.records == behind

    (told,) = explain_incidents(bundle, history, 0, AS_OF)
    assert told.n_units == n_units


def test_what_another_engine_moves_is_told_as_the_catalogues_share(bundle_of, history):
    """Between two models of two engines the shares still add up, and nothing else has moved."""
    (moved,) = explain_movement(
        *(MovementEnd(bundle_of(engine), history, 0, AS_OF) for engine in ("1", "2"))
    )
    shares = {one.switch: one.share for one in moved.shares}
    assert {name for name, share in shares.items() if share} <= {"catalogue"}
    ends = [
        rank_cases(bundle_of(engine), history, AS_OF).advices[0].estimates for engine in ("1", "2")
    ]
    before, after = (
        next(one.log_odds for one in some if one.outcome == "violence") for some in ends
    )
    assert sum(shares.values()) == pytest.approx(after - before, abs=1e-9)


def test_a_bundle_without_any_such_record_is_the_same_by_both(bundle_of, history):
    """Where every end has its start's detail and every date can be, no bit differs."""
    named = dataclasses.replace(
        history,
        events=dataclasses.replace(
            history.events,
            detail=dataclasses.replace(
                history.events.detail, codes=np.zeros_like(history.events.detail.codes)
            ),
        ),
    )
    columns = [name for name in bundle_of("1").plan.columns if not name.startswith(APART)]
    old, new = (
        measure(named, bundle_of(engine).plan, AS_OF, threads=1).values[0] for engine in ("1", "2")
    )
    kept = [bundle_of("1").plan.columns.index(name) for name in columns]
    assert old[kept].tobytes() == new[kept].tobytes()
