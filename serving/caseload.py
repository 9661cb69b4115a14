"""The caseload: a bundle and, where there is one, a unit's cases in order of priority.

Everything is loaded once and read-only; reasons are told when a page asks for them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from features.assembly import assemble_history
from features.errors import ArtefactError, ConfigError
from features.folder import ContractFolder, read_folder
from features.history import MISSING, Int64
from features.moments import parse_date
from features.openness import open_cases
from features.vocabulary import count_unmeasured
from models.advice import Advice
from models.bundle import Bundle, load_bundle
from models.scoring import Ranking, rank
from serving.keys import KeyMaker, load_key_maker
from serving.settings import Settings

POINTER: Final = "champion"


@dataclass(frozen=True)
class Place:
    """Where a case stands: its place from 0, or ``None`` where it is open and not ranked."""

    case: int
    place: int | None


@dataclass(frozen=True)
class Caseload:
    """A unit's open cases at one moment.

    Parameters
    ----------
    folder
        The records.
    ranking
        Cases of the cohort, in order of priority.
    unranked
        Numbers of open cases outside the cohort: they are listed too, without a score.
    keys, places
        Opaque key of each open case, by case number; where each key leads.
    capacity
        Places on a week's list.
    urgent
        Places of cases that carry an urgent flag.
    unmeasured
        What of the records nothing measures, in words, counted.
    """

    folder: ContractFolder
    ranking: Ranking
    unranked: Int64
    keys: dict[int, str]
    places: dict[str, Place]
    capacity: int
    urgent: tuple[int, ...]
    unmeasured: dict[str, int]

    @property
    def n_open(self) -> int:
        """Number of open cases."""
        return len(self.ranking) + len(self.unranked)

    def case_id(self, case: int) -> str:
        """Return a case's identifier."""
        return str(self.ranking.history.case_id[case])

    def area(self, case: int) -> str | None:
        """Return a case's area, if it is on record."""
        area = self.ranking.history.area
        code = int(area.codes[case])
        return None if code == MISSING else area.values[code]

    def advise(self, first: int, last: int) -> tuple[Advice, ...]:
        """Return the advice on places ``first`` to ``last`` (exclusive)."""
        return self.ranking.advise(range(first, min(last, len(self.ranking))))


@dataclass(frozen=True)
class Service:
    """What the service works with; ``caseload`` is ``None`` where no data are named."""

    settings: Settings
    bundle: Bundle | None
    caseload: Caseload | None
    missing: tuple[str, ...]

    def need_bundle(self) -> Bundle:
        """Return the bundle.

        Raises
        ------
        ArtefactError
            If none is loaded.
        """
        if self.bundle is None:
            raise ArtefactError("no bundle is loaded; start the service with --bundle")
        return self.bundle


def load_service(settings: Settings) -> Service:
    """Load what the settings name.

    Raises
    ------
    CaselightError
        If something that is named cannot be used.
    """
    path = _find_bundle(settings)
    bundle = load_bundle(path) if path is not None else None
    caseload = None
    if settings.data is not None and bundle is not None:
        caseload = _load_caseload(settings, settings.data, bundle)
    needed = (("bundle", bundle), ("data", caseload))
    return Service(
        settings, bundle, caseload, tuple(name for name, found in needed if found is None)
    )


def _find_bundle(settings: Settings) -> Path | None:
    if settings.bundle is not None or settings.models_dir is None:
        return settings.bundle
    try:
        name = (settings.models_dir / POINTER).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError("models_dir has no champion; promote a bundle first") from None
    if not name.isalnum():
        raise ConfigError("models_dir/champion names no bundle; promote a bundle again")
    return settings.models_dir / name


def _load_caseload(settings: Settings, data: Path, bundle: Bundle) -> Caseload:
    if not data.is_dir():
        raise ConfigError("there is no contract folder at --data; name one")
    folder = read_folder(data)
    history = assemble_history(folder)
    as_of_us = history.extract_at
    if settings.as_of is not None:
        try:
            as_of_us = parse_date(settings.as_of, history.time_zone)
        except ValueError as error:
            raise ConfigError(f"as_of: {error}") from None
    ranking = rank(bundle, history, as_of_us)
    unranked = np.setdiff1d(open_cases(history, as_of_us), ranking.standing.case)
    maker: KeyMaker = load_key_maker(settings.url_key_file)
    order = [*ranking.standing.case.tolist(), *unranked.tolist()]
    keys = {case: maker.make(str(history.case_id[case])) for case in order}
    n_ranked = len(ranking)
    places = {
        keys[case]: Place(case, place if place < n_ranked else None)
        for place, case in enumerate(order)
    }
    return Caseload(
        folder=folder,
        ranking=ranking,
        unranked=unranked,
        keys=keys,
        places=places,
        capacity=settings.capacity,
        urgent=ranking.urgent_places(),
        unmeasured=count_unmeasured(history, bundle.catalogue),
    )


__all__ = ["Caseload", "Place", "Service", "load_service"]
