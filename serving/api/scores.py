"""``POST /v1/scores``: raw case histories in, advice out; nothing of them is kept."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from operator import attrgetter
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter

from features.catalogue.declarations import DAY_US
from features.contract.moments import find_zone, format_moment, parse_date
from features.history.assembly import assemble_history
from features.history.columns import History
from features.history.open_cases import open_cases
from features.history.vocabulary import REMEDIES, UNKNOWN_FACT, UNKNOWN_KIND, check_fact, knows_kind
from features.intake.contract_folder import CellsAsSent, ContractFolder, assemble_columns
from models.bundle.folder import Bundle
from models.ranking.advice import Advice, RankedList
from models.ranking.order import rank_cases
from serving.errors import RequestProblem, ServiceError, invalid
from serving.schemas import (
    AdviceOut,
    CaseIn,
    EventIn,
    FactIn,
    NotRankedOut,
    ScoreRequest,
    ScoresOut,
    StandingOut,
    Strict,
)
from serving.service import Service, ServiceDep
from serving.web.error_answers import describe_errors
from serving.web.read_once import ReadOnceRoute

router = APIRouter(prefix="/v1", tags=["scores"], route_class=ReadOnceRoute)
_MOST_UNMEASURED = 100
FEW_CASES: Final = 2
FEW_RECORDS: Final = 250
FEW_BYTES: Final = 50_000
"""So little is scored in about the time that Python gives a thread at a stretch, 5 ms. Handing it
to a thread holds up other requests no less, and has the threads of several get in each other's way:
with 8 clients on one processor a request then took 15.1 ms of it, and takes 13.4."""
_WRITTEN: Final = TypeAdapter(ScoresOut)
_CASE_FIELDS: Final = tuple(name for name in CaseIn.model_fields if name not in ("events", "facts"))
ERRORS = describe_errors(400, 413, 415, 422, 503)


@router.post("/scores", responses=ERRORS, response_model=ScoresOut)
async def score_cases(asked: ScoreRequest, request: Request, service: ServiceDep) -> Response:
    """Score the cases of a request and tell the reasons; the same function ranks the list.

    Advisory: a score opens, closes, downgrades or allocates nothing.
    """
    is_small = len(await request.body()) <= FEW_BYTES and _is_small(asked)
    if is_small and service.champion.is_settled():
        written = _write_scores(asked, service)
    else:
        written = await run_in_threadpool(_write_scores, asked, service)
    return Response(written, media_type="application/json")


def _write_scores(asked: ScoreRequest, service: Service) -> bytes:
    # Written here: of an object FastAPI checks every part anew, in a thread of its own.
    return _WRITTEN.dump_json(make_scores(asked, service))


def make_scores(asked: ScoreRequest, service: Service) -> ScoresOut:
    """Score the cases of a request.

    Parameters
    ----------
    asked
        Case histories as they were sent.
    service
        What names the model in use and how much is taken at a time.

    Returns
    -------
    ScoresOut
        Scores with reasons, and why a case has none.

    Raises
    ------
    ServiceError
        If the request is too large, no model is in use, or a record cannot be read.
    """
    bundle = service.need_bundle()
    _check_size(asked, service)
    as_of_us = _read_as_of(asked)
    extract_at_us = max(as_of_us, _now_us()) + DAY_US
    folder = assemble_columns(
        lay_out(asked), time_zone=asked.time_zone, extract_at_us=extract_at_us
    )
    if len(folder.rejects):
        raise invalid(_locate(folder, asked))
    known_until_us = min(as_of_us, _now_us())
    history = replace(assemble_history(folder), extract_at=known_until_us)
    ranked = rank_cases(bundle, history, as_of_us)
    return ScoresOut(
        **asdict(describe_standing(ranked, synthetic=False)),
        repeats_ignored=folder.repeats,
        warnings=dict(folder.warnings),
        unmeasured=_find_unmeasured(asked, bundle),
        not_ranked=_describe_left_out(history, ranked, as_of_us),
        scores=tuple(describe_advice(advice) for advice in ranked.advices),
    )


def describe_advice(advice: Advice) -> AdviceOut:
    """Return advice as the API gives it."""
    return AdviceOut(**{one.name: getattr(advice, one.name) for one in fields(AdviceOut)})


def describe_standing(ranked: RankedList, *, synthetic: bool) -> StandingOut:
    """Return what is needed to read the scores of a list and to compute them again."""
    return StandingOut(
        bundle_id=ranked.bundle_id,
        catalogue=ranked.catalogue_name,
        catalogue_digest=ranked.catalogue_digest,
        engine_version=ranked.engine_version,
        as_of=format_moment(ranked.as_of_us, ranked.time_zone),
        known_until=format_moment(ranked.known_until_us, ranked.time_zone),
        advisory=ranked.advisory,
        estimate_note=ranked.estimate_note,
        synthetic=synthetic,
    )


def _now_us() -> int:
    return int(dt.datetime.now(tz=dt.UTC).timestamp() * 1_000_000)


def _read_as_of(asked: ScoreRequest) -> int:
    try:
        find_zone(asked.time_zone)
    except Exception as error:
        problem = RequestProblem(
            where="time_zone", code="unknown_zone", remedy="write an IANA name"
        )
        raise invalid([problem]) from error
    if asked.as_of is None:
        return _now_us()
    try:
        return parse_date(asked.as_of, asked.time_zone)
    except ValueError:
        remedy = "write an ISO 8601 date or time"
        raise invalid(
            [RequestProblem(where="as_of", code="unreadable_moment", remedy=remedy)]
        ) from None


def _is_small(asked: ScoreRequest) -> bool:
    return len(asked.cases) <= FEW_CASES and _count_records(asked) <= FEW_RECORDS


def _count_records(asked: ScoreRequest) -> int:
    return sum(len(case.events) + len(case.facts) for case in asked.cases)


def _check_size(asked: ScoreRequest, service: Service) -> None:
    settings = service.settings
    n_cases, n_records = len(asked.cases), _count_records(asked)
    if n_cases > settings.max_request_cases or n_records > settings.max_request_records:
        raise ServiceError(
            "too_large",
            f"at most {settings.max_request_cases:,} cases and "
            f"{settings.max_request_records:,} records are taken at a time",
            "send fewer at a time",
        )


def lay_out(asked: ScoreRequest) -> dict[str, dict[str, CellsAsSent]]:
    """Return the columns of the contract's tables; rows in the order of the request."""
    cases = asked.cases
    events = [event for case in cases for event in case.events]
    facts = [fact for case in cases for fact in case.facts]
    return {
        "cases": _take_columns(cases, _CASE_FIELDS),
        "events": _take_columns(events, EventIn.model_fields)
        | {"case_id": [case.case_id for case in cases for _ in case.events]},
        "facts": _take_columns(facts, FactIn.model_fields)
        | {"case_id": [case.case_id for case in cases for _ in case.facts]},
    }


def _take_columns(rows: Sequence[Strict], names: Iterable[str]) -> dict[str, CellsAsSent]:
    # Read where they lie: making a mapping of every record takes longer than scoring them.
    return {name: list(map(attrgetter(name), rows)) for name in names}


def _locate(folder: ContractFolder, asked: ScoreRequest) -> list[RequestProblem]:
    """Return rejected rows by their place in the request; no value is repeated."""
    places = {"cases": [f"cases[{number}]" for number in range(len(asked.cases))]}
    for table in ("events", "facts"):
        places[table] = [
            f"cases[{number}].{table}[{row}]"
            for number, case in enumerate(asked.cases)
            for row in range(len(getattr(case, table)))
        ]
    return [
        RequestProblem(
            where=f"{places[row['table']][row['row'] - 1]}.{row['column']}".rstrip("."),
            code=row["code"],
            remedy=row["remedy"],
        )
        for row in folder.rejects.frame.to_dict("records")
    ]


def _find_unmeasured(asked: ScoreRequest, bundle: Bundle) -> tuple[RequestProblem, ...]:
    """Return the records that nothing measures by their place; no word of theirs is repeated."""
    catalogue, rules = bundle.catalogue, bundle.rules
    found: list[tuple[str, str]] = []
    for n, case in enumerate(asked.cases):
        for row, event in enumerate(case.events):
            if not knows_kind(catalogue, event.kind.strip()):
                found.append((f"cases[{n}].events[{row}].kind", UNKNOWN_KIND))
        for row, fact in enumerate(case.facts):
            value = (fact.value or "").strip() or None
            # A row that cannot be read was refused before.
            at_us = parse_date(fact.recorded_at, asked.time_zone)
            name = fact.name.strip()
            code = check_fact(catalogue, name, value, asked.time_zone, at_us, rules)
            if code is not None:
                part = "name" if code == UNKNOWN_FACT else "value"
                found.append((f"cases[{n}].facts[{row}].{part}", code))
    return tuple(
        RequestProblem(where=where, code=code, remedy=REMEDIES[code])
        for where, code in found[:_MOST_UNMEASURED]
    )


def _describe_left_out(
    history: History, ranked: RankedList, as_of_us: int
) -> tuple[NotRankedOut, ...]:
    told = {advice.case_id for advice in ranked.advices}
    if len(told) == len(history):
        return ()
    open_now = set(open_cases(history, as_of_us).tolist())
    return tuple(
        NotRankedOut(case_id=str(name), why=_say_why(history, case, case in open_now, as_of_us))
        for case, name in enumerate(history.case_id)
        if str(name) not in told
    )


def _say_why(history: History, case: int, is_open: bool, as_of_us: int) -> str:
    if history.case_recorded_at[case] >= as_of_us:
        return "not recorded before as_of"
    return "outside the catalogue's cohort: open, and not scored" if is_open else "closed"
