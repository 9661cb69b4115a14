"""Help: how to read a score, the words, the keys, the example unit, and what was done for access.

The page on reading a score and the words are those of the documentation: one source, read when the
page is first shown, so that the two cannot differ.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from serving.pages.rendering import render
from serving.persons import SignedIn
from serving.service import ServiceDep

router = APIRouter(include_in_schema=False)
DOCUMENTS: Final = Path(__file__).resolve().parents[2] / "docs"
READING: Final = "reading-a-score.md"
GLOSSARY: Final = "glossary.md"
WORDS: Final = (
    "advisory",
    "capacity",
    "case",
    "decision",
    "fact",
    "flag",
    "incident",
    "outcome",
    "priority",
    "record",
    "seal",
    "subject",
    "thin file",
    "too few to tell",
    "unknown",
    "view",
)
"""Words of the glossary that somebody meets who works with cases."""
_MARKED: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)|\*\*([^*]+)\*\*|\*([^*]+)\*|`([^`]+)`")
_SHOWN: Final = (
    Markup("{}"),
    Markup("<strong>{}</strong>"),
    Markup("<em>{}</em>"),
    Markup("<code>{}</code>"),
)
"""What each kind of mark becomes, in the order of ``_MARKED``; a link is told by its words."""
_ENTRY: Final = re.compile(r"^- \*\*([^*]+)\*\*: (.*)$")


@dataclass(frozen=True)
class Word:
    """A word of the glossary and what it means."""

    name: str
    meaning: Markup


@router.get("/help", response_class=HTMLResponse)
def show_help(request: Request, service: ServiceDep, person: SignedIn) -> HTMLResponse:
    """Show how to read a score, the words used, and the keys."""
    settings = service.settings
    return render(
        request,
        "help.html",
        reading=read_paragraphs(DOCUMENTS / READING),
        words=read_words(DOCUMENTS / GLOSSARY),
        capacity=settings.capacity,
    )


@router.get("/accessibility", response_class=HTMLResponse)
def show_accessibility(request: Request, service: ServiceDep) -> HTMLResponse:
    """Show what was tested for access, what is known not to work, and how to report."""
    settings = service.settings
    idle = settings.session_idle_seconds // 60
    return render(request, "accessibility.html", idle_minutes=idle)


@router.get("/example", response_class=HTMLResponse)
def show_example(request: Request) -> HTMLResponse:
    """Show what the example unit holds and what to try in it; it says nothing of this store."""
    return render(request, "example.html")


@functools.cache
def read_paragraphs(path: Path) -> tuple[Markup, ...]:
    """Return a document's paragraphs but for its title; none where it is not there."""
    blocks = [block for block in _read(path).split("\n\n") if block.strip()]
    return tuple(_mark_up(block) for block in blocks if not block.startswith("#"))


@functools.cache
def read_words(path: Path) -> tuple[Word, ...]:
    """Return the words of ``WORDS`` with their meanings; none where the glossary is not there."""
    joined = re.sub(r"\n {2,}", " ", _read(path))
    found = {
        entry[1]: _mark_up(entry[2])
        for line in joined.splitlines()
        for entry in [_ENTRY.match(line)]
        if entry is not None
    }
    return tuple(Word(name, found[name]) for name in WORDS if name in found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _mark_up(text: str) -> Markup:
    """Return a paragraph with its emphasis; everything else in it is escaped."""
    told = " ".join(text.split())
    parts: list[str] = []
    done = 0
    for found in _MARKED.finditer(told):
        kind = found.lastindex or 1
        parts += [told[done : found.start()], _SHOWN[kind - 1].format(found[kind])]
        done = found.end()
    return Markup("").join([*parts, told[done:]])
