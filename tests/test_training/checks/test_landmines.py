"""Later knowledge planted in a history moves nothing, and a reading that leaks is found out."""

from dataclasses import dataclass

import numpy as np
import pytest

from features.catalogue.declarations import Catalogue
from features.catalogue.file import load_catalogue
from features.contract.moments import parse_date
from features.engine.measurement import Queries, measure_queries
from features.engine.outcomes import label_cases
from features.errors import ConfigError
from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import ContractFolder, assemble_folder, read_folder
from training.checks.leakage import EARNEST, Reading, search_leaks
from training.checks.planted_records import Mine, find_training_date

pytestmark = pytest.mark.long

DAY = 86_400_000_000
OUTCOMES = ("persistence", "breach", "violence", "serious_harm")


@dataclass(frozen=True)
class Unit:
    folder: ContractFolder
    history: History
    catalogue: Catalogue
    dates: tuple[int, ...]


@pytest.fixture(scope="module")
def unit(small_unit):
    """Read the small unit, with its last training date and its test date."""
    folder = read_folder(small_unit.folder)
    dates = (small_unit.train_dates[-1], small_unit.test_date)
    return Unit(folder, assemble_history(folder), load_catalogue("stalking"), dates)


def measure_late(history, plan, as_of_us):
    """Measure with everything that happened and was recorded in the day after the moment."""
    case = np.arange(len(history), dtype=np.int64)
    moment = np.full(len(case), as_of_us)
    return measure_queries(history, plan, Queries(case, moment, moment + DAY, moment + DAY))


def measure_late_known(history, plan, as_of_us):
    """Measure what happened before the moment, as recorded up to a day after it."""
    case = np.arange(len(history), dtype=np.int64)
    moment = np.full(len(case), as_of_us)
    return measure_queries(history, plan, Queries(case, moment, moment, moment + DAY))


def measure_inclusive(history, plan, as_of_us):
    """Measure with what was recorded at the moment itself: one microsecond too much."""
    case = np.arange(len(history), dtype=np.int64)
    moment = np.full(len(case), as_of_us)
    return measure_queries(history, plan, Queries(case, moment, moment, moment + 1))


def label_late(history, catalogue, outcome, as_of_us, cases, known_us):
    """Label with what was recorded in the day after the cut."""
    return label_cases(history, catalogue, outcome, as_of_us, cases, known_us=known_us + DAY)


@pytest.fixture(scope="module")
def searched(unit):
    """Search the small unit once; return what was found, and what it held before."""
    before = unit.folder.frame("events").copy(), unit.history.events.superseded_at.copy()
    return search_leaks(unit.folder, unit.history, unit.catalogue, unit.dates), before


def test_no_value_and_no_label_moves(unit, searched):
    """Of thousands of planted records of five kinds none is felt; the control is."""
    found, _ = searched
    assert [sweep.mine for sweep in found.sweeps] == [*EARNEST, *EARNEST]
    for sweep in found.sweeps:
        assert sweep.planted > 100
        assert sweep.cells == len(unit.history) * (len(unit.catalogue.columns) + 2)
        assert sweep.labels > 100
        assert (sweep.moved_columns, sweep.moved_outcomes) == ((), ())
    assert found.still
    assert found.can_fail
    for control in found.controls:
        assert control.mine is Mine.CONTROL
        assert "incidents_90d" in control.moved_columns or len(control.moved_columns) > 20
        assert set(control.moved_outcomes) == set(OUTCOMES)


def test_planting_changes_nothing_in_the_original(unit, searched):
    """The folder and its history are the same after a search as before."""
    _, before = searched
    assert unit.folder.frame("events").equals(before[0])
    assert np.array_equal(unit.history.events.superseded_at, before[1])
    assert "landmine" not in unit.history.events.event_id.tolist()


@pytest.mark.parametrize(
    ("leak", "mine", "found_in"),
    [
        (measure_late, Mine.FUTURE, "threats_ever"),
        (measure_late_known, Mine.BACK_DATED, "threats_ever"),
        (measure_late_known, Mine.BACK_DATED, "acts_in_linked_cases"),
        (measure_late_known, Mine.CORRECTION, "max_severity"),
        (measure_late_known, Mine.OUTCOME_DERIVED, "threatened_to_kill__asked"),
        (measure_late_known, Mine.LATE_OUTCOME, "violence_ever"),
        (measure_inclusive, Mine.BACK_DATED, "max_severity"),
        (measure_inclusive, Mine.CORRECTION, "max_severity"),
        (measure_inclusive, Mine.OUTCOME_DERIVED, "threatened_to_kill__asked"),
    ],
)
def test_a_reading_that_leaks_is_found_by_every_kind_of_mine(unit, leak, mine, found_in):
    """Reading one day, or one microsecond, too much is found and the indicators are named."""
    reading = Reading(measure=leak)
    found = search_leaks(
        unit.folder, unit.history, unit.catalogue, unit.dates[-1:], mines=[mine], reading=reading
    )
    (sweep,) = found.sweeps
    assert not found.still
    assert found_in in sweep.moved_columns
    assert sweep.moved_labels == 0


def test_labels_that_know_too_much_are_found(unit):
    """Labels read a day after the cut are moved by outcomes that were recorded late."""
    found = search_leaks(
        unit.folder,
        unit.history,
        unit.catalogue,
        unit.dates[-1:],
        mines=[Mine.LATE_OUTCOME],
        reading=Reading(label=label_late),
    )
    (sweep,) = found.sweeps
    assert set(sweep.moved_outcomes) == set(OUTCOMES)
    assert sweep.moved_cells == 0


def test_a_blind_search_says_that_it_proves_nothing(unit):
    """Where nothing is read at all nothing moves, and the control shows it."""

    def measure_nothing(history, plan, as_of_us):
        return np.zeros((len(history), len(plan.columns)))

    reading = Reading(measure=measure_nothing)
    found = search_leaks(
        unit.folder, unit.history, unit.catalogue, unit.dates[-1:], mines=[], reading=reading
    )
    assert found.still
    assert not found.can_fail


def test_the_training_date_is_ripe_at_the_moment(unit):
    """Labels of 90 days with 28 days of maturity are taken 119 days back, the first ripe ones."""
    assert find_training_date(unit.catalogue, 1_000 * DAY) == (1_000 - 119) * DAY


def test_a_moment_after_the_extract_is_refused(unit):
    """After the extract nothing can be recorded later, so nothing could be shown."""
    with pytest.raises(ConfigError, match="extract"):
        search_leaks(unit.folder, unit.history, unit.catalogue, [unit.history.extract_at + 1])


def test_a_history_without_events_can_be_searched():
    """One case without a record is mined with patterns made from the catalogue."""
    folder = assemble_folder(
        {"cases": [{"case_id": "C", "recorded_at": "2020-01-01"}]},
        time_zone="Europe/London",
        extract_at_us=parse_date("2025-12-31", "Europe/London"),
    )
    moment = parse_date("2025-06-01", "Europe/London")
    catalogue = load_catalogue("stalking")
    found = search_leaks(folder, assemble_history(folder), catalogue, [moment])
    planted = {sweep.mine: sweep.planted for sweep in found.sweeps}
    assert planted[Mine.FUTURE] > 0
    assert planted[Mine.LATE_OUTCOME] > 0
    assert planted[Mine.CORRECTION] == planted[Mine.OUTCOME_DERIVED] == 0
    assert found.still
    assert found.can_fail
