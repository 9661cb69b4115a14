"""A catalogue is checked as a whole before anything is measured; its mistakes come with lines."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.declarations import MAX_INDICATORS, Measure
from features.catalogue.file import load_catalogue, parse_catalogue
from features.errors import CatalogueError, ConfigError

GOOD = b"""version: 1
name: small
title: A small catalogue
kinds:
  conduct:
    label: conduct
    children:
      threat: {label: a threat}
  custody_started: {label: taken in, starts: custody}
  custody_ended: {label: released, ends: custody}
facts:
  frightened: {type: yes_no, question: "Is the victim frightened?", source: test}
indicators:
  - name: threats
    family: threat
    measure: count
    of: {kind: threat}
    within: 28d
    direction: raises
    reason: "{value} threats"
    source: test
outcomes:
  - {name: harm, label: harm, of: {kind: conduct}, horizon: 90d, maturity: 0d, source: test}
baselines:
  rfs: {recency: threats, frequency: threats, severity: threats, source: test}
priority:
  source: test
  ladder:
    - {name: harm, label: harm, outcome: harm, weight: 1, source: test}
wording: {advisory: A person decides., estimate: Under past practice.}
"""


def problems_of(content: bytes) -> list[tuple[int, str, str]]:
    """Return line, place and words of every problem."""
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(content, "small.yaml")
    return [(p.line, p.place, p.message) for p in caught.value.problems]


def test_the_small_catalogue_is_sound():
    """What the other tests break is whole to begin with."""
    assert parse_catalogue(GOOD, "small.yaml").columns == ("threats",)


def test_a_bundle_keeps_a_word_that_no_record_can_match():
    """What a model was trained with is read as it is, however its selectors' words are written."""
    content = GOOD.replace(b"of: {kind: threat}", b"of: {source: Police}")
    assert [line for line, _, _ in problems_of(content)] == [17]
    read = parse_catalogue(content, "catalogue.yaml", of_bundle=True)
    assert read.indicators[0].expression.of.source == ("Police",)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("measure: count", "measure: cuont", 16, "write one of: count"),
        ("measure: count", "meausre: count", 16, "did you mean 'measure'?"),
        ("of: {kind: threat}", "of: {kind: threats}", 17, "does not declare"),
        ("of: {kind: threat}", "of: {knid: threat}", 17, "did you mean 'kind'?"),
        ("of: {kind: threat}", "of: {value: {min: 3, max: 1}}", 17, "swap them"),
        ("of: {kind: threat}", "of: {value: {min: .nan}}", 17, "number"),
        ("of: {kind: threat}", "of: {actor: perpetrator}", 17, "write one of: subject"),
        ("of: {kind: threat}", "of: {kind: []}", 17, "empty list"),
        ("of: {kind: threat}", "of: {source: Police}", 17, "write 'police'"),
        ("of: {kind: threat}", 'of: {channel: [phone, "e\\u00admail"]}', 17, "write 'email'"),
        ("of: {kind: threat}", 'of: {channel: "\\u200b"}', 17, "remove it"),
        ("of: {kind: conduct}, horizon", "of: {source: [police, CPS]}, horizon", 23, "write 'cps'"),
        ("within: 28d", "within: 28 fortnights", 18, "such as 28d"),
        ("within: 28d", "within: 0d", 18, "zero"),
        ("within: 28d", "while: prison", 18, "no kind starts"),
        ("within: 28d", "half_life: 3d", 18, "does not use 'half_life'"),
        ("within: 28d", "within: 28d\n    within: 7d", 19, "stands twice"),
        ("direction: raises", "direction: upwards", 19, "write one of: raises"),
        ('"{value} threats"', '"some threats"', 20, "must hold {value}"),
        ('"{value} threats"', '"{value} {count}"', 20, "only placeholder"),
        ("name: threats", "name: threats_by_age", 14, "protected"),
        ("name: threats", "name: Threats", 14, "lower-case"),
        ("name: threats", "name: threats__asked", 14, "single _"),
        ("version: 1", "version: 2", 1, "version 1"),
        ("version: 1", "version: 1.5", 1, "version 1"),
        ("frightened: {type", "ethnicity: {type", 12, "protected"),
        ("yes_no", "maybe", 12, "write one of: yes_no"),
        ("horizon: 90d", "horizon: soon", 23, "such as 28d"),
        ("horizon: 90d", "horizon: 36h", 23, "whole days"),
        ("maturity: 0d", "maturity: 0d, at_least: 1.5", 23, "whole number"),
        ("recency: threats", "recency: threat", 25, "names no indicator"),
        ("outcome: harm", "outcome: murder", 29, "names no outcome"),
        ("outcome: harm", "share: 0.1", 29, "mildest level must be an outcome"),
        ("outcome: harm", "outcome: harm, share: 0.1", 29, "mildest level must be an outcome"),
        ("outcome: harm, ", "", 29, "or 'share', or both"),
        ("weight: 1", "weight: -1", 29, "at least 0"),
        ("ends: custody", "ends: bail", 4, "started by none"),
        ("ends: custody", "ends: custody, starts: bail", 4, "two kinds"),
        ("label: a threat", "label: ''", 8, "write a text"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_remedy(old, new, line, words):
    """Each mistake is found where it stands, and the message says what to write."""
    found = problems_of(GOOD.replace(old.encode(), new.encode(), 1))
    assert any(at == line and words in message for at, _, message in found), found


@pytest.mark.parametrize(
    ("old", "new", "line", "name"),
    [
        ("threat: {label: a threat}", "conduct: {label: again}", 8, "conduct"),
        (
            "threat: {label: a threat}",
            "threat: {label: a threat, children: {conduct: {label: again}}}",
            8,
            "conduct",
        ),
        (
            "threat: {label: a threat}",
            "threat: {label: a, children: {call: {label: b, children: {threat: {label: c}}}}}",
            8,
            "threat",
        ),
        (
            "custody_started: {label: taken in, starts: custody}",
            "custody_started: {label: a, starts: custody, children: {custody_started: {label: b}}}",
            9,
            "custody_started",
        ),
        (
            "custody_ended: {label: released, ends: custody}",
            "custody_ended: {label: out, ends: custody, children: {conduct: {label: b}}}",
            10,
            "conduct",
        ),
    ],
)
def test_a_kind_below_itself_is_refused_with_its_line(old, new, line, name):
    """A kind among its own children, or anywhere below them, is told and never followed round."""
    found = problems_of(GOOD.replace(old.encode(), new.encode(), 1))
    assert any(at == line and f"'{name}' stands twice" in words for at, _, words in found), found


MORE = b"""estimands:
  - {name: free, label: while free, until: {kind: custody_started}, outside: custody, source: test}
bounded: {of: {kind: conduct}, label: support withdrawn, source: test}
cohort: {at: {kind: conduct, value: {min: 1}}, source: test}
"""


def test_estimands_bounds_and_index_events_are_read():
    """They are by anyone unless an actor is stated, and a cohort at events needs no measure."""
    found = parse_catalogue(GOOD + MORE, "small.yaml")
    (estimand,) = found.estimands
    assert (estimand.name, estimand.outside) == ("free", "custody")
    assert (estimand.until.kind, estimand.until.actor) == (("custody_started",), ())
    assert found.bounded is not None
    assert found.bounded.of.kind == ("conduct", "threat")
    assert found.cohort.expression is None
    assert found.cohort.at is not None
    assert (found.cohort.at.value_min, found.cohort.at.actor) == (1.0, ())
    stated = MORE.replace(b"{kind: conduct, value: {min: 1}}", b"{kind: conduct, actor: proxy}")
    at = parse_catalogue(GOOD + stated, "small.yaml").cohort.at
    assert at is not None
    assert at.actor == ("proxy",)
    plain = parse_catalogue(GOOD, "small.yaml")
    assert (plain.estimands, plain.bounded, plain.cohort.at) == ((), None, None)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("outside: custody", "outside: prison", 32, "no kind starts"),
        (", outside: custody", "", 32, "outside"),
        ("kind: custody_started", "kind: custody", 32, "does not declare"),
        ("{kind: custody_started}", "{channel: phone}", 32, "name the kinds"),
        ("name: free", "name: Free", 32, "lower-case"),
        ("{of: {kind: conduct}", "{of: {kind: conduct, via: other}", 33, "linked cases"),
        ("of: {kind: conduct}, ", "", 33, "of"),
        ("at: {kind", "at: {knid", 34, "did you mean 'kind'?"),
        ("source: test}\n", "source: test, within: 3d}\n", 34, "needs 'of'"),
    ],
)
def test_mistakes_in_what_is_estimated_are_told(old, new, line, words):
    """Estimands, bounds and index events are checked like the rest, line by line."""
    head, _, tail = MORE.decode().rpartition(old)
    found = problems_of(GOOD + (head + new + tail).encode())
    assert any(at == line and words in message for at, _, message in found), found


def test_all_mistakes_are_told_together():
    """Nobody has to mend one mistake to be shown the next."""
    broken = GOOD.replace(b"28d", b"soon").replace(b"raises", b"up").replace(b"yes_no", b"maybe")
    assert [line for line, _, _ in problems_of(broken)] == [12, 18, 19]


@pytest.mark.parametrize("measure", [m.value for m in Measure])
def test_every_measure_names_what_it_lacks(measure):
    """A measure without its parts is refused, never guessed at."""
    entry = b"measure: count\n    of: {kind: threat}\n    within: 28d"
    bare = GOOD.replace(entry, f"measure: {measure}".encode())
    assert any("missing" in words or "needs" in words for _, _, words in problems_of(bare))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"- a\n- b\n", "mapping"),
        (b"version: [1\n", "not YAML"),
        (b"\xff\xfev\x00", "not UTF-8"),
        (b"a: \x00\n", "not YAML"),
        (b"a: &x [1]\nb: *x\n", "anchors"),
        (b"a: " + b"[" * 200 + b"]" * 200, "deep"),
        (b"#" * 8_000_001, "larger"),
        (b"a: !!python/object/apply:os.system [true]\n", "unknown key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_another_kind_is_refused(content, words):
    """Bombs, objects, other encodings and empty files are refused before anything is built."""
    assert any(words in message for _, _, message in problems_of(content))


def test_a_bomb_of_aliases_is_refused_at_once():
    """A kilobyte that would unfold into gigabytes is never unfolded."""
    bomb = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n" % (n, n, *[n - 1] * 4) for n in range(1, 40)
    )
    assert "anchors" in problems_of(bomb)[0][2]


def test_ten_thousand_indicators_are_refused_in_words():
    """Too many indicators give one problem that says how many are read."""
    start = GOOD.index(b"  - name: threats")
    end = GOOD.index(b"outcomes:")
    many = b"".join(
        GOOD[start:end].replace(b"name: threats", b"name: threats%d" % n) for n in range(10_000)
    )
    content = (GOOD[:start] + many + GOOD[end:]).replace(b": threats,", b": threats0,")
    found = problems_of(content)
    assert len(found) == 1
    assert f"at most {MAX_INDICATORS:,}" in found[0][2]


def test_a_direction_needs_a_measure_that_is_never_missing():
    """What can be missing is not constrained: a gap in the file must not score below a value."""
    share = "measure: share, among: {kind: conduct}"
    broken = GOOD.replace(b"measure: count", share.replace(", ", "\n    ").encode())
    assert any("direction must be open" in words for _, _, words in problems_of(broken))


def test_a_parent_takes_in_its_children():
    """A selector of a kind selects every kind below it in the tree."""
    selector = parse_catalogue(GOOD, "small.yaml").outcomes[0].of
    assert selector.kind == ("conduct", "threat")


def test_a_name_that_is_no_file_lists_the_shipped_ones():
    """A mistyped name is answered with the names there are."""
    with pytest.raises(ConfigError, match="complaints, screenings, stalking"):
        load_catalogue("stalkign")


WHOLE = yaml.load((GOOD + MORE).decode(), Loader=yaml.BaseLoader)
ODD = ("", "x", "-1", ".nan", "28d", "threat", "conduct", "custody", "share", "open", "a: b", "{")
KEYS = ("measure", "and", "field", "detail", "value.min", "expression", "kind", "nmae", "x.")


class WithoutAliases(yaml.SafeDumper):
    """Writes out what is there twice, since anchors are refused."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is written as an alias."""
        return True


def walk(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value below the top."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for step, value in items:
        yield (*path, step)
        if not isinstance(value, str):
            yield from walk(value, (*path, step))


def look_up(data: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for step in path:
        data = data[step]
    return data


@st.composite
def broken_catalogues(draw: st.DrawFn) -> str:
    """Draw a sound catalogue with one to three entries renamed, dropped, added or changed."""
    data = copy.deepcopy(WHOLE)
    odd = st.one_of(
        st.sampled_from(ODD),
        st.text(max_size=5),
        st.lists(st.sampled_from(ODD), max_size=2),
        st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), max_size=2),
    )
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(walk(data))))
        parent, step = look_up(data, path[:-1]), path[-1]
        change = draw(st.sampled_from(("rename", "drop", "add", "change", "copy")))
        if change in ("drop", "rename"):
            value = parent.pop(step)
        if change == "change":
            parent[step] = draw(odd)
        elif change == "copy":
            parent[step] = copy.deepcopy(look_up(data, draw(st.sampled_from(list(walk(data))))))
        elif change == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(KEYS))] = value
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(KEYS))] = draw(odd)
    return yaml.dump(data, Dumper=WithoutAliases, sort_keys=False, allow_unicode=True)


@given(broken_catalogues())
def test_whatever_is_changed_is_read_or_told_with_a_line_of_the_file(text):
    """No change of a sound catalogue ends in anything but a catalogue or problems with lines."""
    try:
        assert parse_catalogue(text.encode(), "small.yaml").digest
    except CatalogueError as error:
        last = text.count("\n") + 1
        assert error.problems
        assert all(1 <= problem.line <= last for problem in error.problems)
        assert all(problem.place and problem.message for problem in error.problems)
