"""The transparency record field by field, as the Algorithmic Transparency Recording Standard v3.0
names them: tier 1, and the five sections of tier 2.

What the run and the settings say is filled in; what only the unit can say is marked. Numbers and
names of fields are the template's, texts are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from serving.oversight.card import (
    CardEntry,
    CardValue,
    describe_data,
    describe_learning,
    describe_models,
    describe_order,
    describe_performance,
    describe_use,
    write_record,
)

_Say = Callable[[CardValue], tuple[str, ...]]


@dataclass(frozen=True)
class RecordField:
    """One field of the template.

    Parameters
    ----------
    number, name
        As in the template; tier 1 has no numbers and goes by letters here.
    said
        What the run and the settings say; empty where they say nothing.
    by_person
        Whether a person of the unit has to write, or to add to, what it says.
    """

    number: str
    name: str
    said: tuple[str, ...]
    by_person: bool


@dataclass(frozen=True)
class RecordSection:
    """A section of the template with its fields."""

    title: str
    fields: tuple[RecordField, ...]


@dataclass(frozen=True)
class _Field:
    number: str
    name: str
    say: _Say | None = None
    by_person: bool = True


def _tell(*sentences: str) -> _Say:
    return lambda told: sentences


def _find(heading: str) -> _Say:
    """Return what the record on the page of models says under a heading."""

    def say(told: CardValue) -> tuple[str, ...]:
        entries: dict[str, CardEntry] = {one.heading: one for one in write_record(told)}
        return entries[heading].said

    return say


def _name_inputs(told: CardValue) -> tuple[str, ...]:
    families = sorted({one.family for one in told.bundle.catalogue.indicators})
    count = len(told.bundle.catalogue.indicators)
    return (f"{count} measures of a case history: {', '.join(families)}.".replace("_", " "),)


def _name_outputs(told: CardValue) -> tuple[str, ...]:
    named = [
        f"the probability that {one.label} within {one.horizon}"
        for one in told.bundle.catalogue.outcomes
        if one.name in told.bundle.outcomes
    ]
    return (
        f"For each open case: {'; '.join(named) or 'no probability'}. With it a place in an order, "
        "and the exact share of each measure.",
    )


_ADVISORY: Final = (
    "It suggests an order and shows the records behind it. It opens, closes, downgrades and "
    "allocates no case; a named person does."
)
_NOT_READ: Final = (
    "The model reads no protected characteristic, no health record and no record that one agency "
    "keeps to itself. Protected characteristics are read for the audit of the list alone."
)

_SECTIONS: Final[tuple[tuple[str, tuple[_Field, ...]], ...]] = (
    (
        "Tier 1: Overview",
        (
            _Field("a", "Name", _tell("Caselight"), by_person=False),
            _Field("b", "Description", _find("Purpose")),
            _Field("c", "Website URL"),
            _Field("d", "Contact email"),
        ),
    ),
    (
        "Tier 2, section 1: Owner and responsibility",
        (
            _Field("1.1", "Organisation or department"),
            _Field("1.2", "Team"),
            _Field("1.3", "Senior responsible owner"),
            _Field("1.4", "Third party involvement"),
            _Field("1.4.1", "Third party"),
            _Field("1.4.2", "Companies House number"),
            _Field("1.4.3", "Third party role"),
            _Field("1.4.4", "Procurement procedure type"),
            _Field("1.4.5", "Third party data access terms"),
        ),
    ),
    (
        "Tier 2, section 2: Description and rationale",
        (
            _Field(
                "2.1",
                "Detailed description",
                lambda told: (_ADVISORY, *describe_use(told.settings)[:2]),
            ),
            _Field(
                "2.2",
                "Scope",
                _tell(
                    "Open cases of the unit's catalogue. Not for arrest, search, charge, bail, "
                    "an order application, sentencing or refusal of service."
                ),
            ),
            _Field("2.3", "Benefit", describe_performance),
            _Field("2.4", "Previous process"),
            _Field(
                "2.5",
                "Alternatives considered",
                _tell(
                    "Each run holds the model beside a simple rule, a logistic regression, the "
                    "longest wait and chance, and says where it is not better."
                ),
            ),
        ),
    ),
    (
        "Tier 2, section 3: Decision-making process",
        (
            _Field("3.1", "Process integration", lambda told: describe_use(told.settings)),
            _Field("3.2", "Provided information", _name_outputs, by_person=False),
            _Field(
                "3.3", "Frequency and scale of usage", lambda told: describe_use(told.settings)[:1]
            ),
            _Field("3.4", "Human decisions and review", _find("Oversight")),
            _Field("3.5", "Required training"),
            _Field("3.6", "Appeals and review"),
        ),
    ),
    (
        "Tier 2, section 4: Tool specification",
        (
            _Field(
                "4.1.1",
                "System architecture",
                _tell(
                    "A service with a database of its own, run by the unit or for it. What "
                    "people see are pages; other programs use an interface under the same rules."
                ),
            ),
            _Field("4.1.2", "Phase"),
            _Field(
                "4.1.3",
                "Maintenance",
                _tell(
                    "A model is put to use, replaced and taken out of use by two people, after "
                    "checks that are kept with it."
                ),
            ),
            _Field(
                "4.1.4", "Models", lambda told: (describe_models(told.bundle),), by_person=False
            ),
            _Field(
                "4.2.1",
                "Model name",
                lambda told: (f"{told.bundle.catalogue.name}, {told.bundle.id[:12]}.",),
                by_person=False,
            ),
            _Field(
                "4.2.2",
                "Model version",
                lambda told: (
                    f"Bundle {told.bundle.id}, engine {told.bundle.engine_version}, "
                    f"catalogue {told.bundle.catalogue.digest}.",
                ),
                by_person=False,
            ),
            _Field(
                "4.2.3", "Model task", lambda told: (describe_order(told.bundle),), by_person=False
            ),
            _Field("4.2.4", "Model input", _name_inputs, by_person=False),
            _Field("4.2.5", "Model output", _name_outputs, by_person=False),
            _Field(
                "4.2.6",
                "Model architecture",
                lambda told: (describe_models(told.bundle),),
                by_person=False,
            ),
            _Field("4.2.7", "Model performance", describe_performance, by_person=False),
            _Field("4.2.8", "Datasets", lambda told: (describe_learning(told),)),
            _Field(
                "4.2.9",
                "Dataset purposes",
                _tell(
                    "Earlier dates to learn from and to calibrate on, later dates to test on; no"
                    " date serves both."
                ),
                by_person=False,
            ),
            _Field("4.3.1", "Development data description", describe_data),
            _Field("4.3.2", "Data modality", _tell("Tables."), by_person=False),
            _Field(
                "4.3.3", "Data quantities", lambda told: (describe_learning(told),), by_person=False
            ),
            _Field("4.3.4", "Sensitive attributes", _tell(_NOT_READ)),
            _Field("4.3.5", "Data completeness and representativeness"),
            _Field(
                "4.3.6",
                "Data cleaning",
                _tell(
                    "A row that cannot be read is kept apart with its reason and its remedy. "
                    "Nothing is filled in: a question that was not put is not a no."
                ),
                by_person=False,
            ),
            _Field("4.3.7", "Data collection"),
            _Field(
                "4.3.8",
                "Data access and storage",
                _tell(
                    "The unit's own machine or database. Each case that somebody opens is a line"
                    " of a log that shows tampering."
                ),
            ),
            _Field("4.3.9", "Data sharing agreements"),
            _Field("4.4.1", "Data sources"),
            _Field("4.4.2", "Sensitive attributes in operation", _tell(_NOT_READ)),
            _Field(
                "4.4.3",
                "Data processing methods",
                _tell("Only what was recorded before a moment is used for a score at that moment."),
                by_person=False,
            ),
            _Field(
                "4.4.4",
                "Data access and storage in operation",
                _tell(
                    "People see the cases of their areas by their role; health records and "
                    "records of one agency are shown to that agency alone."
                ),
            ),
            _Field("4.4.5", "Data sharing agreements in operation"),
        ),
    ),
    (
        "Tier 2, section 5: Risks, mitigations and impact assessments",
        (
            _Field("5.1", "Impact assessment"),
            _Field("5.2", "Risks and mitigations", _find("Risks")),
        ),
    ),
)


def list_fields(told: CardValue) -> tuple[RecordSection, ...]:
    """Return every field of the template, filled in as far as the run and the settings go.

    Parameters
    ----------
    told
        The bundle, its figures and the settings.

    Returns
    -------
    tuple of RecordSection
        In the template's order.
    """
    return tuple(
        RecordSection(
            title,
            tuple(
                RecordField(
                    one.number,
                    one.name,
                    () if one.say is None else one.say(told),
                    one.by_person,
                )
                for one in fields
            ),
        )
        for title, fields in _SECTIONS
    )
