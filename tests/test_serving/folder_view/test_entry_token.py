"""The one-time token: it opens once, for whoever types it, and not for who guesses."""

import re

from serving.folder_view.entry_token import MOST_ATTEMPTS, Door, make_token


def test_a_token_is_drawn_anew_and_easy_to_type() -> None:
    """Four groups of four letters without those that are taken for each other."""
    tokens = {make_token() for _ in range(200)}
    assert len(tokens) == 200
    assert all(re.fullmatch(r"([A-HJ-NP-Z2-9]{4}-){3}[A-HJ-NP-Z2-9]{4}", one) for one in tokens)


def test_a_token_opens_once() -> None:
    """Typed with or without its dashes, in any case of letters; then never again."""
    door = Door("ABCD-EFGH-JKLM-NPQR")
    session = door.enter(" abcd efghjklm-npqr ")
    assert session is not None
    assert door.knows(session)
    assert not door.knows("")
    assert not door.knows(session[:-1])
    assert door.enter(door.token) is None
    assert door.knows(session)


def test_who_guesses_closes_the_door() -> None:
    """After five wrong tokens the right one opens nothing either."""
    door = Door("ABCD-EFGH-JKLM-NPQR")
    for _ in range(MOST_ATTEMPTS):
        assert door.enter("ABCD-EFGH-JKLM-NPQS") is None
    assert door.enter(door.token) is None
    assert not door.knows("")
