"""How words of the contract are spelled: one spelling, so that none slips through a rule.

A rule that compares words (the wall around health records, a permitted value, a reserved kind)
must not depend on letter case, on compatibility forms or on letters that nobody sees.
"""

import unicodedata
from typing import Final

from features.contract.tables import RESERVED_KINDS, Column, Form

_FOLDED_CODES: Final = ("source", "channel")
"""Codes of the contract in which letter case carries no meaning; ``target`` is a choice."""
_INVISIBLE: Final = ("Cf", "Cc")


def fold(word: str) -> str:
    """Return a word in the one spelling that is compared.

    Compatibility forms become plain ones (NFKC), control and format characters are left out,
    letters become small, and blanks around the word go.
    """
    if word.isascii() and word.isprintable():
        return word.strip().lower()
    plain = unicodedata.normalize("NFKC", word)
    seen = "".join(letter for letter in plain if unicodedata.category(letter) not in _INVISIBLE)
    return unicodedata.normalize("NFKC", seen.casefold()).strip()


def spell(column: Column, word: str | None) -> str | None:
    """Return how a column of the contract writes a word; its default where it is empty.

    Parameters
    ----------
    column
        A column of form ``CODE`` or ``CHOICE``.
    word
        A cell; ``None`` for an empty one.

    Returns
    -------
    str or None
        The word without blanks around it; ``None`` for an empty one without a default.
    """
    if word is None:
        return column.default
    if column.form is Form.CHOICE or column.name in _FOLDED_CODES:
        return fold(word) or column.default
    if column.name == "kind" and fold(word) in RESERVED_KINDS:
        return fold(word)
    return word.strip() or column.default
