"""Which record takes another's place, and when: named exactly, whatever is left out or put in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue.file import load_catalogue
from features.contract.arrays import MISSING, NEVER
from features.contract.moments import parse_date
from features.history.assembly import assemble_history
from features.history.in_force import in_force, next_versions
from features.history.subsets import end_state, keep_events, keep_rows, take_cases
from features.intake.contract_folder import assemble_folder

ZONE = "Europe/London"
CASES = ("A", "B", "C")
KINDS = ("call", "custody_started", "retracted")
CATALOGUE = load_catalogue("stalking")
LINK = {"link_id": "l1", "case_id": "A", "linked_case_id": "B", "kind": "same_subject"}


def day(number):
    """Return a day of May 2025, as text."""
    return f"2025-05-{number:02d}"


@st.composite
def draw_rows(draw, id_column):
    """Return rows of one table of which many correct each other, also in long chains."""
    rows = []
    for number in range(draw(st.integers(0, 14))):
        row = {
            "case_id": draw(st.sampled_from(CASES)),
            id_column: f"r{draw(st.permutations(range(10)))[0]}{number}",
            "recorded_at": day(draw(st.integers(1, 9))),
        }
        earlier = [other[id_column] for other in rows if other["case_id"] == row["case_id"]]
        if earlier and draw(st.integers(0, 3)):
            row["supersedes"] = draw(st.sampled_from(earlier))
        rows.append(row)
    return rows


@st.composite
def draw_tables(draw):
    """Return the rows of a unit whose first two cases may be linked."""
    events = [
        row | {"kind": draw(st.sampled_from(KINDS)), "occurred_at": day(draw(st.integers(1, 9)))}
        for row in draw(draw_rows("event_id"))
    ]
    facts = [row | {"name": "answer", "asked": "yes"} for row in draw(draw_rows("fact_id"))]
    links = draw(st.sampled_from([[], [LINK | {"recorded_at": day(1)}]]))
    cases = [{"case_id": case, "recorded_at": day(1)} for case in CASES]
    return {"cases": cases, "events": events, "facts": facts, "links": links}


def assemble(tables):
    """Return the sound folder and the history of some rows."""
    folder = assemble_folder(tables, time_zone=ZONE, extract_at_us=parse_date("2026-01-01", ZONE))
    return folder, assemble_history(folder)


def name_next(history):
    """Return by table and case each record's key with that of the one that takes its place."""
    found = []
    for table, keys in (
        (history.events, history.events.event_id),
        (history.facts, history.facts.fact_id),
    ):
        for case in range(len(history)):
            rows = slice(int(table.pointer[case]), int(table.pointer[case + 1]))
            own = [str(key) for key in keys[rows]]
            named = [None if at == MISSING else own[at] for at in table.superseded_by[rows]]
            found.append(dict(zip(own, named, strict=True)))
    return found


def find_next(frame, id_column, case_id):
    """Work out plainly which record comes next among all versions of each."""
    rows = frame[frame["case_id"] == case_id].to_dict("records")
    by_id = {row[id_column]: row for row in rows}
    versions = {}
    for row in rows:
        first, depth = row, 0
        while first["supersedes"] in by_id:
            first, depth = by_id[first["supersedes"]], depth + 1
        place = (row["recorded_at"], depth, row[id_column])
        versions.setdefault(first[id_column], []).append(place)
    found = {}
    for some in versions.values():
        ordered = [key for _, _, key in sorted(some)]
        found |= dict(zip(ordered, [*ordered[1:], None], strict=True))
    return found


@given(draw_tables(), st.randoms(use_true_random=False))
def test_the_record_named_is_the_one_that_supersedes(tables, random):
    """Each record names its next version, which was recorded when it ceased to be in force; the
    order of rows is irrelevant, and an event seen through a link names what is seen there too.
    """
    folder, history = assemble(tables)
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in tables.items()}
    named = name_next(history)
    assert named == name_next(assemble(shuffled)[1])
    events = [find_next(folder.frame("events"), "event_id", case) for case in CASES]
    facts = [find_next(folder.frame("facts"), "fact_id", case) for case in CASES]
    if tables["links"]:
        other = [
            {f"{owner}/{key}": at and f"{owner}/{at}" for key, at in events[place].items()}
            for place, owner in ((1, "B"), (0, "A"))
        ]
        events = [events[0] | other[0], events[1] | other[1], events[2]]
    assert named == [*events, *facts]
    for table in (history.events, history.facts):
        is_named = table.superseded_by != MISSING
        assert np.array_equal(is_named, table.superseded_at != NEVER)
        case = np.searchsorted(table.pointer, np.arange(len(table)), side="right") - 1
        following = (table.pointer[case] + table.superseded_by)[is_named]
        assert np.array_equal(table.recorded_at[following], table.superseded_at[is_named])


@given(draw_tables(), st.integers(1, 11))
def test_of_each_record_one_version_is_in_force(tables, number):
    """Whoever follows a known record to its last version at a moment ends at one in force."""
    _, history = assemble(tables)
    as_of_us = parse_date(day(number), ZONE)
    for table, rows_of in ((history.events, history.events_of), (history.facts, history.facts_of)):
        for case in range(len(history)):
            rows = rows_of(case)
            following = next_versions(table, rows, as_of_us)
            holds = in_force(table.recorded_at[rows], table.superseded_at[rows], as_of_us)
            for known in np.flatnonzero(table.recorded_at[rows] < as_of_us):
                at = known
                while following[at] != MISSING:
                    at = following[at]
                assert holds[at]


@settings(deadline=None)
@given(draw_tables(), st.data())
def test_parts_of_a_history_name_the_same_records(tables, data):
    """Cases taken, rows left out and ends put in change no name, but for what is not there."""
    _, history = assemble(tables)
    named = name_next(history)
    order = data.draw(st.permutations(range(len(CASES))))
    taken = name_next(take_cases(history, np.array(order)))
    assert taken == [named[place] for place in (*order, *(len(CASES) + one for one in order))]
    kept = np.array(
        data.draw(
            st.lists(st.booleans(), min_size=len(history.events), max_size=len(history.events))
        ),
        dtype=np.bool_,
    )
    keys = {str(key) for key in history.events.event_id[kept]}
    fewer = keep_rows(history.events, np.flatnonzero(kept))
    expected = [
        {key: at if at in keys else None for key, at in one.items() if key in keys}
        for one in named[: len(CASES)]
    ]
    assert name_next(history.__class__(**{**vars(history), "events": fewer})) == [
        *expected,
        *named[len(CASES) :],
    ]
    rows = history.events_of(0)
    one = keep_events(history, 0, np.stack([kept[rows], ~kept[rows]]))
    assert name_next(one)[0] == expected[0]
    others = set(named[0]) - keys
    assert name_next(one)[1] == {
        key: at if at in others else None for key, at in named[0].items() if key in others
    }


@given(draw_tables(), st.integers(2, 11))
def test_an_end_put_in_moves_no_name(tables, number):
    """Where every state is ended for the precaution, each record still names its own next one."""
    _, history = assemble(tables)
    ended = end_state(history, CATALOGUE, "custody", parse_date(day(number), ZONE))
    assert name_pairs(history) == name_pairs(ended)


def name_pairs(history):
    """Return by case the pairs of a record and the one that takes its place, in order."""
    events, found = history.events, []
    case = np.searchsorted(events.pointer, np.arange(len(events)), side="right") - 1
    for row in np.flatnonzero(events.superseded_by != MISSING):
        following = events.pointer[case[row]] + events.superseded_by[row]
        found.append((int(case[row]), events.event_id[row], events.event_id[following]))
    return found
