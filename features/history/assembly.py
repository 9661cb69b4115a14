"""From sound tables to a :class:`~features.history.columns.History`: sorted, coded, numbered."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.compiled.cache import kernels
from features.compiled.parts import hash_column, in_parts
from features.compiled.texts import fill_numbers, freeze, point_texts
from features.contract.arrays import MISSING, NEVER, Bools, Int32, Int64, Text
from features.contract.kept_apart import is_kept_apart
from features.contract.tables import RETRACTED
from features.history.columns import (
    CODED_COLUMNS,
    TOLD_COLUMNS,
    Coded,
    Events,
    Facts,
    History,
    Identifiers,
)
from features.history.linked_events import LINK, OWN, VIA, borrow_events
from features.intake.contract_folder import ContractFolder
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY, join_words
from features.intake.reading import TEXT, WORDS

_MANY_ROWS: Final = 50_000
"""Starting threads takes longer than reading the columns of fewer."""


def assemble_history(folder: ContractFolder) -> History:
    """Assemble a folder's cases, events and facts.

    Events of linked cases stand among a case's own, marked with the kind of link, so that cases
    stay independent of each other from here on. Both cases of a link see each other, from the
    moment that event and link were both recorded, and what occurred before the link ended.

    The result depends on the records alone, not on the order of rows, files or partitions.
    """
    cases = folder.cases
    names = _join(cases.column("case_id").cast(TEXT))
    order = pc.sort_indices(names).to_numpy().astype(np.int64)
    case_id = names.take(pa.array(order))
    return History(
        case_id=_to_objects(case_id),
        case_recorded_at=cases.column("recorded_at").to_numpy()[order],
        area=_code(cases.column("area"), order),
        referral_source=_code(cases.column("referral_source"), order),
        events=_assemble_events(folder, case_id),
        facts=_assemble_facts(folder.facts, case_id),
        time_zone=folder.manifest.time_zone,
        extract_at=folder.manifest.extract_at_us,
    )


@dataclass(frozen=True)
class _Placed:
    """Rows of one table, where each case's begin, and which row stands at each place."""

    rows: pa.Table
    pointer: Int64
    order: Int64
    moment: Int64
    recorded_at: Int64
    ids: pa.Array

    def take(self, values: Int64) -> Int64:
        """Return values of the rows by place."""
        return np.take(values, self.order)


def _place(rows: pa.Table, case_id: pa.Array, moment: str, id_column: str) -> _Placed:
    """Place the rows by case, both clocks and identifier."""
    compiled = kernels()
    rows, case = _number_cases(rows, case_id)
    occurred_at = freeze(rows.column(moment).to_numpy())
    recorded_at = freeze(rows.column("recorded_at").to_numpy())
    pointer = np.empty(len(case_id) + 1, dtype=np.int64)
    order, moments = np.empty((2, rows.num_rows), dtype=np.int64)
    compiled.gather_cases(freeze(case), occurred_at, pointer, order, moments)
    ids = _join(rows.column(id_column))
    texts = point_texts(ids if len(ids) else None)

    def sort(first: int, end: int) -> None:
        if compiled.sort_cases(pointer, first, end, recorded_at, order, moments):
            compiled.sort_ties(pointer, first, end, recorded_at, order, moments, texts)

    in_parts(sort, len(case_id))
    return _Placed(rows, pointer, order, moments, np.take(recorded_at, order), ids)


def _number_cases(rows: pa.Table, case_id: pa.Array) -> tuple[pa.Table, Int32]:
    """Return the rows of the cases that are here, and the number of each row's case."""
    words = join_words(rows.column("case_id"))
    found = fill_numbers(pc.index_in(words.dictionary, value_set=case_id), MISSING)
    case: Int32 = np.take(found, words.indices.to_numpy()).astype(np.int32, copy=False)
    here = case != MISSING
    if here.all():
        return rows, case
    return rows.filter(pa.array(here)), case[here]


def _assemble_events(folder: ContractFolder, case_id: pa.Array) -> Events:
    rows, borrowed = folder.events, borrow_events(folder)
    if borrowed is not None:
        rows = pa.concat_tables([_mark_own(rows), borrowed.select(_mark_own(rows).column_names)])
    placed = _place(rows, case_id, "occurred_at", "event_id")
    rows, link = placed.rows, None
    if borrowed is not None:
        link = rows.column(LINK).to_numpy()
        placed = _settle_twins(placed, link)
    coded = _code_all(rows, (*CODED_COLUMNS, *TOLD_COLUMNS, "handling"), placed.order)
    none = Coded(np.full(rows.num_rows, MISSING, dtype=np.int32), ())
    value = fill_numbers(_join(rows.column("value")), np.nan)
    return Events(
        pointer=placed.pointer,
        occurred_at=placed.moment,
        recorded_at=placed.recorded_at,
        superseded_at=placed.take(rows.column(SUPERSEDED_AT).to_numpy()),
        superseded_by=_place_next(placed, link),
        value=np.take(value, placed.order),
        incident=_number_incidents(placed),
        measured=_find_measured(coded),
        event_id=Identifiers(placed.order, placed.ids),
        via=none if link is None else _code(rows.column(VIA), placed.order),
        **{name: coded[name] for name in (*CODED_COLUMNS, *TOLD_COLUMNS)},
    )


def _mark_own(rows: pa.Table) -> pa.Table:
    size = rows.num_rows
    return rows.append_column(VIA, pa.nulls(size, WORDS)).append_column(
        LINK, pa.array(np.full(size, OWN, dtype=np.int64))
    )


def _assemble_facts(rows: pa.Table, case_id: pa.Array) -> Facts:
    placed = _place(rows, case_id, "recorded_at", "fact_id")
    rows = placed.rows
    asked = _code(rows.column("asked"), placed.order)
    return Facts(
        pointer=placed.pointer,
        recorded_at=placed.recorded_at,
        superseded_at=placed.take(rows.column(SUPERSEDED_AT).to_numpy()),
        superseded_by=_place_next(placed, None),
        name=_code(rows.column("name"), placed.order),
        asked=_holds(asked, "yes"),
        value=_code(rows.column("value"), placed.order),
        fact_id=Identifiers(placed.order, placed.ids),
    )


def _settle_twins(placed: _Placed, link: Int64) -> _Placed:
    """Return the rows with those of one identifier in order.

    Through two versions of a link one event is seen twice, under one identifier and both clocks.
    """
    order, ids = placed.order.copy(), placed.ids
    same = (placed.moment[1:] == placed.moment[:-1]) & (
        placed.recorded_at[1:] == placed.recorded_at[:-1]
    )
    inner = placed.pointer[1:-1]
    same[inner[(inner > 0) & (inner <= len(same))] - 1] = False
    places = np.flatnonzero(same)
    here, there = (ids.take(pa.array(order[places + step])) for step in (0, 1))
    same[places] = pc.equal(here, there).to_numpy(zero_copy_only=False)
    if not same.any():
        return placed
    superseded_at = placed.rows.column(SUPERSEDED_AT).to_numpy()
    group = np.concatenate(([0], np.cumsum(~same)))
    # Groups count up by place, so that only rows of one group can change places.
    settled = np.lexsort((link[order], superseded_at[order], group))
    return _Placed(
        placed.rows, placed.pointer, order[settled], placed.moment, placed.recorded_at, ids
    )


def _place_next(placed: _Placed, link: Int64 | None) -> Int32:
    """Return the place within its case of the record that supersedes each, ``MISSING`` for none.

    Identifiers are unique within a case and a link; one that is not there, as an event that a link
    no longer shows, is none.
    """
    found = np.full(len(placed.order), MISSING, dtype=np.int32)
    column = placed.rows.column(SUPERSEDED_BY)
    if column.null_count == len(column):
        return found
    words = join_words(_as_words(column))
    codes = placed.take(fill_numbers(words.indices, MISSING))
    naming = np.flatnonzero(codes != MISSING)
    named = _to_objects(words.dictionary)[codes[naming]]
    # Corrections are rare: what nobody names is not looked up.
    is_named = pc.is_in(placed.ids, value_set=words.dictionary).to_numpy(zero_copy_only=False)
    candidates = np.flatnonzero(np.take(is_named, placed.order))
    ids = _to_objects(placed.ids.take(pa.array(placed.order[candidates])))
    here, there = (_inside(placed, places, link) for places in (naming, candidates))
    place_of = dict(zip(zip(*there, ids.tolist(), strict=True), candidates.tolist(), strict=True))
    wanted = zip(*here, named.tolist(), strict=True)
    at = np.array([place_of.get(key, MISSING) for key in wanted], dtype=np.int64)
    naming, at = naming[at != MISSING], at[at != MISSING]
    found[naming] = at - placed.pointer[_case_of(placed, naming)]
    return found


def _case_of(placed: _Placed, places: Int64) -> Int64:
    return np.searchsorted(placed.pointer, places, side="right") - 1


def _inside(placed: _Placed, places: Int64, link: Int64 | None) -> tuple[list[int], ...]:
    """Return the case at each of some places, and the link through which it is seen there."""
    case = _case_of(placed, places).tolist()
    return (case,) if link is None else (case, link[placed.order[places]].tolist())


def _number_incidents(placed: _Placed) -> Int32:
    """Number the incidents of two or more events within each case, in order of first event."""
    numbers = np.full(len(placed.order), MISSING, dtype=np.int32)
    stated = placed.rows.column("incident_id")
    if stated.null_count == len(stated):
        return numbers
    ids, named = point_texts(placed.ids), point_texts(_join(stated).fill_null(""))
    compiled = kernels()
    hashes = hash_column(ids, np.zeros(len(numbers), dtype=np.uint64))
    hashes = hash_column(named, hashes)

    def number(first: int, end: int) -> None:
        compiled.number_incidents(
            placed.pointer, first, end, placed.order, ids, named, hashes, numbers
        )

    in_parts(number, len(placed.pointer) - 1)
    return numbers


def _find_measured(coded: dict[str, Coded]) -> Bools:
    """Return which events indicators may use, whatever their time: the rule, word by word."""
    apart = _where(coded["source"], lambda word: is_kept_apart(word, None))
    apart |= _where(coded["handling"], lambda word: is_kept_apart(None, word))
    return ~(apart | _holds(coded["kind"], RETRACTED))


def _where(column: Coded, test: Callable[[str], bool]) -> Bools:
    return np.take(np.array([*map(test, column.values), False]), column.codes)


def _holds(column: Coded, value: str) -> Bools:
    code = column.values.index(value) if value in column.values else NEVER
    return np.asarray(column.codes == code)


def _code_all(rows: pa.Table, names: tuple[str, ...], order: Int64) -> dict[str, Coded]:
    if rows.num_rows < _MANY_ROWS:
        return {name: _code(rows.column(name), order) for name in names}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        coded = pool.map(lambda name: _code(rows.column(name), order), names)
        return dict(zip(names, coded, strict=True))


def _code(column: pa.ChunkedArray, order: Int64) -> Coded:
    """Code a column of words, in order, by the sorted distinct words that any row has."""
    if column.null_count == len(column):
        return Coded(np.full(len(order), MISSING, dtype=np.int32), ())
    words = join_words(_as_words(column))
    codes = fill_numbers(words.indices, MISSING)
    used = np.bincount(codes + 1, minlength=len(words.dictionary) + 1)[1:] > 0
    spelled = words.dictionary.to_pylist()
    values = tuple(sorted(word for word, is_used in zip(spelled, used, strict=True) if is_used))
    number = {word: code for code, word in enumerate(values)}
    ranks = np.array([*(number.get(word, MISSING) for word in spelled), MISSING], dtype=np.int32)
    return Coded(np.take(np.take(ranks, codes), order), values)


def _as_words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _join(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _to_objects(texts: pa.Array) -> Text:
    found: Text = texts.to_numpy(zero_copy_only=False)
    return found
