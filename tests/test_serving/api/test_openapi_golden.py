"""What programs that call the service rest on: the description of its interface."""

import difflib

from tests.test_serving.openapi_lines import GOLDEN, describe_api


def test_the_interface_is_described_as_it_was() -> None:
    """No path, parameter, field, type, need or answer changes but by renewing the golden file."""
    before = GOLDEN.read_text(encoding="utf-8").splitlines()
    changed = list(difflib.unified_diff(before, describe_api(), "golden", "now", n=0, lineterm=""))
    assert changed == []
