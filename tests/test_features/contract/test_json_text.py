"""JSON from outside means one thing to every reader, or is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.json_text import (
    MOST_DEPTH,
    JsonError,
    check_texts,
    may_be_unstorable,
    read_json,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_json_is_read_as_it_was_written(content: object) -> None:
    """What Python writes without NaN comes back equal, and every text of it can be stored."""
    found = read_json(json.dumps(content))
    assert found == content
    check_texts(found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON in UTF-8"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "too large"),
        (b"1" * 33, "too many digits"),
        (b'{"a": 1, "a": 1}', "same field twice"),
        (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
    ],
)
def test_what_readers_disagree_on_is_refused(text: bytes, why: str) -> None:
    """NaN, repeated fields, great depth and numbers beyond a float are errors, not guesses."""
    with pytest.raises(JsonError, match=why):
        read_json(text)


def test_brackets_inside_a_text_are_no_depth() -> None:
    """A text may hold any number of brackets, and a body may be as deep as is allowed."""
    assert read_json(b'"' + b"[" * 50 + b'"') == "[" * 50
    assert read_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)


@pytest.mark.parametrize("text", [r'{"a": ["\ud800"]}', r'{"\u0000": 1}', r'"a\u0000"'])
def test_a_text_that_no_database_holds_is_refused(text: str) -> None:
    """Lone surrogates and NUL characters are found in values and in names of fields."""
    with pytest.raises(JsonError, match="NUL character or a lone surrogate"):
        check_texts(read_json(text))


@given(st.recursive(st.text(max_size=4), lambda inner: st.lists(inner, max_size=3)), st.booleans())
def test_no_text_that_no_database_holds_goes_unlooked_at(content: object, escaped: bool) -> None:
    """Whatever check_texts would refuse is seen in the bytes already, however it was written."""
    try:
        body = json.dumps(content, ensure_ascii=escaped).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 holds
        return

    found = read_json(body)

    if not may_be_unstorable(body):
        check_texts(found)
