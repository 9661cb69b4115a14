"""Write `docs/catalogue.md`: the grammar of a catalogue, from its models and one example.

Which keys there are, which are needed and which words may be chosen comes from the classes that a
file is held to; each example comes from `docs/examples/catalogue.yaml`, and each family is written
out by the reader itself. `--check` only compares.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Final, get_type_hints

import yaml
from pydantic.fields import FieldInfo

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from features.catalogue.declarations import (  # noqa: E402  # the line above makes it importable
    NEEDED_KEYS,
    OPEN_MEASURES,
    WINDOW_KEYS,
    Bound,
    Catalogue,
    CohortRule,
    Estimand,
    Expression,
    FactQuestion,
    Flag,
    Frameworks,
    Indicator,
    KindEntry,
    Outcome,
    Priority,
    RfsRule,
    Rung,
    Selector,
    Serious,
    SummaryLine,
    Theme,
    Wording,
)
from features.catalogue.families import MEASURED, SELECTED  # noqa: E402
from features.catalogue.file import load_catalogue, parse_catalogue  # noqa: E402
from features.catalogue.words import WordsSection  # noqa: E402
from features.contract.yaml_file import Entry, parse_yaml, take_plain  # noqa: E402
from scripts.catalogue_parts import MEASURES, PARTS, Part  # noqa: E402

DOCUMENT: Final = ROOT / "docs" / "catalogue.md"
EXAMPLE: Final = ROOT / "docs" / "examples" / "catalogue.yaml"
_SELECTORS: Final = ("of", "among", "and", "since", "at", "until")
_WIDE: Final = 80
"""A mapping that is longer is shown by its first key."""


LEAST: Final = """\
kinds:
  complaint: {label: complaints}
indicators:
  - of: {kind: complaint}
    within: [28d, 365d, ever]
"""
FAMILY: Final = """\
kinds:
  damp: {label: complaints of damp}
  noise: {label: complaints of noise}
words:
  within: {365d: in the last year}
indicators:
  - name: "{kind}_{within}"
    family: complaints
    of: {kind: [damp, noise]}
    within: [28d, 365d]
    reason: "{kind} {within}: {value}"
    source: "own judgement"
"""
DIFFERING: Final = """\
kinds:
  damp: {label: complaints of damp}
  noise: {label: complaints of noise}
indicators:
  - name: "{kind}_{within}"
    of:
      kind:
        damp: {within: [28d, ever], direction: raises, source: housing survey}
        noise:
    within: [365d]
  - name: "{kind}_{measure}"
    of: {kind: [damp, noise]}
    measure:
      max:
      decayed: {name: "{kind}_halved_{half_life}", half_life: [30d, 90d]}
"""

INTRODUCTION: Final = """\
# Catalogue

Made by `make docs` from the classes that a file is held to and from
[an example](examples/catalogue.yaml). Change those, not this page.

A *catalogue* is a YAML file that says what is measured and estimated in one field: the kinds of
event, the indicators, the outcomes, and the words for all of them. `caselight check-catalogue FILE`
reads one and prints every problem with its line. Shipped catalogues are
[complaints](../catalogues/complaints.yaml), [screenings](../catalogues/screenings.yaml) and
[stalking](../catalogues/stalking.yaml).

This is a whole catalogue:

```yaml
{least}```

With it, `caselight features` measures the columns {columns}.

Every value is read as text, so that `NO` stays a code and no date. Anchors, aliases and repeated
keys are refused.
"""
FAMILIES: Final = """\
## Families

An item of `indicators` whose name holds placeholders is a family. Each placeholder names a key,
and there is one indicator for each value listed there; the first placeholder turns slowest. So

```yaml
{family}```

is written out, before anything else is done with it, as

```yaml
{members}```

- A family may run over these keys of `of`: {selected};
  and over these of its own: {measured}.
- Without `name`, the name is made of the keys that are stated, and a list of kinds makes a family.
  With a name that does not hold `{{kind}}`, a list of kinds means any of them, as ever.
- In `reason`, `none_reason` and `source` a placeholder is replaced by words, elsewhere by the
  value. How a value is said stands in [`words`](#words-words).
- `ever` in `within` is the whole history.
- A mapping in place of a list gives each value the keys that differ for it. These may hold lists
  and another name: kinds, windows and measures in one item.

```yaml
{differing}```

makes {differing_columns}.

`caselight check-catalogue` prints how many indicators each family makes. A mistake is told with the
line of the file and the members that it holds for. `caselight explain-indicator` finds each member
by its name, and lists all of them by the name of the family.

### The digest

A catalogue's digest is the SHA-256 of its long form, in UTF-8: the file with each family written
out, `words` taken out, and the sections that were left out added with their defaults. All other
lines stay as they are, comments too. A file with nothing to write out is its own long form. A
bundle keeps the long form, so that what a model was trained with does not depend on a later
release.
"""
MEASURES_WORDS: Final = """\
## Measures

What each measure is, and the keys that it needs beside `measure`. All but two may be narrowed by
`within`, `since` and `while`: `days_in_state` by the first two, `last_fact` by none. These can be
missing where something happened, and take the direction `open` alone: {open_only}.

"""


def main(arguments: Sequence[str]) -> int:
    """Write the document, or with `--check` say whether it is the one that would be written."""
    made = make_document()
    if "--check" not in arguments:
        DOCUMENT.write_text(made, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == made:
        return 0
    print("docs/catalogue.md is not what the models and the example make: run `make docs`")
    return 1


def make_document() -> str:
    """Return the whole document.

    Raises
    ------
    CatalogueError
        If the example is no sound catalogue.
    KeyError
        If a key of a class has no words, or no example.
    """
    load_catalogue(str(EXAMPLE))
    root = parse_yaml(EXAMPLE.read_bytes(), EXAMPLE.name)
    examples = find_examples(root)
    family = parse_catalogue(FAMILY.encode(), "family.yaml").text
    start = family.index("  - name")
    parts = [
        INTRODUCTION.format(least=LEAST, columns=_name_columns(LEAST)),
        FAMILIES.format(
            family=FAMILY,
            members="indicators:\n" + family[start : family.index("version:")],
            selected=_quote(SELECTED),
            measured=_quote(MEASURED),
            differing=DIFFERING,
            differing_columns=_name_columns(DIFFERING),
        ),
    ]
    for part in PARTS:
        parts.append(f"## {part.title}\n\n{part.introduction}\n\n{_make_table(part, examples)}")
        if part.entry is Expression:
            words = MEASURES_WORDS.format(open_only=_quote(OPEN_MEASURES))
            parts.append(words + _make_measures(root))
    return "\n".join(parts)


def list_keys(entry: type[Entry]) -> tuple[str, ...]:
    """Return the keys that a class reads of its own, without those of a measure."""
    if entry is Expression:
        return entry.list_keys()
    inner = Expression.list_keys() if "expression" in {one.name for one in fields(entry)} else ()  # type: ignore[arg-type]
    own = tuple(key for key in entry.list_keys() if key not in inner)
    return (*own, "words") if entry is Catalogue else own


def _make_table(part: Part, examples: Mapping[tuple[type[Entry], str], str]) -> str:
    if set(part.says) != set(list_keys(part.entry)):
        differing = set(part.says) ^ set(list_keys(part.entry))
        raise KeyError(f"{part.entry.__name__}: {', '.join(sorted(differing))}")
    rows = [("Key", "Says", "Left out", "Example")]
    rows += [("---",) * 4]
    for key, says in part.says.items():
        outer, _, inner = key.partition(".")
        shown = f"`{outer}: {{{inner}: ...}}`" if inner else f"`{outer}`"
        left_out = part.left_out.get(key) or _find_default(part.entry, key)
        rows.append((shown, says, left_out, f"`{examples[part.entry, key]}`"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _find_default(entry: type[Entry], key: str) -> str:
    """Return what the model takes where a key is left out."""
    hints = get_type_hints(entry, include_extras=True)
    for field in fields(entry):  # type: ignore[arg-type]  # each subclass is a dataclass
        way = entry._written.get(field.name, field.name)
        if not isinstance(way, str) or key not in way.split("|"):
            continue
        default = field.default
        for extra in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(extra, FieldInfo) and not extra.is_required():
                default = extra.get_default(call_default_factory=False)
                if extra.default_factory is not None:
                    default = None
        if default is MISSING and field.default_factory is MISSING:
            return "**needed**"
        if default is None or default == () or default is MISSING:
            return "none" if entry is not Selector else "any"
        return f"`{str(default).lower() if isinstance(default, bool) else default}`".replace(
            ".0`", "`"
        )
    raise KeyError(key)


def find_examples(root: yaml.Node) -> dict[tuple[type[Entry], str], str]:
    """Return the first example of each key of each class, in the example's own words."""
    found: dict[tuple[type[Entry], str], str] = {}
    for entry, section in walk_sections(take_plain(root)):
        for key in list_keys(entry):
            outer, _, inner = key.partition(".")
            value = section.get(outer)
            if isinstance(value, dict) and inner:
                value = {inner: value[inner]} if inner in value else None
            if value is not None and value != {}:
                found.setdefault((entry, key), _show(outer, value))
    return found


def walk_sections(root: object) -> Iterator[tuple[type[Entry], dict[str, object]]]:
    """Yield each mapping of the example with the class that it is held to."""
    assert isinstance(root, dict)
    yield Catalogue, root
    yield from _walk_kinds(root["kinds"])
    yield WordsSection, root["words"]
    yield Bound, root["bounded"]
    yield RfsRule, root["baselines"]["rfs"]
    yield Priority, root["priority"]
    yield Wording, root["wording"]
    yield Serious, root["serious"]
    yield Frameworks, root["frameworks"]
    lists = {
        FactQuestion: root["facts"].values(),
        Indicator: root["indicators"],
        Outcome: root["outcomes"],
        Estimand: root["estimands"],
        Flag: root["flags"],
        Rung: root["priority"]["ladder"],
        Theme: root["themes"],
        SummaryLine: root["summary"],
        CohortRule: [root["cohort"]],
    }
    for entry, sections in lists.items():
        for section in sections:
            yield entry, section
            if entry in (Indicator, Flag, CohortRule):
                yield Expression, section
            for key in _SELECTORS:
                if key in section:
                    yield Selector, section[key]


def _walk_kinds(
    kinds: dict[str, dict[str, object]],
) -> Iterator[tuple[type[Entry], dict[str, object]]]:
    for kind in kinds.values():
        yield KindEntry, kind
        below = kind.get("children", {})
        assert isinstance(below, dict)
        yield from _walk_kinds(below)


def _make_measures(root: yaml.Node) -> str:
    plain = take_plain(root)
    assert isinstance(plain, dict)
    rows = [("Measure", "Is", "Needs", "Example"), ("---",) * 4]
    for measure, says in MEASURES.items():
        stated = [one for one in plain["indicators"] if _measure_of(one) == measure]
        needed = NEEDED_KEYS[measure]
        keys = ("measure", *needed, *(key for key in WINDOW_KEYS[measure] if key in stated[0]))
        example = "{" + ", ".join(_show(key, stated[0][key]) for key in dict.fromkeys(keys)) + "}"
        rows.append((f"`{measure}`", says, _quote(needed), f"`{example}`"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _measure_of(item: object) -> object:
    return item.get("measure") if isinstance(item, dict) else None


def _show(key: str, value: object) -> str:
    """Return a key and its value on one line; what is long is cut at the first entries."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return f"{key}: [...]"
    if isinstance(value, dict) and any(isinstance(one, dict) for one in value.values()):
        return f"{key}: {{{next(iter(value))}: ...}}"
    written = yaml.dump(
        _Spelt(value) if isinstance(value, str) else _spell(value),
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000_000,
    )
    shown = f"{key}: {written.removesuffix('...' + chr(10)).rstrip()}"
    if isinstance(value, dict) and len(shown) > _WIDE:
        return f"{key}: {{{next(iter(value))}: ...}}"
    return shown.replace("|", "\\|")


class _Spelt(str):
    """A text that is written without quotes where a reader of texts can do without."""


class _Dumper(yaml.SafeDumper):
    pass


def _represent(dumper: yaml.SafeDumper, text: _Spelt) -> yaml.ScalarNode:
    tag = dumper.resolve(yaml.ScalarNode, str(text), (True, False))
    return yaml.ScalarNode(tag, str(text))


_Dumper.add_representer(_Spelt, _represent)


def _spell(value: object) -> object:
    if isinstance(value, dict):
        return {_Spelt(key): _spell(one) for key, one in value.items()}
    return [_spell(one) for one in value] if isinstance(value, list) else _Spelt(value)


def _name_columns(text: str) -> str:
    return _quote(parse_catalogue(text.encode(), "example.yaml").columns)


def _quote(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
