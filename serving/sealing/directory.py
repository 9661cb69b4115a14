"""People who exist: those who signed in before, and those whom the deployment names."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from serving.access.overseers import NOBODY, Overseers, name_overseers
from serving.persons import MACHINE
from serving.settings import Settings
from serving.store.database import Store
from serving.store.schema import audit_lines


@dataclass(frozen=True)
class Directory:
    """Who may be named in a seal, and who looks at seals.

    Parameters
    ----------
    known
        Of the people who were asked about those who exist, by what the sign-in knows them.
    overseers
        Whom the deployment names.
    """

    known: frozenset[str]
    overseers: Overseers = NOBODY


def read_directory(store: Store, settings: Settings, subjects: Collection[str]) -> Directory:
    """Return who of some people exists.

    Somebody exists who has a line in the access log or the log of changes, since every page that
    they opened is in it, or whom the settings name. Both logs show tampering, so that nobody is
    made up afterwards. A program is nobody.
    """
    overseers = name_overseers(settings)
    configured = overseers.professional_standards | overseers.duty_supervisors
    wanted = frozenset(subjects)
    known = wanted & (configured | overseers.seal_confirmers)
    with store.reading_looks() as looks:
        known |= _find_signed_in(looks, wanted - known)
    with store.reading() as connection:
        known |= _find_signed_in(connection, wanted - known)
    return Directory(known, overseers)


def _find_signed_in(connection: Connection, subjects: frozenset[str]) -> frozenset[str]:
    def has_line(subject: str) -> bool:
        query = select(audit_lines.c.number).where(
            audit_lines.c.subject == subject, audit_lines.c.role != MACHINE
        )
        return connection.execute(query.limit(1)).first() is not None

    return frozenset(subject for subject in subjects if has_line(subject))
