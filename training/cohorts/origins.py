"""What one run trains and tests: origins with their cohorts, checked before anything is fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from features.catalogue.declarations import Catalogue
from features.contract.moments import format_moment
from features.errors import ConfigError, LeakageError
from features.history.columns import History
from training.cohorts.splits import check_breaks, hold_out_area, ripe_at, roll_origins
from training.cohorts.training_rows import Cohort, join_cohorts, take_cohorts, take_event_cohort
from training.options import Progress, RunOptions


@dataclass(frozen=True)
class OriginRun:
    """One moment of use with what a model may learn by then and what it is tested on.

    Parameters
    ----------
    name
        How the origin is called in reports.
    used_at_us
        Moment of use, microseconds UTC.
    known_us
        Training labels rest on what was recorded before this: the moment of use, or the extract in
        a retrospective run.
    train
        Training cohorts in order of time.
    test
        The test cohort.
    held_out
        Test rows of the area that no model learns from, where one is held out.
    """

    name: str
    used_at_us: int
    known_us: int
    train: tuple[Cohort, ...]
    test: Cohort
    held_out: Cohort | None = None

    @cached_property
    def learnt(self) -> Cohort:
        """The training cohorts as one."""
        return join_cohorts(self.train)


def plan_dates(
    history: History,
    catalogue: Catalogue,
    train_dates: Sequence[int],
    test_dates: Sequence[int],
    breaks_us: Sequence[int],
    options: RunOptions,
    progress: Progress,
) -> tuple[OriginRun, ...]:
    """Return the origins at calendar dates: each learns from the dates that were mature by then.

    Parameters
    ----------
    breaks_us
        Changes of recording practice, stated or found, across which nothing is learnt unless asked.

    Raises
    ------
    LeakageError, ConfigError
        As :func:`training.cohorts.splits.roll_origins` and
        :func:`training.cohorts.splits.check_breaks` do; if a cohort is empty.
    """
    origins = roll_origins(history, catalogue, train_dates, test_dates)
    for origin in origins:
        check_breaks(
            origin.train_dates_us,
            origin.used_at_us,
            breaks_us,
            time_zone=history.time_zone,
            across=options.across_breaks,
        )
    learnt = {date for one in origins for date in one.train_dates_us}
    tested = {one.used_at_us for one in origins}
    progress(f"measuring {len(catalogue.columns)} columns at {len(learnt | tested)} dates")
    # What is learnt from lies together, so that no origin has a copy of its own.
    cohorts = take_cohorts(history, catalogue, sorted(learnt))
    cohorts |= take_cohorts(history, catalogue, sorted(tested - learnt))
    return tuple(
        _hold_out(
            history,
            OriginRun(
                name=format_moment(origin.used_at_us, history.time_zone),
                used_at_us=origin.used_at_us,
                known_us=origin.used_at_us,
                train=tuple(cohorts[date] for date in origin.train_dates_us),
                test=cohorts[origin.used_at_us],
            ),
            options,
        )
        for origin in origins
    )


def plan_events(
    history: History,
    catalogue: Catalogue,
    train_between: tuple[int, int],
    test_between: tuple[int, int],
    options: RunOptions,
    progress: Progress,
) -> tuple[OriginRun, ...]:
    """Return the one origin of a run at index events: learn from the first span, test on the next.

    Parameters
    ----------
    train_between, test_between
        ``[from, until)`` of the moment at which the event came to be known, microseconds UTC.

    Raises
    ------
    LeakageError
        If the spans overlap, or the first one's outcomes were not mature when the second began and
        the run is not retrospective.
    ConfigError
        If the extract ends before the last test outcome could be on record, or a cohort is empty.
    """
    used_at = test_between[0]
    if train_between[1] > used_at:
        raise LeakageError("the spans to learn from and to test on overlap; end the first earlier")
    for outcome in catalogue.outcomes:
        if (
            ripe_at(history, outcome, test_between[1] - 1) - outcome.maturity_us
            > history.extract_at
        ):
            raise ConfigError(
                f"outcome '{outcome.name}' of the last test events is not on record by the "
                "extract; end the test span earlier"
            )
        if not options.retrospective and ripe_at(history, outcome, train_between[0]) > used_at:
            raise LeakageError(
                f"outcome '{outcome.name}' was known of no training event when the test span "
                "began; test later, or ask for a retrospective run, of which nothing may be used"
            )
    progress(f"measuring {len(catalogue.columns)} columns at index events")
    run = OriginRun(
        name=format_moment(used_at, history.time_zone),
        used_at_us=used_at,
        known_us=history.extract_at if options.retrospective else used_at,
        train=(take_event_cohort(history, catalogue, *train_between),),
        test=take_event_cohort(history, catalogue, *test_between),
    )
    return (_hold_out(history, run, options),)


def _hold_out(history: History, run: OriginRun, options: RunOptions) -> OriginRun:
    """Keep one area's rows from what is learnt, and set its test rows apart."""
    if options.hold_out_area is None:
        return run
    train = [
        cohort.take(hold_out_area(history, cohort.landmarks, options.hold_out_area).kept)
        for cohort in run.train
    ]
    if not len(join_cohorts(train)):
        raise ConfigError("without the area held out nothing is left to learn from")
    area = hold_out_area(history, run.test.landmarks, options.hold_out_area).held_out
    return OriginRun(
        run.name, run.used_at_us, run.known_us, tuple(train), run.test, run.test.take(area)
    )
