"""Requests that name a case elsewhere than in their address, for the comparison of two worlds.

The hidden case has the number ``C``, records ``C-E`` and ``C-F``; the visitor's own one is ``A``.
"""

from collections.abc import Mapping
from typing import Any, Final

from serving.access.route_rules import RULES
from tests.test_serving.access.two_worlds import Ask
from tests.test_serving.sent_rows import make_event, make_fact, make_link

BOOKS: Final = ("looks", "changes")
STILL_PAGES: Final = (
    "/help", "/accessibility", "/example", "/print.css", "/openapi.json", "/healthz",
)  # fmt: skip
"""Pages that rest on nothing that is stored."""
OPENING: Final = ("/v1/sittings", "/sittings")
"""Routes by which a sitting is opened."""


def opens(ask: Ask) -> bool:
    """Return whether a request opens a sitting."""
    return ask.method == "POST" and ask.route in OPENING


def may_ask(ask: Ask, role: str, *, standards: bool = False) -> bool:
    """Return whether the table of rules lets a role make a request.

    One that it refuses is refused before anything is looked up, whatever is stored.
    """
    rule = RULES.get((ask.method, ask.route))
    return rule is None or rule.public or role in rule.roles or (standards and rule.standards)


def send_rows(what: str, **rows: Any) -> Ask:
    """Return the sending of records; ``what`` says in a difference which they were."""
    sent = {
        name: [{key: cell for key, cell in row.items() if cell is not None} for row in some]
        for name, some in rows.items()
    }
    return Ask("POST", "/v1/records", {"json": sent}, f"/v1/records ({what})")


def send_to_it() -> list[Ask]:
    """Return every way to send records to the number of the hidden case."""
    event, fact = make_event("new", "C"), make_fact("new", "C")
    return [
        send_rows("an event", events=[event]),
        send_rows("an event of its number", events=[make_event("C-E", "C")]),
        send_rows("a correction", events=[make_event("new", "C", supersedes="C-E")]),
        send_rows("a withdrawal", events=[make_event("new", "C", kind="retracted")]),
        send_rows("a closing", events=[make_event("new", "C", kind="closed")]),
        send_rows("another source", events=[make_event("new", "C", source="health")]),
        send_rows("an answer of its number", facts=[make_fact("C-F", "C")]),
        send_rows("an answer", facts=[fact]),
        send_rows("own event by its number", events=[make_event("own", "A", supersedes="C-E")]),
        send_rows("own event of its number", events=[make_event("C-E", "A")]),
        send_rows("a link", links=[make_link("L", "A", "C")]),
    ]


def send_as_new(area: str) -> list[Ask]:
    """Return the sending of a new case of the hidden number, and of what belongs to it."""
    case = {"case_id": "C", "recorded_at": "2026-01-01", "area": area}
    return [
        send_rows("a new case", cases=[case]),
        send_rows("it again", cases=[case]),
        send_rows("it otherwise", cases=[case | {"recorded_at": "2026-01-03"}]),
        send_rows("its event", events=[make_event("C-E", "C")]),
        send_rows("its closing", events=[make_event("closing", "C", kind="closed")]),
        send_rows("its link", links=[make_link("LC", "C", "A")]),
    ]


def name_elsewhere(own: str, hidden: Mapping[str, str]) -> list[Ask]:
    """Return requests that name the hidden case by a key elsewhere than in their address."""
    key, why = hidden["key"], "a test"
    split: dict[str, Any] = {"case_id": "C", "facts": []}
    return [
        *send_to_it(),
        Ask("POST", f"/v1/cases/{own}/merge", {"json": {"into": key, "why": why}}),
        Ask("POST", f"/v1/cases/{own}/split", {"json": split | {"events": ["none"]}}),
        Ask("POST", f"/v1/cases/{own}/split", {"json": split | {"events": ["A-E"], "why": why}}),
        Ask("POST", f"/v1/parties/{key}", {"json": {"party": "local:x", "why": why}}),
        Ask("POST", "/parties", {"data": {"case": key, "party": "x", "tied": "no", "why": why}}),
        *(Ask("POST", "/cases/find", {"data": {"number": one}}) for one in ("C", "A", "")),
        *(
            Ask("GET", "/v1/cases", {"params": one})
            for one in ({"area": "Warrington"}, {"flagged": True})
        ),
        *(
            Ask("GET", path, {"params": {"cursor": cursor}})
            for path, cursor in {
                "/v1/cases": f"s{hidden['score_key']}",
                "/v1/caseload": key,
                "/v1/first-reads": key,
                "/v1/duty": f"w{hidden['raising_key']}",
                "/v1/corrections": hidden["request_key"],
            }.items()
        ),
        *(Ask("GET", "/v1/audit/lines", {"params": {"case": key, "book": one}}) for one in BOOKS),
        *(Ask("GET", "/v1/audit/lines", {"params": {"book": one, "limit": 1}}) for one in BOOKS),
        *(Ask("GET", "/oversight", {"params": {"case": key, "book": one}}) for one in BOOKS),
        *(
            Ask("GET", "/oversight", {"params": {"book": one, "day": "2026-02-25"}})
            for one in BOOKS
        ),
    ]
