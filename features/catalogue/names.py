"""Names in a catalogue: how they are written, and that those used are declared.

The checks look names up in the context of the reading: what the file declares
(:class:`features.catalogue.file.FieldVocabulary`).
"""

import re
from collections.abc import Collection
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo

from features.contract.spelling import fold
from features.contract.tables import RESERVED_KINDS
from features.contract.yaml_file import Several, Text

PROTECTED: Final = re.compile(
    r"(?:^|_)(age|sex|gender|race|ethnicity|ethnic|religion|belief|disability|disabled|pregnan\w*|"
    r"maternity|marital|orientation|nationality|psychosis|psychotic|personality|employ\w*|"
    r"unemploy\w*|postcode)(?:_|$)"
)
"""Names that promise 9 keeps out of indicators: characteristics protected by section 4 of the
Equality Act 2010, and those that design section 1 adds."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _check_name(name: str) -> str:
    # Two underscores are left for the column NAME__asked.
    if not _NAME.fullmatch(name) or "__" in name:
        raise ValueError(
            "a name is lower-case letters, digits and single _, and starts with a letter"
        )
    return name


def _check_unprotected(name: str) -> str:
    if PROTECTED.search(name):
        raise ValueError("a protected or excluded characteristic never reaches a model; remove it")
    return name


def _check_unreserved(name: str) -> str:
    if name in RESERVED_KINDS:
        raise ValueError("this kind is the contract's own and always there; remove it")
    return name


def _declared(attribute: str, remedy: str, also: Collection[str] = ()) -> AfterValidator:
    def check(name: str, info: ValidationInfo) -> str:
        known = getattr(info.context, attribute)
        if name not in known and name not in also:
            raise ValueError(remedy.format(known=", ".join(sorted(known))))
        return name

    return AfterValidator(check)


def _widen(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Return the named kinds and all below them, each once, in the order named."""
    assert info.context is not None
    return tuple(dict.fromkeys(kind for name in names for kind in info.context.widen(name)))


def _check_spelling(word: str, info: ValidationInfo) -> str:
    assert info.context is not None
    folded = fold(word)
    if info.context.folds_words and folded != word:
        remedy = f"write '{folded}'" if folded else "remove it"
        raise ValueError(
            "no record can match this: records are read in small letters, without blanks around "
            f"and without letters that nobody sees; {remedy}"
        )
    return word


Name = Annotated[Text, AfterValidator(_check_name)]
ModelName = Annotated[Name, AfterValidator(_check_unprotected)]
NewKind = Annotated[Name, AfterValidator(_check_unreserved)]
UsedKind = Annotated[
    Text,
    _declared(
        "kinds",
        "names a kind that the catalogue does not declare; add it under kinds",
        RESERVED_KINDS,
    ),
]
FoldedWord = Annotated[Text, AfterValidator(_check_spelling)]
"""A word of a column whose words are read in one spelling."""
UsedKinds = Annotated[Several[UsedKind], AfterValidator(_widen)]
State = Annotated[
    Text, _declared("states", "names a state that no kind starts; give a kind 'starts'")
]
Fact = Annotated[
    Text,
    _declared("facts", "names a fact that the catalogue does not declare; add it to facts"),
]
IndicatorName = Annotated[
    Text, _declared("indicators", "names no indicator; write the name of one above")
]
OutcomeName = Annotated[
    Text, _declared("outcomes", "names no outcome; write the name of one above")
]
Harm = Annotated[Text, _declared("harms", "names no outcome or level of harm; known: {known}")]
