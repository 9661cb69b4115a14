"""``/v1/imports``: many rows in a stream that shows how far it is and resumes after a break."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from features.contract.kept_apart import is_kept_apart, names_kept_apart
from features.contract.moments import format_moment
from features.intake.normalisation import Clock
from serving.access.case_sight import Sight, find_sight
from serving.access.roles import may_turn_cases, need_sender
from serving.api.parameters import MOST_ITEMS, Key, KeyCursor, LongLimit, RejectCursor
from serving.api.records import find_sender, score_changed
from serving.api.schemas_records import ImportIn, ImportOut, ImportsOut, RejectOut, RejectsOut
from serving.errors import ServiceError
from serving.intake.chunks import BYTES_PER_CHUNK, ROWS_PER_CHUNK, Chunk, take_chunk
from serving.intake.correction_confirmation import end_import
from serving.intake.held_cases import make_quota
from serving.intake.import_sight import read_import, read_imports
from serving.intake.progress import (
    Imported,
    begin_import,
    check_importer,
    check_rows,
    check_whole,
    list_rejects,
    need_import,
)
from serving.intake.row_lines import LineSplitter, RowLine, normalise_rows, read_line
from serving.intake.storage_room import Amount, check_amount, check_disk, read_sent
from serving.lists.csv_export import disarm
from serving.persons import Person, SignedIn
from serving.service import Service, ServiceDep
from serving.standing.standings import make_rules
from serving.store.database import Store, Unit
from serving.store.paging import cut_page
from serving.web.error_answers import describe_errors, note_away

router = APIRouter(prefix="/v1/imports", tags=["imports"])
_PEOPLE: Final = "people"
"""The table of protected characteristics, which are for the audit alone."""
_STREAMS: Final = ("application/x-ndjson", "application/jsonl", "application/octet-stream")
_MOST_SCORED: Final = 2_000
"""Changed cases that are scored before the answer; of more the worker takes care at once."""
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": 'One row a line: {"table": "events", "row": {"event_id": "SYN-E1", ...}}; '
        "cases before their records.",
        "content": {_STREAMS[0]: {"schema": {"type": "string"}}},
    }
}


@router.post("", responses=describe_errors(400, 401, 403, 413, 415, 422, 503))
def begin(asked: ImportIn, person: SignedIn, service: ServiceDep) -> ImportOut:
    """Begin an import, or find the one of the same source that you began and that has not ended."""
    need_sender(person)
    imported = begin_import(
        service.need_store(),
        person,
        source_digest=asked.source_digest,
        rows_total=asked.rows_total,
    )
    return _describe(imported, service.need_unit())


@router.get("", responses=describe_errors(400, 401, 404, 422, 503))
def read_all(
    person: SignedIn,
    service: ServiceDep,
    cursor: KeyCursor = None,
    limit: LongLimit = 100,
) -> ImportsOut:
    """List imports, the latest first."""
    unit = service.need_unit()
    with service.need_store().reading() as connection:
        sight = find_sight(connection, person)
        found = read_imports(connection, sight, after=cursor, limit=limit + 1)
    page = cut_page(found, limit, lambda one: one.import_key)
    return ImportsOut(
        imports=tuple(_describe(one, unit) for one in page.items),
        next_cursor=page.next_cursor,
    )


@router.get("/{import_key}", responses=describe_errors(400, 401, 404, 422, 503))
def read_one(import_key: Key, person: SignedIn, service: ServiceDep) -> ImportOut:
    """Tell how far an import is."""
    with service.need_store().reading() as connection:
        imported = read_import(connection, import_key, find_sight(connection, person))
        return _describe(imported, service.need_unit())


@router.put(
    "/{import_key}/rows",
    responses=describe_errors(400, 401, 403, 404, 409, 413, 415, 422, 503),
    openapi_extra=_BODY,
)
async def add_rows(
    import_key: Key,
    person: SignedIn,
    request: Request,
    service: ServiceDep,
    start: Annotated[int, Query(alias="from", ge=0, le=10**12)] = 0,
    last: bool = False,
) -> ImportOut:
    """Take rows as they stream in, some thousands a transaction.

    ``from`` is how many rows of the import come before these; rows that were taken before are
    passed over. ``last`` ends the import after these; one that said how many rows it has ends by
    itself, and not before. After a break ask how far it is and send the rest. Who began an import
    goes on with it, or an administrator.
    """
    need_sender(person)
    _check_kind(request)
    taker = _Taker(service, import_key, start, person)
    await to_thread.run_sync(taker.check)
    splitter = LineSplitter()
    try:
        async for some in request.stream():
            for line in splitter.feed(some):
                if taker.add(line):
                    await to_thread.run_sync(taker.take)
        for line in splitter.end():
            taker.add(line)
        return await to_thread.run_sync(taker.finish, last)
    except ClientDisconnect:
        # What was committed stays; the rest comes with the next request.
        return await to_thread.run_sync(taker.describe)
    except SQLAlchemyError as error:
        raise taker.say_kept(note_away(error)) from None


@router.get("/{import_key}/rejects", responses=describe_errors(400, 401, 404, 422, 503))
def read_rejects(
    import_key: Key,
    person: SignedIn,
    service: ServiceDep,
    cursor: RejectCursor = 0,
    limit: LongLimit = 100,
) -> RejectsOut:
    """List an import's rejects and what each row held, but for what is kept apart."""
    store = service.need_store()
    with store.reading() as connection:
        sight = find_sight(connection, person)
        reader = _find_reader(read_import(connection, import_key, sight), person, sight)
        found = list_rejects(connection, import_key, after=cursor, limit=limit + 1, tied=sight.tied)
    page = cut_page(found, limit, lambda row: int(row.number))
    return RejectsOut(
        rejects=tuple(_describe_reject(row, reader) for row in page.items),
        next_cursor=page.next_cursor,
    )


@router.get(
    "/{import_key}/rejects.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}, **describe_errors(400, 401, 404, 422, 503)},
)
def write_rejects(import_key: Key, person: SignedIn, service: ServiceDep) -> StreamingResponse:
    """Give an import's rejects as CSV that no spreadsheet program runs anything of."""
    store = service.need_store()
    with store.reading() as connection:
        read_import(connection, import_key, find_sight(connection, person))
    return StreamingResponse(
        _write(store, import_key, person),
        media_type="text/csv",
        headers={"content-disposition": 'attachment; filename="rejects.csv"'},
    )


class _Taker:
    """Gathers the lines of one request into chunks and stores them."""

    def __init__(self, service: Service, import_key: str, start: int, person: Person) -> None:
        self._service, self._key, self._person = service, import_key, person
        self._store, self._unit = service.need_store(), service.need_unit()
        self._done = start
        self._lines: list[RowLine] = []
        self._size = self._bytes = self._taken_before = 0
        self._day = Amount()
        self._changed: set[str] = set()

    def check(self) -> None:
        """Refuse rows of no import or another's, or that leave a gap, before any is read."""
        with self._store.reading() as connection:
            imported = need_import(connection, self._key)
            subject = imported.person.subject
            self._day = read_sent(connection, subject, self._store.clock())
        self._bytes, self._taken_before = imported.n_bytes, imported.rows_done
        check_importer(imported, self._person)
        check_rows(imported, self._done + 1)

    def add(self, line: RowLine) -> bool:
        """Take a line and say whether a chunk is full."""
        self._lines.append(line)
        self._size += len(line.content)
        return len(self._lines) >= ROWS_PER_CHUNK or self._size >= BYTES_PER_CHUNK

    def take(self) -> None:
        """Store the lines gathered so far, in one transaction; refuse them where there is no room.

        What was stored before stays, and the refusal says how much that is.
        """
        if self._done + len(self._lines) > self._taken_before:
            self._need_room()
        rows = [read_line(number, line) for number, line in enumerate(self._lines, self._done + 1)]
        clock = Clock(self._unit.time_zone, self._store.clock())
        normal = normalise_rows(rows, clock)
        position = {"bytes": self._bytes}
        chunk = Chunk(self._done + 1, self._done + len(rows), normal, position=position)
        taken = take_chunk(
            self._store,
            self._key,
            chunk,
            self._unit,
            make_rules(self._service.settings),
            may_turn=may_turn_cases(self._person),
            sender=find_sender(self._service, self._person),
            quota=make_quota(self._person, self._service.settings),
        )
        self._done = chunk.last
        self._lines, self._size = [], 0
        if len(self._changed) <= _MOST_SCORED:
            self._changed |= taken.changed_keys

    def _need_room(self) -> None:
        self._day = self._day.add(len(self._lines), self._size)
        self._bytes += self._size
        try:
            check_disk(self._store, self._service.settings.least_free_bytes)
            check_amount(self._day, self._bytes, self._service.settings)
        except ServiceError as error:
            raise self.say_kept(error) from None

    def say_kept(self, error: ServiceError) -> ServiceError:
        """Return an error that says how many rows were kept before it."""
        told = error.body
        return ServiceError(
            error.code,
            f"{told.message}; the first {self._done:,} rows of the import are kept",
            f"{told.remedy}; ask how far the import is, and send the rows after that",
        )

    def describe(self) -> ImportOut:
        """Tell how far the import is."""
        with self._store.reading() as connection:
            return _describe(need_import(connection, self._key), self._unit)

    def finish(self, last: bool) -> ImportOut:
        """Store what is left, end the import where all of it is there, and score what changed."""
        if self._lines:
            self.take()
        with self._store.reading() as connection:
            imported = need_import(connection, self._key)
        if len(self._changed) <= _MOST_SCORED:
            score_changed(self._service, self._changed)
        is_whole = imported.rows_total is not None and imported.rows_done >= imported.rows_total
        if last:
            check_whole(imported)
        if last or is_whole:
            imported = end_import(self._store, self._key)
        return _describe(imported, self._unit)


def _check_kind(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in _STREAMS or "content-encoding" in request.headers:
        raise ServiceError(
            "not_ndjson",
            "the body is not declared as plain lines of JSON",
            f"send content-type: {_STREAMS[0]}, not compressed",
        )


def _describe(imported: Imported, unit: Unit) -> ImportOut:
    ended = imported.ended_at_us
    return ImportOut(
        import_key=imported.import_key,
        state="open" if ended is None else "ended",
        begun_at=format_moment(imported.begun_at_us, unit.time_zone),
        ended_at=None if ended is None else format_moment(ended, unit.time_zone),
        person=imported.person.name,
        rows_total=imported.rows_total,
        rows_done=imported.rows_done,
        added=imported.added,
        repeats=imported.repeats,
        conflicts=imported.conflicts,
        rejects=imported.rejects,
    )


def _write(store: Store, import_key: str, person: Person) -> Iterator[str]:
    """Yield the rejects as CSV, some at a time, each read by itself."""
    columns = [one.name for one in fields(RejectOut)]
    after = 0
    yield _to_csv([columns])
    while True:
        with store.reading() as connection:
            sight = find_sight(connection, person)
            found = list_rejects(
                connection, import_key, after=after, limit=MOST_ITEMS, tied=sight.tied
            )
            reader = _find_reader(need_import(connection, import_key), person, sight)
        if not found:
            return
        after = found[-1].number
        told = [_describe_reject(row, reader) for row in found]
        yield _to_csv([[_to_cell(getattr(one, name)) for name in columns] for one in told])


@dataclass(frozen=True)
class _Reader:
    """Who reads an import's rejects: whether they began it, and the cases hidden from them."""

    is_importer: bool
    hidden: frozenset[str]

    def may_read(self, row: Row[Any]) -> bool:
        """Return whether they may read what a row held, as far as the case that it named goes.

        Of another's import a row that names no case in sight is read by nobody, be the case sealed
        or not there at all, since the one must not be told from the other.
        """
        return self.is_importer or (row.code != "unknown_case" and row.case_key not in self.hidden)


def _find_reader(imported: Imported, person: Person, sight: Sight) -> _Reader:
    return _Reader(imported.person == person, sight.hidden)


def _describe_reject(row: Row[Any], reader: _Reader) -> RejectOut:
    """Return a reject, without what it held where that is kept apart.

    That is of health, of one agency alone, of a protected characteristic, or of a case that the
    reader does not see.
    """
    withheld = row.table == _PEOPLE or _is_kept_apart(row.source) or not reader.may_read(row)
    told = {**row._mapping, "source": None if withheld else row.source, "source_withheld": withheld}
    return RejectOut(**{one.name: told[one.name] for one in fields(RejectOut)})


def _is_kept_apart(source: Any) -> bool:
    if not isinstance(source, dict):
        return True
    cells = {name: str(cell).strip().lower() for name, cell in source.items()}
    return is_kept_apart(cells.get("source"), cells.get("handling")) or names_kept_apart(
        cells.get("(line)", "")
    )


def _to_cell(cell: Any) -> str:
    return disarm(json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict) else cell)


def _to_csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()
