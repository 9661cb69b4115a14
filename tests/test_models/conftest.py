"""Random models and random histories over the whole stalking catalogue."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import lightgbm
import numpy as np
import pytest

from features.catalogue.declarations import NEVER_DAYS, Catalogue, FactType
from features.catalogue.file import load_catalogue
from features.contract.arrays import Float64
from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import assemble_folder
from models.bundle.boosted_trees import OutcomeModel
from models.bundle.calibration import Calibration
from models.bundle.encoding import Encoding, make_encoding
from models.bundle.familiarity import fit_familiarity
from models.bundle.folder import Bundle, make_reference
from models.bundle.linear_part import LinearPart

ZONE = "Europe/London"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EXTRACT = "2026-06-01"
N_DAYS = 150
TURNS = ("custody_started", "custody_ended", "bail_started", "bail_ended")


def random_values(catalogue: Catalogue, n_rows: int, random: np.random.Generator) -> Float64:
    """Return indicator rows as no history makes them: long-tailed, with missing cells."""
    shape = (n_rows, len(catalogue.columns))
    values = np.round(random.exponential(3.0, shape) * random.choice([1, 1, 30], shape[1]))
    values[random.random(shape) < 0.3] = np.nan
    return values


def random_linear_part(encoding: Encoding, x: Float64, random: np.random.Generator) -> LinearPart:
    """Return a linear part of chance with the signs that the encoding asks for."""
    n_columns = x.shape[1]
    never = np.where(encoding.fill == NEVER_DAYS, NEVER_DAYS, np.inf)
    drawn = random.normal(0, 0.5, (2, n_columns))
    sign = encoding.constraint
    drawn = np.where(sign == 0, drawn, sign * np.abs(drawn))
    return LinearPart(
        intercept=float(random.normal()),
        low=np.zeros(n_columns),
        high=np.nanmax(np.where(x < never, x, 0.0), axis=0),
        absent_from=never,
        middle=random.uniform(0, 2, n_columns),
        scale=random.uniform(0.5, 2, n_columns),
        coefficient=drawn[0],
        absent_coefficient=drawn[1],
        absent_share=random.uniform(0, 1, n_columns),
    )


def random_bundle(catalogue: Catalogue, seed: int, outcomes=("persistence", "violence")) -> Bundle:
    """Return a bundle of small models of chance, with missing values and steep calibrations.

    Of an odd seed the models have two parts, of an even one trees alone.
    """
    random = np.random.default_rng(seed)
    values = random_values(catalogue, 400, random)
    encoding = make_encoding(catalogue)
    models = {}
    for outcome in outcomes:
        x = encoding.encode(values)
        signal = np.nan_to_num(x) @ random.normal(0, 0.3, x.shape[1])
        labels = signal + random.normal(0, 1, len(x)) > np.median(signal)
        data = lightgbm.Dataset(x, labels.astype(float), feature_name=list(encoding.columns))
        options = {
            "objective": "binary",
            "max_depth": int(random.integers(2, 7)),
            "learning_rate": 0.3,
            "monotone_constraints": encoding.constraint.tolist(),
            "seed": seed,
            "num_threads": 1,
            "verbose": -1,
            "min_data_in_leaf": 5,
        }
        booster = lightgbm.train(options, data, num_boost_round=int(random.integers(5, 40)))
        models[outcome] = OutcomeModel(
            outcome=outcome,
            text=booster.model_to_string(),
            calibration=Calibration(float(random.normal()), float(random.uniform(0.3, 2.0))),
            average=float(random.uniform(0.005, 0.3)),
            columns=encoding.columns,
        )
    if seed % 2:
        for outcome, model in models.items():
            part = random_linear_part(encoding, encoding.encode(values), random)
            weight = float(random.choice([0.0, 0.35, 0.8]))
            models[outcome] = dataclasses.replace(model, linear=part, weight=weight)
    counts = random.integers(1, 60, len(values))
    return Bundle(
        id=f"{seed:064d}",
        catalogue=catalogue,
        outcomes=models,
        rfs={},
        reference=make_reference(values),
        trained_for_us=parse_date("2026-01-01", ZONE),
        familiarity=fit_familiarity(values, counts, catalogue),
    )


@dataclass(frozen=True)
class Rows:
    """Rows of the contract for some random cases."""

    cases: list[dict]
    events: list[dict]
    facts: list[dict]

    def assemble(self) -> History:
        """Return their history, without what the contract rejects."""
        rows = {"cases": self.cases, "events": self.events, "facts": self.facts}
        folder = assemble_folder(rows, time_zone=ZONE, extract_at_us=parse_date(EXTRACT, ZONE))
        return assemble_history(folder)

    def stored_before(self, moment: dt.datetime, late: frozenset[str] = frozenset()) -> "Rows":
        """Return what was stored by a moment: recorded before and not among the late rows."""

        def was_there(row: dict, key: str) -> bool:
            return row["recorded_at"] < moment.isoformat() and row[key] not in late

        return Rows(
            self.cases,
            [row for row in self.events if was_there(row, "event_id")],
            [row for row in self.facts if was_there(row, "fact_id")],
        )


def random_rows(catalogue: Catalogue, seed: int, n_cases: int, most_events: int = 20) -> Rows:
    """Return random cases: late records, corrections, shared incidents, states, answers."""
    random = np.random.default_rng(seed)
    kinds = [*(k for k in catalogue.kinds if catalogue.kinds[k].parent), *TURNS * 8]
    cases, events, facts = [], [], []
    for number in range(n_cases):
        case = f"C{number:04d}"
        cases.append({"case_id": case, "recorded_at": START.isoformat()})
        mine: list[dict] = []
        for place in range(int(random.integers(0, most_events + 1))):
            mine.append(_random_event(random, case, place, kinds, mine))
        events += mine
        facts += _random_facts(random, case, catalogue)
    return Rows(cases, events, facts)


def _random_event(random, case, place, kinds, earlier) -> dict:
    # Few distinct days, so that ties and day groups are common.
    day = float(random.integers(0, N_DAYS) if random.random() < 0.7 else random.integers(100, 110))
    occurred = START + dt.timedelta(days=day, hours=int(random.integers(0, 24)))
    recorded = occurred + dt.timedelta(days=float(random.choice([0, 0, 0.5, 3, 30])))
    row = {
        "case_id": case,
        "event_id": f"{case}-e{place:03d}",
        "kind": str(random.choice(kinds)),
        "occurred_at": occurred.isoformat(),
        "recorded_at": recorded.isoformat(),
        "actor": str(random.choice(["subject"] * 6 + ["proxy", "victim", "unknown"])),
    }
    if random.random() < 0.5:
        row["value"] = float(random.integers(0, 6))
    if random.random() < 0.3:
        row |= {
            "incident_id": f"i{random.integers(0, 4)}",
            "view": str(random.choice(["recorded", "account", "classification"])),
        }
    if earlier and random.random() < 0.25:
        old = earlier[int(random.integers(len(earlier)))]
        later = max(old["recorded_at"], row["recorded_at"])
        row |= {"supersedes": old["event_id"], "recorded_at": later, "kind": old["kind"]}
        if random.random() < 0.2:
            row["kind"] = "retracted"
    return row


def _random_facts(random, case, catalogue) -> list[dict]:
    answers = {FactType.YES_NO: ["yes", "no"], FactType.NUMBER: ["1", "4"]}
    rows = []
    for number, fact in enumerate(catalogue.facts.values()):
        if random.random() < 0.5:
            continue
        moment = START + dt.timedelta(days=float(random.integers(0, N_DAYS)))
        answer = str(random.choice(answers.get(fact.type, ["2026-02-01", "2026-08-01"])))
        rows.append(
            {
                "case_id": case,
                "fact_id": f"{case}-f{number:03d}",
                "name": fact.name,
                "asked": "yes" if random.random() < 0.9 else "no",
                "recorded_at": moment.isoformat(),
            }
        )
        if rows[-1]["asked"] == "yes" and random.random() < 0.9:
            rows[-1]["value"] = answer
    return rows


@pytest.fixture(scope="session")
def stalking() -> Catalogue:
    """Return the stalking catalogue."""
    return load_catalogue("stalking")


@pytest.fixture(scope="session")
def bundles(stalking) -> tuple[Bundle, ...]:
    """Return four bundles of chance."""
    return tuple(random_bundle(stalking, seed) for seed in range(4))


@pytest.fixture(scope="session")
def rows_of(stalking) -> Callable[..., Rows]:
    """Give `random_rows` over the stalking catalogue."""
    return lambda seed, n_cases, **more: random_rows(stalking, seed, n_cases, **more)
