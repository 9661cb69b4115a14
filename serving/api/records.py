"""``POST /v1/records``: records in, told row by row."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import APIRouter

from features.contract.rejects import Rejects
from features.intake.normalisation import Clock
from serving.access.roles import may_turn_cases, need_sender
from serving.api.schemas_records import RecordsIn, RecordsOut
from serving.errors import RequestProblem, ServiceError, invalid
from serving.intake.chunks import Chunk, take_at_once
from serving.intake.held_cases import make_quota
from serving.intake.mandates import Sender
from serving.intake.records import Appended
from serving.intake.row_lines import RawRow, make_raw_row, normalise_rows
from serving.intake.storage_room import check_amount, check_disk, read_sent
from serving.persons import Person, SignedIn
from serving.scoring.rescoring import score_stale
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.web.error_answers import describe_errors

router = APIRouter(prefix="/v1", tags=["records"])


@router.post("/records", responses=describe_errors(400, 401, 403, 413, 415, 422, 503))
def add_records(asked: RecordsIn, person: SignedIn, service: ServiceDep) -> RecordsOut:
    """Keep records, and score anew the cases that they change.

    A repeat is ignored and counted, a conflict told: what is stored stands. A row that cannot be
    used does not hold up the others; only where none can be read is the request refused. That a
    case was opened, closed, merged or handed on is taken from administrators alone, and that it was
    closed or merged not where a decision would need two people. New cases above the sender's daily
    number are taken as well, and held apart until a second person confirms them.
    """
    need_sender(person)
    store, unit = service.need_store(), service.need_unit()
    rows, places = _lay_out(asked)
    digest, size = _digest(rows)
    check_disk(store, service.settings.least_free_bytes)
    with store.reading() as connection:
        day = read_sent(connection, person.subject, store.clock())
    check_amount(day.add(len(rows), size), size, service.settings)
    if len(rows) > service.settings.max_request_records:
        raise ServiceError(
            "too_many_records",
            f"more than {service.settings.max_request_records:,} records",
            "send fewer at a time, or begin an import",
        )
    normal = normalise_rows(rows, Clock(unit.time_zone, store.clock()))
    if rows and not any(map(len, normal.tables.values())):
        raise invalid(_locate(normal.rejects, places))
    chunk = Chunk(1, len(rows), normal, position={"bytes": size})
    taken = take_at_once(
        store,
        find_sender(service, person),
        chunk,
        unit,
        make_rules(service.settings),
        digest,
        may_turn=may_turn_cases(person),
        quota=make_quota(person, service.settings),
    )
    return RecordsOut(
        import_key=taken.imported.import_key,
        added=taken.imported.added,
        repeats=taken.imported.repeats,
        conflicts=taken.imported.conflicts,
        rejects=taken.imported.rejects,
        not_taken=_locate(taken.rejects, places),
        warnings=dict(normal.warnings) | _count_corrections(taken.appended),
        scored=score_changed(service, taken.changed_keys),
    )


def find_sender(service: Service, person: Person) -> Sender:
    """Return who sends, with what the deployment and the catalogue in use say of it."""
    bundle = service.champion.find()
    kinds = {} if bundle is None else bundle.catalogue.kinds
    parents = {name: kind.parent for name, kind in kinds.items()}
    return Sender(person, service.settings.source_mandates, parents)


def _count_corrections(appended: Appended) -> dict[str, int]:
    """Return how many corrections have no effect yet, each by what that is called."""
    counts = {
        "correction_waits": appended.n_waiting,
        "corrects_no_own_record": appended.n_of_no_own,
    }
    return {name: count for name, count in counts.items() if count}


def score_changed(service: Service, case_keys: Collection[str]) -> int:
    """Score cases whose history changed, with the model in use; return how many were scored."""
    bundle = service.champion.find()
    if bundle is None or not case_keys:
        return 0
    return score_stale(
        service.need_store(),
        bundle,
        service.need_unit(),
        make_rules(service.settings),
        service.settings.acknowledge_minutes,
        case_keys=case_keys,
    )


def _lay_out(asked: RecordsIn) -> tuple[list[RawRow], list[str]]:
    """Return rows by table, numbered from 1, and the place of each in the request."""
    found: list[tuple[str, Mapping[str, Any], str]] = []
    for number, case in enumerate(asked.cases):
        content = case.model_dump(exclude_unset=True)
        records = {name: content.pop(name, []) for name in ("events", "facts")}
        found.append(("cases", content, f"cases[{number}]"))
        for name, some in records.items():
            found += (
                (name, {**row, "case_id": case.case_id}, f"cases[{number}].{name}[{place}]")
                for place, row in enumerate(some)
            )
    for name in ("events", "facts", "links"):
        found += (
            (name, row.model_dump(exclude_unset=True), f"{name}[{number}]")
            for number, row in enumerate(getattr(asked, name))
        )
    rows = [make_raw_row(number, name, row) for number, (name, row, _) in enumerate(found, 1)]
    return rows, [place for _, _, place in found]


def _locate(rejects: Rejects, places: Sequence[str]) -> tuple[RequestProblem, ...]:
    """Return where in the request each reject stands."""
    told = rejects.frame[["row", "column", "code", "remedy"]].sort_values(["row", "column"])
    return tuple(
        RequestProblem(
            where=f"{places[int(row) - 1]}.{column}".rstrip("."), code=str(code), remedy=str(remedy)
        )
        for row, column, code, remedy in told.itertuples(index=False)
    )


def _digest(rows: Sequence[RawRow]) -> tuple[str, int]:
    """Return what names some rows, and how many bytes they are."""
    told = json.dumps([(row.table, dict(row.cells)) for row in rows], sort_keys=True)
    content = told.encode()
    return hashlib.sha256(content).hexdigest(), len(content)
