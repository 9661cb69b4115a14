"""The records: what came in and what could not be used, how late it comes, what is never asked."""

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from features.contract.moments import format_moment
from models.charts.marks import Figures, Row, RowChart, draw_rows
from serving.access.route_rules import RULES
from serving.api.duty import FlagsOut, read_flags
from serving.api.imports import read_all
from serving.api.parameters import KeyCursor
from serving.api.schemas_records import ImportsOut
from serving.oversight.delays import LEAST_RECORDS, Delays, read_delays
from serving.oversight.reject_reasons import RejectReason, read_reasons
from serving.oversight.run_words import NOTHING
from serving.oversight.unasked import Missing, read_unasked
from serving.pages.rendering import describe_moment, render
from serving.persons import SignedIn
from serving.service import ServiceDep
from serving.web.gate import sight_of

router = APIRouter(include_in_schema=False)
IMPORTS_PER_PAGE: Final = 20
_MOST_REASONS: Final = 10
"""Reasons of one import that are told; the rest are in its download."""
REJECT_READERS: Final = RULES["GET", "/v1/imports/{import_key}/rejects.csv"].roles
"""Roles that may read what a rejected row held."""


@router.get("/data", response_class=HTMLResponse)
def show_data(
    request: Request,
    service: ServiceDep,
    person: SignedIn,
    cursor: KeyCursor = None,
) -> HTMLResponse:
    """Show imports, flags, recording delay and what is missing most, of the whole unit."""
    store, unit, bundle = service.need_store(), service.need_unit(), service.champion.find()
    now_us = store.clock()
    told = read_all(person, service, cursor=cursor, limit=IMPORTS_PER_PAGE)
    with store.reading() as connection:
        sight = sight_of(request, connection)
        reasons = read_reasons(connection, [one.import_key for one in told.imports], sight)
        delays = read_delays(connection, now_us, sight=sight)
        missing = (
            None
            if bundle is None
            else read_unasked(connection, bundle.catalogue, now_us, sight=sight)
        )
    flags = read_flags(service, person)
    return render(
        request,
        "data.html",
        told=told,
        reasons_table=_tabulate_reasons(told, reasons),
        is_first=cursor is None,
        may_read_rejects=person.role in REJECT_READERS,
        flags=flags,
        flags_chart=_draw_flags(flags),
        flags_table=_tabulate_flags(flags),
        delays=delays,
        delays_since=format_moment(delays.since_us, unit.time_zone)[:10],
        delays_chart=_draw_delays(delays),
        delays_table=_tabulate_delays(delays),
        missing=missing,
        missing_chart=None if missing is None else _draw_missing(missing),
        missing_table=None if missing is None else _tabulate_missing(missing),
    )


def describe_days(days: int | None) -> str:
    """Return a delay in words: the same day, 1 day, 12 days."""
    if days is None:
        return NOTHING
    return "the same day" if days == 0 else f"{days:,} day{'' if days == 1 else 's'}"


def describe_share(share: float) -> str:
    """Return a share as a count out of a hundred; what is there is never told as none."""
    return "fewer than 1" if 0 < share < 0.01 else f"{100 * share:.0f}"  # noqa: PLR2004


def _tabulate_reasons(
    told: ImportsOut, reasons: Mapping[str, Sequence[RejectReason]]
) -> Figures | None:
    """Return why rows could not be used, import by import; nothing where all could be."""
    lines = [
        (
            f"{describe_moment(one.begun_at)}: {_name_place(reason)}",
            reason.remedy[:1].upper() + reason.remedy[1:],
            f"{reason.n:,}",
        )
        for one in told.imports
        for reason in reasons.get(one.import_key, ())[:_MOST_REASONS]
    ]
    if not lines:
        return None
    columns = ("Import begun, and where", "What to do", "Rows")
    note = f"At most {_MOST_REASONS} reasons an import; a row can have several."
    return Figures("Why rows could not be used", columns, tuple(lines), (note,))


def _name_place(reason: RejectReason) -> str:
    if not reason.table:
        return "a line that is no row"
    return f"{reason.table}, {reason.column}" if reason.column else reason.table


def _say(rows: list[Row]) -> str:
    return "; ".join(f"{one.label}: {one.shown}" for one in rows) + "."


def _draw_flags(found: FlagsOut) -> RowChart | None:
    rows = [
        Row(one.wording, 100 * one.share, f"{describe_share(one.share)} in 100")
        for one in found.flags
        if one.cases
    ]
    if not rows:
        return None
    limit = 100 * found.most_share
    title = "Of 100 open cases, how many carry each flag"
    return draw_rows("flags", title, _say(rows), rows, limit=(limit, f"{limit:.0f} in 100"))


def _tabulate_flags(found: FlagsOut) -> Figures:
    lines = tuple(
        (
            one.wording,
            "urgent" if one.urgent else "review",
            f"{one.cases:,}",
            describe_share(one.share) if found.n_open else "no open case",
            "yes: it tells few cases apart" if one.asks_review else "no",
        )
        for one in found.flags
    )
    columns = ("Flag", "Kind", "Open cases", "Of 100 open cases", "Asks for its own review")
    return Figures("Each flag's share of open cases", columns, lines)


def _draw_delays(found: Delays) -> RowChart | None:
    rows = [
        Row(
            (one.source or "not recorded").replace("_", " "),
            one.median_days,
            _describe_span(one.median_days, one.ninth_decile_days),
            one.median_days,
            one.ninth_decile_days,
        )
        for one in found.sources
        if one.median_days is not None and one.ninth_decile_days is not None
    ]
    if not rows:
        return None
    title = "Days until half of the records, and nine in ten, were recorded"
    return draw_rows("delays", title, _say(rows), rows, unit="days", is_dot=True)


def _describe_span(median_days: int, ninth_decile_days: int) -> str:
    if ninth_decile_days == 0:
        return describe_days(0)
    return f"{median_days:,} to {describe_days(ninth_decile_days)}"


def _tabulate_delays(found: Delays) -> Figures:
    lines = tuple(
        (
            (one.source or "not recorded").replace("_", " "),
            f"{one.n:,}",
            describe_days(one.median_days),
            describe_days(one.ninth_decile_days),
            f"{one.n_early:,}",
        )
        for one in found.sources
    )
    columns = ("Source", "Records", "Half of them within", "Nine in ten within")
    note = f"A source with fewer than {LEAST_RECORDS} records is too small to tell."
    return Figures(
        "Recording delay by source",
        (*columns, "Dated before they happened"),
        lines,
        (note,) if any(one.median_days is None for one in found.sources) else (),
    )


def _draw_missing(found: Missing) -> RowChart | None:
    rows = [
        Row(one.question, 100 * one.share, f"{describe_share(one.share)} in 100")
        for one in found.questions
    ]
    if not rows:
        return None
    title = "Of 100 open cases, on how many nobody asked"
    return draw_rows("missing", title, _say(rows), rows, most=100.0)


def _tabulate_missing(found: Missing) -> Figures:
    lines = tuple(
        (one.question, f"{one.n_cases:,}", describe_share(one.share)) for one in found.questions
    )
    columns = ("Question", "Open cases on which nobody asked", "Of 100")
    return Figures("Key questions never asked", columns, lines)
