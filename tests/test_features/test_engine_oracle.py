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
from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.assembly import assemble_history
from features.catalogue_file import parse_catalogue
from features.engine import Queries, compile_plan, measure, measure_queries
from features.evidence import records_of
from features.openness import open_cases

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


def read_records(frame, case_id):
    """The records of one case, as dictionaries with None for empty cells."""
    rows = frame[frame["case_id"] == case_id].astype(object)
    return rows.where(rows.notna(), None).to_dict("records")


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


def find_intervals(events, state, cut):
    """When a state was active, as [start, end): for each detail, from a start to the next end.

    An end at the moment of a start ends what was open before; where nothing was, it ends the start.
    """
    intervals = []
    for detail in {event["detail"] for event in events}:
        edges = [event for event in events if event["detail"] == detail]
        opened_at = None
        for at in sorted({event["occurred_at"] for event in edges}):
            here = [event["kind"] for event in edges if event["occurred_at"] == at]
            starting = any(STARTS.get(kind) == state for kind in here)
            ending = any(ENDS.get(kind) == state for kind in here)
            if starting != ending:
                if starting and opened_at is None:
                    opened_at = at
                elif ending and opened_at is not None:
                    intervals.append((opened_at, at))
                    opened_at = None
        if opened_at is not None:
            intervals.append((opened_at, cut))
    return intervals


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


def measure_plainly(said, records, as_of, cut, known):
    """Measure one expression of one case; windows reach back from `as_of`."""
    what = said["measure"]
    events = measured_events(records, cut, known)
    start = as_of - read_length(said["within"]) if "within" in said else -math.inf
    since = -math.inf
    if "since" in said:
        since = max((e["occurred_at"] for e in events if meets(e, said["since"])), default=since)
    start = max(start, since)
    if what == "days_in_state":
        seconds = {  # the grid is of whole hours, so a set of hours is the union of intervals
            hour
            for first, end in find_intervals(events, said["state"], cut)
            for hour in range(first, end, HOUR)
            if hour >= start
        }
        return len(seconds) / 24
    if "while" in said:
        intervals = find_intervals(events, said["while"], cut)
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
            return sum(2 ** (-(as_of - at) / read_length(said["half_life"])) for at in firsts)
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


def answer_plainly(name, records, as_of, known):
    """The last answer in force as a number, and whether the question was put."""
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
                return (as_of - int(midnight.timestamp()) * 1_000_000) / DAY, 1
    except ValueError:
        return MISSING, 1


def expect_row(folder, said, case_id, as_of, cut=None, known=None):
    """The columns of one expression for one case; cut and known are `as_of` unless given."""
    cut, known = cut or as_of, known or as_of
    if said["measure"] == "last_fact":
        facts = read_records(folder.facts, case_id)
        return list(answer_plainly(said["fact"], facts, as_of, known))
    return [measure_plainly(said, read_records(folder.events, case_id), as_of, cut, known)]


def is_open_plainly(folder, case_id, as_of):
    """Whether a case is known and the latest lifecycle event known does not close it."""
    known = folder.cases.set_index("case_id")["recorded_at"][case_id] < as_of
    events = measured_events(read_records(folder.events, case_id), as_of, as_of)
    turns = [e["kind"] for e in events if e["kind"] in ("opened", "reopened", "closed", "merged")]
    return known and (not turns or turns[-1] in ("opened", "reopened"))


# ------------------------------------------------------- drawing histories, expressions, moments

GRID = 12 * HOUR
BASE = dt.datetime(2025, 3, 25, tzinfo=dt.UTC)
LENGTHS = st.sampled_from(["12h", "1d", "2d", "4d", "1w"])
FIELDS = st.sampled_from(["kind", "channel", "source", "view", "actor", "target", "detail"])
KINDS = (
    ["threat", "contact", "assault", "visit", "custody_started", "custody_ended"] * 3
    + ["remanded", "bailed", "bail_ended", "opened", "reopened", "closed", "retracted"]
)  # fmt: skip
STEPS = st.integers(0, 16)
DELAYS = st.sampled_from([0, 0, 0, 1, 2, 6, -1])
INCIDENTS = [None, None, "i1", "i1", "i2", "e1", "e2"]
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


def write_event(occurred, delay, **cells):
    """A row of the contract."""
    return {"occurred_at": at(occurred), "recorded_at": at(occurred + delay)} | cells


EVENT = st.builds(
    write_event,
    STEPS,
    DELAYS,
    case_id=pick("A", "A", "A", "B", "C"),
    kind=st.sampled_from(KINDS),
    view=pick("recorded", "recorded", "account", "classification", None),
    incident_id=st.sampled_from(INCIDENTS),
    value=pick(None, 0, 1, 2.5, -1, 7),
    detail=pick(None, None, None, "a", "ab"),
    channel=pick(None, "phone", "letter"),
    source=pick(*[None] * 4, "police", "health"),
    actor=pick(None, None, None, "subject", "proxy", "victim"),
    target=pick(None, None, "child"),
    handling=pick(*["unit"] * 5, "not_for_disclosure", "agency_only"),
    supersedes=pick(*[None] * 5, "e1", "e2", "e3", "e4", "nowhere"),
)
FACT = st.builds(
    lambda occurred, cells: cells | {"recorded_at": at(occurred)},
    STEPS,
    st.fixed_dictionaries(
        {
            "case_id": pick("A", "A", "B"),
            "name": st.sampled_from(list(FACT_TYPES)),
            "asked": pick("yes", "yes", "yes", "no"),
            "value": pick(None, "yes", "NO", "2", "2025-03-30", "2025-04-01", "perhaps"),
            "supersedes": pick(None, None, "f1", "f2"),
        }
    ),
)
RECORDS = st.fixed_dictionaries(
    {
        "events": st.integers(0, 12).flatmap(lambda n: st.lists(EVENT, min_size=n, max_size=20)),
        "facts": st.lists(FACT, max_size=6),
    }
)
CONDITION = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": pick(
                ["conduct"], ["conduct"], ["threat"], ["contact", "assault"], ["custody_started"],
                ["custody_ended"], ["separation"], ["closed", "retracted"],
            )
        }
    ),
    pick(
        {"channel": ["phone"]}, {"source": ["police", "health"]}, {"target": ["child", "self"]},
        {"view": ["recorded"]}, {"view": ["account", "classification"]},
        {"actor": ["victim"]}, {"actor": ["subject", "victim", "proxy", "unknown"]},
        {"value": {"min": 1}}, {"value": {"max": 1}}, {"value": {"min": 0, "max": 2.5}},
        {"detail": {"in": ["a"]}}, {"detail": {"prefix": ["a"]}},
        {"detail": {"in": ["zz"], "prefix": ["ab"]}},
    ),
)  # fmt: skip
SELECTOR = st.one_of(
    st.just({"kind": ["conduct"]}),
    st.lists(CONDITION, max_size=2).map(
        lambda some: {k: v for one in some for k, v in one.items()}
    ),
)
NEEDED = {
    "distinct": {"field": FIELDS},
    "share": {"among": SELECTOR},
    "rate_ratio": {"within": LENGTHS, "against": LENGTHS},
    "quiet_then_return": {"quiet": LENGTHS},
    "decayed": {"half_life": LENGTHS},
    "first_use": {"field": FIELDS, "within": LENGTHS},
    "time_between": {"and": SELECTOR},
    "disagreement": {"field": pick("kind", "value", "detail")},
}
STATE = pick("custody", "bail")
NARROWED = {"within": LENGTHS, "since": SELECTOR, "while": STATE}
OF_EVENTS = (
    "count", "sum", "max", "distinct", "share", "days_since_last", "days_since_first",
    "rate_ratio", "gap_median", "gap_cv", "quiet_then_return", "slope", "decayed", "first_use",
    "time_between", "disagreement",
)  # fmt: skip
MEASURES = (*OF_EVENTS, "days_in_state", "last_fact")
ROUNDED = ("sum", "share", "rate_ratio", "gap_cv", "slope", "decayed")


def expressions_of(what, narrowed=NARROWED):
    """Expressions of one measure, narrowed in any of some ways."""
    said = {"measure": st.just(what)}
    if what == "last_fact":
        return st.fixed_dictionaries(said | {"fact": st.sampled_from(list(FACT_TYPES))})
    if what == "days_in_state":
        more = {key: value for key, value in narrowed.items() if key != "while"}
        return st.fixed_dictionaries(said | {"state": STATE}, optional=more)
    said |= {"of": SELECTOR} | NEEDED.get(what, {})
    more = {key: value for key, value in narrowed.items() if key not in said}
    return st.fixed_dictionaries(said, optional=more)


EXPRESSIONS = st.lists(st.sampled_from(MEASURES).flatmap(expressions_of), min_size=1, max_size=8)
DATES = st.lists(st.integers(1, 24), min_size=1, max_size=3).map(lambda s: [at_us(n) for n in s])


PHASES = [phase for phase in Phase if phase is not Phase.explain]  # tracing takes minutes here
import os

if os.environ.get("NOSHRINK"):
    PHASES = [Phase.generate]


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
        events = list(number_rows(records["events"], "event_id", "e"))
        facts = list(number_rows(records["facts"], "fact_id", "f"))
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
        texts = {f"x{n}": json.dumps(said)[1:-1] for n, said in enumerate(expressions)}
        text = catalogue_of(texts).text
        old = "  custody_started: {label: taken into custody, starts: custody}\n"
        assert old in text
        return parse_catalogue(text.replace(old, kinds.lstrip("\n")).encode(), "small.yaml")

    return write


def agrees(found, expected, rounded):
    """Whether two numbers are the same; both missing is the same."""
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    if rounded:
        return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)
    return found == expected


def keep_records(folder, case_id, keys):
    """The folder with one case, and of its records only some."""
    kept = {"cases": folder.cases[folder.cases["case_id"] == case_id]}
    for name, key in (("events", "event_id"), ("facts", "fact_id")):
        frame = getattr(folder, name)
        kept[name] = frame[(frame["case_id"] == case_id) & frame[key].isin(keys)]
    return replace(folder, **{name: frame.reset_index(drop=True) for name, frame in kept.items()})


# -------------------------------------------------------------------------------------- promises


@pytest.mark.parametrize("what", MEASURES)
def test_the_engine_and_the_plain_definition_agree(what, read_case_files, write_catalogue):
    """Every measure has the value that its plain definition gives, for any history and date."""

    @few(25)
    @given(RECORDS, st.lists(expressions_of(what), min_size=1, max_size=6), DATES)
    def compare(records, expressions, dates):
        folder = read_case_files(records)
        plan = compile_plan(write_catalogue(expressions))
        matrix = measure(assemble_history(folder), plan, dates, threads=1)
        places = itertools.product(dates, CASES)
        for (as_of, case_id), row in zip(places, matrix.values.tolist(), strict=True):
            cells = iter(row)
            for said in expressions:
                for expected in expect_row(folder, said, case_id, as_of):
                    found = next(cells)
                    assert agrees(found, expected, what in ROUNDED), (
                        said,
                        case_id,
                        found,
                        expected,
                    )

    compare()
