"""Pages as they are read: their words, their sections, and who may open them."""

import html
import re

from serving.access.route_rules import RULES
from serving.errors import ServiceError
from serving.persons import Person
from serving.web.gate import check_rule


def read_text(page: str) -> str:
    """Return a page's words, without marks and with single spaces."""
    without = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


def part_of(page: str, anchor: str) -> str:
    """Return the section of a page that a heading names."""
    found = re.search(rf'<section[^>]*aria-labelledby="{anchor}".*?</section>', page, flags=re.S)
    assert found is not None, anchor
    return found[0]


def may_open(role: str, path: str, areas: frozenset[str] | None = None) -> bool:
    """Return whether the table of rights lets somebody open a page."""
    try:
        check_rule(Person("SYN", role, "unit", areas=areas), RULES["GET", path])
    except ServiceError:
        return False
    return True
