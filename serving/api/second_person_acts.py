"""What follows from each kind of act once a second person has settled it: one table.

A kind that is asked for anywhere and is missing here is an internal error when it is settled, and
nothing is saved; a test holds the table against the kinds that there are.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from serving.access.overseers import name_overseers
from serving.confirmations.records import Confirmation
from serving.confirmations.settling import CarryOut
from serving.decisions.deciding import make_limits
from serving.decisions.decision_confirmation import DECISION, carry_out_decision
from serving.errors import RefusedError, ServiceError
from serving.intake.correction_confirmation import LOWERING_CORRECTIONS, carry_out_corrections
from serving.intake.held_cases import HELD_CASES, carry_out_held
from serving.intake.move_confirmation import MERGE, SPLIT, carry_out_merge, carry_out_split
from serving.sealing.seal_confirmation import SEAL
from serving.sealing.seal_settlement import follow_settlement
from serving.service import Service
from serving.standing.standings import make_rules
from serving.store.database import Writing

ServiceAct = Callable[[Service, Writing, Confirmation], frozenset[str]]
"""What a kind of act does once it is settled, with what the service works with; it returns the
cases that are to be scored again."""


def _follow_seal(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    settings = service.settings
    return follow_settlement(writing, one, name_overseers(settings), make_rules(settings))


def _merge(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    unit, rules = service.need_unit(), make_rules(service.settings)
    with _told_as_service_errors():
        return carry_out_merge(writing, one, unit=unit, rules=rules)


def _split(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    unit, rules = service.need_unit(), make_rules(service.settings)
    with _told_as_service_errors():
        return carry_out_split(writing, one, unit=unit, rules=rules)


def _decide(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    return carry_out_decision(
        writing,
        one,
        unit=service.need_unit(),
        rules=make_rules(service.settings),
        limits=make_limits(service.settings),
    )


def _release(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    return carry_out_held(writing, one)


@contextmanager
def _told_as_service_errors() -> Iterator[None]:
    """Have a move that cannot be made any more told where somebody settles it."""
    try:
        yield
    except RefusedError as error:
        what, _, remedy = str(error).partition("; ")
        raise ServiceError(error.code, what, remedy) from None


def _let_corrections_hold(service: Service, writing: Writing, one: Confirmation) -> frozenset[str]:
    return carry_out_corrections(writing, one, service.need_unit(), make_rules(service.settings))


ACTS: dict[str, ServiceAct] = {
    SEAL.name: _follow_seal,
    MERGE.name: _merge,
    SPLIT.name: _split,
    DECISION.name: _decide,
    HELD_CASES.name: _release,
    LOWERING_CORRECTIONS.name: _let_corrections_hold,
}
"""By the name of the kind."""


def carry_out_with(service: Service) -> Mapping[str, CarryOut]:
    """Return what each kind of act does, with the service that it is done in."""
    return {kind: partial(act, service) for kind, act in ACTS.items()}
