"""Cases by their opaque key."""

from sqlalchemy import Connection, select

from serving.errors import ServiceError
from serving.store.schema import case_keys, cases


def need_case(connection: Connection, case_key: str) -> str | None:
    """Return the identifier of a case that the store holds; ``None`` once it was erased.

    Raises
    ------
    ServiceError
        If the store holds no such case (404).
    """
    query = (
        select(cases.c.case_key, case_keys.c.case_id)
        .outerjoin(case_keys, case_keys.c.case_key == cases.c.case_key)
        .where(cases.c.case_key == case_key)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise make_unknown()
    return None if found.case_id is None else str(found.case_id)


def make_unknown() -> ServiceError:
    """Return what is answered of a case that the store does not hold."""
    return ServiceError("no_such_case", "no case has this key", "start from GET /v1/list")
