"""Pages by the macros of the GOV.UK library, ours in one file, and lines that can be read."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "serving" / "templates"
OURS = "macros.html"
MOST_IN_LINE = 120
_LIBRARY = (
    "back-link|button|checkboxes|details|error-message|error-summary|fieldset|form-group|hint|input"
    "|inset-text|label|notification-banner|pagination|panel|radios|select|summary-card"
    "|summary-list|table|tabs|tag|textarea|warning-text"
)
BY_HAND = re.compile(rf'class="[^"]*\bgovuk-(?:{_LIBRARY})\b|class="[^"]*\bmoj-')


def read_lines() -> list[tuple[str, int, str]]:
    """Return every line of every template with its file and number."""
    return [
        (str(path.relative_to(ROOT)), number, line)
        for path in sorted(ROOT.rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    ]


def test_no_line_of_a_template_is_longer_than_120_characters() -> None:
    """A template can be read, and a change to it seen, without scrolling sideways."""
    assert [one for one in read_lines() if len(one[2]) > MOST_IN_LINE] == []


def test_components_are_written_by_macros_alone() -> None:
    """A component of a design system stands in the library, or once among our own macros."""
    found = [one for one in read_lines() if one[0] != OURS and BY_HAND.search(one[2])]
    assert found == []
    assert any(BY_HAND.search(line) for name, _, line in read_lines() if name == OURS)
