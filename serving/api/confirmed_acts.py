"""What follows from each kind of act once a second person has settled it: one table.

A kind that is asked for anywhere and is missing here is an internal error when it is settled, and
nothing is saved; a test holds the table against the kinds that there are.
"""

from collections.abc import Callable, Mapping
from functools import partial

from serving.access.overseers import name_overseers
from serving.confirmations.records import Confirmation
from serving.confirmations.settling import CarryOut
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


ACTS: dict[str, ServiceAct] = {SEAL.name: _follow_seal}
"""By the name of the kind."""


def carry_out_with(service: Service) -> Mapping[str, CarryOut]:
    """Return what each kind of act does, with the service that it is done in."""
    return {kind: partial(act, service) for kind, act in ACTS.items()}
