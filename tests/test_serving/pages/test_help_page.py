"""The help and the accessibility statement: what they say, and where it comes from."""

import re
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.pages.help_page import DOCUMENTS, GLOSSARY, READING, WORDS, read_words
from tests.test_serving.reading_pages import part_of, read_text


def test_help_says_what_the_documentation_says(client: TestClient) -> None:
    """Every sentence of the page on reading a score stands in the help, in the same words."""
    told = read_text(part_of(client.get("/help").text, "reading"))
    source = (DOCUMENTS / READING).read_text(encoding="utf-8").split("\n\n", 1)[1]
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", source)
    wanted = " ".join(re.sub(r"\*+", " ", plain).split())

    def squeeze(words: str) -> str:
        return re.sub(r"\s+([.,:;])", r"\1", words)

    assert squeeze(told).endswith(squeeze(wanted))


def test_every_word_of_the_help_is_in_the_glossary() -> None:
    """No word is left out because the glossary calls it otherwise now."""
    assert [one.name for one in read_words(DOCUMENTS / GLOSSARY)] == list(WORDS)


def test_help_without_the_documentation_says_where_it_is(tmp_path: Path) -> None:
    """Where only the code was installed there is no text, and no error."""
    assert read_words(tmp_path / GLOSSARY) == ()


def test_the_accessibility_statement_is_there_for_everybody(
    app: FastAPI, make_client: Callable[..., TestClient]
) -> None:
    """Nobody need sign in to learn what does not work and how to say so."""
    page = make_client(app, role=None).get("/accessibility")
    assert page.status_code == 200
    told = read_text(page.text)
    for said in ("It is not known to conform", "What is known not to work", "Not tested:"):
        assert said in told
