"""From sound tables to a :class:`~features.history.columns.History`: sorted, coded, numbered."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.contract.arrays import MISSING, Int32, Int64
from features.contract.tables import RETRACTED
from features.contract.visibility import may_be_measured
from features.history.columns import CODED_COLUMNS, Coded, Events, Facts, History
from features.intake.contract_folder import ContractFolder
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY

_OWN: Final = -1
"""In place of a link's number for the case's own events."""


def assemble_history(folder: ContractFolder) -> History:
    """Assemble a folder's cases, events and facts.

    Events of linked cases stand among a case's own, marked with the kind of link, so that cases
    stay independent of each other from here on. Both cases of a link see each other, from the
    moment that event and link were both recorded, and what occurred before the link ended.

    The result depends on the records alone, not on the order of rows, files or partitions.
    """
    cases = folder.cases.sort_values("case_id", ignore_index=True)
    case_id = cases["case_id"].to_numpy(dtype=object)
    return History(
        case_id=case_id,
        case_recorded_at=cases["recorded_at"].to_numpy(dtype=np.int64),
        area=_code(cases["area"]),
        referral_source=_code(cases["referral_source"]),
        events=_assemble_events(_borrow_events(folder), pd.Index(case_id)),
        facts=_assemble_facts(folder.facts, pd.Index(case_id)),
        time_zone=folder.manifest.time_zone,
        extract_at=folder.manifest.extract_at_us,
    )


def _borrow_events(folder: ContractFolder) -> pd.DataFrame:
    """Return the events with a column ``via``, and those of linked cases under each case.

    ``link`` numbers the link through which an event is seen, so that its next version is looked for
    where it is seen itself.
    """
    nothing = pd.Series([None] * len(folder.events), dtype="str")
    own = folder.events.assign(via=nothing, link=_OWN)
    links = folder.links[folder.links["kind"] != RETRACTED]
    if links.empty:
        return own
    there = links.rename(columns={"linked_case_id": "other"})
    back = links.rename(columns={"case_id": "other", "linked_case_id": "case_id"})
    columns = ["link_id", "case_id", "other", "kind", "recorded_at", "ended_at", SUPERSEDED_AT]
    pairs = pd.concat([there[columns], back[columns]], ignore_index=True)
    pairs = pairs[
        pairs["case_id"].isin(folder.cases["case_id"]) & (pairs["case_id"] != pairs["other"])
    ]
    pairs = pairs.rename(columns={"case_id": "seen_by", "kind": "via"})
    # The numbers settle ties below, so that they must not depend on the order of rows.
    pairs = pairs.sort_values(["seen_by", "other", "link_id"], kind="stable")
    pairs = pairs.assign(link=np.arange(len(pairs))).drop(columns="link_id")
    met = pairs.merge(folder.events, left_on="other", right_on="case_id", suffixes=("_of_link", ""))
    met = met[met["ended_at"].isna() | (met["occurred_at"] < met["ended_at"])]
    incident = met["incident_id"].where(met["incident_id"].notna(), met["event_id"])
    # Where the link was corrected first, no event took this one's place.
    by_event = met[SUPERSEDED_AT] <= met[f"{SUPERSEDED_AT}_of_link"]
    borrowed = met.assign(
        case_id=met["seen_by"],
        event_id=met["other"] + "/" + met["event_id"],
        incident_id=met["other"] + "/" + incident,
        recorded_at=np.maximum(met["recorded_at"], met["recorded_at_of_link"]),
        **{
            SUPERSEDED_AT: np.minimum(met[SUPERSEDED_AT], met[f"{SUPERSEDED_AT}_of_link"]),
            SUPERSEDED_BY: (met["other"] + "/" + met[SUPERSEDED_BY]).where(by_event),
        },
    )
    return pd.concat([own, borrowed[own.columns]], ignore_index=True)


def _assemble_events(frame: pd.DataFrame, cases: "pd.Index[Any]") -> Events:
    case = cases.get_indexer(pd.Index(frame["case_id"]))
    occurred_at = frame["occurred_at"].to_numpy(dtype=np.int64)
    recorded_at = frame["recorded_at"].to_numpy(dtype=np.int64)
    event_id = frame["event_id"].to_numpy(dtype=object)
    superseded_at = frame[SUPERSEDED_AT].to_numpy(dtype=np.int64)
    link = frame["link"].to_numpy(dtype=np.int64)
    # Through two versions of a link one event is seen twice, under one identifier.
    order = _sort((case, occurred_at, recorded_at), event_id, then=(superseded_at, link))
    case = case[order]
    coded = {name: _take(_code(frame[name]), order) for name in CODED_COLUMNS}
    pointer = _point(case, len(cases))
    named = frame[SUPERSEDED_BY].to_numpy(dtype=object)[order]
    return Events(
        pointer=pointer,
        occurred_at=occurred_at[order],
        recorded_at=recorded_at[order],
        superseded_at=superseded_at[order],
        superseded_by=_place_next(pointer, (case, link[order]), event_id[order], named),
        value=frame["value"].to_numpy(dtype=np.float64)[order],
        incident=_number_incidents(frame, order, case),
        measured=may_be_measured(frame).to_numpy(dtype=np.bool_)[order],
        event_id=event_id[order],
        via=_take(_code(frame["via"]), order),
        **coded,
    )


def _assemble_facts(frame: pd.DataFrame, cases: "pd.Index[Any]") -> Facts:
    case = cases.get_indexer(pd.Index(frame["case_id"]))
    recorded_at = frame["recorded_at"].to_numpy(dtype=np.int64)
    fact_id = frame["fact_id"].to_numpy(dtype=object)
    order = _sort((case, recorded_at), fact_id)
    pointer = _point(case[order], len(cases))
    named = frame[SUPERSEDED_BY].to_numpy(dtype=object)[order]
    return Facts(
        pointer=pointer,
        recorded_at=recorded_at[order],
        superseded_at=frame[SUPERSEDED_AT].to_numpy(dtype=np.int64)[order],
        superseded_by=_place_next(pointer, (case[order],), fact_id[order], named),
        name=_take(_code(frame["name"]), order),
        asked=(frame["asked"] == "yes").to_numpy(dtype=np.bool_)[order],
        value=_take(_code(frame["value"]), order),
        fact_id=fact_id[order],
    )


def _sort(
    keys: tuple[npt.NDArray[np.integer[Any]], ...],
    ids: npt.NDArray[np.object_],
    then: tuple[Int64, ...] = (),
) -> Int64:
    """Return the order by ``keys``, first one first, then by identifier, then by ``then``.

    Identifiers are compared only where all keys are equal: comparing text is slow and ties are few.
    """
    order = np.lexsort((*then[::-1], *keys[::-1]))
    tied = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for key in keys:
        placed = key[order]
        tied &= placed[1:] == placed[:-1]
    return settle_ties(order, tied, ids)


def settle_ties(order: Int64, tied: npt.NDArray[np.bool_], ids: npt.NDArray[Any]) -> Int64:
    """Return an order in which rows that are equal otherwise stand by identifier.

    ``tied[i]`` says whether places ``i`` and ``i + 1`` are equal otherwise, shape ``(n - 1,)``.

    Parameters
    ----------
    order
        Rows by place, shape ``(n,)``; changed where it stands.
    tied
        Whether places ``i`` and ``i + 1`` are equal otherwise, shape ``(n - 1,)``.
    ids
        Identifier of each row, shape ``(n,)``.

    Returns
    -------
    Int64
        ``order``, with the rows of each tie sorted by identifier.
    """
    if not tied.any():
        return order
    group = np.concatenate(([0], np.cumsum(~tied)))
    inside = np.concatenate((tied, [False])) | np.concatenate(([False], tied))
    places = np.flatnonzero(inside)
    by_id = sorted(places.tolist(), key=lambda place: (group[place], ids[order[place]]))
    order[places] = order[by_id]
    return order


def _point(case: Int64, n_cases: int) -> Int64:
    return np.searchsorted(case, np.arange(n_cases + 1), side="left").astype(np.int64)


def _place_next(
    pointer: Int64, inside: tuple[Int64, ...], ids: npt.NDArray[Any], named: npt.NDArray[Any]
) -> Int32:
    """Return the place within its case of the record that each row names, ``MISSING`` for none.

    All rows are sorted. Identifiers are unique among rows that are alike in ``inside``, of which
    the first is the case; one that is not there, as an event that a link no longer shows, is none.
    """
    found = np.full(len(ids), MISSING, dtype=np.int32)
    naming = np.flatnonzero(pd.notna(named))
    if not len(naming):
        return found
    # Corrections are rare: what nobody names is not looked up.
    candidates = np.flatnonzero(pd.Index(ids).isin(named[naming]))
    keys = pd.MultiIndex.from_arrays([*(part[candidates] for part in inside), ids[candidates]])
    wanted = pd.MultiIndex.from_arrays([*(part[naming] for part in inside), named[naming]])
    at = keys.get_indexer(wanted)
    naming, at = naming[at >= 0], at[at >= 0]
    found[naming] = candidates[at] - pointer[inside[0][naming]]
    return found


def _code(column: "pd.Series[Any]") -> Coded:
    """Code a text column by its sorted distinct values."""
    codes, distinct = pd.factorize(column.to_numpy(dtype=object), use_na_sentinel=True)
    values = np.array([str(value) for value in distinct], dtype=object)
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    rank[-1] = MISSING
    return Coded(rank[codes], tuple(values[order]))


def _take(column: Coded, order: Int64) -> Coded:
    return Coded(column.codes[order], column.values)


def _number_incidents(frame: pd.DataFrame, order: Int64, case: Int64) -> Int32:
    """Number the incidents of two or more events within each case, in order of first event.

    An event without an incident is one by itself, under its own identifier, so that an event which
    names another event as its incident joins it.
    """
    numbers = np.full(len(frame), MISSING, dtype=np.int32)
    stated = frame["incident_id"]
    if stated.isna().all():
        return numbers
    name = stated.where(stated.notna(), frame["event_id"]).to_numpy(dtype=object)[order]
    code = pd.factorize(name)[0].astype(np.int64)
    key = case.astype(np.int64) * (int(code.max(initial=0)) + 1) + code
    group, distinct = pd.factorize(key)
    shared = np.bincount(group, minlength=len(distinct)) > 1
    first = np.full(len(distinct), -1, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    wanted = np.flatnonzero(shared)
    case_of = case[first[wanted]]
    # Groups are in order of first event, so within a case they count up from the case's first.
    starts = np.searchsorted(case_of, case_of, side="left")
    number_of = np.full(len(distinct), MISSING, dtype=np.int32)
    number_of[wanted] = np.arange(len(wanted)) - starts
    return np.asarray(number_of[group], dtype=np.int32)
