"""The worlds: one set of switches, read by the same code.

``standard`` is the unit as the constants have it. The seven others test what is built to test: each
holds one trap whose answer is known.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from features.errors import ConfigError
from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import DAY_US, EXTRACT_US


@dataclass(frozen=True)
class World:
    """What differs between worlds; the defaults are those of ``standard``.

    Parameters
    ----------
    name, promise
        What it is called, and what a tester must find in it.
    memoryless
        All cases are the same and each act comes at the same rate, whatever came before; nothing
        is done about them.
    follows_rule
        Acts come at a rate that depends on the recency, frequency and severity of what is on
        record alone; all are recorded at once, in one view.
    risk_in_taking_on, hidden_in_taking_on
        Weight of the perceived risk, and of traits that nobody recorded, in being taken on.
    taken_on_logit
        Log-odds of being taken on where the risk is nil.
    managed_grave
        Share of grave acts that still happen while the unit manages the case.
    noticed_of_group
        Factor on the share of acts that are recorded for cases with a male victim.
    break_at
        From this moment acts are recorded in another way.
    milder_noticed_after
        From then, factor on the share of milder acts that are recorded.
    classed_milder_after
        From then, share of acts that are recorded as a milder one.
    quiet_harm
        Serious harm comes from former partners of little aggression, whose last words and plans
        come to light more often; the inclination to violence foretells less of it.
    has_shadows
        Each case also carries the records of another one, under kinds and facts of their own.
    """

    name: str
    promise: str
    memoryless: bool = False
    follows_rule: bool = False
    risk_in_taking_on: float = 0.6
    hidden_in_taking_on: float = 0.0
    taken_on_logit: float = set_by.TAKEN_ON_LOGIT
    managed_grave: float = 1.0
    noticed_of_group: float = 1.0
    break_at: datetime | None = None
    milder_noticed_after: float = 1.0
    classed_milder_after: float = 0.0
    quiet_harm: bool = False
    has_shadows: bool = False


class Switches(NamedTuple):
    """A world as compiled code takes it; days end at the extract."""

    memoryless: bool
    follows_rule: bool
    risk_in_taking_on: float
    hidden_in_taking_on: float
    taken_on_logit: float
    managed_grave: float
    noticed_of_group: float
    break_day: float
    milder_noticed_after: float
    classed_milder_after: float
    quiet_harm: bool


_WORLDS: Final = (
    World("standard", "The unit as its sources describe it."),
    World(
        "no-signal",
        "What is recorded says nothing of what comes: no model ranks better than chance.",
        memoryless=True,
    ),
    World(
        "rule-suffices",
        "Recency, frequency and severity are all there is: no model beats the simple rule.",
        follows_rule=True,
    ),
    World(
        "selective-management",
        "The riskiest are taken on, partly for what nobody recorded, and grave acts are halved "
        "while they are: managed cases look safer than they are.",
        risk_in_taking_on=2.2,
        hidden_in_taking_on=2.0,
        taken_on_logit=-2.7,
        managed_grave=0.5,
    ),
    World(
        "recording-bias",
        "Acts against male victims are recorded half as often and happen as often.",
        noticed_of_group=0.5,
    ),
    World(
        "recording-break",
        "Halfway through, milder acts begin to be recorded twice as often and many grave ones "
        "are recorded as milder, as in April 2020.",
        break_at=datetime(2025, 4, 28, tzinfo=ZoneInfo(set_by.TIME_ZONE)),
        milder_noticed_after=2.0,
        classed_milder_after=0.4,
    ),
    World(
        "quiet-harm",
        "What foretells serious harm is the reverse of what foretells violence: a quiet former "
        "partner with plans and last words, and little on record.",
        quiet_harm=True,
    ),
    World(
        "irrelevant-indicators",
        "Half the catalogue measures another case's records.",
        has_shadows=True,
    ),
)
WORLDS: Final[Mapping[str, World]] = MappingProxyType({world.name: world for world in _WORLDS})


def find_world(name: str) -> World:
    """Return a world by its name.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    try:
        return WORLDS[name]
    except KeyError:
        raise ConfigError(f"no such world; the worlds are {', '.join(WORLDS)}") from None


def to_switches(world: World) -> Switches:
    """Return a world as compiled code takes it."""
    at = world.break_at
    break_day = (at.timestamp() * 1e6 - EXTRACT_US) / DAY_US if at else float("inf")
    return Switches(
        memoryless=world.memoryless,
        follows_rule=world.follows_rule,
        risk_in_taking_on=world.risk_in_taking_on,
        hidden_in_taking_on=world.hidden_in_taking_on,
        taken_on_logit=world.taken_on_logit,
        managed_grave=world.managed_grave,
        noticed_of_group=world.noticed_of_group,
        break_day=break_day,
        milder_noticed_after=world.milder_noticed_after,
        classed_milder_after=world.classed_milder_after,
        quiet_harm=world.quiet_harm,
    )


def hash_constants() -> str:
    """Return the SHA-256 of every constant and every world, by name and value."""
    values = {name: value for name, value in vars(set_by).items() if name.isupper()}
    content = {"constants": values, "worlds": dict(WORLDS)}
    text = json.dumps(content, default=_plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a constant must be plain, not {type(value).__name__}")
