"""The page on the grammar of catalogues follows from the models, and what it shows can be read."""

import re

import pytest
import yaml

from features.catalogue.declarations import Measure
from features.catalogue.file import load_catalogue, parse_catalogue
from features.errors import CatalogueError
from scripts import catalogue_grammar as grammar

PAGE = grammar.DOCUMENT.read_text(encoding="utf-8")
WHOLE = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if "kinds:" in block]
NEEDED = [
    (part, key)
    for part in grammar.PARTS
    for key in part.says
    if f"| `{key}` | {part.says[key]} | **needed** |" in PAGE
]


def test_the_page_is_what_the_generator_makes(capsys) -> None:
    """docs/catalogue.md follows from the models and the example as they are now."""
    assert grammar.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_page_is_told(tmp_path, monkeypatch, capsys) -> None:
    """A page that differs ends with 1 and one line that names the remedy; writing mends it."""
    monkeypatch.setattr(grammar, "DOCUMENT", tmp_path / "catalogue.md")
    assert grammar.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "`make docs`" in told
    assert grammar.main([]) == 0
    assert grammar.main(["--check"]) == 0


@pytest.mark.parametrize("text", WHOLE, ids=range(len(WHOLE)))
def test_every_catalogue_on_the_page_can_be_read(text: str) -> None:
    """A reader who copies a block has a sound catalogue."""
    assert parse_catalogue(text.encode(), "copied.yaml").indicators


def test_the_page_shows_three_catalogues() -> None:
    """The blocks that the test above reads are found: the least, a family, values that differ."""
    assert len(WHOLE) == 3


def test_every_key_and_measure_has_an_example_that_is_read() -> None:
    """The examples come from one sound catalogue, which holds every key and every measure."""
    found = load_catalogue(str(grammar.EXAMPLE))
    assert {one.expression.measure for one in found.indicators} == set(Measure)
    examples = grammar.find_examples(
        grammar.parse_yaml(grammar.EXAMPLE.read_bytes(), grammar.EXAMPLE.name)
    )
    for part in grammar.PARTS:
        for key in grammar.list_keys(part.entry):
            shown = yaml.load(examples[part.entry, key].replace("...", "x"), Loader=yaml.BaseLoader)
            assert list(shown) == [key.partition(".")[0]]


@pytest.mark.parametrize(("part", "key"), NEEDED, ids=lambda value: getattr(value, "title", value))
def test_what_the_page_calls_needed_is_needed(part: grammar.Part, key: str) -> None:
    """Without such a key the example is no sound catalogue."""
    data = yaml.load(grammar.EXAMPLE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    section = next(
        one for entry, one in grammar.walk_sections(data) if entry is part.entry and key in one
    )
    del section[key]
    with pytest.raises(CatalogueError):
        parse_catalogue(yaml.safe_dump(data, sort_keys=False).encode(), "less.yaml")


def test_many_keys_are_needed_and_many_are_not() -> None:
    """The test above has keys to try, and the shorthand leaves an indicator with none."""
    assert len(NEEDED) > 30
    assert not [key for part, key in NEEDED if part.entry is grammar.Indicator]
