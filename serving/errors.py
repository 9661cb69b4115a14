"""Errors of the service: one shape, stable codes, a remedy, and nothing of the request.

Names of unknown fields, path parts, headers and values are a caller's data: none is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from features.errors import CaselightError

Unproven = Literal["bad_token", "not_signed_in"]
"""Nobody is known to ask."""
Forbidden = Literal[
    "areas_may_not", "bad_answer", "finished_before", "issuer_refused", "no_access", "no_rule",
    "no_sign_in", "not_a_decider", "not_a_reader", "not_begun", "not_health", "not_on_duty",
    "not_the_asker", "not_the_importer", "not_your_view", "not_yours_to_settle",
    "other_agency_needed", "other_origin", "other_person_needed", "role_may_not", "scope_may_not",
]  # fmt: skip
"""This person may not do that."""
Absent = Literal[
    "no_case", "no_import", "no_sitting", "no_such_case", "no_such_confirmation", "no_such_flag",
    "no_such_move", "no_such_record", "no_such_request", "no_such_score", "no_such_search",
    "no_such_view",
    "not_found", "not_listed",
]  # fmt: skip
"""There is nothing of that name, or nothing that this person may see."""
Clash = Literal[
    "already_acknowledged", "already_answered", "already_read", "already_settled",
    "already_viewed", "already_waiting", "cannot_be_withdrawn", "case_erased",
    "cases_still_coming",
    "case_exists", "case_merged", "import_ended", "no_earlier_score", "no_score", "not_blind",
    "not_earlier", "not_sealed", "past_moment", "records_gone", "rows_missing",
    "change_over", "sitting_over", "target_closed", "views_awaited",
]  # fmt: skip
"""The request clashes with what is stored."""
Outdated = Literal["decided_meanwhile"]
Unversioned = Literal["version_needed"]
"""The request rests on no version of the case, or on an earlier one."""
TooLarge = Literal["import_too_large", "sent_too_much", "too_large", "too_many_records"]
TooSlow = Literal["too_slow"]
WrongKind = Literal["not_json", "not_ndjson"]
Unusable = Literal[
    "bad_cursor", "bad_words", "flag_not_standing", "invalid_request", "no_flag", "no_ordering",
    "no_outcome", "no_reason", "no_record", "no_stance", "nothing_to_move", "same_case", "too_soon",
    "unknown_view", "unusable",
]  # fmt: skip
"""The request cannot be used as it is written."""
Unavailable = Literal[
    "busy", "look_not_recorded", "model_gone", "no_bundle", "no_issuer", "no_store", "store_away",
    "store_full", "store_low",
]  # fmt: skip
"""The service lacks something now."""
ErrorCode = (
    Unproven | Forbidden | Absent | Clash | Outdated | Unversioned | TooLarge | TooSlow | WrongKind
    | Unusable | Unavailable
)  # fmt: skip
"""What a caller may rely on. Which HTTP status a code has is one table, at the edge
(:mod:`serving.web.error_answers`).
"""


@dataclass(frozen=True, kw_only=True)
class RequestProblem:
    """One thing wrong in a request: where, a stable code, and how to correct it."""

    where: Annotated[str, Field(examples=["cases[0].events[2].occurred_at"])]
    code: Annotated[str, Field(examples=["unreadable_moment"])]
    remedy: Annotated[str, Field(examples=["write an ISO 8601 date or time"])]


@dataclass(frozen=True, kw_only=True)
class ErrorBody:
    """What went wrong, in words that hold nothing of the request."""

    code: Annotated[str, Field(examples=["invalid_request"])]
    message: Annotated[str, Field(examples=["the request holds 1 problem"])]
    remedy: Annotated[str, Field(examples=["correct the problems listed and send it again"])]
    problems: tuple[RequestProblem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ErrorResponse:
    """The shape of every error."""

    error: ErrorBody


class RefusedError(CaselightError):
    """Something that the store does not take now.

    Parameters
    ----------
    code
        Stable; a program decides by it.
    message
        What is wrong; and how to correct it, after a semicolon.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServiceError(Exception):
    """An error that a caller is told of.

    Parameters
    ----------
    code
        Stable; a program decides by it.
    message, remedy
        What is wrong and how to correct it, with nothing of the request.
    problems
        Where in the request something is wrong, if it is about its parts.
    """

    def __init__(
        self, code: ErrorCode, message: str, remedy: str, problems: Sequence[RequestProblem] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.body = ErrorBody(code=code, message=message, remedy=remedy, problems=tuple(problems))


def store_full() -> ServiceError:
    """Return the error of a request for which the database has no room left."""
    return ServiceError(
        "store_full",
        "the store has no room left; what is not on record yet was not kept",
        "tell the operator that the disk of the database is full; then try again",
    )


def store_away() -> ServiceError:
    """Return the error of a request while the database is stopped, gone or held by another."""
    return ServiceError(
        "store_away",
        "the store does not answer now",
        "try again in a moment; if it is still so, tell the operator that the database is away or "
        "held by another program",
    )


def invalid(problems: Sequence[RequestProblem]) -> ServiceError:
    """Return the error of a request with problems."""
    noun = "problem" if len(problems) == 1 else "problems"
    return ServiceError(
        "invalid_request",
        f"the request holds {len(problems)} {noun}",
        "correct the problems listed and send it again",
        problems,
    )
