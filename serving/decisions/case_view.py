"""One case as a person sees it, open or closed; what the model says is left out while it is blind.

What a case is said to be is read in one transaction, so that its parts belong together, and
``version`` and ``seen_seq`` say which state of the store that was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Row, select

from features.catalogue.declarations import DAY_US, Catalogue
from features.history.columns import History
from features.intake.contract_folder import ContractFolder
from models.bundle.folder import Bundle
from models.ranking.advice import Advice
from models.ranking.order import rank
from serving.access.case_sight import EVERYTHING, find_sight
from serving.decisions.agency_views import read_views
from serving.decisions.case_corrections import describe_sum, read_beside
from serving.decisions.case_records import RecordTeller
from serving.decisions.case_spans import find_spans
from serving.decisions.corrections import read_case_corrections
from serving.decisions.outputs import (
    CaseAdviceOut,
    CaseFlagOut,
    CaseOut,
    FirstReadOut,
    PlaceOut,
    SpanOut,
)
from serving.decisions.past_case import is_before, leave_later
from serving.decisions.past_decisions import read_decisions
from serving.explanations.case_folders import CaseFolders
from serving.explanations.files_then import read_file_then
from serving.explanations.stored_scores import StoredScore, find_score
from serving.flags.flags import StandingFlag, standing_flags
from serving.lists.blind_review import find_unsettled, wants_first_view
from serving.persons import Person
from serving.schemas import RecordOut
from serving.scoring.ask_first import ask_first
from serving.service import Service
from serving.standing.states import is_sealed_state, plain_state
from serving.store.case_keys import make_unknown
from serving.store.case_places import count_rows
from serving.store.database import Unit
from serving.store.lookups import is_among
from serving.store.row_text import Clockface
from serving.store.schema import (
    case_keys,
    first_reads,
    first_views,
    list_places,
    sittings,
    standings,
)
from serving.store.schema import unit as unit_table

MOST_DECISIONS: Final = 20
_MOST_PLACES: Final = 20
_WITHHELD: Final = "withheld until a first view of the case is on record"
_NO_SCORE: Final = "the case has no score yet"
_NO_MODEL: Final = "the model that gave the latest score is not at hand"


@dataclass(frozen=True)
class _Told:
    """What the latest score says, or why that is not told; and the history that it had read, where
    no record came since.
    """

    advice: Advice | None
    bundle: Bundle | None
    out: CaseAdviceOut | None
    why_not: str | None
    history: History | None = None


def describe_case(
    connection: Connection,
    service: Service,
    case_key: str,
    folders: CaseFolders | None = None,
    *,
    person: Person | None = None,
) -> CaseOut:
    """Return a case that the store holds.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    service
        The model in use, the unit and the clock.
    case_key
        The case's opaque key.
    folders
        Its records, where the caller reads them as well.
    person
        Who asks; without one nothing is told that an agency keeps to itself.

    Raises
    ------
    ServiceError
        If the store holds no such case (404).
    """
    unit, now_us = service.need_unit(), service.need_store().clock()
    folders = folders or CaseFolders(connection, case_key, unit)
    row = _need_standing(connection, case_key)
    withheld = bool(row.withheld)
    folder = folders.read(now_us, row.last_seq)
    beside = read_beside(connection, case_key, unit)
    # What is no longer for everybody makes no part of what is told to all; its agency as well reads
    # the one sentence that others read.
    closed = beside.find_closed(_read_marks(folder, case_key), None)
    told = _read_advice(folders, service, row, closed, withheld=withheld)
    in_use = service.champion.find()
    shown_by = told.bundle or in_use
    catalogue = None if shown_by is None else shown_by.catalogue
    teller = RecordTeller(catalogue, told.advice, Clockface(unit.time_zone), now_us)
    hidden = EVERYTHING.hidden if person is None else find_sight(connection, person).hidden
    agency = None if person is None else person.agency
    records, n_apart = teller.describe(folder, case_key, agency=agency, beside=beside)
    flags = standing_flags(connection, [case_key]).get(case_key, [])
    past = read_decisions(connection, case_key, unit, size=MOST_DECISIONS, withheld=withheld)
    case = CaseOut(
        **_describe_standing(row, unit, now_us),
        synthetic=unit.synthetic,
        first_read=_describe_first_read(row, unit),
        flags=tuple(_describe_flag(flag, catalogue, unit) for flag in flags),
        ask_first=_list_questions(told),
        bundle_id=None if in_use is None else in_use.id,
        withheld=withheld,
        advice=told.out,
        why_no_advice=told.why_not,
        records=records,
        n_records_kept_apart=n_apart,
        spans=_close_spans(
            _find_spans(folders, told.history, shown_by, now_us, row.last_seq), records
        ),
        places=_read_places(connection, case_key, unit, withheld=withheld, hidden=hidden),
        version=past.version,
        seen_seq=count_rows(connection, case_key),
        decisions=past.decisions,
        views=read_views(connection, case_key, unit, agency),
        corrections=read_case_corrections(connection, case_key, unit, now_us),
        pending_corrections=beside.describe_pending(),
        correction_sum=describe_sum(connection, case_key, now_us),
    )
    past_us = service.find_past()
    if past_us is None:
        return case
    if not is_before(case.arrived_at, past_us):
        raise make_unknown()  # it had not come by then
    return leave_later(case, past_us)


def _need_standing(connection: Connection, case_key: str) -> Row[Any]:
    """Return the case status and who read it first, with the state of the store that is."""
    query = (
        select(
            standings,
            case_keys.c.case_id,
            *(first_reads.c[name] for name in ("read_at_us", "person", "role", "agency", "note")),
            wants_first_view(case_key).label("withheld"),
            unit_table.c.last_seq,
        )
        .select_from(standings)
        .join(unit_table, unit_table.c.id == 1)
        .outerjoin(case_keys, case_keys.c.case_key == standings.c.case_key)
        .outerjoin(first_reads, first_reads.c.case_key == standings.c.case_key)
        .where(standings.c.case_key == case_key)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise make_unknown()
    return found


def _describe_standing(row: Row[Any], unit: Unit, now_us: int) -> dict[str, Any]:
    face = Clockface(unit.time_zone)
    since = row.waiting_since_us
    return {
        "key": row.case_key,
        "case_id": row.case_id,
        "area": row.area,
        "referral_source": row.referral_source,
        "state": plain_state(row.state),
        "sealed": is_sealed_state(row.state),
        "state_since": face.show(row.state_since_us),
        "arrived_at": face.show(row.arrived_at_us),
        "waiting_since": face.show_any(since),
        "waiting_days": None if since is None else max(now_us - since, 0) // DAY_US,
        "returned_for": row.returned_for,
        "owner": row.owner,
        "review_on": row.review_on,
    }


def _read_marks(folder: ContractFolder, case_key: str) -> pd.DataFrame:
    """Return by what it is decided who sees each event of a case."""
    events = folder.frame("events")
    return events[events["case_id"] == case_key]


def _read_advice(
    folders: CaseFolders,
    service: Service,
    row: Row[Any],
    closed: frozenset[str],
    *,
    withheld: bool,
) -> _Told:
    if withheld:
        return _Told(None, None, None, _WITHHELD)
    key = row.score_key
    score = None if key is None else find_score(folders.connection, row.case_key, key)
    if score is None:
        return _Told(None, None, None, _NO_SCORE)
    bundle = service.champion.recall(score.bundle_id)
    if bundle is None:
        return _Told(None, None, None, _NO_MODEL)
    then = read_file_then(folders, bundle, score)
    if not then.is_there:
        return _Told(None, bundle, None, _NO_MODEL)
    ranking = rank(bundle, then.moment.history, score.as_of_us, np.zeros(1, dtype=np.int64))
    (advice,) = replace(ranking, hidden=closed).advise([0])
    is_behind = row.record_seq > row.known_seq
    out = _describe_advice(advice, score, bundle, service.need_unit(), is_behind=is_behind)
    return _Told(advice, bundle, out, None, None if is_behind else then.moment.history)


def _describe_advice(
    advice: Advice, score: StoredScore, bundle: Bundle, unit: Unit, *, is_behind: bool
) -> CaseAdviceOut:
    frameworks = bundle.catalogue.frameworks
    return CaseAdviceOut(
        score_key=score.key,
        bundle_id=bundle.id,
        catalogue=bundle.catalogue.name,
        catalogue_digest=score.catalogue_digest,
        engine_version=score.engine_version,
        as_of=Clockface(unit.time_zone).show(score.as_of_us),
        is_behind=is_behind,
        advisory=bundle.catalogue.wording["advisory"],
        estimate_note=bundle.catalogue.wording["estimate"],
        priority=advice.priority,
        priority_as_recorded=advice.priority_as_recorded,
        estimates=advice.estimates,
        leading_outcome=advice.leading_outcome,
        reasons=advice.reasons,
        counter_reasons=advice.counter_reasons,
        marks=advice.marks,
        unknowns=advice.unknowns,
        themes=advice.themes,
        questions=advice.questions,
        without_estimate=advice.without_estimate,
        sourced_shares=advice.sourced_shares,
        frameworks=frameworks.statement if frameworks else None,
    )


def _find_spans(
    folders: CaseFolders,
    history: History | None,
    bundle: Bundle | None,
    now_us: int,
    head: int,
) -> tuple[SpanOut, ...]:
    if bundle is None:
        return ()
    if history is None:
        _, history = folders.assemble(now_us, head)
    return find_spans(history, bundle, now_us, Clockface(folders.unit.time_zone))


def _close_spans(spans: tuple[SpanOut, ...], records: tuple[RecordOut, ...]) -> tuple[SpanOut, ...]:
    """Return spans without what their records' agency keeps to itself as of now."""
    closed = {one.record_id for one in records if one.texts_withheld}
    return tuple(
        replace(one, detail=None) if closed.intersection(one.records) else one for one in spans
    )


def _list_questions(told: _Told) -> tuple[str, ...]:
    if told.advice is None:
        return ()
    found = ask_first([told.advice])
    return tuple(found.get(told.advice.case_id, ()))


def _describe_flag(flag: StandingFlag, catalogue: Catalogue | None, unit: Unit) -> CaseFlagOut:
    wording: Mapping[str, str] = (
        {one.name: one.wording for one in catalogue.flags} if catalogue else {}
    )
    seen_by = [record.acknowledged_by for record in flag.records if record.acknowledged_by]
    return CaseFlagOut(
        name=flag.flag,
        urgent=flag.urgent,
        wording=wording.get(flag.flag, flag.flag.replace("_", " ")),
        records=tuple(record.record_id for record in flag.records),
        raised_at=Clockface(unit.time_zone).show(flag.raised_at_us),
        record_corrected=flag.record_corrected,
        correction_pending=flag.correction_pending,
        acknowledged_by=seen_by[-1] if seen_by else None,
        is_unseen=flag.is_unseen,
    )


def _describe_first_read(row: Row[Any], unit: Unit) -> FirstReadOut:
    face = Clockface(unit.time_zone)
    return FirstReadOut(
        due=face.show(row.first_read_due_us),
        read_at=face.show_any(row.read_at_us),
        person=row.person,
        role=row.role,
        agency=row.agency,
        note=row.note,
    )


def _read_places(
    connection: Connection, case_key: str, unit: Unit, *, withheld: bool, hidden: frozenset[str]
) -> tuple[PlaceOut, ...]:
    """Return the latest places that the case had on lists, counted without hidden cases.

    A place that was blind and that nobody viewed says nothing, whatever the sitting; a viewed one
    says why the case was there once every blind row of its list was viewed.
    """
    query = (
        select(list_places, sittings.c.opened_at_us, first_views.c.view)
        .join(sittings, sittings.c.sitting_key == list_places.c.sitting_key)
        .outerjoin(
            first_views,
            (first_views.c.sitting_key == list_places.c.sitting_key)
            & (first_views.c.case_key == list_places.c.case_key),
        )
        .where(list_places.c.case_key == case_key)
        .order_by(list_places.c.stored_seq.desc())
        .limit(_MOST_PLACES)
    )
    face = Clockface(unit.time_zone)
    rows = connection.execute(query).all()
    unsettled = find_unsettled(connection, [row.sitting_key for row in rows if row.blind])
    unviewed = {row.sitting_key for row in rows if withheld or (row.blind and row.view is None)}
    drawn_in = {row.sitting_key for row in rows if row.blind and row.sitting_key in unsettled}
    before = _find_before(connection, [row.sitting_key for row in rows], hidden)
    return tuple(
        PlaceOut(
            sitting_key=row.sitting_key,
            opened_at=face.show(row.opened_at_us),
            position=None if row.sitting_key in unviewed else _number(row, before, "position"),
            first_view=row.view,
            **_describe_draw(row, before, withheld=row.sitting_key in unviewed | drawn_in),
        )
        for row in rows
    )


def _find_before(
    connection: Connection, sitting_keys: Sequence[str], hidden: frozenset[str]
) -> Sequence[Any]:
    """Return the places of hidden cases on some lists: whatever stood after them moves up."""
    if not hidden:
        return ()
    query = select(list_places.c.sitting_key, list_places.c.position, list_places.c.rank).where(
        is_among(connection, list_places.c.sitting_key, sitting_keys),
        is_among(connection, list_places.c.case_key, hidden),
    )
    return connection.execute(query).all()


def _number(row: Row[Any], before: Sequence[Any], name: str) -> int | None:
    """Return a place or a rank of a case as it is without the hidden cases of the same list."""
    own: int | None = getattr(row, name)
    if own is None:
        return None
    others = [getattr(one, name) for one in before if one.sitting_key == row.sitting_key]
    n_before = sum(1 for one in others if one is not None and one < own)
    return own - n_before


def _describe_draw(row: Row[Any], before: Sequence[Any], *, withheld: bool) -> dict[str, Any]:
    """Return why a case was on a list: only ranks of the first cases are kept, so they tell too."""
    told = {name: getattr(row, name) for name in ("rule", "by_lot", "probability")}
    told["rank"] = _number(row, before, "rank")
    return dict.fromkeys(told) if withheld else told
