"""The indicator grammar defined a second time, slowly and plainly, and the engine held to it.

The first half is the definition (*the oracle*): it reads what the catalogue says as YAML and the
records as the contract folder holds them, one case and one moment at a time, with lists and
dictionaries. It shares no code with the engine, nor with assembly. The second half draws histories
and expressions and compares. Moments lie on a grid of 12 hours, so that records of one moment,
records exactly at `as_of` and exactly at a window's edge are common.
"""

import datetime as dt
import itertools
import json
import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.catalogue.file import parse_catalogue
from features.engine.measurement import Queries, compile_plan, measure, measure_queries
from features.evidence.records_behind import records_of
from features.history.assembly import assemble_history
from features.history.open_cases import open_cases
from features.history.reading_rules import ENGINE_VERSION, ENGINES

pytestmark = pytest.mark.long

# ------------------------------------------------------------------------------------ the oracle

LONDON = ZoneInfo("Europe/London")
HOUR = 3_600_000_000
DAY = 24 * HOUR
MISSING = math.nan
KINDS_BELOW = {
    "conduct": ("conduct", "threat", "contact", "assault"),
    "custody_started": ("custody_started", "remanded"),
}
STARTS = {"custody_started": "custody", "remanded": "custody", "bailed": "bail"}
ENDS = {"custody_ended": "custody", "bail_ended": "bail"}
FACT_TYPES = {"frightened": "yes_no", "children": "number", "separated_on": "date"}
MORE_KINDS = """
  custody_started:
    {label: taken into custody, starts: custody, children: {remanded: {label: remanded}}}
  bailed: {label: bailed, starts: bail}
  bail_ended: {label: bail ended, ends: bail}
"""


def read_length(text):
    """A length of time in microseconds."""
    return int(text[:-1]) * {"h": HOUR, "d": DAY, "w": 7 * DAY}[text[-1]]


def read_case_records(folder, case_id):
    """The events and facts of one case, as dictionaries with None for empty cells."""

    def read(frame):
        rows = frame[frame["case_id"] == case_id].astype(object)
        return rows.where(rows.notna(), None).to_dict("records")

    return {"events": read(folder.frame("events")), "facts": read(folder.frame("facts"))}


def in_force(records, key, known):
    """Of all versions of one record, the latest that was recorded before `known`."""
    by_id = {record[key]: record for record in records}
    latest = {}
    for record in records:
        if record["recorded_at"] >= known:
            continue
        original, depth = record, 0
        while original["supersedes"] in by_id:
            original, depth = by_id[original["supersedes"]], depth + 1
        version = (record["recorded_at"], depth, record[key])
        latest[original[key]] = max(latest.get(original[key], version), version)
    return [by_id[version[2]] for version in latest.values()]


def measured_events(records, cut, known):
    """What indicators may use, in the order (occurred_at, recorded_at, event_id)."""
    events = [
        event
        for event in in_force(records, "event_id", known)
        if event["occurred_at"] < cut
        and event["kind"] != "retracted"
        and event["source"] != "health"
        and event["handling"] != "agency_only"
    ]
    return sorted(events, key=lambda e: (e["occurred_at"], e["recorded_at"], e["event_id"]))


def meets(event, selector):
    """Whether an event meets every condition of a selector."""
    for name, wanted in ({"actor": ["subject", "proxy"]} | selector).items():
        cell = event[name]
        if cell is None:
            return False
        if name == "value":
            if not wanted.get("min", -math.inf) <= cell <= wanted.get("max", math.inf):
                return False
        elif name == "detail":
            begins = [cell.startswith(prefix) for prefix in wanted.get("prefix", [])]
            if cell not in wanted.get("in", []) and not any(begins):
                return False
        elif name == "kind":
            if not any(cell in KINDS_BELOW.get(kind, (kind,)) for kind in wanted):
                return False
        elif cell not in wanted:
            return False
    return True


def find_intervals(events, state, cut, engine):
    """When a state was active, as [start, end): for each detail, from a start to the next end.

    An end at the moment of a start ends what was open before; where nothing was, it ends the start.
    An end with nothing of its own detail to end ends the only one there is, where either has none;
    by engine 1 it ends nothing.
    """
    open_at, intervals = {}, []
    edges = [e for e in events if state in (STARTS.get(e["kind"]), ENDS.get(e["kind"]))]
    for at in sorted({event["occurred_at"] for event in edges}):
        here = [event for event in edges if event["occurred_at"] == at]
        starting = {event["detail"] for event in here if event["kind"] in STARTS}
        ending = {event["detail"] for event in here if event["kind"] in ENDS}
        could_end = list(open_at) or sorted(starting - ending, key=str)
        for detail in ending - set(open_at) - starting if engine != "1" else ():
            if len(could_end) == 1 and None in (detail, could_end[0]):
                ending = ending | {could_end[0]}
        was_open = set(open_at)
        for detail in ending & was_open:
            intervals.append((open_at.pop(detail), at))
        for detail in starting:
            if detail in was_open or detail not in ending:
                open_at.setdefault(detail, at)
    return intervals + [(opened, cut) for opened in open_at.values()]


def name_incident(event):
    """An event's incident; an event without one is an incident by itself."""
    return event["incident_id"] or event["event_id"]


def group_incidents(events):
    """Events by incident, incidents in the order of their first event."""
    incidents = {}
    for event in events:
        incidents.setdefault(name_incident(event), []).append(event)
    return incidents


def known_values(events):
    """Values that are not empty."""
    return [event["value"] for event in events if event["value"] is not None]


def fit_slope(points):
    """Least squares of value over days, exactly; missing below three points or at one moment."""
    points = [(Fraction(at, DAY), Fraction(value)) for at, value in points]
    if len(points) < 3 or len({at for at, _ in points}) == 1:
        return MISSING
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return float(above / sum((x - mean_x) ** 2 for x, _ in points))


def disagree(views, field):
    """Whether some value of one view differs from some value of another."""
    pairs = itertools.combinations(views, 2)
    return any(
        a["view"] != b["view"] and a[field] is not None and b[field] is not None
        for a, b in pairs
        if a[field] != b[field]
    )


def measure_plainly(said, records, as_of, cut, known, engine):  # noqa: PLR0911, PLR0912, PLR0915 - one per measure
    """Measure one expression of one case; windows reach back from `as_of`."""
    what = said["measure"]
    events = measured_events(records, cut, known)
    start = as_of - read_length(said["within"]) if "within" in said else -math.inf
    since = -math.inf
    if "since" in said:
        since = max((e["occurred_at"] for e in events if meets(e, said["since"])), default=since)
    start = max(start, since)
    if what == "days_in_state":
        hours = {  # the grid is of whole hours, so a set of hours is the union of intervals
            hour
            for first, end in find_intervals(events, said["state"], cut, engine)
            for hour in range(first, end, HOUR)
            if hour >= start
        }
        return len(hours) / 24
    if "while" in said:
        intervals = find_intervals(events, said["while"], cut, engine)
        events = [e for e in events if any(a <= e["occurred_at"] < b for a, b in intervals)]
    ever = [e for e in events if meets(e, said["of"])]
    found = [e for e in ever if e["occurred_at"] >= start]
    incidents = group_incidents(found)
    firsts = [views[0]["occurred_at"] for views in incidents.values()]
    gaps = [(later - earlier) / DAY for earlier, later in itertools.pairwise(firsts)]
    largest = [max(known_values(views), default=None) for views in incidents.values()]
    severities = [value for value in largest if value is not None]
    match what:
        case "count":
            return len(incidents)
        case "sum":
            return sum(severities) if severities or not incidents else MISSING
        case "max":
            return max(severities, default=MISSING if incidents else 0)
        case "distinct":
            return len({e[said["field"]] for e in found} - {None})
        case "share":
            others = [e for e in events if meets(e, said["among"]) and e["occurred_at"] >= start]
            among = group_incidents(others).keys()
            return len(among & incidents.keys()) / len(among) if among else MISSING
        case "days_since_last":
            return (as_of - found[-1]["occurred_at"]) / DAY if found else MISSING
        case "days_since_first":
            return (as_of - found[0]["occurred_at"]) / DAY if found else MISSING
        case "rate_ratio":
            within, against = read_length(said["within"]), read_length(said["against"])
            begin = max(as_of - within - against, since)
            before = [e for e in ever if begin <= e["occurred_at"] < as_of - within]
            recent_rate = (len(incidents) + 0.5) / (within / DAY)
            return recent_rate / ((len(group_incidents(before)) + 0.5) / (against / DAY))
        case "gap_median":
            return statistics.median(gaps) if gaps else MISSING
        case "gap_cv":
            if len(gaps) < 2 or sum(gaps) == 0:
                return MISSING
            return statistics.pstdev(gaps) / statistics.fmean(gaps)
        case "quiet_then_return":
            return sum(gap >= read_length(said["quiet"]) / DAY for gap in gaps)
        case "slope":
            points = zip(firsts, largest, strict=True)
            return fit_slope([(at, value) for at, value in points if value is not None])
        case "decayed":
            lasts = [max(e["occurred_at"] for e in views) for views in incidents.values()]
            return sum(2 ** (-(as_of - at) / read_length(said["half_life"])) for at in lasts)
        case "first_use":
            first_seen = {e[said["field"]]: e["occurred_at"] for e in reversed(ever)}
            return sum(at >= start for used, at in first_seen.items() if used is not None)
        case "time_between":
            for second in events:
                after = found and second["occurred_at"] >= found[0]["occurred_at"]
                if after and second is not found[0] and meets(second, said["and"]):
                    return (second["occurred_at"] - found[0]["occurred_at"]) / DAY
            return MISSING
        case "disagreement":
            several = [i for i in incidents.values() if len({e["view"] for e in i}) > 1]
            return sum(disagree(i, said["field"]) for i in several) if several else MISSING
    raise AssertionError(what)


def answer_plainly(name, records, as_of, known, engine):
    """The last answer in force as a number, and whether the question was put; engine 1 reckons with
    dates that cannot be.
    """
    facts = [fact for fact in in_force(records, "fact_id", known) if fact["name"] == name]
    if not facts:
        return MISSING, 0
    last = max(facts, key=lambda fact: (fact["recorded_at"], fact["fact_id"]))
    if last["asked"] == "no" or last["value"] is None:
        return MISSING, int(last["asked"] == "yes")
    try:
        match FACT_TYPES[name]:
            case "yes_no":
                return {"yes": 1, "no": 0}.get(last["value"].lower(), MISSING), 1
            case "number":
                return float(last["value"]), 1
            case "date":
                midnight = dt.datetime.fromisoformat(last["value"]).replace(tzinfo=LONDON)
                day = int(midnight.timestamp()) * 1_000_000
                can_be = midnight.year >= 1940 and day - last["recorded_at"] <= 20 * 366 * DAY
                return (as_of - day) / DAY if can_be or engine == "1" else MISSING, 1
    except ValueError:
        return MISSING, 1


def expect_cells(said, records, as_of, cut, known, engine):
    """The columns of one expression for one case."""
    if said["measure"] == "last_fact":
        return answer_plainly(said["fact"], records["facts"], as_of, known, engine)
    return (measure_plainly(said, records["events"], as_of, cut, known, engine),)


def is_open_plainly(records, case_recorded_at, as_of):
    """Whether a case is known and the latest lifecycle event known does not close it; of two of one
    moment the one that opens counts, and what one agency keeps to itself closes nothing.
    """
    shared = measured_events(records["events"], as_of, as_of)
    turns = [
        (event["occurred_at"], event["recorded_at"], opens)
        for event in in_force(records["events"], "event_id", as_of)
        for opens in [event["kind"] in ("opened", "reopened")]
        if opens or (event["kind"] in ("closed", "merged") and event in shared)
        if event["occurred_at"] < as_of
    ]
    return case_recorded_at < as_of and max(turns, default=[True])[-1]


# ------------------------------------------------------- drawing histories, expressions, moments

GRID = 12 * HOUR
BASE = dt.datetime(2025, 3, 25, tzinfo=dt.UTC)
LENGTHS = st.sampled_from(["12h", "2d", "4d", "1w", "10d", "30d"])
FIELDS = st.sampled_from(["kind", "channel", "source", "view", "actor", "target", "detail"])
STEPS = st.integers(0, 16)
DELAYS = st.sampled_from([0, 0, 0, 1, 2, 6, -1])
CASES = ("A", "B", "C")


def at(step):
    """A moment of the grid as text."""
    return (BASE + step * dt.timedelta(hours=12)).strftime("%Y-%m-%dT%H:%MZ")


def at_us(step):
    """A moment of the grid in microseconds."""
    return int(BASE.timestamp()) * 1_000_000 + step * GRID


def pick(*choices):
    """One of some cells, as often as each stands there."""
    return st.sampled_from(choices)


def write_event(case_id, kind, occurred, delay, seen, value, odd):
    """A row of the contract; few of its cells are out of the ordinary."""
    row = {"case_id": case_id, "kind": kind, "value": value}
    row |= {"occurred_at": at(occurred), "recorded_at": at(occurred + delay)}
    return row | seen | {key: cell for one in odd for key, cell in one.items()}


# fmt: off
CONDUCT = st.sampled_from(["threat", "contact", "assault"])
TURN = pick(
    "custody_started", "custody_started", "custody_ended", "remanded", "bailed", "bail_ended",
    "separation", "visit", "opened", "reopened", "closed", "retracted",
)
SEEN = st.just({}) | st.fixed_dictionaries(
    {
        "incident_id": pick("i1", "i1", "i1", "i2", "e1"),
        "view": pick("recorded", "account", "account", "classification", None),
    }
)
ODD = st.one_of(
    pick(*({"supersedes": key} for key in ("e1", "e2", "e3", "e4", "e6", "nowhere"))),
    pick({"handling": "agency_only"}, {"handling": "not_for_disclosure"}, {"source": "health"}),
    pick({"source": "police"}, {"target": "child"}, {"actor": "victim"}, {"actor": "proxy"}),
    pick({"channel": "phone"}, {"channel": "letter"}),
    pick({"detail": "a"}, {"detail": "a"}, {"detail": "ab"}),
)
EVENT = st.builds(
    write_event,
    pick("A", "A", "A", "A", "B", "C"), CONDUCT | CONDUCT | TURN, STEPS, DELAYS, SEEN,
    pick(None, 0, 1, 2.5, -1, 7), st.lists(ODD, max_size=1) | st.lists(ODD, max_size=2),
)
ANSWERS = (
    ("frightened", "yes"), ("frightened", "NO"), ("children", "2"), ("children", "many"),
    ("separated_on", "2025-03-30"), ("separated_on", "2025-04-01"), ("frightened", None),
    ("separated_on", "1900-01-01"), ("separated_on", "9999-12-31"), ("separated_on", "2045-04-13"),
)
FACT = st.builds(
    lambda case_id, answer, asked, occurred, supersedes: {
        "case_id": case_id, "name": answer[0], "value": answer[1], "asked": asked,
        "recorded_at": at(occurred), "supersedes": supersedes,
    },
    pick("A", "A", "B"), pick(*ANSWERS), pick("yes", "yes", "yes", "no"), STEPS,
    pick(None, None, None, "f1", "f2"),
)
RECORDS = st.fixed_dictionaries(
    {
        "events": st.lists(st.none() | EVENT | EVENT | EVENT, min_size=16, max_size=24),
        "facts": st.lists(st.none() | FACT | FACT, min_size=8, max_size=10),
    }
)
CONDITION = st.one_of(
    pick(
        {"kind": ["conduct"]}, {"kind": ["threat"]}, {"kind": ["contact", "assault"]},
        {"kind": ["custody_started"]}, {"kind": ["custody_ended"]}, {"kind": ["separation"]},
        {"kind": ["closed", "retracted"]},
    ),
    pick(
        {"channel": ["phone"]}, {"source": ["police", "health"]}, {"target": ["child", "self"]},
        {"view": ["recorded"]}, {"view": ["account", "classification"]}, {"actor": ["victim"]},
        {"actor": ["subject", "victim", "proxy", "unknown"]}, {"detail": {"in": ["a"]}},
        {"detail": {"prefix": ["a"]}}, {"detail": {"in": ["zz"], "prefix": ["ab"]}},
        {"value": {"min": 1}}, {"value": {"max": 1}}, {"value": {"min": 0, "max": 2.5}},
    ),
)
SELECTOR = st.one_of(
    pick({"kind": ["conduct"]}, {}),
    pick({}, {"actor": ["subject", "proxy", "victim"]}),
    pick({}),
    CONDITION,
    st.tuples(CONDITION, CONDITION).map(lambda two: two[0] | two[1]),
)
NEEDED = {
    "distinct": {"field": FIELDS},
    "share": {"among": SELECTOR},
    "rate_ratio": {"within": LENGTHS, "against": LENGTHS},
    "quiet_then_return": {"quiet": pick("12h", "1d", "36h", "3d")},
    "decayed": {"half_life": LENGTHS},
    "first_use": {"field": FIELDS, "within": LENGTHS},
    "time_between": {"and": SELECTOR},
    "disagreement": {"field": pick("kind", "value", "detail")},
}
STATE = pick("custody", "custody", "bail")
NARROWED = {"within": LENGTHS, "since": SELECTOR, "while": STATE}
GROUPS = (
    ("count", "sum", "max", "days_since_last", "days_since_first"),
    ("distinct", "first_use", "share", "rate_ratio"),
    ("gap_median", "gap_cv", "slope", "decayed"),
    ("quiet_then_return",),
    ("time_between", "disagreement"),
    ("days_in_state", "last_fact"),
)
MEASURES = tuple(itertools.chain(*GROUPS))
ROUNDED = ("sum", "share", "rate_ratio", "gap_cv", "slope", "decayed")
# fmt: on


def expressions_of(what, narrowed):
    """Expressions of one measure, narrowed in none, one or two of some ways."""
    said = {"measure": st.just(what)}
    if what == "last_fact":
        return st.fixed_dictionaries(said | {"fact": st.sampled_from(list(FACT_TYPES))})
    said |= {"state": STATE} if what == "days_in_state" else {"of": SELECTOR}
    said |= NEEDED.get(what, {})
    unused = {*said, "while"} if what == "days_in_state" else said.keys()
    ways = [way for way in narrowed if way not in unused]
    chosen = st.just([])
    if ways:
        chosen |= st.lists(st.sampled_from(ways), max_size=2, unique=True)
    return chosen.flatmap(lambda some: st.fixed_dictionaries(said | {w: NARROWED[w] for w in some}))


def some_of(measures, narrowed=NARROWED):
    """Two expressions of each measure."""
    each = [st.lists(expressions_of(m, narrowed), min_size=2, max_size=2) for m in measures]
    return st.tuples(*each).map(lambda pairs: list(itertools.chain(*pairs)))


DATES = st.lists(st.integers(9, 24), min_size=1, max_size=3).map(lambda s: [at_us(n) for n in s])


PHASES = [phase for phase in Phase if phase is not Phase.explain]  # tracing takes minutes here


def few(examples):
    """Settings for so many examples; the fixtures are plain functions."""
    return settings(
        max_examples=examples,
        phases=PHASES,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def read_case_files(folder_of):
    """Put drawn rows through the edge; identifiers start again in every case."""

    def read(records):
        events = list(number_rows(filter(None, records["events"]), "event_id", "e"))
        facts = list(number_rows(filter(None, records["facts"]), "fact_id", "f"))
        cases = [{"case_id": name, "recorded_at": at(4)} for name in CASES]
        return folder_of(events, facts, cases)

    return read


def number_rows(rows, key, letter):
    """Number the rows of each case: e1, e2, ..."""
    counts = dict.fromkeys(CASES, 0)
    for row in rows:
        counts[row["case_id"]] += 1
        yield row | {key: f"{letter}{counts[row['case_id']]}"}


@pytest.fixture
def write_catalogue(catalogue_of):
    """Write expressions as YAML in the small catalogue, with a second state and a child of one."""

    def write(expressions, kinds=MORE_KINDS):
        count = "measure: count, of: {}"
        text = catalogue_of({"x0": count}).text
        (line,) = (line for line in text.splitlines() if count in line)
        lines = [
            line.replace("name: x0", f"name: x{n}").replace(count, json.dumps(said)[1:-1])
            for n, said in enumerate(expressions)
        ]
        custody = "  custody_started: {label: taken into custody, starts: custody}\n"
        assert custody in text
        text = text.replace(line, "\n".join(lines)).replace(custody, kinds.lstrip("\n"))
        return parse_catalogue(text.encode(), "small.yaml")

    return write


def agrees(found, expected, rounded):
    """Whether two numbers are the same; both missing is the same."""
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    if rounded:
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)
    return found == expected


def keep_records(folder, case_id, wanted):
    """The folder with one case, and of its records those with wanted identifiers."""
    kept = {"cases": folder.frame("cases")[folder.frame("cases")["case_id"] == case_id]}
    for name, key in (("events", "event_id"), ("facts", "fact_id")):
        frame = folder.frame(name)
        kept[name] = frame[(frame["case_id"] == case_id) & wanted(frame[key])]
    return folder.with_frames({name: frame.reset_index(drop=True) for name, frame in kept.items()})


# -------------------------------------------------------------------------------------- promises


@pytest.mark.parametrize("measures", GROUPS, ids="-".join)
def test_the_engine_and_the_plain_definition_agree(measures, read_case_files, write_catalogue):
    """Every measure has the value that its plain definition gives, for any history and date, by
    every engine.
    """

    @few(15)
    @given(RECORDS, some_of(measures), DATES)
    def compare(records, expressions, dates):
        folder = read_case_files(records)
        catalogue, history = write_catalogue(expressions), assemble_history(folder)
        files = {case_id: read_case_records(folder, case_id) for case_id in CASES}
        for engine, rules in ENGINES.items():
            matrix = measure(history, compile_plan(catalogue, rules), dates, threads=1)
            places = itertools.product(dates, CASES)
            for (as_of, case_id), row in zip(places, matrix.values.tolist(), strict=True):
                check_row(row, expressions, files[case_id], as_of, as_of, as_of, engine)

    compare()


def check_row(row, expressions, records, as_of, cut, known, engine=ENGINE_VERSION):
    """Hold a row of the engine's against the plain definition."""
    cells = iter(row)
    for said in expressions:
        for expected in expect_cells(said, records, as_of, cut, known, engine):
            found = next(cells)
            agreed = agrees(found, expected, said["measure"] in ROUNDED)
            assert agreed, (said, f"engine {engine} {found}, plainly {expected}")


@few(15)
@given(
    records=RECORDS,
    expressions=some_of(("count", "max", "time_between", "days_in_state", "last_fact")),
    clocks=st.tuples(STEPS, STEPS, STEPS),
)
def test_labels_may_cut_and_know_apart_from_the_anchor(
    records, expressions, clocks, read_case_files, write_catalogue
):
    """Windows reach back from the anchor, events count before the cut, by what was known then."""
    folder = read_case_files(records)
    plan = compile_plan(write_catalogue(expressions))
    anchor, cut, known = (at_us(step) for step in clocks)
    moments = [np.full(len(CASES), moment) for moment in (anchor, cut, known)]
    queries = Queries(np.arange(len(CASES)), *moments)
    values = measure_queries(assemble_history(folder), plan, queries, threads=1)
    for case_id, row in zip(CASES, values.tolist(), strict=True):
        check_row(row, expressions, read_case_records(folder, case_id), anchor, cut, known)


@few(15)
@given(records=RECORDS, dates=DATES)
def test_open_cases_are_those_whose_latest_turn_does_not_close_them(
    records, dates, read_case_files
):
    """A case is open from the day it is known, unless the latest turn known closed it."""
    folder = read_case_files(records)
    history = assemble_history(folder)
    known_at = dict(
        zip(folder.frame("cases")["case_id"], folder.frame("cases")["recorded_at"], strict=True)
    )
    for as_of in dates:
        expected = [
            number
            for number, case_id in enumerate(CASES)
            if is_open_plainly(read_case_records(folder, case_id), known_at[case_id], as_of)
        ]
        assert open_cases(history, as_of).tolist() == expected


@few(3)
@given(records=RECORDS, expressions=some_of(MEASURES))
def test_threads_and_concurrent_calls_change_no_bit(
    records, expressions, read_case_files, write_catalogue
):
    """The same numbers, bit for bit, with any number of threads and beside other calls."""
    history = assemble_history(read_case_files(records))
    plan = compile_plan(write_catalogue(expressions))
    hours = [at_us(0) + number * HOUR // 8 for number in range(1_500)]  # several tasks' worth
    alone = measure(history, plan, hours, threads=1).values.tobytes()
    for threads in (2, 3, None):
        assert measure(history, plan, hours, threads=threads).values.tobytes() == alone
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(measure, history, plan, hours, threads=2) for _ in range(4)]
        assert {call.result().values.tobytes() for call in calls} == {alone}


@few(6)
@given(records=RECORDS, expressions=some_of(MEASURES), dates=DATES)
def test_neither_other_cases_nor_other_dates_nor_the_order_of_rows_matter(
    records, expressions, dates, read_case_files, write_catalogue
):
    """A case measured alone, on one date, from rows in another order, has the same bits."""
    folder = read_case_files(records)
    plan = compile_plan(write_catalogue(expressions))
    together = measure(assemble_history(folder), plan, dates).values
    together = together.reshape(len(dates), len(CASES), len(plan.columns))
    turned = folder.with_frames({name: folder.frame(name)[::-1] for name in ("events", "facts")})
    assert measure(assemble_history(turned), plan, dates).values.tobytes() == together.tobytes()
    for number, case_id in enumerate(CASES):
        history = assemble_history(keep_records(folder, case_id, lambda ids: ids.notna()))
        for date, as_of in enumerate(dates):
            found = measure(history, plan, as_of).values
            assert found.tobytes() == together[date, number].tobytes()


TAKEN_WHOLE = (  # their records are all that they look at, so without them nothing is left
    "count", "sum", "distinct", "share", "rate_ratio", "gap_median", "gap_cv", "slope", "decayed",
    "quiet_then_return", "disagreement", "days_in_state",
)  # fmt: skip


def measure_cells(history, plan, as_of):
    """Each indicator of the only case there."""
    return measure(history, plan, as_of, threads=1).values[0].tolist()


@pytest.mark.parametrize("how", ["within", "since", "while"])
def test_only_the_records_behind_a_value_make_it(how, read_case_files, write_catalogue):
    """Measured again from only the records named behind a value, it is the same, by any engine."""

    @settings(few(8), phases=[Phase.reuse, Phase.generate])  # 36 expressions: slow to shrink
    @given(
        RECORDS,
        some_of(MEASURES, [how]),
        st.integers(8, 24).map(at_us),
        st.sampled_from(list(ENGINES.values())),
    )
    def compare(records, expressions, as_of, rules):
        folder = read_case_files(records)
        catalogue = write_catalogue(expressions)
        history, plan = assemble_history(folder), compile_plan(catalogue, rules)
        everything = measure_cells(history, plan, as_of)
        position = plan.columns.index
        for entry, said in zip(catalogue.indicators, expressions, strict=True):
            behind = records_of(history, catalogue, 0, as_of, entry.expression, rules)
            left = assemble_history(
                keep_records(folder, "A", lambda ids, kept=behind: ids.isin(kept))
            )
            found = measure_cells(left, plan, as_of)
            for name in entry.columns:
                value, again = everything[position(name)], found[position(name)]
                assert agrees(again, value, rounded=False), (said, behind, value, again)

    compare()


@few(12)
@given(
    records=RECORDS,
    expressions=some_of(TAKEN_WHOLE, ["within"]),
    as_of=st.integers(8, 24).map(at_us),
)
def test_without_the_records_behind_a_value_nothing_is_left(
    records, expressions, as_of, read_case_files, write_catalogue
):
    """Where a value is made of all that matched, without those records it is that of no record."""
    folder = read_case_files(records)
    catalogue = write_catalogue(expressions)
    plan = compile_plan(catalogue)
    history = assemble_history(folder)
    empty = assemble_history(keep_records(folder, "A", lambda ids: ids.isna()))
    of_nothing = measure_cells(empty, plan, as_of)
    for number, entry in enumerate(catalogue.indicators):
        behind = records_of(history, catalogue, 0, as_of, entry.expression)
        left = assemble_history(keep_records(folder, "A", lambda ids, gone=behind: ~ids.isin(gone)))
        value = measure_cells(left, plan, as_of)[number]
        assert agrees(value, of_nothing[number], rounded=False), (expressions[number], behind)


def test_a_gap_of_the_very_length_stated_is_quiet(folder_of, write_catalogue):
    """`quiet` is the least gap that counts: 2 days after 2 days of quiet is a return."""
    rows = [{"occurred_at": f"2025-01-0{day}T00:00Z"} for day in (1, 3, 4)]
    said = [{"measure": "quiet_then_return", "of": {}, "quiet": quiet} for quiet in ("2d", "49h")]
    plan = compile_plan(write_catalogue(said))
    assert measure_cells(assemble_history(folder_of(rows)), plan, at_us(0)) == [1, 0]


@pytest.mark.parametrize(
    ("said", "value", "keys"),
    [
        ({"measure": "count", "of": {"kind": ["contact"]}, "while": "custody"}, 1, ("e1", "e3")),
        (
            {"measure": "days_in_state", "state": "custody", "since": {"kind": ["threat"]}},
            9,
            ("e1", "e2"),
        ),
    ],
)
def test_what_narrows_a_value_is_among_the_records_behind_it(
    said, value, keys, folder_of, write_catalogue
):
    """The arrest behind 'contact from custody', and the event behind 'since', are named too."""
    rows = [
        {"kind": "custody_started", "occurred_at": "2025-01-01T00:00Z"},
        {"kind": "threat", "occurred_at": "2025-01-03T00:00Z"},
        {"kind": "contact", "occurred_at": "2025-01-05T00:00Z"},
    ]
    catalogue = write_catalogue([said])
    history = assemble_history(folder_of(rows))
    as_of = int(dt.datetime(2025, 1, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000
    assert measure_cells(history, compile_plan(catalogue), as_of) == [value]
    behind = records_of(history, catalogue, 0, as_of, catalogue.indicators[0].expression)
    assert behind == keys


STAYS = st.fixed_dictionaries(
    {
        "events": st.lists(
            st.builds(
                lambda case_id, kind, occurred, detail: {
                    "case_id": case_id, "kind": kind, "detail": detail,
                    "occurred_at": at(occurred), "recorded_at": at(occurred),
                },
                pick("A", "B"),
                pick("custody_started", "remanded", "custody_ended", "custody_ended", "contact"),
                st.integers(0, 9),
                pick(None, None, "a", "b"),
            ),
            min_size=6,
            max_size=16,
        ),
        "facts": st.just([]),
    }
)  # fmt: skip


def test_an_end_of_another_detail_ends_the_only_start_there_is(read_case_files, write_catalogue):
    """Where ends name another detail or none, days in a state and what is counted in it agree, and
    the records behind them give them again, by every engine.
    """
    said = [
        {"measure": "days_in_state", "state": "custody"},
        {"measure": "days_in_state", "state": "custody", "within": "2d"},
        {"measure": "count", "of": {"kind": ["contact"]}, "while": "custody"},
    ]

    @few(80)
    @given(STAYS, DATES, st.sampled_from(list(ENGINES)))
    def compare(records, dates, engine):
        folder, rules = read_case_files(records), ENGINES[engine]
        catalogue = write_catalogue(said)
        plan, history = compile_plan(catalogue, rules), assemble_history(folder)
        values = measure(history, plan, dates, threads=1).values
        for (as_of, case_id), row in zip(itertools.product(dates, CASES), values, strict=True):
            file = read_case_records(folder, case_id)
            check_row(row, said, file, as_of, as_of, as_of, engine)
            case = CASES.index(case_id)
            for n, indicator in enumerate(catalogue.indicators):
                keys = records_of(history, catalogue, case, as_of, indicator.expression, rules)
                kept = keep_records(folder, case_id, lambda ids, keys=keys: ids.isin(keys))
                again = measure(assemble_history(kept), plan, [as_of], threads=1).values
                assert again[0, n] == row[n], (case_id, as_of, indicator.name, keys)

    compare()
