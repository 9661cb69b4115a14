"""``GET /v1/cases/{key}``: one case, its advice, and its records in time order."""

from typing import Annotated, Any, Final

import pandas as pd
from fastapi import APIRouter, Path, Request

from features.catalogue import Catalogue, Measure
from features.contract import HEALTH_SOURCE, RESERVED_KINDS
from features.moments import format_moment
from models.advice import Advice
from serving.caseload import Caseload, Place
from serving.listing import need_caseload, standing_of
from serving.problems import ErrorResponse, ServiceError
from serving.schemas import CaseOut, RecordOut
from serving.scores import describe_advice

router = APIRouter(prefix="/v1", tags=["cases"])
_AGENCY_ONLY: Final = "agency_only"


@router.get(
    "/cases/{key}",
    responses={status: {"model": ErrorResponse} for status in (404, 422, 503)},
)
def read_case(request: Request, key: Annotated[str, Path(min_length=24, max_length=24)]) -> CaseOut:
    """Return one case by its opaque key."""
    return describe_case(need_caseload(request), key)


def describe_case(caseload: Caseload, key: str) -> CaseOut:
    """Return one case.

    Raises
    ------
    ServiceError
        If no open case has the key.
    """
    found = caseload.places.get(key)
    if found is None:
        raise ServiceError(404, "not_found", "no open case has this key", "start from /v1/list")
    advice = _advise(caseload, found)
    records, kept_apart = list_records(caseload, found, advice)
    return CaseOut(
        **standing_of(caseload).model_dump(),
        key=key,
        case_id=caseload.case_id(found.case),
        area=caseload.area(found.case),
        on_list=found.place is not None and found.place < caseload.capacity,
        advice=describe_advice(advice) if advice else None,
        records=records,
        n_records_kept_apart=kept_apart,
    )


def _advise(caseload: Caseload, found: Place) -> Advice | None:
    return None if found.place is None else caseload.ranking.advise([found.place])[0]


def list_records(
    caseload: Caseload, found: Place, advice: Advice | None
) -> tuple[list[RecordOut], int]:
    """Return the case's records as known at the list's moment, latest first, and how many are kept
    apart: health records and those for their agency alone are not shown before there is a
    sign-in.
    """
    as_of_us = caseload.ranking.as_of_us
    events = _known(caseload.folder.events, caseload.case_id(found.case), as_of_us)
    apart = (events["handling"] == _AGENCY_ONLY) | (events["source"] == HEALTH_SOURCE)
    facts = _known(caseload.folder.facts, caseload.case_id(found.case), as_of_us)
    behind = _records_behind(caseload.ranking.bundle.catalogue, advice)
    teller = _Teller(caseload, behind)
    told = [teller.tell_event(row) for row in events[~apart].to_dict("records")]
    told += [teller.tell_fact(row) for row in facts.to_dict("records")]
    told.sort(key=lambda pair: pair[0], reverse=True)
    return [record for _, record in told], int(apart.sum())


def _known(table: pd.DataFrame, case_id: str, as_of_us: int) -> pd.DataFrame:
    return table[(table["case_id"] == case_id) & (table["recorded_at"] < as_of_us)]


def _records_behind(
    catalogue: Catalogue, advice: Advice | None
) -> dict[tuple[str, str], list[str]]:
    """Return for each record, by table and key, the indicators of the reasons it is behind."""
    behind: dict[tuple[str, str], list[str]] = {}
    if advice is None:
        return behind
    of_facts = {
        entry.name
        for entry in catalogue.indicators
        if entry.expression.measure is Measure.LAST_FACT
    }
    for reason in (*advice.reasons, *advice.counter_reasons):
        table = "facts" if reason.indicator in of_facts else "events"
        for key in reason.records:
            behind.setdefault((table, key), []).append(reason.indicator)
    return behind


class _Teller:
    """Tells records as the API gives them, each with its place in time."""

    def __init__(self, caseload: Caseload, behind: dict[tuple[str, str], list[str]]) -> None:
        self.catalogue = caseload.ranking.bundle.catalogue
        self.time_zone = caseload.ranking.history.time_zone
        self.as_of_us = caseload.ranking.as_of_us
        self.behind = behind

    def tell_event(self, row: dict[Any, Any]) -> tuple[int, RecordOut]:
        kind = row["kind"]
        known = self.catalogue.kinds.get(kind)
        label = known.label if known else kind.replace("_", " ")
        if kind in RESERVED_KINDS:
            label = f"case {kind}" if kind != "retracted" else "record withdrawn"
        texts = (
            "view",
            "source",
            "channel",
            "actor",
            "target",
            "assurance",
            "handling",
            "narrative",
        )
        return int(row["occurred_at"]), RecordOut(
            table="events",
            record_id=row["event_id"],
            kind=kind,
            label=label,
            occurred_at=self._show(row["occurred_at"]),
            occurred_until=None
            if pd.isna(row["occurred_until"])
            else self._show(row["occurred_until"]),
            recorded_at=str(self._show(row["recorded_at"])),
            value=None if pd.isna(row["value"]) else float(row["value"]),
            in_force=row["superseded_at"] >= self.as_of_us,
            behind=self.behind.get(("events", row["event_id"]), []),
            **{name: None if pd.isna(row[name]) else row[name] for name in texts},
        )

    def tell_fact(self, row: dict[Any, Any]) -> tuple[int, RecordOut]:
        known = self.catalogue.facts.get(row["name"])
        answer = None if pd.isna(row["value"]) else row["value"]
        return int(row["recorded_at"]), RecordOut(
            table="facts",
            record_id=row["fact_id"],
            kind=row["name"],
            label=known.question if known else row["name"].replace("_", " "),
            occurred_at=None,
            occurred_until=None,
            recorded_at=str(self._show(row["recorded_at"])),
            view=None,
            source=None,
            channel=None,
            actor=None,
            target=None,
            value=answer if row["asked"] == "yes" else "not asked",
            assurance=None,
            handling=None,
            narrative=None,
            in_force=row["superseded_at"] >= self.as_of_us,
            behind=self.behind.get(("facts", row["fact_id"]), []),
        )

    def _show(self, us: int) -> str:
        return format_moment(int(us), self.time_zone)
