import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from features.contract.tables import (
    ACTORS,
    ASSURANCES,
    CASES,
    EVENTS,
    FACTS,
    HANDLINGS,
    PEOPLE,
    RESERVED_KINDS,
    TARGETS,
    VIEWS,
)
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.vocabulary import count_unmeasured
from features.intake.contract_folder import read_folder
from synthetic.simulator import simulate_unit
from synthetic.simulator.population import CASE

TABLES = {table.name: table for table in (CASES, EVENTS, FACTS, PEOPLE)}
DAY = pd.Timedelta(days=1)
EXTRACT_AT = pd.Timestamp("2026-11-02", tz="Europe/London")
AS_OF = [
    pd.Timestamp(day, tz="Europe/London") for day in ("2025-06-01", "2026-01-01", "2026-07-01")
]

NOT_SIMULATED = {"licence_breach"}
"""Kinds of the catalogue that the synthetic unit never holds."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue("stalking")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unit")
    simulate_unit(1_500, 11, out)
    return out


@pytest.fixture(scope="module")
def frames(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


def kinds_under(catalogue: Catalogue, parent: str) -> set[str]:
    found = {parent}
    while True:
        more = {name for name, kind in catalogue.kinds.items() if kind.parent in found} - found
        if not more:
            return found
        found |= more


def open_at(events: pd.DataFrame, as_of: pd.Timestamp) -> pd.Index:
    lifecycle = events[events["kind"].isin(["opened", "reopened", "closed"])]
    latest = lifecycle[lifecycle["occurred_at"] < as_of].sort_values("occurred_at")
    latest = latest.groupby("case_id")["kind"].last()
    return latest.index[latest != "closed"]


def counted(events: pd.DataFrame) -> pd.DataFrame:
    """Return the subject's and proxies' events that an outcome may count, at the extract."""
    replaced = set(events["supersedes"].dropna())
    kept = ~events["event_id"].isin(replaced) & (events["kind"] != "retracted")
    kept &= (events["handling"] != "agency_only") & (events["source"] != "health")
    kept &= events["actor"].isna() | events["actor"].isin(["subject", "proxy"])
    return events[kept]


def share_with(
    events: pd.DataFrame, cases: pd.Index, as_of: pd.Timestamp, kinds: set[str]
) -> float:
    """Return the share of cases with such an event in the 90 days from `as_of`."""
    ahead = events[(events["occurred_at"] >= as_of) & (events["occurred_at"] < as_of + 90 * DAY)]
    return float(cases.isin(ahead.loc[ahead["kind"].isin(kinds), "case_id"]).mean())


def test_same_numbers_give_the_same_unit(tmp_path: Path) -> None:
    """The same count and seed write the same bytes; another seed writes others."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_unit(60, seed, tmp_path / name)
    manifests = [(tmp_path / name / "manifest.json").read_bytes() for name in "abc"]
    assert manifests[0] == manifests[1]
    assert manifests[0] != manifests[2]


def test_global_random_state_changes_nothing(tmp_path: Path) -> None:
    """All chance comes from the one generator that is passed along."""
    np.random.seed(1)
    simulate_unit(20, 5, tmp_path / "a")
    np.random.seed(2)
    simulate_unit(20, 5, tmp_path / "b")
    texts = [(tmp_path / name / "manifest.json").read_bytes() for name in "ab"]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("n_cases", [1, 2, 3])
def test_smallest_units_can_be_written(tmp_path: Path, n_cases: int) -> None:
    """A unit of one case is still a unit."""
    simulate_unit(n_cases, 0, tmp_path)
    assert pq.read_table(tmp_path / "cases.parquet").num_rows == n_cases


@pytest.mark.parametrize(("n_cases", "seed"), [(0, 1), (-5, 1), (10_000_000, 1), (10, -1)])
def test_impossible_numbers_are_refused(tmp_path: Path, n_cases: int, seed: int) -> None:
    """A count or a seed out of range is an error of the user's, before anything is written."""
    with pytest.raises(ConfigError):
        simulate_unit(n_cases, seed, tmp_path / "unit")
    assert not (tmp_path / "unit").exists()


def test_progress_is_told(tmp_path: Path) -> None:
    """Each step is announced in a sentence."""
    said: list[str] = []
    simulate_unit(10, 1, tmp_path, said.append)
    assert said[0] == "drawing 10 synthetic cases of the world standard"
    assert "writing cases 1 to 10" in said


def test_manifest_describes_what_is_there(folder: Path) -> None:
    """The manifest says synthetic, zone, extract, and every file's rows and hash."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format"] == 1
    assert manifest["synthetic"] is True
    assert manifest["time_zone"] == "Europe/London"
    assert manifest["extract_at"] == "2026-11-02T00:00:00+00:00"
    assert set(manifest["tables"]) == set(TABLES)
    for entry in manifest["tables"].values():
        for name, digest in entry["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            assert pq.read_metadata(folder / name).num_rows == entry["rows"]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_columns_are_those_of_the_contract(frames: dict[str, pd.DataFrame], name: str) -> None:
    """Each table has the contract's columns, and every required cell is filled."""
    table, frame = TABLES[name], frames[name]
    assert tuple(frame.columns) == table.column_names
    for column in table.columns:
        if column.required:
            assert frame[column.name].notna().all()
    repeated = frame.duplicated(list(table.key_columns))
    assert (repeated == frame.duplicated()).all()
    assert repeated.mean() < 0.01


def test_every_identifier_says_synthetic(frames: dict[str, pd.DataFrame]) -> None:
    """Every key of every record begins with SYN-, also where it is only pointed to."""
    for frame in frames.values():
        for column in frame.columns:
            if column.endswith("_id") or column == "supersedes":
                assert frame[column].dropna().str.startswith("SYN-").all()


def test_coded_columns_hold_permitted_values(frames: dict[str, pd.DataFrame]) -> None:
    """Views, actors, targets, assurance and handling are those of the contract."""
    events = frames["events"]
    permitted = {
        "view": VIEWS,
        "actor": ACTORS,
        "target": TARGETS,
        "assurance": ASSURANCES,
        "handling": HANDLINGS,
    }
    for column, choices in permitted.items():
        assert set(events[column].dropna()) == set(choices) - {"self", "not_for_disclosure"}


def test_times_keep_the_two_clocks(frames: dict[str, pd.DataFrame]) -> None:
    """Nothing is recorded before it happened, before its case was known, or after the extract."""
    events = frames["events"].merge(
        frames["cases"][["case_id", "recorded_at"]], on="case_id", suffixes=("", "_of_case")
    )
    assert str(events["occurred_at"].dtype) == "datetime64[us, UTC]"
    assert (events["occurred_at"] <= events["recorded_at"]).all()
    assert (events["recorded_at"] >= events["recorded_at_of_case"]).all()
    assert (events["recorded_at"] < EXTRACT_AT).all()
    assert (frames["facts"]["recorded_at"] < EXTRACT_AT).all()
    known_to_the_day = events[events["occurred_until"].notna()]
    local = known_to_the_day["occurred_at"].dt.tz_convert("Europe/London")
    assert len(local) > 100
    assert (local == local.dt.normalize()).all()


def test_corrections_follow_what_they_correct(frames: dict[str, pd.DataFrame]) -> None:
    """A correction or retraction names an earlier record of the same case."""
    for name, key in (("events", "event_id"), ("facts", "fact_id")):
        frame = frames[name]
        pairs = frame[frame["supersedes"].notna()].merge(
            frame, left_on="supersedes", right_on=key, suffixes=("", "_before"), how="left"
        )
        assert len(pairs) > 20
        assert (pairs["case_id"] == pairs["case_id_before"]).all()
        assert (pairs["recorded_at"] > pairs["recorded_at_before"]).all()


def test_kinds_and_facts_are_declared(
    frames: dict[str, pd.DataFrame], catalogue: Catalogue
) -> None:
    """Every kind and every fact that is simulated stands in the catalogue, and every fact that is
    measured is simulated.
    """
    assert set(frames["events"]["kind"]) <= set(catalogue.kinds) | set(RESERVED_KINDS)
    simulated = set(frames["facts"]["name"])
    measured = {one.expression.fact for one in catalogue.indicators} - {None}
    assert measured <= simulated <= set(catalogue.facts)


def test_every_record_can_be_measured(folder: Path, catalogue: Catalogue) -> None:
    """The catalogue has a word for every record, and every answer fits its question."""
    history = assemble_history(read_folder(folder))
    assert count_unmeasured(history, catalogue) == {}


def test_every_measured_kind_occurs(frames: dict[str, pd.DataFrame], catalogue: Catalogue) -> None:
    """What indicators, outcomes and flags look at happens at least sometimes in the unit."""
    parts = [*catalogue.indicators, *catalogue.flags]
    selectors = [part.expression.of for part in parts]
    selectors += [part.expression.among for part in parts]
    selectors += [outcome.of for outcome in catalogue.outcomes]
    measured = {kind for selector in selectors if selector for kind in selector.kind}
    simulated = set(frames["events"]["kind"])
    missing = {kind for kind in measured if not kinds_under(catalogue, kind) & simulated}
    assert missing == NOT_SIMULATED & measured


def test_states_have_starts_and_ends(frames: dict[str, pd.DataFrame], catalogue: Catalogue) -> None:
    """Orders, bail, custody and the unit's own work begin and, mostly, end."""
    kinds = frames["events"]["kind"]
    for state in catalogue.states:
        starts = [name for name, kind in catalogue.kinds.items() if kind.starts == state]
        ends = [name for name, kind in catalogue.kinds.items() if kind.ends == state]
        assert 0 < kinds.isin(ends).sum() <= kinds.isin(starts).sum()


def test_rates_of_outcomes_are_as_stated(
    frames: dict[str, pd.DataFrame], catalogue: Catalogue
) -> None:
    """In 90 days about 35 to 45 in 100 open cases see conduct, 8 to 12 violence, on average."""
    events, acts = frames["events"], counted(frames["events"])
    rates = pd.DataFrame(
        [
            {
                parent: share_with(acts, open_at(events, day), day, kinds_under(catalogue, parent))
                for parent in ("conduct", "violence", "breach")
            }
            for day in AS_OF
        ]
    ).mean()
    assert 0.35 <= rates["conduct"] <= 0.48
    assert 0.065 <= rates["violence"] <= 0.13
    assert 0.10 <= rates["breach"] <= 0.25


def test_breaches_given_an_order_are_as_stated(frames: dict[str, pd.DataFrame]) -> None:
    """Of open cases under an order about 25 to 40 in 100 see it breached within 90 days."""
    events, acts = frames["events"], counted(frames["events"])
    shares = []
    for day in AS_OF:
        past = events[events["occurred_at"] < day]
        started = set(past.loc[past["kind"] == "order_started", "case_id"])
        ended = set(past.loc[past["kind"] == "order_ended", "case_id"])
        ordered = open_at(events, day)
        ordered = ordered[ordered.isin(list(started - ended))]
        shares.append(share_with(acts, ordered, day, {"order_breach"}))
    assert 0.25 <= np.mean(shares) <= 0.48


def test_histories_look_like_the_review(frames: dict[str, pd.DataFrame]) -> None:
    """Shares of cases with violence, threats, weapons and damage are near the reviewed ones."""
    events, n_cases = frames["events"], len(frames["cases"])

    def share(*kinds: str) -> float:
        return events.loc[events["kind"].isin(kinds), "case_id"].nunique() / n_cases

    assert 0.28 <= share("assault", "strangulation", "sexual_violence") <= 0.42
    assert 0.40 <= share("threat_of_violence", "threat_to_kill", "threat_to_children") <= 0.63
    assert 0.10 <= share("weapon_mentioned", "weapon_produced") <= 0.25
    assert 0.20 <= share("property_damage") <= 0.35
    assert 0.02 <= share("strangulation") <= 0.10
    assert 0.05 <= share("custody_started") <= 0.20
    assert 0.09 <= share("relocation") <= 0.18


def test_recording_is_late_and_partial(frames: dict[str, pd.DataFrame]) -> None:
    """Some acts come to light weeks late, some questions are never asked, some views differ."""
    events, facts = frames["events"], frames["facts"]
    first = events[(events["view"] == "recorded") & events["supersedes"].isna()]
    first = first.merge(frames["cases"][["case_id", "recorded_at"]], on="case_id")
    later = first[first["occurred_at"] >= first["recorded_at_y"]]
    delay = (later["recorded_at_x"] - later["occurred_at"]) / DAY
    assert delay.median() < 2.0
    assert 14.0 < delay.quantile(0.95) < 45.0
    assert 0.05 < (facts["asked"] == "no").mean() < 0.25
    views = events[events["incident_id"].notna()].groupby(["case_id", "incident_id"])["view"]
    assert (views.nunique() == 3).sum() > 50


def test_restraints_shift_the_means(frames: dict[str, pd.DataFrame]) -> None:
    """Contact goes on from custody, by post and by telephone."""
    channels = set(frames["events"]["channel"].dropna())
    assert {"prison_phone", "illicit_phone", "through_others", "post"} <= channels


def test_kept_apart_records_are_there(frames: dict[str, pd.DataFrame]) -> None:
    """A few records are a health agency's or for one agency only, so that exclusion is tested."""
    events = frames["events"]
    assert 10 < (events["source"] == "health").sum() < 0.05 * len(events)
    assert 10 < (events["handling"] == "agency_only").sum() < 0.05 * len(events)


def test_cases_close_and_return(frames: dict[str, pd.DataFrame]) -> None:
    """Cases are closed by a person after quiet, and a new record reopens some."""
    events = frames["events"]
    closed = events[events["kind"] == "closed"]
    reopened = events[events["kind"] == "reopened"]
    assert 0 < len(reopened) < len(closed)
    assert (closed["reporter_role"] == "screening_officer").all()
    open_share = len(open_at(events, EXTRACT_AT)) / len(frames["cases"])
    assert 0.25 < open_share < 0.60


def test_referrals_grow_in_both_areas(frames: dict[str, pd.DataFrame]) -> None:
    """Referrals come from Warrington and Halton over three years, more in the last than first."""
    cases = frames["cases"]
    assert set(cases["area"]) == {"Warrington", "Halton"}
    age_years = (EXTRACT_AT - cases["recorded_at"]) / (365.25 * DAY)
    assert age_years.min() > 0
    assert age_years.max() < 3.01
    assert (age_years < 1).sum() > 1.2 * (age_years > 2).sum()


def test_hidden_truth_is_never_written(frames: dict[str, pd.DataFrame]) -> None:
    """No column, fact or code is named after what drives a case in truth."""
    hidden = {"fixation", "aggression", "escalates", "reporting"}
    assert hidden <= set(CASE.names or ())
    events, facts = frames["events"], frames["facts"]
    names = {column for frame in frames.values() for column in frame.columns}
    names |= set(events["kind"]) | set(events["detail"].dropna()) | set(facts["name"])
    assert not {name for name in names for word in hidden if name.startswith(word)}
    # Text columns hold codes, never a number that could carry a trait.
    values = facts.loc[facts["name"] != "prior_offence_types", "value"].dropna()
    assert values.str.fullmatch(r"yes|no|\d{4}-\d{2}-\d{2}").all()
    assert events["value"].dropna().isin(range(1, 11)).all()


def test_outcome_is_not_given_away(frames: dict[str, pd.DataFrame]) -> None:
    """A count of past acts ranks later violence better than chance, and far from perfectly."""
    events, acts = frames["events"], counted(frames["events"])
    values, labels = [], []
    for day in AS_OF:
        cases = open_at(events, day)
        known = acts[(acts["recorded_at"] < day) & (acts["occurred_at"] < day)]
        recent = known[known["occurred_at"] >= day - 90 * DAY]
        values.append(recent.groupby("case_id").size().reindex(cases).fillna(0))
        ahead = acts[(acts["occurred_at"] >= day) & (acts["occurred_at"] < day + 90 * DAY)]
        violent = ahead["kind"].isin(["assault", "strangulation", "sexual_violence"])
        labels.append(cases.isin(ahead.loc[violent, "case_id"]))
    rank = pd.concat(values).rank().to_numpy()
    label = np.concatenate(labels)
    positives, negatives = label.sum(), (~label).sum()
    auc = (rank[label].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    assert 0.60 < auc < 0.82


def test_audit_characteristics_stand_apart(frames: dict[str, pd.DataFrame]) -> None:
    """Protected characteristics are in the people table and nowhere else."""
    people = frames["people"]
    assert set(people["characteristic"]) == {"sex", "age_band", "ethnicity"}
    named = set(frames["facts"]["name"]) | set(frames["events"].columns)
    named |= set(frames["cases"].columns)
    assert not named & {"sex", "age", "age_band", "ethnicity", "religion", "disability"}
