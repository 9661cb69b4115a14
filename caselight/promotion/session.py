"""What a promotion is taken with: the store, the folder of bundles, who acts, and the gates' word.

The record in the store comes first: what is not in it is never put to use, and the pointer that the
service reads follows it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caselight.actor import Actor, find_actor
from caselight.inputs import say
from caselight.promotion.measures import (
    describe_candidate,
    measure_in_folder,
    measure_in_store,
    tell_gates,
)
from features.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from serving.promotions.record import Step
    from serving.promotions.steps import Candidate
    from serving.store.database import Store, Unit
    from training.gates import Measured, Reported

ID_LETTERS: Final = 12
"""Letters of a bundle's id that are shown, and the fewest that name one."""
_REGISTRIES: Final = ("mlflow.db", "mlruns")


@dataclass(frozen=True)
class Desk:
    """What a step is taken with.

    Parameters
    ----------
    store, unit
        The store, and what holds for all of it.
    models
        Folder of promoted bundles.
    capacity
        Places on the list that the service makes.
    actor
        Who takes the step.
    """

    store: "Store"
    unit: "Unit"
    models: Path
    capacity: int
    actor: Actor


@contextmanager
def open_desk(
    store: str | None, models: Path | None, token_file: Path | None, now: str | None, route: str
) -> Iterator[Desk]:
    """Open the store and say who acts, for the audit line of whatever is stored.

    Parameters
    ----------
    store, models
        The store's address and the folder of promoted bundles.
    token_file
        File of the token that says who acts.
    now
        Moment at which a synthetic store lives.
    route
        What is done, as the audit line calls it.

    Raises
    ------
    CaselightError
        If the store or the folder is not named or cannot be used, or nobody may act.
    """
    from serving.settings import make_settings
    from serving.store.acts import Act, acting
    from serving.store_opening import open_unit

    if store is None:
        raise ConfigError(
            "no store is named, and it keeps the record of what was put to use; give --store or "
            "set CASELIGHT_DATABASE_URL"
        )
    if models is None:
        raise ConfigError("no folder of promoted bundles is named; give --models")
    named = {"database_url": store, "models_dir": models, "now": now}
    settings = make_settings(**{name: value for name, value in named.items() if value is not None})
    opened = open_unit(settings)
    assert opened is not None, "a store is named"
    try:
        actor = find_actor(settings, opened[1], token_file)
        with acting(Act(actor.person, "alteration", route)):
            yield Desk(opened[0], opened[1], models, settings.capacity, actor)
    finally:
        opened[0].close()


def settle_pointer(desk: Desk) -> None:
    """Point the service at what the record says is in use; nobody else can step in between.

    The audit chain has a line of its own for it, since it may be done again without a step.
    """
    from serving.promotions.record import follow, read_steps
    from training.registry.bundle_folder import point

    with desk.store.writing() as writing:
        writing.take_seq(0)
        in_use = follow(read_steps(writing.connection)).in_use
        if in_use is not None:
            point(desk.models, in_use)
            writing.note()


def move_alias(bundle_id: str, catalogue_name: str, tracking_uri: str | None = None) -> None:
    """Move MLflow's alias to the bundle in use; what is in use does not depend on it."""
    if tracking_uri is None and not _has_registry():
        return
    from training.registry.tracking import mark_champion

    try:
        found = mark_champion(bundle_id, catalogue_name, tracking_uri=tracking_uri)
    except ConfigError as error:
        say(f"warning: {error}")
        return
    if found is None:
        say("the model registry does not hold this bundle; its alias champion stays as it was")
        return
    print(f"registered as {found.model_name} version {found.model_version}, champion")


def _has_registry() -> bool:
    """Whether MLflow has a registry to look in; asking it would make one where there is none."""
    named = any(os.environ.get(f"MLFLOW_{one}_URI") for one in ("TRACKING", "REGISTRY"))
    return named or any(Path(one).exists() for one in _REGISTRIES)


def judge_candidate(desk: Desk, reported: "Reported", data: Path | None = None) -> "Candidate":
    """Hold a bundle against every gate and tell what each says.

    Parameters
    ----------
    reported
        The bundle and its figures.
    data
        Contract folder on which both bundles are compared; the store's open cases where ``None``.

    Raises
    ------
    CaselightError
        If the bundle is in use already, or the service reads another bundle than the record says.
    """
    from serving.promotions.record import follow, read_steps
    from serving.promotions.rights import PromotionRefusedError
    from serving.promotions.steps import Candidate
    from training.config import load_limits
    from training.gates import Measured, judge
    from training.registry.bundle_folder import read_pointer

    with desk.store.reading() as connection:
        steps = read_steps(connection)
    recorded, pointed = follow(steps).in_use, read_pointer(desk.models)
    if recorded is not None and pointed != recorded:
        raise ConfigError(
            f"the service is pointed at another bundle than the record put to use; run `caselight "
            f"promote {recorded[:ID_LETTERS]} --approve`, which points it there again"
        )
    if recorded == reported.bundle.id:
        raise PromotionRefusedError("in_use", "this bundle is in use already")
    # A bundle from before there was a record is put on it as the first one.
    replaces = None if pointed == reported.bundle.id else pointed
    champion = None if replaces is None else _read_champion(desk, replaces, steps)
    measured = Measured()
    if champion is not None:
        say("comparing with the bundle in use")
        measured = _measure(desk, reported, champion, data)
    gates = judge(
        reported,
        champion,
        load_limits(),
        measured,
        for_synthetic=desk.unit.synthetic,
        is_first=replaces is None,
    )
    print(f"gates for bundle {reported.bundle.id[:ID_LETTERS]}:")
    tell_gates(gates)
    return Candidate(
        bundle_id=reported.bundle.id,
        figures_digest=reported.figures_digest,
        replaces=replaces,
        about=describe_candidate(reported),
        gates=[one.to_dict() for one in gates],
    )


def _read_champion(desk: Desk, bundle_id: str, steps: "tuple[Step, ...]") -> "Reported | None":
    """Return the bundle in use with its figures as they were judged; ``None``, which is told,
    where they cannot be read or are others.
    """
    from serving.promotions.record import find_figures
    from training.gates import read_reported

    try:
        found = read_reported(desk.models / bundle_id)
    except ArtefactError as error:
        say(f"warning: the bundle in use cannot be compared with: {error}")
        return None
    judged = find_figures(steps, bundle_id)
    if found.bundle.id != bundle_id or judged not in (None, found.figures_digest):
        say("warning: the bundle in use, or its figures, are not those that were judged")
        return None
    return found


def _measure(
    desk: Desk, reported: "Reported", champion: "Reported", data: Path | None
) -> "Measured":
    pair = (reported.bundle, champion.bundle, desk.capacity)
    if data is not None:
        return measure_in_folder(data, *pair)
    return measure_in_store(desk.store, desk.unit, *pair)
