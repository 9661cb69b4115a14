"""The data contract: tables, columns and permitted values (design section 4).

This module only says what the contract is. Reading and checking it is done by
:mod:`features.intake.files`, :mod:`features.intake.normalisation` and
:mod:`features.intake.integrity`.
"""

import functools
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Form(Enum):
    """What a column holds, which decides how its text is read."""

    ID = "identifier"
    TEXT = "text"
    CODE = "code"
    CHOICE = "choice"
    NUMBER = "number"
    OCCURRED = "moment; a date alone is the first microsecond of that day"
    RECORDED = "moment; a date alone is the last microsecond of that day"


@dataclass(frozen=True)
class Column:
    """One column of a contract table.

    Parameters
    ----------
    name
        Column name.
    form
        How its text is read.
    required
        Whether an empty cell makes the row a reject.
    choices
        Permitted values of a ``CHOICE`` column.
    default
        Value that an empty cell stands for; ``None`` keeps it unknown.
    """

    name: str
    form: Form
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Its key is the table's name, ``case_id`` and the identifier; ``people`` adds the characteristic,
    since one person has several.
    """

    name: str
    id_column: str
    columns: tuple[Column, ...]
    key_extra: tuple[str, ...] = ()

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Columns that together name one record."""
        return tuple(dict.fromkeys(("case_id", self.id_column, *self.key_extra)))

    @functools.cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in contract order."""
        return tuple(column.name for column in self.columns)

    @functools.cached_property
    def required(self) -> frozenset[str]:
        """Names of the columns that no row may leave empty."""
        return frozenset(column.name for column in self.columns if column.required)

    @functools.cached_property
    def supersedes(self) -> bool:
        """Whether a record of this table can correct another one."""
        return "supersedes" in self.column_names


VIEWS: Final = ("recorded", "account", "classification")
ACTORS: Final = ("subject", "proxy", "victim", "unknown")
TARGETS: Final = ("victim", "child", "partner", "other", "self")
ASSURANCES: Final = ("fact", "assessment", "unverified")
AGENCY_ONLY: Final = "agency_only"
"""How a record is handled that only the agency of its source may see; no indicator uses it."""
NOT_FOR_DISCLOSURE: Final = "not_for_disclosure"
"""How a record is handled that the people whom it concerns must not be given."""
HANDLINGS: Final = ("unit", AGENCY_ONLY, NOT_FOR_DISCLOSURE)

RETRACTED: Final = "retracted"
"""Kind of a record that withdraws another one and is itself never counted."""
OPENING_KINDS: Final = ("opened", "reopened")
CLOSING_KINDS: Final = ("closed", "merged")
"""A case is open unless its latest lifecycle event closes it. A transfer does not: nobody drops out
of the list by being handed on."""
RESERVED_KINDS: Final = (RETRACTED, *OPENING_KINDS, *CLOSING_KINDS, "transferred")

HEALTH_SOURCE: Final = "health"
"""Records of this agency are shown to those allowed and enter no indicator (promise 9)."""

MAX_TEXT_LENGTH: Final = 512
MAX_NARRATIVE_LENGTH: Final = 1_000_000

CASES: Final = Table(
    "cases",
    "case_id",
    (
        Column("case_id", Form.ID, required=True),
        Column("recorded_at", Form.RECORDED, required=True),
        Column("area", Form.CODE),
        Column("referral_source", Form.CODE),
    ),
)
EVENTS: Final = Table(
    "events",
    "event_id",
    (
        Column("event_id", Form.ID, required=True),
        Column("case_id", Form.ID, required=True),
        Column("kind", Form.CODE, required=True),
        Column("occurred_at", Form.OCCURRED, required=True),
        Column("recorded_at", Form.RECORDED, required=True),
        Column("occurred_until", Form.RECORDED),
        Column("incident_id", Form.ID),
        Column("view", Form.CHOICE, choices=VIEWS, default="recorded"),
        Column("source", Form.CODE),
        Column("reporter_role", Form.CODE),
        Column("assurance", Form.CHOICE, choices=ASSURANCES),
        Column("actor", Form.CHOICE, choices=ACTORS, default="subject"),
        Column("target", Form.CHOICE, choices=TARGETS),
        Column("channel", Form.CODE),
        Column("value", Form.NUMBER),
        Column("detail", Form.CODE),
        Column("handling", Form.CHOICE, choices=HANDLINGS, default="unit"),
        Column("supersedes", Form.ID),
        Column("narrative", Form.TEXT),
    ),
)
FACTS: Final = Table(
    "facts",
    "fact_id",
    (
        Column("fact_id", Form.ID, required=True),
        Column("case_id", Form.ID, required=True),
        Column("name", Form.CODE, required=True),
        Column("asked", Form.CHOICE, choices=("yes", "no"), default="yes"),
        Column("value", Form.CODE),
        Column("recorded_at", Form.RECORDED, required=True),
        Column("supersedes", Form.ID),
    ),
)
LINKS: Final = Table(
    "links",
    "link_id",
    (
        Column("link_id", Form.ID, required=True),
        Column("case_id", Form.ID, required=True),
        Column("linked_case_id", Form.ID, required=True),
        Column("kind", Form.CODE, required=True),
        Column("recorded_at", Form.RECORDED, required=True),
        Column("ended_at", Form.OCCURRED),
        Column("supersedes", Form.ID),
    ),
)
PEOPLE: Final = Table(
    "people",
    "person_id",
    (
        Column("person_id", Form.ID, required=True),
        Column("case_id", Form.ID, required=True),
        Column("role", Form.CODE, required=True),
        Column("characteristic", Form.CODE, required=True),
        Column("value", Form.CODE),
    ),
    key_extra=("characteristic",),
)
TABLES: Final = {table.name: table for table in (CASES, EVENTS, FACTS, LINKS, PEOPLE)}
MEASURED_TABLES: Final = ("cases", "events", "facts")
"""What indicators are made from. ``people`` is for the audit alone and is read only there."""
