"""Write `docs/indicators.md` from the stalking catalogue and one synthetic case.

Nothing in the document is typed twice: what an indicator measures comes from its expression, and
its value in the example from the same path that serves a unit. `--check` only compares.
"""

import json
import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from features.catalogue.declarations import (  # noqa: E402
    DAY_US,
    Catalogue,
    Expression,
    FactType,
    Indicator,
    Measure,
    Selector,
)
from features.catalogue.file import load_catalogue  # noqa: E402
from features.contract.moments import parse_date  # noqa: E402
from features.contract.tables import ACTORS, RESERVED_KINDS  # noqa: E402
from features.engine.measurement import compile_plan, measure  # noqa: E402
from features.evidence.records_behind import records_behind  # noqa: E402
from features.history.assembly import assemble_history  # noqa: E402  # the line above makes it importable
from features.intake.contract_folder import assemble_folder  # noqa: E402
from models.wording.sentences import describe_value, format_number  # noqa: E402

DOCUMENT: Final = ROOT / "docs" / "indicators.md"
EXAMPLE: Final = ROOT / "docs" / "examples" / "case.json"
CATALOGUE: Final = "stalking"
PREFIX: Final = "SYN-"
NOTHING: Final = "\N{EN DASH}"
SILENT: Final = "\N{DEGREE SIGN}"
_TABLES: Final = ("events", "facts", "links")
_WIDTH: Final = 100
_LONG, _OFTEN = 30, 5
"""Kinds whose words are longer than this, and that as many indicators use, are explained once."""
_RUN: Final = 3
"""From this many on, keys that follow each other are written as first to last."""
_BY: Final = {
    "subject": "the subject",
    "proxy": "others for the subject",
    "victim": "the victim",
    "unknown": "a person not identified",
}
_AIMED: Final = {
    "victim": "the victim",
    "child": "a child",
    "partner": "a partner of the victim",
    "other": "others",
    "self": "the subject",
}
_TOLD: Final = {
    "recorded": "as recorded",
    "account": "as the victim tells it",
    "classification": "as classified",
}

INTRODUCTION: Final = """\
# Indicators

Made by `make docs` from [catalogues/stalking.yaml](../catalogues/stalking.yaml) and
[one synthetic case](examples/case.json). Change those, not this page.

An *indicator* is one number measured from a case history at one moment. It describes what is on
record, and names the source that gives a reason to look at it. It is not a finding about a person.

> {advisory}

## How to read the tables

- **Measures** says what is computed. Words in *italics* are the catalogue's; a kind of event takes
  in all kinds below it. Several records of one incident count once. Unless a row says otherwise,
  it looks at the whole history, and at what the subject did or others did for the subject; "(any
  actor)" takes in every record of that kind. A state lasts from a start to the next recorded end
  with the same detail; where either of the two has no detail, to the end that can end only it.
- **Direction** is what the sources say about more of it. Only where they agree does it bind a
  model: *raises* means that one more can never lower a score, *lowers* the reverse. *open* means
  that sources conflict or give no effect, and a model may learn either.
- **{silent}** marks what can be low because of silence, custody, a move or withdrawn support.
  Silence is not safety: where such a value would push a score down, it is shown as unknown and not
  as a reason.
- **Matters for** names what the source speaks of: {outcomes}; "all" where it makes no difference
  between them. It documents, and keeps nothing from a model.
- **In the example** is the value for the case below in the words of the product, and **Records**
  the keys of the records that made it: r for an event, f for an answer. Whoever doubts a number
  can read them.
- **Unknown is not no.** A question that was not asked, or asked and not answered, has no value and
  reads "not known". A count of 0 means *none on record*, and no more than that.
"""

EXAMPLE_WORDS: Final = """\
## The example

Nobody in it exists. A former partner does not accept the end of a relationship. The case is read as
of **{as_of}, 00:00**; what happened or became known from then on does not count. So r2 counts
although it became known late, r34 no longer counts because r35 corrects it, and r46 does not count
yet. Records of one incident (i1, i2, ...) tell of one thing that happened; the three views of i2
disagree. Severity goes from 1 to 10. A date alone is a day whose hour is not on record: what
happened then counts from its beginning, what became known then from its end. In the file every key
begins with `{prefix}`.
"""


@dataclass(frozen=True)
class Example:
    """The synthetic case: its rows by table, the moment of reading, and the end of its records."""

    rows: Mapping[str, list[dict[str, Any]]]
    time_zone: str
    as_of: str
    extract_at: str

    @property
    def case_id(self) -> str:
        """Identifier of the case that is read; others are only linked to it."""
        return str(self.rows["cases"][0]["case_id"])

    @property
    def as_of_us(self) -> int:
        """The moment of reading, microseconds UTC."""
        return parse_date(self.as_of, self.time_zone)


@dataclass(frozen=True)
class Reading:
    """What an indicator says of the example.

    Parameters
    ----------
    value
        The number; NaN where there is none.
    words
        The value in words.
    records
        Keys of the records behind it, in time order.
    """

    value: float
    words: str
    records: tuple[str, ...]

    @property
    def says_something(self) -> bool:
        """Whether the value is neither 0 nor none."""
        return not math.isnan(self.value) and self.value != 0


def main(arguments: Sequence[str]) -> int:
    """Write the document, or with `--check` say whether it is the one that would be written."""
    made = make_document(load_catalogue(CATALOGUE), read_example())
    if "--check" not in arguments:
        DOCUMENT.write_text(made, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == made:
        return 0
    print("docs/indicators.md is not what the catalogue and the example make: run `make docs`")
    return 1


def read_example() -> Example:
    """Read the synthetic case, its rows laid out by table of the contract."""
    content = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("cases", *_TABLES)}
    for case in content["cases"]:
        rows["cases"].append({name: case[name] for name in case if name not in _TABLES})
        for table in _TABLES:
            rows[table] += [{"case_id": case["case_id"], **row} for row in case.get(table, ())]
    return Example(rows, content["time_zone"], content["as_of"], content["extract_at"])


def read_values(catalogue: Catalogue, example: Example) -> dict[str, Reading]:
    """Measure the example with every indicator, by the path that serves a unit.

    Raises
    ------
    ValueError
        If a row of the example is a reject.
    """
    folder = assemble_folder(
        example.rows,
        time_zone=example.time_zone,
        extract_at_us=parse_date(example.extract_at, example.time_zone),
    )
    if len(folder.rejects):
        raise ValueError(f"{EXAMPLE.name} has rows that the contract rejects: mend them")
    history = assemble_history(folder)
    case = history.case_id.tolist().index(example.case_id)
    matrix = measure(history, compile_plan(catalogue), example.as_of_us, threads=1)
    row = dict(zip(matrix.columns, matrix.values[case].tolist(), strict=True))
    readings = {}
    for entry in catalogue.indicators:
        words = describe_value(catalogue, entry, row[entry.name])
        if entry.expression.measure is Measure.LAST_FACT and math.isnan(row[entry.name]):
            words += " (asked, no answer)" if row[entry.columns[1]] else " (not asked)"
        behind = records_behind(history, catalogue, case, example.as_of_us, entry.name)
        readings[entry.name] = Reading(row[entry.name], words, behind)
    return readings


def make_document(catalogue: Catalogue, example: Example) -> str:
    """Return the whole document."""
    readings = read_values(catalogue, example)
    phrases = Phrases(catalogue)
    families = list(dict.fromkeys(entry.family for entry in catalogue.indicators))
    telling = sum(reading.says_something for reading in readings.values())
    parts = [
        _wrap(
            INTRODUCTION.format(
                advisory=catalogue.wording["advisory"],
                silent=SILENT,
                outcomes=_name_outcomes(catalogue),
            )
        ),
        EXAMPLE_WORDS.format(as_of=example.as_of, prefix=PREFIX),
        _make_table(
            ("Record", "Happened", "Known from", "What", "Particulars", "Note"),
            [_show_event(catalogue, example, event) for event in _in_time_order(example)],
        ),
        _make_table(
            ("Record", "Known from", "Question", "Answer"),
            [_show_fact(catalogue, fact) for fact in example.rows["facts"]],
        ),
        "".join(f"{_show_link(link)}\n" for link in example.rows["links"]),
        f"## The {len(readings)} indicators\n\nIn the example {telling} of them have a value other "
        "than 0 or none.\n",
        phrases.explain_names(),
    ]
    for family in families:
        members = [entry for entry in catalogue.indicators if entry.family == family]
        parts += [
            f"### {_plain(family).capitalize()}\n",
            _make_table(
                (
                    "Indicator",
                    "Measures",
                    "Direction",
                    "Matters for",
                    "Source",
                    "In the example",
                    "Records",
                ),
                [_show_indicator(entry, phrases, readings[entry.name]) for entry in members],
            ),
        ]
    return "\n".join(part for part in parts if part)


def _show_indicator(entry: Indicator, phrases: "Phrases", reading: Reading) -> tuple[str, ...]:
    return (
        f"`{entry.name}`",
        phrases.describe(entry.expression),
        f"{entry.direction}{SILENT if entry.silence else ''}",
        ", ".join(_plain(name) for name in entry.relevant_to) or "all",
        entry.source,
        reading.words,
        join_keys(reading.records),
    )


def _wrap(text: str) -> str:
    """Wrap paragraphs and list entries to the width of the other documents."""
    blocks = re.split(r"\n(?=\n|- )", text)
    return "\n".join(_wrap_block(block) for block in blocks) + "\n"


def _wrap_block(block: str) -> str:
    lead = "\n" if block.startswith("\n") else ""
    words = " ".join(block.split())
    inside = "  " if words.startswith("- ") else "> " if words.startswith("> ") else ""
    return lead + textwrap.fill(
        words, _WIDTH, subsequent_indent=inside, break_long_words=False, break_on_hyphens=False
    )


def _name_outcomes(catalogue: Catalogue) -> str:
    labels = {rung.name: rung.label for rung in catalogue.priority.ladder}
    labels |= {outcome.name: outcome.label for outcome in catalogue.outcomes}
    named = [
        _plain(name) if label.startswith(_plain(name)) else f"{_plain(name)} ({label})"
        for name, label in labels.items()
    ]
    return join_words(named, "and")


# The example's records


def _in_time_order(example: Example) -> list[dict[str, Any]]:
    return sorted(example.rows["events"], key=lambda event: str(event["occurred_at"]))


def _show_event(catalogue: Catalogue, example: Example, event: dict[str, Any]) -> tuple[str, ...]:
    particulars = []
    if event["case_id"] != example.case_id:
        particulars.append(f"in the linked case {event['case_id']}")
    if "incident_id" in event:
        particulars.append(f"incident {shorten(event['incident_id'])}")
    if "view" in event:
        particulars.append(_TOLD[event["view"]])
    if event.get("actor") in ("proxy", "unknown") and _is_conduct(catalogue, event["kind"]):
        particulars.append(f"by {_BY[event['actor']]}")
    if "target" in event:
        particulars.append(f"aimed at {_AIMED[event['target']]}")
    particulars += [_plain(event[name]) for name in ("channel", "detail") if name in event]
    if "value" in event:
        particulars.append(f"severity {format_number(event['value'])}")
    if "supersedes" in event:
        particulars.append(f"corrects {shorten(event['supersedes'])}")
    return (
        shorten(event["event_id"]),
        _show_moment(event["occurred_at"]),
        _show_moment(event["recorded_at"]),
        catalogue.kinds[event["kind"]].label,
        "; ".join(particulars),
        event.get("narrative", ""),
    )


def _is_conduct(catalogue: Catalogue, kind: str) -> bool:
    """Say whether some outcome counts the kind, so that it matters who acted."""
    return any(kind in outcome.of.kind for outcome in catalogue.outcomes)


def _show_fact(catalogue: Catalogue, fact: dict[str, Any]) -> tuple[str, ...]:
    answer = fact.get("value", "no answer") if fact["asked"] == "yes" else "not asked"
    question = catalogue.facts[fact["name"]].question
    return shorten(fact["fact_id"]), _show_moment(fact["recorded_at"]), question, answer


def _show_link(link: dict[str, Any]) -> str:
    return (
        f"Link {shorten(link['link_id'])}, known from {_show_moment(link['recorded_at'])}: case "
        f"{link['linked_case_id']} is of the {_plain(link['kind'])}."
    )


def _show_moment(text: str) -> str:
    return text.replace("T", " ")


def shorten(key: str) -> str:
    """Return a record's key as the document has it: without a linked case and the prefix."""
    return key.rpartition("/")[2].removeprefix(PREFIX)


def join_keys(keys: Sequence[str]) -> str:
    """Return keys in short, three or more that follow each other as first to last."""
    runs: list[list[tuple[str, int]]] = []
    for letter, number in sorted(_split_key(key) for key in keys):
        if runs and runs[-1][-1] == (letter, number - 1):
            runs[-1].append((letter, number))
        else:
            runs.append([(letter, number)])
    shown: list[str] = []
    for run in runs:
        names = [f"{letter}{number}" for letter, number in run]
        shown += [f"{names[0]} to {names[-1]}"] if len(run) >= _RUN else names
    return ", ".join(shown) or NOTHING


def _split_key(key: str) -> tuple[str, int]:
    found = re.fullmatch(r"([a-z]+)([0-9]+)", shorten(key))
    if found is None:
        raise ValueError(f"a key of {EXAMPLE.name} is not {PREFIX}, a letter and a number")
    return found[1], int(found[2])


# Expressions in words


class Phrases:
    """What expressions of one catalogue measure, in words.

    Kinds with long words that many indicators use are given a name and explained once.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        used = Counter(
            tops
            for entry in catalogue.indicators
            for tops in {
                self._tops(selector)
                for selector in (entry.expression.of, entry.expression.among)
                if selector is not None
            }
        )
        long = [
            tops
            for tops, times in used.items()
            if times >= _OFTEN and len(self._spell(tops)) > _LONG
        ]
        lists = [tops for tops in long if tops[1:]]
        self.names = {tops: _plain(tops[0]) for tops in long if not tops[1:]}
        self.names |= {tops: f"kinds on list {chr(ord('A') + at)}" for at, tops in enumerate(lists)}

    def explain_names(self) -> str:
        """Return a list of the names and what they stand for."""
        lines = []
        for tops, name in self.names.items():
            below = [kind.name for kind in self.catalogue.kinds.values() if kind.parent == tops[0]]
            takes_in = f"; takes in {self._spell(below, 'and')}" if below and not tops[1:] else ""
            lines.append(f"- *{name}*: {self._spell(tops)}{takes_in}.")
        return _wrap("\n".join(lines)) if lines else ""

    def describe(self, expression: Expression) -> str:
        """Return what an expression measures, in words."""
        if expression.measure is Measure.LAST_FACT:
            return self._describe_fact(str(expression.fact))
        of = self._name(expression.of)
        if expression.measure is Measure.RATE_RATIO:
            # Its windows are part of the measure, so they are not said again behind it.
            return (
                f"incidents a day with {of}: the last {_days(expression.within_us)} against the "
                f"{_days(expression.against_us)} before, half an incident added to each"
                f"{self._narrow(expression, window=False)}"
            )
        return f"{self._describe_measure(expression, of)}{self._narrow(expression)}"

    def _describe_fact(self, name: str) -> str:
        fact = self.catalogue.facts[name]
        what = {
            FactType.YES_NO: "latest answer",
            FactType.NUMBER: "latest answer, a number",
            FactType.DATE: "days since the date in the latest answer",
        }[fact.type]
        return f'{what}: "{fact.question}"'

    def _describe_measure(self, expression: Expression, of: str) -> str:
        second = self._name(expression.among)
        field = _plain("severity" if expression.field == "value" else str(expression.field))
        words = {
            Measure.COUNT: f"number of incidents with {of}",
            Measure.SUM: f"severity added up over incidents with {of}",
            Measure.MAX: f"greatest severity on a record of {of}",
            Measure.DISTINCT: f"number of different {field}s of {of}",
            Measure.SHARE: f"of incidents with {second}, the share with {of}",
            Measure.DAYS_SINCE_LAST: f"days since the latest record of {of}",
            Measure.DAYS_SINCE_FIRST: f"days since the first record of {of}",
            Measure.GAP_MEDIAN: f"median of the days between incidents with {of}",
            Measure.GAP_CV: (
                f"days between incidents with {of}: their standard deviation over their mean"
            ),
            Measure.QUIET_THEN_RETURN: (
                f"number of times that an incident with {of} followed "
                f"{_days(expression.quiet_us)} or more without one"
            ),
            Measure.SLOPE: f"change of severity a day over incidents with {of}, by a fitted line",
            Measure.DECAYED: (
                f"incidents with {of}, halved for every "
                f"{_days(expression.half_life_us)} past, added up"
            ),
            Measure.FIRST_USE: f"number of {field}s of {of} seen for the first time",
            Measure.DAYS_IN_STATE: f"days in the state *{_plain(str(expression.state))}*",
            Measure.TIME_BETWEEN: f"days from the first record of {of} to the next of {second}",
            Measure.DISAGREEMENT: (
                f"number of incidents with {of} whose views differ on {field}; none where no "
                "incident has two views"
            ),
        }
        return words[expression.measure]

    def _narrow(self, expression: Expression, *, window: bool = True) -> str:
        words = ""
        if expression.while_state is not None:
            words += f", in the state *{_plain(expression.while_state)}*"
        if window and expression.within_us is not None:
            words += f", in the last {_days(expression.within_us)}"
        if expression.since is not None:
            words += f", since the latest record of {self._name(expression.since)}"
        return words

    def _name(self, selector: Selector | None) -> str:
        """Return the events that a selector takes in."""
        if selector is None:
            return ""
        tops = self._tops(selector)
        kinds = f"*{self.names.get(tops) or self._spell(tops)}*" if tops else "any event"
        return " ".join([kinds, *_conditions(selector)])

    def _spell(self, kinds: Sequence[str], last: str = "or") -> str:
        return join_words([self._label(kind) for kind in kinds], last)

    def _tops(self, selector: Selector) -> tuple[str, ...]:
        """Return the kinds that a selector was written with: those without a parent among them."""
        inside = set(selector.kind)
        kinds = self.catalogue.kinds
        return tuple(
            kind for kind in selector.kind if kind not in kinds or kinds[kind].parent not in inside
        )

    def _label(self, kind: str) -> str:
        return _plain(kind) if kind in RESERVED_KINDS else self.catalogue.kinds[kind].label


def _conditions(selector: Selector) -> list[str]:
    """Return what a selector asks for beside the kind, in words."""
    found = []
    if set(ACTORS) <= set(selector.actor) or not selector.actor:
        found.append("(any actor)")
    elif selector.actor != Selector().actor:
        found.append(f"by {join_words([_BY[actor] for actor in selector.actor])}")
    if selector.target:
        found.append(f"aimed at {join_words([_AIMED[target] for target in selector.target])}")
    if selector.channel:
        found.append(f"by {join_words([_plain(name) for name in selector.channel])}")
    if selector.source:
        found.append(f"from {join_words([_plain(name) for name in selector.source])}")
    if selector.view:
        found.append(join_words([_TOLD[view] for view in selector.view]))
    if selector.detail_in:
        found.append(f"with detail {join_words([_plain(name) for name in selector.detail_in])}")
    if selector.detail_prefix:
        starts = join_words([f"`{start}`" for start in selector.detail_prefix])
        found.append(f"with detail beginning with {starts}")
    if selector.value_min is not None:
        found.append(f"of severity {format_number(selector.value_min)} or more")
    if selector.value_max is not None:
        found.append(f"of severity {format_number(selector.value_max)} or less")
    if selector.via:
        found.append(f"in linked cases ({join_words([_plain(kind) for kind in selector.via])})")
    return found


def _days(length_us: int | None) -> str:
    days = (length_us or 0) / DAY_US
    return f"{days:.0f} days" if days % 1 == 0 else f"{24 * days:.0f} hours"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def join_words(words: Sequence[str], last: str = "or") -> str:
    """Return words with commas, and ``last`` before the last one."""
    *before, end = words
    return f"{', '.join(before)} {last} {end}" if before else end


def _make_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    shown = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    return "".join(f"| {line} |\n" for line in shown)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
