"""Versions of a case: how many decisions there are, so that two people do not decide past each
other.

A decision says which version it rests on (``If-Match``). Whoever decides second is told who decided
first, and when.
"""

import re
from typing import Final

from sqlalchemy import Connection, func, select

from features.contract.moments import format_moment
from serving.errors import RequestProblem, ServiceError
from serving.persons import read_person
from serving.store.schema import decisions, unit

_TAG: Final = re.compile(r'"v(0|[1-9]\d{0,8})"')
_MOST_TOLD: Final = 10


def write_tag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"v{version}"'


def read_tag(if_match: str | None) -> int | None:
    """Return the version that ``If-Match`` names; ``None`` where it names another thing.

    Raises
    ------
    ServiceError
        If no version is named (428).
    """
    # A star means any version, and nobody decides on what they have not read.
    if if_match is None or if_match.strip() in ("", "*"):
        raise ServiceError(
            "version_needed",
            "a decision says which version of the case it rests on",
            "read the case and send its ETag as If-Match",
        )
    found = _TAG.fullmatch(if_match.strip())
    return int(found[1]) if found else None


def read_version(connection: Connection, case_key: str) -> int:
    """Return how many decisions there are on a case."""
    query = select(func.max(decisions.c.version)).where(decisions.c.case_key == case_key)
    return int(connection.execute(query).scalar_one() or 0)


def check_version(connection: Connection, case_key: str, seen: int | None, version: int) -> int:
    """Return the case's version if it is the one that was seen.

    Parameters
    ----------
    connection
        The transaction that will write the next version; nobody else writes meanwhile.
    case_key
        The case.
    seen, version
        The version that the person saw, and the one that the case has.

    Raises
    ------
    ServiceError
        If it is another one (412): who decided since and when, and no word of what.
    """
    if version == seen:
        return version
    raise ServiceError(
        "decided_meanwhile",
        "the case is not as it was read",
        "read the case again and decide on what it says now",
        _describe_since(connection, case_key, seen, version),
    )


def _describe_since(
    connection: Connection, case_key: str, seen: int | None, version: int
) -> list[RequestProblem]:
    first = version if seen is None else min(seen + 1, version)
    query = (
        select(decisions)
        .where(decisions.c.case_key == case_key, decisions.c.version >= first)
        .order_by(decisions.c.version.desc())
        .limit(_MOST_TOLD)
    )
    zone = connection.execute(select(unit.c.time_zone)).scalar_one()
    return [
        RequestProblem(
            where=f"v{row.version}",
            code="decided",
            remedy=f"{read_person(row).in_full} decided at "
            f"{format_moment(row.decided_at_us, zone)}",
        )
        for row in connection.execute(query)
    ]
