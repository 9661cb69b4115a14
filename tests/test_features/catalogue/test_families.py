"""A short catalogue is the long one it is written out as: the same text, digest and problems."""

import copy
import hashlib
import itertools
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue.declarations import Catalogue, Direction, Measure
from features.catalogue.families import MEASURED, SELECTED
from features.catalogue.file import load_catalogue, parse_catalogue
from features.errors import CatalogueError

SHORT = """\
version: 1   # stays, as do all lines that are no family
name: shop
title: Complaints about shops
kinds:
  complaint:
    label: a complaint
    children:
      rude: {label: a complaint of rudeness}
      late: {label: a complaint of lateness}
words:
  kind:
    rude: {many: complaints of rudeness, one: complaint of rudeness}
    late: {many: complaints of lateness, one: complaint of lateness}
  within: {365d: in the last year}
indicators:
  - name: "{kind}_{within}"      # this remark goes
    family: complaints
    of: {kind: [rude, late]}
    within: [28d, 365d, ever]
    direction: raises
    reason: "{kind} {within}: {value}"
    source: "own judgement"
  # this one stays
  - name: "{kind}_{measure}"
    of: {kind: {rude: , late: {family: lateness}}}
    family: complaints
    measure:
      days_since_last:
        name: "days_since_{kind}"
        reason: "days since the last {kind.one}: {value}"
        none_reason: "no {kind.one}"
      decayed:
        name: "{kind}_halved_{half_life}"
        half_life: [30d, 90d]
        reason: "{kind}, halved every {half_life}: {value}"
    source: "own judgement"
wording: {advisory: A person decides., estimate: As recorded.}
"""

LONG = """\
version: 1   # stays, as do all lines that are no family
name: shop
title: Complaints about shops
kinds:
  complaint:
    label: a complaint
    children:
      rude: {label: a complaint of rudeness}
      late: {label: a complaint of lateness}
indicators:
  - name: rude_28d
    family: complaints
    measure: count
    of: {kind: rude}
    within: 28d
    direction: raises
    reason: "complaints of rudeness in the last 28 days: {value}"
    source: "own judgement"
  - name: rude_365d
    family: complaints
    measure: count
    of: {kind: rude}
    within: 365d
    direction: raises
    reason: "complaints of rudeness in the last year: {value}"
    source: "own judgement"
  - name: rude_ever
    family: complaints
    measure: count
    of: {kind: rude}
    direction: raises
    reason: "complaints of rudeness on record: {value}"
    source: "own judgement"
  - name: late_28d
    family: complaints
    measure: count
    of: {kind: late}
    within: 28d
    direction: raises
    reason: "complaints of lateness in the last 28 days: {value}"
    source: "own judgement"
  - name: late_365d
    family: complaints
    measure: count
    of: {kind: late}
    within: 365d
    direction: raises
    reason: "complaints of lateness in the last year: {value}"
    source: "own judgement"
  - name: late_ever
    family: complaints
    measure: count
    of: {kind: late}
    direction: raises
    reason: "complaints of lateness on record: {value}"
    source: "own judgement"
  # this one stays
  - name: days_since_rude
    family: complaints
    measure: days_since_last
    of: {kind: rude}
    direction: open
    reason: "days since the last complaint of rudeness: {value}"
    none_reason: "no complaint of rudeness"
    source: "own judgement"
  - name: rude_halved_30d
    family: complaints
    measure: decayed
    of: {kind: rude}
    half_life: 30d
    direction: open
    reason: "complaints of rudeness, halved every 30 days: {value}"
    source: "own judgement"
  - name: rude_halved_90d
    family: complaints
    measure: decayed
    of: {kind: rude}
    half_life: 90d
    direction: open
    reason: "complaints of rudeness, halved every 90 days: {value}"
    source: "own judgement"
  - name: days_since_late
    family: lateness
    measure: days_since_last
    of: {kind: late}
    direction: open
    reason: "days since the last complaint of lateness: {value}"
    none_reason: "no complaint of lateness"
    source: "own judgement"
  - name: late_halved_30d
    family: lateness
    measure: decayed
    of: {kind: late}
    half_life: 30d
    direction: open
    reason: "complaints of lateness, halved every 30 days: {value}"
    source: "own judgement"
  - name: late_halved_90d
    family: lateness
    measure: decayed
    of: {kind: late}
    half_life: 90d
    direction: open
    reason: "complaints of lateness, halved every 90 days: {value}"
    source: "own judgement"
wording: {advisory: A person decides., estimate: As recorded.}
"""

LEAST = """\
kinds:
  complaint:
    label: a complaint
    children:
      rude: {label: a complaint of rudeness}
indicators:
  - of: {kind: [complaint, rude]}
    within: [28d, ever]
"""


def read(text: str, name: str = "shop.yaml") -> Catalogue:
    """Read a catalogue from its text."""
    return parse_catalogue(text.encode(), name)


class _WithoutAliases(yaml.SafeDumper):
    """Writes out what is there twice, since anchors are refused."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is written as an alias."""
        return True


def write(data: Any) -> str:
    """Return data as YAML."""
    return str(yaml.dump(data, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True))


def problems_of(text: str) -> list[tuple[int, str, str]]:
    """Return line, place and words of every problem."""
    with pytest.raises(CatalogueError) as caught:
        read(text)
    return [(one.line, one.place, one.message) for one in caught.value.problems]


def test_a_family_is_written_out_as_its_members() -> None:
    """Members come in the order of the name's placeholders, and all other lines stay."""
    assert read(SHORT).text == LONG


def test_the_long_form_is_its_own_long_form() -> None:
    """What a bundle keeps reads as the catalogue that was kept, with one digest for both texts."""
    short, long = read(SHORT), read(LONG)
    assert long.text == LONG
    assert short == long
    assert short.digest == hashlib.sha256(LONG.encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("complaints", "44552e2d4b564f5301deeb463e36504c58cf053c187286eb50556c71a3439e30"),
        ("screenings", "ae6b580154126b158313ab8b465b55e802941095dd30cbcec5559a6397d72b7a"),
        ("stalking", "a58247e62c0b801881ffdef6631166796460bc66738d5af8e270d5fb4274c871"),
    ],
)
def test_shipped_catalogues_keep_the_digest_of_their_long_form(name: str, digest: str) -> None:
    """What a shipped file holds changes only where somebody meant it: a bundle keeps its digest."""
    found = load_catalogue(name)
    assert found.digest == digest
    assert found.digest == hashlib.sha256(found.text.encode()).hexdigest()


def test_families_are_told_with_their_members() -> None:
    """A catalogue says at which line it was written short, and what that made."""
    first, second = read(SHORT).families
    assert (first.line, first.name) == (16, "{kind}_{within}")
    assert first.members == (
        "rude_28d",
        "rude_365d",
        "rude_ever",
        "late_28d",
        "late_365d",
        "late_ever",
    )
    assert (second.line, len(second.members)) == (24, 6)
    assert read(LONG).families == ()


def test_kinds_and_indicators_alone_make_a_catalogue() -> None:
    """All else has a default that can be read, and nothing is estimated."""
    found = read(LEAST, "Corner shop 2.yaml")
    assert (found.name, found.title) == ("corner_shop_2", "Corner shop 2")
    assert found.columns == ("complaint_28d", "complaint_ever", "rude_28d", "rude_ever")
    assert (found.outcomes, found.priority.ladder, found.rfs) == ((), (), None)
    last = found.indicators[2]
    assert (last.family, last.direction) == ("complaint", Direction.OPEN)
    assert last.reason == "a complaint of rudeness in the last 28 days: {value}"
    assert found.indicators[3].reason == "a complaint of rudeness on record: {value}"
    assert last.source == "no source stated"
    assert "person decides" in found.wording["advisory"]


def test_defaults_stand_in_the_long_form() -> None:
    """A bundle keeps the defaults it was trained with, whatever a later release makes of them."""
    found = read(LEAST, "corner.yaml")
    assert read(found.text, "catalogue.yaml") == found
    for section in ("version", "name", "title", "wording"):
        assert f"\n{section}:" in found.text


ONE = """\
outcomes:
  - {name: more, label: more, of: {kind: rude}, horizon: 90d, maturity: 0d, source: a}
"""
RECENT = "  - {name: days_since, of: {kind: rude}, measure: days_since_last}\n"


def test_one_outcome_needs_neither_rule_nor_ladder() -> None:
    """The first indicators of each make the rule; one outcome is its own ladder."""
    found = read(LEAST + RECENT + ONE)
    assert found.rfs is not None
    assert (found.rfs.recency, found.rfs.frequency) == ("days_since", "complaint_28d")
    assert found.rfs.severity == "complaint_28d"
    assert [(rung.outcome, rung.weight) for rung in found.priority.ladder] == [("more", 1.0)]


def test_what_people_must_say_has_no_default() -> None:
    """How much several outcomes weigh is asked for, and a rule that nothing measures."""
    second = ONE.splitlines()[1].replace("more", "again")
    (found,) = problems_of(LEAST + RECENT + ONE + second + "\n")
    assert "how much each outcome weighs" in found[2]
    (found,) = problems_of(LEAST + ONE)
    assert "'baselines' is missing" in found[2]


@pytest.mark.parametrize("measure", list(Measure))
def test_every_measure_has_words_without_any_stated(measure: Measure) -> None:
    """An indicator of any measure may leave its words out."""
    needs = {
        Measure.DISTINCT: "of: {kind: rude}, field: kind",
        Measure.SHARE: "of: {kind: rude}, among: {kind: complaint}",
        Measure.RATE_RATIO: "of: {kind: rude}, within: 28d, against: 90d",
        Measure.QUIET_THEN_RETURN: "of: {kind: rude}, quiet: 28d",
        Measure.DECAYED: "of: {kind: rude}, half_life: 28d",
        Measure.FIRST_USE: "of: {kind: rude}, field: kind, within: 28d",
        Measure.DAYS_IN_STATE: "state: closed",
        Measure.TIME_BETWEEN: "of: {kind: rude}, and: {kind: complaint}",
        Measure.LAST_FACT: "fact: angry",
        Measure.DISAGREEMENT: "of: {kind: rude}, field: kind",
    }.get(measure, "of: {kind: rude}")
    text = LEAST.replace("  complaint:", "  shut: {label: shut, starts: closed}\n  complaint:", 1)
    text += f"  - {{name: it, measure: {measure}, {needs}}}\n"
    text += 'facts: {angry: {type: yes_no, question: "Angry?", source: a}}\n'
    said = read(text).indicators[-1].reason
    assert said.count("{value}") == 1
    assert "{" not in said.replace("{value}", "")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("[28d, 365d, ever]", "[28d, 1x, ever]", 19, "rude_1x, late_1x: write a whole number"),
        ("[28d, 365d, ever]", "[28d, [365d]]", 19, "one word for each member"),
        ("[28d, 365d, ever]", "[]", 19, "empty list"),
        (
            "direction: raises",
            "direction: up",
            20,
            "rude_28d, rude_365d, rude_ever and 3 more: write",
        ),
        ("[rude, late]", "[rude, lat]", 18, "lat_28d, lat_365d, lat_ever: names a kind"),
        ("[rude, late]", "[rude, rude]", 16, "stands twice"),
        ('"{kind}_{within}"', '"{kind}"', 19, "write {within} in the name"),
        ('"{kind}_{within}"', '"{knid}_{within}"', 16, "did you mean 'kind'?"),
        ('"{kind}_{within}"', '"{kind}_{within}_{state}"', 16, "state 'state'"),
        ('"{kind}_{within}"', '"{kind}_{within}_{channel}"', 16, "state 'channel' in 'of'"),
        ("    direction: raises", "    directon: raises", 20, "did you mean 'direction'?"),
        ("    direction: raises", "    family: x", 20, "stands twice"),
        ("{kind} {within}: {value}", "{kind} {wthin}: {value}", 21, "did you mean 'within'?"),
        ("{kind} {within}: {value}", "{kind} {within}", 21, "must hold {value}"),
        ("{kind} {within}: {value}", "{state}: {value}", 21, "no value here; state 'state'"),
        ("last {kind.one}", "last {kind.few}", 30, "no form 'few'"),
        ("{kind: {rude: , late: {family: lateness}}}", "{kind: {}}", 25, "empty list"),
        ("late: {family: lateness}", "late: lateness", 25, "keys that differ"),
        ("late: {family: lateness}", "late: {familly: x}", 25, "did you mean 'family'?"),
        ("late: {family: lateness}", "late: {kind: x}", 25, "settled before"),
        ("rude: {many", "rdue: {many", 12, "does not declare"),
        ("365d: in", "365x: in", 14, "such as 28d"),
        ("  within: {365d", "  witin: {365d", 14, "did you mean 'within'?"),
    ],
)
def test_a_mistake_in_a_family_is_told_with_line_and_members(
    old: str, new: str, line: int, words: str
) -> None:
    """The line is that of the file, and the words name the members that the mistake holds for."""
    assert old in SHORT
    found = problems_of(SHORT.replace(old, new, 1))
    assert any(at == line and words in message for at, _, message in found), found
    assert len(found) <= 4


def test_mistakes_of_families_are_told_with_all_others() -> None:
    """An item that cannot be written out hides no other mistake, and makes none of its own."""
    text = SHORT.replace("[28d, 365d, ever]", "[]").replace("label: a complaint\n", "lable: x\n")
    text = text.replace("half_life: [30d, 90d]", "half_life: [30d, 9x]")
    text += ONE + "baselines: {rfs: {recency: rude_28d, frequency: a, severity: b, source: c}}\n"
    assert [(line, place) for line, place, _ in problems_of(text)] == [
        (5, "kinds.complaint"),
        (6, "kinds.complaint.lable"),
        (19, "indicators[0]"),
        (34, "indicators[1].half_life"),
    ]


def test_places_count_items_of_the_file() -> None:
    """A problem after a family has the line and place of the file, not those of the long form."""
    item = "  - {name: it, family: a, measure: cuont, of: {kind: rude}, direction: open, "
    item += 'reason: "{value}", source: a}\n'
    text = SHORT.replace("wording:", f"{item}wording:")
    (found,) = problems_of(text)
    assert found[:2] == (37, "indicators[2].measure")


def test_a_family_beyond_measure_is_refused_before_it_is_made() -> None:
    """A few lines cannot unfold into millions of indicators."""
    windows = ", ".join(f"{n}d" for n in range(1, 1_001))
    text = LEAST.replace(
        "[28d, ever]", f"[{windows}]\n    half_life: [{windows}]\n    quiet: [{windows}]"
    )
    (found,) = problems_of(text)
    assert found[0] == 7
    assert "more than 2,000 indicators" in found[2]
    two = "".join(
        f"  - {{name: '{n}{{within}}', of: {{kind: rude}}, within: [{windows}]}}\n" for n in "abc"
    )
    (found,) = problems_of(LEAST + two)
    assert "more than 2,000 indicators" in found[2]


def test_a_family_within_brackets_is_asked_for_in_lines() -> None:
    """A list in brackets cannot be written out line by line, and the remedy says so."""
    start = LEAST.index("indicators:")
    text = LEAST[:start] + "indicators: [{of: {kind: [complaint, rude]}}]\n"
    (found,) = problems_of(text)
    assert "on lines of its own" in found[2]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_line_ends_give_the_same_members(ending: str) -> None:
    """A file written on another system is the same catalogue, and its problems have their lines."""
    assert read(SHORT.replace("\n", ending)).indicators == read(SHORT).indicators
    broken = SHORT.replace("direction: raises", "direction: up")
    assert problems_of(broken.replace("\n", ending)) == problems_of(broken)


def test_letters_outside_ascii_move_no_line() -> None:
    """Marks are counted in characters, and words keep theirs."""
    found = read(SHORT.replace("rudeness", "rud\u00e9sse").replace("# stays", "# \U0001f600"))
    assert found.text == LONG.replace("rudeness", "rud\u00e9sse").replace("# stays", "# \U0001f600")
    said = read(SHORT.replace("of rudeness", "\U0001f600")).indicators[0].reason
    assert said == "complaints \U0001f600 in the last 28 days: {value}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  - name", "  -   name"),
        ("  - name", "  -\n    name"),
        ("  - name", "  - # a-b\n    name"),
    ],
)
def test_where_the_dash_stands_makes_no_difference(before: str, after: str) -> None:
    """However an item is laid out, its members are the same indicators."""
    head, tail = SHORT.split("indicators:\n")
    tail = tail.replace(before, after)
    if after == "  -   name":
        tail = "\n".join(
            f"  {line}" if line.startswith("    ") else line for line in tail.split("\n")
        )
    assert read(f"{head}indicators:\n{tail}").indicators == read(SHORT).indicators
    plain = tail.replace("\n  ", "\n").removeprefix("  ")
    assert read(f"{head}indicators:\n{plain}").indicators == read(SHORT).indicators


WINDOWS = ("7d", "28d", "36h", "4w", "ever")
NAMED = ("complaint", "rude", "late")


@st.composite
def families(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw a family over kinds and windows, and its members written by hand."""
    kinds = draw(st.lists(st.sampled_from(NAMED), min_size=1, unique=True))
    common = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, unique=True))
    order = draw(st.permutations(["kind", "within"]))
    item: dict[str, Any] = {
        "name": "in_" + "_".join(f"{{{key}}}" for key in order),
        "family": draw(st.sampled_from(["a", "b: c", "true", "12", "#x", "\u00e9"])),
        "of": {"kind": kinds, "view": draw(st.sampled_from(["recorded", ["recorded", "account"]]))},
        "within": common,
        "reason": "{kind} {within}: {value}",
        "direction": draw(st.sampled_from(["raises", "open"])),
        "source": draw(
            st.text(st.characters(codec="utf-8", categories=["L", "P", "Zs"]), min_size=1)
        )
        .strip()
        .replace("{", "")
        or "x",
    }
    said = {
        "complaint": "a complaint",
        "rude": "complaints of rudeness",
        "late": "complaints of lateness",
    }
    ends = {"7d": "7 days", "28d": "28 days", "36h": "36 hours", "4w": "4 weeks"}
    pairs = list(itertools.product(kinds, common))
    if order[0] == "within":
        pairs = [(kind, window) for window in common for kind in kinds]
    members = []
    for kind, window in pairs:
        values = {"kind": kind, "within": window}
        member = copy.deepcopy(item) | {
            "name": "in_" + "_".join(values[key] for key in order),
            "measure": "count",
            "of": {**item["of"], "kind": kind},
            "within": window,
            "reason": f"{said[kind]} "
            + ("on record" if window == "ever" else f"in the last {ends[window]}")
            + ": {value}",
        }
        if window == "ever":
            del member["within"]
        members.append(member)
    return item, members


@given(families())
def test_a_family_equals_its_members_written_out(family: tuple[Any, Any]) -> None:
    """Whatever a family runs over, it is the indicators that a patient person would write."""
    item, members = family
    start, end = SHORT.index("  - name"), SHORT.index("wording:")

    def put(items: list[dict[str, Any]]) -> Catalogue:
        listed = write(items)
        return read(SHORT[:start] + listed + SHORT[end:])

    assert put([item]).indicators == put(members).indicators


SHORT_DATA = yaml.load(SHORT, Loader=yaml.BaseLoader)
ODD = ("", "x", "28d", "{kind}", "{within.one}", "{", "rude", "ever", ".nan", "a: b", "{value}")


@st.composite
def broken_families(draw: st.DrawFn) -> str:
    """Draw the short catalogue with keys of its families dropped, added or changed."""
    data = copy.deepcopy(SHORT_DATA)
    odd = st.one_of(
        st.sampled_from(ODD),
        st.lists(st.sampled_from(ODD), max_size=2),
        st.dictionaries(
            st.sampled_from([*SELECTED, *MEASURED, *ODD]), st.sampled_from(ODD), max_size=2
        ),
    )
    sections = [*data["indicators"], data["words"], data]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(sections))
        key = draw(st.sampled_from([*at, *SELECTED, *MEASURED, "of"]))
        if draw(st.booleans()):
            at.pop(key, None)
        else:
            at[key] = draw(odd)
    return write(data)


@given(broken_families())
def test_a_broken_family_is_read_or_told_with_a_line_of_the_file(text: str) -> None:
    """No change of a family ends in anything but a catalogue or problems with lines."""
    try:
        found = read(text)
    except CatalogueError as error:
        last = text.count("\n") + 1
        assert all(1 <= one.line <= last and one.place and one.message for one in error.problems)
    else:
        assert read(found.text, "catalogue.yaml") == found
