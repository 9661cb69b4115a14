"""What a step of a promotion works with: the store, the folder of bundles, and who acts.

The record in the store comes first: what is not in it is never used, and the pointer that the
service reads follows it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caselight import store_session
from caselight.actor import Actor
from caselight.inputs import say
from caselight.store_session import Given
from features.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from models.bundle.folder import Bundle
    from serving.access.command_rules import CommandRule
    from serving.store.database import Store, Unit, Writing

ID_LETTERS: Final = 12
"""Letters of a bundle's id that are shown, and the fewest that name one."""
_REGISTRIES: Final = ("mlflow.db", "mlruns")


@dataclass(frozen=True)
class PromotionSession:
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
def open_session(
    store: str | None,
    models: Path | None,
    rule: "CommandRule",
    given: Given,
    now: str | None,
) -> Iterator[PromotionSession]:
    """Open the store and say who acts, for the audit line of whatever is stored.

    Parameters
    ----------
    store, models
        The store's address and the folder of promoted bundles.
    rule
        The verb's.
    given
        What was given to show who acts, and what for.
    now
        Moment at which a synthetic store lives.

    Raises
    ------
    CaselightError
        If the store or the folder is not named or cannot be used, or nobody may act.
    """
    if store is None:
        raise ConfigError(
            "no store is named, and it keeps the record of what was put to use; give --store or "
            "set CASELIGHT_DATABASE_URL"
        )
    if models is None:
        raise ConfigError("no folder of promoted bundles is named; give --models")
    with store_session.open_session(store, rule, given, now=now) as opened:
        actor = Actor(opened.person, opened.is_signed)
        yield PromotionSession(opened.store, opened.unit, models, opened.settings.capacity, actor)


def point_service(session: PromotionSession) -> None:
    """Point the service at what the record says is in use; nobody else can step in between.

    The audit chain has a line of its own for it, since it may be done again without a step.
    """
    from serving.promotions.record import follow, read_steps
    from training.registry.promoted_bundles import point

    with session.store.writing() as writing:
        writing.take_seq(0)
        in_use = follow(read_steps(writing.connection)).in_use
        if in_use is not None:
            point(session.models, in_use)
            writing.note()


def keep_flags(
    session: PromotionSession, writing: "Writing", bundle: "Bundle", replaces: str | None
) -> None:
    """Put flags on record where none are: those of the bundle in use so far, else of the first.

    Flags that are raised today go on being raised, whatever the next bundle's catalogue says.
    """
    from serving.promotions.flag_steps import take_over_flags
    from training.registry.promoted_bundles import find_kept

    kept = bundle
    if replaces is not None:
        try:
            kept = find_kept(session.models, replaces)
        except ArtefactError:
            say("warning: the bundle before cannot be read; flags are taken over from this one")
    if take_over_flags(writing, session.actor.person, kept.catalogue.text):
        say("its flags are on record now; `caselight flags` changes them")


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
