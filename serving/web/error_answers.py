"""Errors as they are answered: every status is chosen here, by the error's code."""

import secrets
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, get_args

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import CaselightError
from serving import errors
from serving.errors import (
    ErrorBody,
    ErrorResponse,
    RefusedError,
    RequestProblem,
    ServiceError,
    invalid,
    store_away,
    store_full,
)
from serving.schemas import field_names
from serving.store.engines import is_away, is_full

_log = structlog.get_logger("caselight.service")
_BY_KIND: Final = (
    (401, errors.Unproven),
    (403, errors.Forbidden),
    (404, errors.Absent),
    (409, errors.Clash),
    (408, errors.TooSlow),
    (412, errors.Outdated),
    (413, errors.TooLarge),
    (415, errors.WrongKind),
    (422, errors.Unusable),
    (428, errors.Unversioned),
    (503, errors.Unavailable),
)
STATUSES: Final[Mapping[str, int]] = {
    code: status for status, kind in _BY_KIND for code in get_args(kind)
} | {
    "address_too_long": 414,
    "bad_json": 400,
    "bad_request": 400,
    "fault": 500,
    "head_too_large": 431,
    "method_not_allowed": 405,
    "too_many_requests": 429,
    "unknown_host": 400,
}
"""The status of every code; those named one by one are of HTTP itself, and raised at the edge."""
RETRY_SECONDS: Final = 10
"""After how long it is worth asking a store again that did not answer."""
_BY_STATUS: Final = {
    400: ("bad_request", "the request could not be read", "check it against /openapi.json"),
    404: ("not_found", "there is nothing under this address", "start from /v1/list"),
    405: ("method_not_allowed", "this address does not take that method", "see /openapi.json"),
}
_REMEDIES: Final = {
    "missing": "add the field",
    "extra_forbidden": "remove the field; it is not part of the contract",
    "string_type": "write a text",
    "list_type": "write a list",
    "model_attributes_type": "write an object",
    "dict_type": "write an object",
    "float_type": "write a number",
    "finite_number": "write a finite number",
    "too_long": "send fewer at a time",
    "too_short": "send at least one",
    "string_too_long": "shorten the text",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "greater_than_equal": "write a larger number",
    "literal_error": "write one of the words that are taken",
    "string_pattern_mismatch": "write it in the form that is asked for",
    "string_too_short": "write at least one character",
    "bool_parsing": "write true or false",
    "less_than_equal": "write a smaller number",
}


def answer(body: ErrorBody, status: int | None = None) -> JSONResponse:
    """Return an error response, with the status of its code where no other is given."""
    response = JSONResponse({"error": asdict(body)}, status_code=status or STATUSES[body.code])
    if body.code in ("store_away", "store_full", "store_low"):
        response.headers["retry-after"] = str(RETRY_SECONDS)
    return response


def describe_errors(*statuses: int) -> dict[int | str, dict[str, type[ErrorResponse]]]:
    """Return how the errors of a route are described."""
    return {status: {"model": ErrorResponse} for status in statuses}


def install_handlers(app: FastAPI) -> None:
    """Map every error to the one shape."""

    @app.exception_handler(ServiceError)
    def _service(request: Request, error: ServiceError) -> JSONResponse:
        return answer(error.body)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        names = field_names() | _parameter_names(request.app)
        problems = [_describe(problem, names) for problem in error.errors()]
        return answer(invalid(problems).body)

    @app.exception_handler(SQLAlchemyError)
    def _away(request: Request, error: SQLAlchemyError) -> JSONResponse:
        return answer(note_away(error).body)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        fallback = ("refused", "the request was refused", "check it against /openapi.json")
        code, message, remedy = _BY_STATUS.get(error.status_code, fallback)
        response = answer(ErrorBody(code=code, message=message, remedy=remedy), error.status_code)
        if error.headers and "allow" in {name.lower() for name in error.headers}:
            response.headers["allow"] = error.headers.get("Allow", error.headers.get("allow", ""))
        return response

    @app.exception_handler(RefusedError)
    def _refused(request: Request, error: RefusedError) -> JSONResponse:
        what, _, remedy = str(error).partition("; ")
        return answer(ErrorBody(code=error.code, message=what, remedy=remedy))

    @app.exception_handler(CaselightError)
    def _known(request: Request, error: CaselightError) -> JSONResponse:
        message = "the request cannot be used"
        return answer(ErrorBody(code="unusable", message=message, remedy=str(error)))


class FaultGuard:
    """Answers an unforeseen error itself, so that no server prints a message that may hold data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; on an error answer 500 with a reference and log our own frames."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            body = note_away(error).body if is_away(error) else _note_fault(error)
            if scope["type"] == "http" and not started:
                await answer(body)(scope, receive, send)


def note_away(error: Exception) -> ServiceError:
    """Return the error of a store that does not answer, and log it.

    Raises
    ------
    Exception
        The error itself, where it says something else: that is an internal error.
    """
    if not is_away(error):
        raise error
    kind = getattr(error, "orig", None) or error
    full = is_full(error)
    _log.error("store full" if full else "store away", kind=type(kind).__name__)
    return store_full() if full else store_away()


def _note_fault(error: Exception) -> ErrorBody:
    reference = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.name}:{frame.lineno}" for frame in frames][-6:]
    # An exception's message may hold data; its type and the names of functions do not.
    _log.error("fault", reference=reference, kind=type(error).__name__, frames=places)
    return ErrorBody(
        code="fault",
        message="internal error; what the request had not stored by then was not kept",
        remedy=f"tell the operator this reference: {reference}",
    )


def _parameter_names(app: FastAPI) -> frozenset[str]:
    """Return the names of the addresses' own parts and parameters."""
    paths = app.openapi()["paths"].values()
    return frozenset(
        parameter["name"]
        for path in paths
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    )


def _describe(problem: Any, names: frozenset[str]) -> RequestProblem:
    kind = str(problem["type"])
    remedy = _REMEDIES.get(kind, "check the field against /openapi.json")
    return RequestProblem(where=_place(problem["loc"], names), code=kind, remedy=remedy)


def _place(location: Sequence[str | int], names: frozenset[str]) -> str:
    """Return where a problem is, naming only what is ours."""
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part in names:
            place += f".{part}"
        elif part not in ("body", "query", "path", "header"):
            place += ".(unknown field)"
    return place.strip(".") or "request"
