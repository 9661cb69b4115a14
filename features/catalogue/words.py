"""How the values that a family of indicators runs over are said in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final

import yaml
from pydantic import AfterValidator, BeforeValidator

from features.catalogue.declarations import Kind, Measure
from features.catalogue.durations import parse_window
from features.catalogue.names import Fact, State, UsedKind
from features.contract.yaml_file import Entry, Text, one_of, read_node
from features.errors import CatalogueError, Problem

EVER: Final = "ever"
"""Written for ``within`` where the whole history is meant."""
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_MEASURES: Final[Mapping[str, str]] = {
    Measure.COUNT: "how many",
    Measure.SUM: "severity added up",
    Measure.MAX: "highest severity",
    Measure.DISTINCT: "how many different",
    Measure.SHARE: "as a share",
    Measure.DAYS_SINCE_LAST: "days since the last",
    Measure.DAYS_SINCE_FIRST: "days since the first",
    Measure.RATE_RATIO: "against the time before, as a ratio of rates",
    Measure.GAP_MEDIAN: "median days between them",
    Measure.GAP_CV: "how uneven the gaps are",
    Measure.QUIET_THEN_RETURN: "returns after a quiet time",
    Measure.SLOPE: "change of severity a day",
    Measure.DECAYED: "weighted by recency",
    Measure.FIRST_USE: "how many new",
    Measure.DAYS_IN_STATE: "days",
    Measure.TIME_BETWEEN: "days until the next",
    Measure.LAST_FACT: "last answer",
    Measure.DISAGREEMENT: "incidents whose views differ",
}


def _check_window(text: str) -> str:
    if text != EVER:
        parse_window(text)
    return text


def _name_form(data: Any) -> Any:
    """Return a text alone as the one form of a word, which has no name."""
    return {"": data} if isinstance(data, str) and data else data


Forms = Annotated[Mapping[str, Text], BeforeValidator(_name_form)]
"""One text, or a text for each form that placeholders ask for, such as ``one`` and ``many``."""
_Window = Annotated[Text, AfterValidator(_check_window)]
Stated = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class WordsSection(Entry, while_state="while"):
    """The section ``words``: how values are said where a family's words hold a placeholder.

    Parameters
    ----------
    kind, fact, state, while_state
        By a name that the catalogue declares.
    channel, view, actor, target, field
        By the value as the contract's columns hold it.
    measure
        By the name of a measure.
    within, half_life, against, quiet
        By a length of time as it is written, such as ``28d``; ``within`` also by ``ever``.
    """

    kind: Mapping[UsedKind, Forms] = field(default_factory=dict)
    fact: Mapping[Fact, Forms] = field(default_factory=dict)
    state: Mapping[State, Forms] = field(default_factory=dict)
    while_state: Mapping[State, Forms] = field(default_factory=dict)
    channel: Mapping[str, Forms] = field(default_factory=dict)
    view: Mapping[str, Forms] = field(default_factory=dict)
    actor: Mapping[str, Forms] = field(default_factory=dict)
    target: Mapping[str, Forms] = field(default_factory=dict)
    measure: Mapping[Annotated[str, one_of(tuple(Measure))], Forms] = field(default_factory=dict)
    within: Mapping[_Window, Forms] = field(default_factory=dict)
    half_life: Mapping[_Window, Forms] = field(default_factory=dict)
    against: Mapping[_Window, Forms] = field(default_factory=dict)
    quiet: Mapping[_Window, Forms] = field(default_factory=dict)
    field: Mapping[str, Forms] = field(default_factory=dict)


@dataclass(frozen=True)
class SpokenValues:
    """What is said of each value.

    Parameters
    ----------
    stated
        The section ``words``: by key, by value, by form.
    kinds
        The catalogue's kinds, said by their labels where nothing is stated.
    questions
        The catalogue's questions by the name of their fact, likewise.
    """

    stated: Mapping[str, Stated]
    kinds: Mapping[str, Kind]
    questions: Mapping[str, str]

    def say(self, key: str, value: str, form: str = "") -> str:
        """Return a value in words.

        Parameters
        ----------
        key
            The key that holds the value, such as ``within``.
        value
            As the catalogue writes it.
        form
            Which of several stated forms; the first where empty.

        Raises
        ------
        ValueError
            If a form is asked for that the section ``words`` does not state.
        """
        forms = self.stated.get(key, {}).get(value)
        if forms is None and not form:
            return self._say_plainly(key, value)
        if forms and not form:
            return next(iter(forms.values()))
        if not forms or form not in forms:
            raise ValueError(f"no form '{form}' is stated; add it at words, {key}, {value}")
        return forms[form]

    def _say_plainly(self, key: str, value: str) -> str:
        if key == "kind" and value in self.kinds:
            return self.kinds[value].label
        if key == "fact" and value in self.questions:
            return self.questions[value]
        if key == "within":
            return "on record" if value == EVER else f"in the last {_say_length(value)}"
        if key in ("half_life", "against", "quiet"):
            return _say_length(value)
        return _MEASURES.get(value, value) if key == "measure" else value.replace("_", " ")


def _say_length(text: str) -> str:
    number, unit = text[:-1].strip(), text[-1:]
    words = _UNITS.get(unit)
    if words is None or not number.isdecimal():
        return text
    return f"{int(number)} {words.removesuffix('s') if int(number) == 1 else words}"


def read_words(node: yaml.Node, name: str, vocabulary: Any) -> dict[str, Stated]:
    """Read the section ``words``.

    Parameters
    ----------
    node
        The section.
    name
        The file's name for messages.
    vocabulary
        What the catalogue declares.

    Raises
    ------
    CatalogueError
        With every problem found in the section.
    """
    try:
        read = read_node(node, name, WordsSection, lambda _: vocabulary)
    except CatalogueError as error:
        first = node.start_mark.line + 1
        raise CatalogueError(
            name,
            tuple(
                Problem(
                    max(one.line, first), f"words.{one.place}".removesuffix(".file"), one.message
                )
                for one in error.problems
            ),
        ) from None
    keys = dict(zip((one.name for one in fields(read)), WordsSection.list_keys(), strict=True))
    return {key: getattr(read, attribute) for attribute, key in keys.items()}
