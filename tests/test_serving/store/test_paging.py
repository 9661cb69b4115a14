"""A part at a time: whoever follows the cursors sees every row once, and no part is empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.store.paging import cut_page


@pytest.mark.parametrize(
    ("found", "items", "next_cursor"),
    [
        ([], (), None),
        (["a"], ("a",), None),
        (["a", "b"], ("a", "b"), None),
        (["a", "b", "c"], ("a", "b"), "key of b"),
    ],
)
def test_a_row_more_than_asked_for_says_that_there_is_a_next_page(
    found: list[str], items: tuple[str, ...], next_cursor: str | None
) -> None:
    """Two rows a page: the third is not shown, and the second one's cursor leads to it."""
    page = cut_page(found, 2, lambda row: f"key of {row}")

    assert (page.items, page.next_cursor) == (items, next_cursor)


@given(rows=st.integers(0, 40), size=st.integers(1, 12))
def test_the_cursors_lead_through_every_row_once(rows: int, size: int) -> None:
    """Pages that follow each other hold all rows in order, and only an empty whole is empty."""
    seen: list[int] = []
    after: int | None = -1
    while after is not None:
        page = cut_page(list(range(after + 1, rows))[: size + 1], size, int)
        assert page.items or not rows
        seen += page.items
        after = page.next_cursor
    assert seen == list(range(rows))
