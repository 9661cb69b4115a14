"""A clinic pack: the list of a sitting, and for each case what a team has before it on paper.

Everything is of the list's own snapshot, of records that everybody may see and of decisions: no
narrative and nothing that an agency keeps to itself; of a blind case only what may be shown of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from models.bundle.folder import Bundle
from serving.access.case_sight import Sight
from serving.flags.named_records import Name, NamedRecord, read_named_records
from serving.lists.listed import read_rows
from serving.lists.new_records import News, Since, find_since, read_news
from serving.lists.outputs import ListedOut
from serving.lists.recent_incidents import Lately, read_lately
from serving.lists.sittings import Sitting
from serving.standing.standings import StandingRules
from serving.store.database import Unit

MOST_DATED: Final = 3
"""Records behind a reason or a flag that a sheet names, the latest of them."""


@dataclass(frozen=True)
class Pack:
    """What a pack is made from.

    Parameters
    ----------
    rows
        The list's rows as they may be shown, in its order.
    since, news
        From when on something is new, and what is, by case key.
    named
        Records behind the flags of the rows and behind the reasons that moved a score up.
    lately
        What happened lately in each case, whatever its score.
    """

    rows: list[ListedOut]
    since: Since
    news: dict[str, News]
    named: dict[Name, NamedRecord]
    lately: Lately


def read_pack(
    connection: Connection,
    sitting: Sitting,
    unit: Unit,
    sight: Sight,
    rules: StandingRules,
    bundle: Bundle | None,
    now_us: int,
) -> Pack:
    """Read what the pack of a sitting holds.

    Parameters
    ----------
    connection
        A transaction that sees one state of the store.
    sitting, unit
        Which list.
    sight
        Which cases the person who asks may see.
    rules
        Name the unit's own work, which is no news.
    bundle
        The model in use, whose catalogue names the kinds that start and end states; ``None`` where
        there is none.
    now_us
        What happened before this moment is told, exclusive; microseconds UTC.
    """
    rows = read_rows(connection, sitting, unit, hold_draw=True, sight=sight)
    keys = [row.key for row in rows]
    names = {(row.key, one) for row in rows for one in _name_records(row)}
    since = find_since(connection, sitting)
    return Pack(
        rows=rows,
        since=since,
        news=read_news(connection, keys, since, rules),
        named=read_named_records(connection, names),
        lately=read_lately(connection, keys, unit, bundle, rules, now_us),
    )


def pick_latest(record_ids: Sequence[str]) -> list[str]:
    """Return the last few of some records that stand in time order, the latest first."""
    return [one for one in record_ids if one][-MOST_DATED:][::-1]


def _name_records(row: ListedOut) -> Iterator[str]:
    # What moved a score down bears no records on paper: they would read as if they were harmless.
    for records in [one.records for one in row.flags] + [one.records for one in row.reasons]:
        yield from pick_latest(records)
