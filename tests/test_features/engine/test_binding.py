"""Joining a plan to a history: no history, thread or number of signatures changes a value."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.extending import is_jitted

from features.compiled.cache import compiled_sources, kernels
from features.contract.moments import parse_date
from features.engine import plan as plans
from features.engine.compiled_passes import passes
from features.engine.measurement import compile_plan, measure
from features.engine.warming import compile_engine
from features.history.subsets import take_cases

ZONE = "Europe/London"
AS_OF = parse_date("2025-06-01", ZONE)
EXPRESSIONS = {
    "conduct": "measure: count, of: {kind: conduct}",
    "threats": "measure: count, of: {kind: threat, channel: [text, phone]}",
    "by_police": "measure: count, of: {source: police}",
    "letters": "measure: count, of: {detail: {prefix: [b, ba]}}",
    "named": "measure: count, of: {detail: {in: [ba], prefix: [c]}}",
    "bare": "measure: count, of: {detail: {in: [bail]}, actor: [subject, victim]}",
    "accounts": "measure: count, of: {view: account, target: child}",
    "channels": "measure: distinct, field: channel, of: {kind: conduct}",
    "held": "measure: days_in_state, state: custody",
    "inside": "measure: count, of: {kind: conduct}, while: custody",
    "linked": "measure: count, of: {kind: conduct, via: same_subject}",
    "children": "measure: last_fact, fact: children",
    "afraid": "measure: last_fact, fact: frightened",
    "apart": "measure: last_fact, fact: separated_on",
}
DETAILS = (None, "a", "b", "ba", "bail", "c", "ca")


@st.composite
def events(draw):
    """Make the rows of a small case with many combinations of values."""
    choose = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    return [
        {
            "occurred_at": f"2025-01-{draw(st.integers(1, 28)):02d}",
            "kind": choose("threat", "contact", "custody_started", "custody_ended", "unheard_of"),
            "channel": choose(None, "text", "phone", "letter"),
            "source": choose(None, "police", "probation"),
            "view": choose(None, "account"),
            "actor": choose(None, "proxy", "victim"),
            "target": choose(None, "child"),
            "detail": choose(*DETAILS),
        }
        for _ in range(draw(st.integers(0, 12)))
    ]


FACTS = [
    {"name": "children", "value": "2", "recorded_at": "2025-01-01"},
    {"name": "frightened", "value": "2", "recorded_at": "2025-01-01"},
    {"name": "separated_on", "value": "2024-12-25", "recorded_at": "2025-01-01"},
    {"name": "unheard_of", "value": "yes", "recorded_at": "2025-01-01"},
    {"name": "children", "value": None, "asked": "no", "recorded_at": "2025-07-01"},
]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(rows=events())
def test_signatures_listed_with_the_plan_or_with_the_history_give_one_value(
    history_of, catalogue_of, rows
):
    """A plan with too many signatures to list gives the same values as one with few."""
    catalogue = catalogue_of(EXPRESSIONS)
    history = history_of(rows, FACTS, zone=ZONE)
    with pytest.MonkeyPatch.context() as patch:
        listed = compile_plan(catalogue)
        patch.setattr(plans, "_MOST_SIGNATURES", 0)
        found = compile_plan(catalogue)
    assert listed.matches is not None
    assert found.matches is None
    a, b = (measure(history, plan, AS_OF, threads=1).values for plan in (listed, found))
    assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize(("detail", "letters", "named", "bare"), [
    (None, 0, 0, 0), ("a", 0, 0, 0), ("b", 1, 0, 0), ("ba", 1, 1, 0),
    ("bail", 1, 0, 1), ("bailed", 1, 0, 0), ("c", 0, 1, 0), ("cab", 0, 1, 0),
])  # fmt: skip
def test_values_meet_by_name_and_by_beginning(
    history_of, catalogue_of, detail, letters, named, bare
):
    """A detail meets a selector that names it or a beginning of it, whatever others name."""
    plan = compile_plan(catalogue_of(EXPRESSIONS))
    history = history_of([{"occurred_at": "2025-01-01", "detail": detail}], zone=ZONE)
    matrix = measure(history, plan, AS_OF, threads=1)
    found = [matrix.column(name)[0] for name in ("letters", "named", "bare")]
    assert found == [letters, named, bare]


def test_answers_are_read_as_their_question_asks(history_of, catalogue_of):
    """The same text is a number to one question and unreadable to another."""
    history = history_of([], FACTS, zone=ZONE)
    matrix = measure(history, compile_plan(catalogue_of(EXPRESSIONS)), AS_OF, threads=1)
    assert matrix.column("children")[0] == 2
    assert np.isnan(matrix.column("afraid")[0])
    assert matrix.column("afraid__asked")[0] == 1
    assert matrix.column("apart")[0] == (AS_OF - parse_date("2024-12-25", ZONE)) / 86_400_000_000


def test_many_threads_may_measure_different_histories_by_one_plan(history_of, catalogue_of):
    """Histories with words of their own, measured at once, give what each gives alone."""
    plan = compile_plan(catalogue_of(EXPRESSIONS))
    histories = [
        history_of(
            [
                {"occurred_at": f"2025-01-{day:02d}", "detail": DETAILS[(day * k) % 7]}
                | {"channel": ("text", None, f"own-{k}")[day % 3]}
                for day in range(1, 20)
            ],
            FACTS[: k % 5],
            zone=ZONE,
        )
        for k in range(8)
    ]
    alone = [measure(history, plan, AS_OF, threads=1).values for history in histories]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(measure, histories[n % 8], plan, AS_OF, threads=1) for n in range(400)]
        for n, job in enumerate(jobs):
            assert np.array_equal(job.result().values, alone[n % 8], equal_nan=True)


def test_codes_that_cannot_be_written_to_are_measured_as_others(history_of, catalogue_of):
    """A history whose arrays are read-only, as in shared memory, gives the same values."""
    plan = compile_plan(catalogue_of(EXPRESSIONS))
    history = history_of([{"occurred_at": "2025-01-01", "detail": "b"}], FACTS, zone=ZONE)
    expected = measure(history, plan, AS_OF, threads=1).values
    frozen = take_cases(history, np.zeros(1, dtype=np.int64))
    frozen.events.detail.codes.flags.writeable = False
    assert np.array_equal(measure(frozen, plan, AS_OF).values, expected, equal_nan=True)


def test_a_change_of_compiled_code_makes_a_new_cache():
    """Every function of ours that becomes compiled code stands in a file that names the cache."""
    passes()
    kernels()
    loaded = [module for name, module in sys.modules.items() if name.startswith("features.")]
    compiled = [one for module in loaded for one in vars(module).values() if is_jitted(one)]
    assert len(compiled) > 40
    files = {Path(one.py_func.__code__.co_filename) for one in compiled}
    assert files <= set(compiled_sources())


def test_warming_compiles_all_that_measuring_needs(history_of, catalogue_of):
    """After warming, measuring a real history compiles nothing more."""
    compile_engine()
    compiled = (*passes(), *kernels())
    before = [len(one.signatures) for one in compiled]
    history = history_of([{"occurred_at": "2025-01-01"}], FACTS, zone=ZONE)
    measure(history, compile_plan(catalogue_of(EXPRESSIONS)), [AS_OF, AS_OF + 1])
    assert [len(one.signatures) for one in compiled] == before
