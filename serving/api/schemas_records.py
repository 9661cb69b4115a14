"""What the API takes and gives about records, imports and moves of cases."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from serving.errors import RequestProblem
from serving.schemas import CaseIn, EventIn, FactIn, Strict
from serving.store.opaque_keys import KEY_PATTERN

_LINK: Final[dict[str, Any]] = {
    "link_id": "SYN-L1",
    "case_id": "SYN-C1",
    "linked_case_id": "SYN-C2",
    "kind": "same_subject",
    "recorded_at": "2026-03-02",
}


class CaseEventIn(EventIn):
    """One event of a case that is sent with it or was sent before."""

    case_id: str


class CaseFactIn(FactIn):
    """One answer of a case that is sent with it or was sent before."""

    case_id: str


class LinkIn(Strict):
    """One link between two cases."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": _LINK})

    link_id: str
    case_id: str
    linked_case_id: str
    kind: str
    recorded_at: str
    ended_at: str | None = None
    supersedes: str | None = None


class RecordsIn(Strict):
    """Records to keep: cases with their own, or records of cases that are there already."""

    cases: list[CaseIn] = Field(default=[])
    events: list[CaseEventIn] = Field(default=[])
    facts: list[CaseFactIn] = Field(default=[])
    links: list[LinkIn] = Field(default=[])


@dataclass(frozen=True, kw_only=True)
class RecordsOut:
    """What became of the rows of a request; every row is one of the four counts."""

    import_key: str
    added: int
    repeats: Annotated[int, Field(description="Rows that were here already, word for word.")]
    conflicts: Annotated[int, Field(description="Rows that contradict what is stored and stands.")]
    rejects: int
    not_taken: Annotated[
        tuple[RequestProblem, ...], Field(description="Each row that was not stored, in its place.")
    ]
    warnings: dict[str, int]
    scored: Annotated[int, Field(description="Cases scored anew; 0 where no model is in use.")]


class ImportIn(Strict):
    """An import that begins, or goes on where one of the same source broke off."""

    source_digest: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9:_+/=.-]+$",
        description="What names the source: the SHA-256 of the rows, say.",
        examples=["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    rows_total: int | None = Field(
        default=None,
        strict=True,  # true is no number of rows
        ge=0,
        le=10**12,
        description="How many rows will be sent; the import ends with the last of them.",
    )


@dataclass(frozen=True, kw_only=True)
class ImportOut:
    """How far an import is; every row that is done is one of the four counts."""

    import_key: str
    state: Literal["open", "ended"]
    begun_at: str
    ended_at: str | None
    person: str
    rows_total: int | None
    rows_done: Annotated[int, Field(description="Send the rest from here on.")]
    added: int
    repeats: int
    conflicts: int
    rejects: int


@dataclass(frozen=True, kw_only=True)
class ImportsOut:
    """Imports, the latest first."""

    imports: tuple[ImportOut, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class RejectOut:
    """A row that could not be used, with what it held.

    What is of health or what an agency keeps to itself is left out, whoever asks: rights by agency
    are not distinguished here.
    """

    number: int
    place: str
    row: int
    table: str
    column: str
    code: str
    remedy: str
    source: Annotated[Any, Field(description="What the row held; empty where it is withheld.")]
    source_withheld: bool


@dataclass(frozen=True, kw_only=True)
class RejectsOut:
    """Rejects of one import, in the order in which they came."""

    rejects: tuple[RejectOut, ...]
    next_cursor: int | None


_Why = Field(
    default=None, max_length=1_000, description="Needed where a second person confirms it."
)


class MergeIn(Strict):
    """Which case takes the records in."""

    into: str = Field(pattern=KEY_PATTERN)
    why: str | None = _Why


class SplitIn(Strict):
    """Which records go to a new case, and what that case is called."""

    case_id: str = Field(min_length=1, max_length=512)
    events: list[str] = Field(default=[], max_length=10_000)
    facts: list[str] = Field(default=[], max_length=10_000)
    merge_key: str | None = Field(
        default=None,
        pattern=KEY_PATTERN,
        description="A merge into this case: all that it brought goes to the new case as well.",
    )
    why: str | None = _Why


class TransferIn(Strict):
    """Which area takes the case over."""

    area: str = Field(min_length=1, max_length=512)
    why: str | None = _Why
