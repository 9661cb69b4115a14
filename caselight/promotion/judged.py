"""A bundle held against every gate, and what the record keeps of that."""

from pathlib import Path
from typing import TYPE_CHECKING

from caselight.inputs import say
from caselight.promotion.measured import (
    describe_candidate,
    measure_in_folder,
    measure_in_store,
    print_gates,
)
from caselight.promotion.session import ID_LETTERS, PromotionSession
from features.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from serving.promotions.approval import ProposedBundle
    from serving.promotions.record import PromotionStep
    from training.gates import Measured, Reported


def judge_candidate(
    session: PromotionSession, reported: "Reported", data: Path | None = None
) -> "ProposedBundle":
    """Hold a bundle against every gate and print what each says.

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
    from serving.promotions.approval import ProposedBundle
    from serving.promotions.record import follow, read_steps
    from serving.promotions.rights import PromotionRefusedError
    from training.config import load_limits
    from training.gates import Measured, judge
    from training.registry.promoted_bundles import read_pointer

    with session.store.reading() as connection:
        steps = read_steps(connection)
    recorded, pointed = follow(steps).in_use, read_pointer(session.models)
    if recorded is not None and pointed != recorded:
        raise ConfigError(
            f"the service is pointed at another bundle than the record put to use; run `caselight "
            f"promote {recorded[:ID_LETTERS]} --approve`, which points it there again"
        )
    if recorded == reported.bundle.id:
        raise PromotionRefusedError("in_use", "this bundle is in use already")
    # A bundle from before there was a record is put on it as the first one.
    replaces = None if pointed == reported.bundle.id else pointed
    champion = None if replaces is None else _read_champion(session, replaces, steps)
    measured = Measured()
    if champion is not None:
        say("comparing with the bundle in use")
        measured = _measure(session, reported, champion, data)
    gates = judge(
        reported,
        champion,
        load_limits(),
        measured,
        for_synthetic=session.unit.synthetic,
        is_first=replaces is None,
    )
    print(f"gates for bundle {reported.bundle.id[:ID_LETTERS]}:")
    print_gates(gates)
    return ProposedBundle(
        bundle_id=reported.bundle.id,
        figures_digest=reported.figures_digest,
        replaces=replaces,
        about=describe_candidate(reported),
        gates=[one.to_dict() for one in gates],
    )


def _read_champion(
    session: PromotionSession, bundle_id: str, steps: "tuple[PromotionStep, ...]"
) -> "Reported | None":
    """Return the bundle in use with its figures as they were judged; ``None``, with a
    warning, where they cannot be read or are others.
    """
    from serving.promotions.record import find_figures
    from training.gates import read_reported

    try:
        found = read_reported(session.models / bundle_id)
    except ArtefactError as error:
        say(f"warning: the bundle in use cannot be compared with: {error}")
        return None
    judged = find_figures(steps, bundle_id)
    if found.bundle.id != bundle_id or judged not in (None, found.figures_digest):
        say("warning: the bundle in use, or its figures, are not those that were judged")
        return None
    return found


def _measure(
    session: PromotionSession, reported: "Reported", champion: "Reported", data: Path | None
) -> "Measured":
    pair = (reported.bundle, champion.bundle, session.capacity)
    if data is not None:
        return measure_in_folder(data, *pair)
    return measure_in_store(session.store, session.unit, *pair)
