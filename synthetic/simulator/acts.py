"""The acts of the constants as arrays, for compiled code and for columns."""

from typing import Final

import numpy as np

from synthetic.simulator import constants as set_by

KINDS: Final = tuple(act.kind for act in set_by.ACTS)
SEVERITY: Final = np.array([act.severity for act in set_by.ACTS])
GRAVE: Final = np.array([act.severity >= set_by.LEAST_GRAVE_SEVERITY for act in set_by.ACTS])
N_ACTS: Final = len(KINDS)
N_MILD: Final = int((~GRAVE).sum())
"""The milder acts stand first, so that the graver ones are the rest."""
WEIGHT: Final = np.array([act.weight for act in set_by.ACTS])
POWER: Final = np.array([act.aggression_power for act in set_by.ACTS])
NOTICED: Final = np.array([act.noticed for act in set_by.ACTS])
CONTACTS: Final = np.isin(KINDS, ("call", "message", "letter", "gift", "approach", "home_visit"))
THREATS: Final = np.isin(KINDS, ("threat_of_violence", "threat_to_kill", "threat_to_children"))
VIOLENCE: Final = np.isin(KINDS, ("assault", "strangulation", "sexual_violence"))
SERIOUS: Final = np.isin(KINDS, ("strangulation", "sexual_violence"))
"""Serious harm: strangulation and sexual violence."""
NEAR_HOME: Final = np.isin(KINDS, ("home_visit", "loitering", "entry_to_home"))
LETTER: Final = KINDS.index("letter")
THREAT_TO_KILL: Final = KINDS.index("threat_to_kill")

MILDER: Final = {
    "threat_of_violence": "message",
    "threat_to_kill": "threat_of_violence",
    "threat_to_children": "threat_of_violence",
    "strangulation": "assault",
    "sexual_violence": "assault",
    "assault": "approach",
    "following": "approach",
    "watching": "loitering",
    "entry_to_home": "home_visit",
    "property_damage": "home_visit",
}
"""What a classification that names a milder act calls it."""
MILDER_ACT: Final = np.array([KINDS.index(MILDER.get(kind, kind)) for kind in KINDS])

CHANNELS: Final = tuple(
    dict.fromkeys(
        [name for act in set_by.ACTS for name, _ in act.means]
        + [channel for _, channel, _ in set_by.CUSTODY_MEANS]
        + ["post", "through_others"]
    )
)
POST: Final = CHANNELS.index("post")
THROUGH_OTHERS: Final = CHANNELS.index("through_others")
_MOST_MEANS: Final = max(len(act.means) for act in set_by.ACTS)
N_MEANS: Final = np.array([len(act.means) for act in set_by.ACTS])
MEANS: Final = np.zeros((N_ACTS, _MOST_MEANS), dtype=np.int64)
MEANS_CUMULATIVE: Final = np.zeros((N_ACTS, _MOST_MEANS))
for _number, _act in enumerate(set_by.ACTS):
    MEANS[_number, : len(_act.means)] = [CHANNELS.index(name) for name, _ in _act.means]
    MEANS_CUMULATIVE[_number] = np.cumsum([s for _, s in _act.means] + [0.0] * _MOST_MEANS)[
        :_MOST_MEANS
    ]

CUSTODY_ACT: Final = np.array([KINDS.index(kind) for kind, _, _ in set_by.CUSTODY_MEANS])
CUSTODY_CHANNEL: Final = np.array([CHANNELS.index(name) for _, name, _ in set_by.CUSTODY_MEANS])
CUSTODY_CUMULATIVE: Final = np.cumsum([share for _, _, share in set_by.CUSTODY_MEANS])

ORDER_KINDS: Final = (*(name for name, _, _ in set_by.ORDERS), "ro")
RESTRAINING: Final = ORDER_KINDS.index("ro")
ORDER_CUMULATIVE: Final = np.cumsum([share for _, share, _ in set_by.ORDERS])
ORDER_DAYS: Final = np.array([length for _, _, length in set_by.ORDERS])
DELAY_CUMULATIVE: Final = np.cumsum([share for share, _ in set_by.DELAYS])
DELAY_MEAN: Final = np.array([mean for _, mean in set_by.DELAYS])
RELATION_CUMULATIVE: Final = np.cumsum(set_by.RELATION_SHARES)
RELATION_AGGRESSION: Final = np.array(set_by.RELATION_AGGRESSION)
DURATION_CUMULATIVE: Final = np.cumsum(set_by.DURATION_SHARES)
DEPARTURES_A_DAY: Final = np.array([rate / 365.25 for _, rate in set_by.DEPARTURES_A_YEAR])
TRIGGER_KINDS: Final = (
    "legal_step",
    "child_contact_decision",
    "hearing",
    "new_relationship_known",
    "home_lost",
    "bereavement",
)
EXTRACT_US: Final = int(set_by.EXTRACT_AT.timestamp()) * 1_000_000
DAY_US: Final = 86_400_000_000
