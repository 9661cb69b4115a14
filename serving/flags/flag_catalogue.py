"""The catalogue by which flags are raised: on record by itself, whatever the model in use says.

Another bundle brings another catalogue for its indicators. If flags came from that, whoever swaps
the bundle, with or without the approval of another, could silence an urgent flag by the way. So the
first bundle that is put to use leaves its flags on record, and two people change them by steps of
their own (:mod:`serving.promotions.flag_steps`).
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from features.catalogue.declarations import Catalogue
from features.catalogue.file import parse_catalogue
from features.engine.plan import Plan
from features.errors import ArtefactError
from models.bundle.folder import Bundle
from models.bundle.plans import compile_flags
from serving.store.schema import flag_catalogues

IN_FORCE: Final = ("approved", "taken_over")
"""Steps after which a catalogue is the one by which flags are raised."""


@dataclass(frozen=True)
class FlagCatalogue:
    """What is flagged, and what the engine measures for it."""

    catalogue: Catalogue
    plan: Plan


def read_flag_catalogue(connection: Connection, bundle: Bundle) -> FlagCatalogue:
    """Return the catalogue by which flags are raised now.

    Parameters
    ----------
    connection
        A transaction on the store.
    bundle
        The bundle in use, whose catalogue counts where none is on record: before any promotion.

    Raises
    ------
    ArtefactError
        If the text on record is not the one of its digest.
    """
    query = (
        select(flag_catalogues.c.digest, flag_catalogues.c.text)
        .where(flag_catalogues.c.step.in_(IN_FORCE))
        .order_by(flag_catalogues.c.stored_seq.desc())
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return FlagCatalogue(bundle.catalogue, bundle.flags_plan)
    return _compile(found.text, found.digest)


@functools.lru_cache(maxsize=4)
def _compile(text: str, digest: str) -> FlagCatalogue:
    if hash_text(text) != digest:
        raise ArtefactError(
            "the catalogue of flags on record was changed; restore the store from a backup"
        )
    catalogue = parse_catalogue(text.encode(), "the catalogue of flags", of_bundle=True)
    return FlagCatalogue(catalogue, compile_flags(catalogue))


def hash_text(text: str) -> str:
    """Return the digest under which a catalogue is on record: SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()
