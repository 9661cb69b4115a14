"""Merge, split and transfer of cases: records added by a named person, nothing taken away.

What moves is copied with the moment of the move as ``recorded_at``: the file that takes it in knew
it only from then on. A copy is called after its origin, ``case key:record``. Scores given before
stay as they are, since nothing before the move changes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import pandas as pd
from sqlalchemy import Connection, insert, or_, select

from serving.access.case_sight import find_sight
from serving.intake.flag_moves import carry_flags
from serving.intake.move_records import (
    CaseFile,
    Copier,
    MoveRefusedError,
    choose,
    choose_facts,
    choose_people,
    join,
    list_copies,
    need_shown,
    read_people,
)
from serving.intake.records import append_rows
from serving.persons import Person
from serving.schemas import NOT_SENT
from serving.standing.case_facts import find_merged, read_case_records
from serving.standing.standings import StandingRules
from serving.standing.states import decide_state
from serving.store import schema
from serving.store.database import Store, Unit, Writing, make_key
from serving.store.histories import read_case_folder

MoveKind = Literal["merge", "split", "transfer"]


@dataclass(frozen=True)
class Move:
    """A merge, split or transfer that was made.

    Parameters
    ----------
    move_key, kind
        Its key; ``merge``, ``split`` or ``transfer``.
    case_key, other_case_key
        The case it was made on; the one that took records in, if any.
    records_added
        Records that were added by it, to both.
    changed_keys
        Cases whose history is another one now.
    """

    move_key: str
    kind: MoveKind
    case_key: str
    other_case_key: str | None
    records_added: int
    changed_keys: Annotated[frozenset[str], NOT_SENT]


def make_merge(
    writing: Writing,
    person: Person,
    case_key: str,
    into_key: str,
    *,
    unit: Unit,
    why: str | None = None,
    rules: StandingRules | None = None,
) -> Move:
    """Merge one case into another: its records in force are copied there, and it is closed.

    Of answers to one question the later stands: one of the merged case is copied only where the
    other case has none that was recorded at the same time or later. Flags that stand on the merged
    case stand on the other from now on.

    Raises
    ------
    MoveRefusedError
        If one of the cases is not there or was merged before, they are one, or the other is closed.
    """
    mover = _Mover(writing, unit, person, rules)
    source, target = mover.read_to_merge(case_key, into_key)
    copies = {
        "events": mover.copier.copy_events(source, source.cut(source.events), target.key),
        "facts": mover.copier.copy_facts(source, choose_facts(source, target), target.key),
        "links": mover.copier.copy_links(writing.connection, source, target),
        "people": choose_people(writing.connection, source, target),
    }
    note = {"kind": "merged", "detail": into_key}
    copies["events"] = join([copies["events"], mover.copier.make_event(source, "merged", note)])
    made = mover.finish("merge", source, target, copies, why=why)
    carry_flags(writing, case_key, into_key, made.move_key)
    writing.touch([case_key, into_key], rules or StandingRules())
    return replace(made, changed_keys=made.changed_keys | {case_key, into_key})


def check_merge(
    writing: Writing,
    person: Person,
    case_key: str,
    into_key: str,
    *,
    unit: Unit,
    rules: StandingRules | None = None,
) -> None:
    """Check that a merge could be made now, and store nothing; see :func:`make_merge`."""
    _Mover(writing, unit, person, rules).read_to_merge(case_key, into_key)


def make_split(
    writing: Writing,
    person: Person,
    case_key: str,
    new_case_id: str,
    records: Mapping[str, Sequence[str]],
    *,
    unit: Unit,
    why: str | None = None,
    rules: StandingRules | None = None,
    brought: Collection[str] = (),
) -> Move:
    """Make a new case of some records of another, and withdraw them there.

    Parameters
    ----------
    records
        Identifiers of events and facts in force, by table.
    brought
        Events that a merge brought and that its undoing takes away, whoever keeps them. Of others
        what another agency keeps to itself is not there for who moves them.

    Raises
    ------
    MoveRefusedError
        If the case is not there, was merged, or has no such records in force; if no record is
        named; if the new case is there already.
    """
    mover = _Mover(writing, unit, person, rules)
    source, events, facts = mover.read_to_split(case_key, new_case_id, records, brought)
    new_key = _reserve(writing, person, source.key, new_case_id)
    target = CaseFile(new_key, source.folder)
    made = source.folder.frame("cases")[source.folder.frame("cases")["case_id"] == source.key]
    copies = {
        "cases": made.assign(case_id=new_key, recorded_at=writing.now_us),
        "events": join(
            [
                mover.copier.copy_events(source, events, new_key),
                mover.copier.make_event(target, "opened", {"kind": "opened"}),
                mover.copier.withdraw_events(source, events),
            ]
        ),
        "facts": join(
            [
                mover.copier.copy_facts(source, facts, new_key),
                mover.copier.withdraw_facts(source, facts),
            ]
        ),
        "people": read_people(writing.connection, source.key).assign(case_id=new_key),
    }
    return mover.finish("split", source, target, copies, why=why)


def check_split(
    writing: Writing,
    person: Person,
    case_key: str,
    new_case_id: str,
    records: Mapping[str, Sequence[str]],
    *,
    unit: Unit,
    brought: Collection[str] = (),
) -> None:
    """Check that a split could be made now, and store nothing; see :func:`make_split`."""
    mover = _Mover(writing, unit, person, None)
    mover.read_to_split(case_key, new_case_id, records, brought)


def list_merged_records(
    writing: Writing, person: Person, case_key: str, merge_key: str, *, unit: Unit
) -> dict[str, list[str]]:
    """Return what a merge brought to a case and is in force still: what undoes it splits off.

    Parameters
    ----------
    case_key
        The case that took the other in.
    merge_key
        The merge.

    Returns
    -------
    dict
        Identifiers of events and facts, by table.

    Raises
    ------
    MoveRefusedError
        If no such merge brought records to the case.
    """
    moves = schema.case_moves.c
    query = select(moves.case_key).where(
        moves.move_key == merge_key, moves.kind == "merge", moves.other_case_key == case_key
    )
    merged = writing.connection.execute(query).scalar_one_or_none()
    if merged is None:
        raise MoveRefusedError(
            "no_such_move", "no such merge brought records to this case; check its key"
        )
    target = _Mover(writing, unit, person, None).read(case_key)
    return {
        "events": list_copies(target.events["event_id"], merged),
        "facts": list_copies(target.facts["fact_id"], merged),
    }


def transfer_case(
    store: Store,
    person: Person,
    case_key: str,
    area: str,
    *,
    unit: Unit,
    why: str | None = None,
    rules: StandingRules | None = None,
) -> Move:
    """Hand a case to another area; it stays as open as it was.

    Raises
    ------
    MoveRefusedError
        If the case is not there or was merged.
    """
    with store.writing() as writing:
        mover = _Mover(writing, unit, person, rules)
        source = mover.read(case_key)
        note = {"kind": "transferred", "detail": area}
        frames = {"events": mover.copier.make_event(source, "transferred", note)}
        return mover.finish("transfer", source, None, frames, why=why, area=area)


class _Mover:
    """What every move needs: an open transaction, the person, and where standings rest on."""

    def __init__(
        self, writing: Writing, unit: Unit, person: Person, rules: StandingRules | None
    ) -> None:
        self._writing, self._unit, self._person, self._rules = writing, unit, person, rules
        self.copier = Copier(make_key(), writing.now_us)
        writing.take_seq(0)  # what is read stays as it is until the move is stored

    def read(self, case_key: str) -> CaseFile:
        """Return a case that can be moved."""
        keys, connection = schema.case_keys, self._writing.connection
        query = select(keys.c.case_id).where(keys.c.case_key == case_key)
        case_id = connection.execute(query).scalar_one_or_none()
        folder = read_case_folder(
            connection, [case_key], self._unit, extract_at_us=self._writing.now_us
        )
        if case_id is None or case_key not in set(folder.frame("cases")["case_id"]):
            raise MoveRefusedError("no_case", "there is no such case; check its key")
        if find_merged(connection, [case_key], self._writing.now_us):
            raise MoveRefusedError("case_merged", "the case was merged; move what it went into")
        return CaseFile(case_key, folder)

    def read_to_merge(self, case_key: str, into_key: str) -> tuple[CaseFile, CaseFile]:
        """Return two cases of which one can be merged into the other."""
        if case_key == into_key:
            raise MoveRefusedError("same_case", "a case cannot be merged into itself; name another")
        source, target = self.read(case_key), self.read(into_key)
        self.need_open(into_key)
        return source, target

    def read_to_split(
        self,
        case_key: str,
        new_case_id: str,
        records: Mapping[str, Sequence[str]],
        brought: Collection[str],
    ) -> tuple[CaseFile, pd.DataFrame, pd.DataFrame]:
        """Return a case with those of its events and facts that a new case can be made of."""
        if not any(records.values()):
            raise MoveRefusedError("nothing_to_move", "no record is named; name some")
        source = self.read(case_key)
        named = records.get("events", ())
        need_shown(source, set(named).difference(brought), self._person.agency)
        events = choose(source, "events", named)
        facts = choose(source, "facts", records.get("facts", ()))
        # Last of all: a split that cannot be made tells nothing of the number that it names.
        _refuse_known(self._writing.connection, self._person, new_case_id)
        return source, events, facts

    def need_open(self, case_key: str) -> None:
        """Refuse to bring anything to a case that is closed: nobody would look at it."""
        work_kinds = (self._rules or StandingRules()).work_kinds
        now_us = self._writing.now_us
        found = read_case_records(self._writing.connection, [case_key], now_us, work_kinds)
        if decide_state(found[case_key].facts, now_us).state == "closed":
            raise MoveRefusedError(
                "target_closed", "the other case is closed; merge it into this one, or decide on it"
            )

    def finish(
        self,
        kind: MoveKind,
        source: CaseFile,
        target: CaseFile | None,
        frames: Mapping[str, pd.DataFrame],
        *,
        why: str | None,
        area: str | None = None,
    ) -> Move:
        """Store the move and its records."""
        writing = self._writing
        other = target.key if target is not None else None
        writing.connection.execute(
            insert(schema.case_moves).values(
                move_key=self.copier.move_key,
                kind=kind,
                case_key=source.key,
                other_case_key=other,
                area=area,
                why=why,
                **self._person.columns(),
                moved_at_us=writing.now_us,
                stored_seq=writing.take_seq(),
            )
        )
        tables = {name: frame.reset_index(drop=True) for name, frame in frames.items()}
        appended = append_rows(
            writing, tables, self._unit, import_key=None, rules=self._rules, by_key=True
        )
        if len(appended.rejects):
            # Every record was read under the lock and renamed: none can be refused.
            raise RuntimeError("records of a move were refused")
        return Move(
            self.copier.move_key, kind, source.key, other, appended.added, appended.changed_keys
        )


def _refuse_known(connection: Connection, person: Person, case_id: str) -> None:
    keys, cases = schema.case_keys, schema.cases
    query = (
        select(keys.c.case_key)
        .join(cases, cases.c.case_key == keys.c.case_key)
        # The key stands for the identifier of a case that was erased meanwhile.
        .where(or_(keys.c.case_id == case_id, keys.c.case_key == case_id))
    )
    # A sealed one is none: it goes on beside the case that is made, under the same number.
    if set(connection.execute(query).scalars()) - find_sight(connection, person).hidden:
        raise MoveRefusedError("case_exists", "the new case is there already; name another")


def _reserve(writing: Writing, person: Person, source_key: str, case_id: str) -> str:
    """Return the key of the case that is made, in the retention class of the one it comes from."""
    keys, connection = schema.case_keys, writing.connection
    found = select(keys.c.case_key).where(keys.c.case_id == case_id).order_by(keys.c.stored_seq)
    hidden = find_sight(connection, person).hidden
    there = [str(one) for one in connection.execute(found).scalars() if one not in hidden]
    if there:
        return there[0]
    key = make_key()
    of_source = select(keys.c.retention_class).where(keys.c.case_key == source_key)
    connection.execute(
        insert(keys).values(
            case_key=key,
            case_id=case_id,
            retention_class=connection.execute(of_source).scalar_one(),
            stored_seq=writing.take_seq(),
        )
    )
    return key
