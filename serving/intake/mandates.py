"""Whose records somebody may send: those of their own agency, and of others by a stated mandate.

A mandate is a setting of the deployment (``source_mandates``) and holds for administrators and
programs, who run imports. Whoever acts on cases sends the records of their own agency alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, select

from features.contract.rejects import COLUMNS, Rejects, join_rejects, make_rejects
from features.contract.tables import EVENTS
from features.intake.frames import to_frame
from features.intake.integrity import join_words
from features.intake.normalisation import FILE, ROW
from serving.access.roles import ADMINISTRATOR
from serving.intake.row_lines import Normal
from serving.persons import MACHINE, Person
from serving.store.schema import case_keys, correction_answers, correction_requests

EVERY_SOURCE: Final = "*"
NOT_YOUR_SOURCE: Final = "not_your_source"
_REMEDY: Final = "send records of your own agency, or have the deployment state a mandate"
_IMPORTERS: Final = (ADMINISTRATOR, MACHINE)


@dataclass(frozen=True)
class Sender:
    """Who sends records, and what is known of them before any row is looked at.

    Parameters
    ----------
    person
        The person or program.
    mandates
        Sources that the administrators and programs of an agency may send for, by agency.
    parents
        The kind above each kind of event, by the catalogue in use; empty without one.
    """

    person: Person
    mandates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: Mapping[str, str | None] = field(default_factory=dict)

    def may_send(self, source: str | None) -> bool:
        """Return whether they may send records of a source; ``None`` states none."""
        if source is None or source == self.person.agency:
            return True
        mandate = self.mandates.get(self.person.agency, ())
        return self.person.role in _IMPORTERS and (source in mandate or EVERY_SOURCE in mandate)


def leave_out_sources(
    connection: Connection, normal: Normal, sender: Sender, absent: Collection[str] = ()
) -> Normal:
    """Return rows without the events of sources that the sender may not send for: rejects.

    Decided before any record is looked up, so that the answer tells nothing of what is stored. A
    correction request of the sender's agency that another agency accepted is that agency's mandate
    for the correction of that one record; not of a case that is ``absent`` for the sender.
    """
    rows = normal.tables.get(EVENTS.name)
    if rows is None or not rows.num_rows:
        return normal
    words = join_words(rows.column("source"))
    # The last place stands for a row that states no source.
    may_be_sent = np.array([*map(sender.may_send, words.dictionary.to_pylist()), True])
    is_sent = may_be_sent[words.indices.fill_null(-1).to_numpy()]
    if is_sent.all():
        return normal
    for place in np.flatnonzero(~is_sent):
        is_sent[place] = _is_accepted(
            connection, rows.slice(place, 1).to_pylist()[0], sender, absent
        )
    rejects = join_rejects([normal.rejects, reject_rows(rows.filter(pa.array(~is_sent)))])
    kept = {**normal.tables, EVENTS.name: rows.filter(pa.array(is_sent))}
    return replace(normal, tables=kept, rejects=rejects)


def _is_accepted(
    connection: Connection,
    row: Mapping[str, str | None],
    sender: Sender,
    absent: Collection[str],
) -> bool:
    if row["supersedes"] is None:
        return False
    keys = case_keys.c
    query = (
        select(keys.case_key)
        .where(keys.case_id == row["case_id"])
        .where(find_accepted(EVENTS.name, keys.case_key, sender.person.agency))
        .where(correction_requests.c.record_id == row["supersedes"])
        .where(correction_answers.c.agency == row["source"])
    )
    return not set(absent).issuperset(connection.execute(query).scalars())


def find_accepted(table: str, case_key: ColumnElement[str], agency: str) -> ColumnElement[bool]:
    """Return the condition that joins the accepted correction requests of an agency.

    Parameters
    ----------
    table
        Table of the records.
    case_key
        Column of the cases' keys.
    agency
        The agency that asked.
    """
    asked, answered = correction_requests.c, correction_answers.c
    return and_(
        asked.case_key == case_key,
        asked.table == table,
        asked.agency == agency,
        answered.request_key == asked.request_key,
        answered.answer == "accepted",
    )


def reject_rows(rows: pa.Table) -> Rejects:
    """Return events as rejects, since the sender has no mandate for their source."""
    frame = to_frame(EVENTS, rows)
    told = make_rejects(
        table=EVENTS.name,
        file=frame[FILE].tolist(),
        rows=frame[ROW].tolist(),
        column="source",
        code="not_a_choice",
        sources=frame[list(EVENTS.column_names)].to_dict("records"),  # type: ignore[arg-type]
    )
    named = told.frame.assign(code=NOT_YOUR_SOURCE, remedy=_REMEDY)
    return Rejects(named[list(COLUMNS)])
