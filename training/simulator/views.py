"""Further rows of one recorded incident: a weapon, a breach, the account, the classification."""

from typing import Final

import numpy as np

from training.simulator import constants as set_by
from training.simulator.course import THREATS, VIOLENCE, Incidents
from training.simulator.rows import NO_TEXT, Bools, Codes, Rows, Vocabulary, stack_rows

MILDER: Final = {
    "threat_of_violence": "message",
    "threat_to_kill": "threat_of_violence",
    "threat_to_children": "threat_of_violence",
    "strangulation": "assault",
    "sexual_violence": "assault",
    "following": "approach",
    "watching": "loitering",
    "entry_to_home": "home_visit",
    "property_damage": "home_visit",
}
"""What a classification that names a milder act calls it."""


def weapon_rows(
    main: Rows, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return a second row for threats and violence with a weapon."""
    draw = rng.random(len(main))
    threat, violence = THREATS[incidents.act], VIOLENCE[incidents.act]
    mentioned = threat & (draw < set_by.WEAPON_MENTIONED)
    produced = violence & (draw < set_by.WEAPON_PRODUCED)
    rows = main.take(mentioned | produced)
    kind = np.where(
        produced[mentioned | produced],
        words.code("weapon_produced"),
        words.code("weapon_mentioned"),
    )
    return rows.with_columns(kind=kind)


def breach_rows(
    main: Rows, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return a second row for acts that are recorded as a breach as well."""
    seen = rng.random(len(main)) < set_by.BREACH_RECORDED
    ordered = (incidents.order != NO_TEXT) & seen
    bailed = incidents.on_bail & ~ordered & seen
    of_order = main.take(ordered).with_columns(
        kind=words.code("order_breach"), detail=incidents.order[ordered], until=np.nan
    )
    of_bail = main.take(bailed).with_columns(
        kind=words.code("bail_breach"), detail=words.code("bail"), until=np.nan
    )
    return stack_rows([of_order, of_bail])


def account_rows(
    main: Rows, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return what the victim says of some incidents: often graver than the record."""
    chosen = _has_view(incidents, set_by.ACCOUNT_VIEW, rng)
    rows = main.take(chosen)
    value = np.clip(rows.value + rng.integers(0, 3, len(rows)), 1, 10)
    return rows.with_columns(
        view=words.code("account"),
        reporter_role=words.code("victim"),
        assurance=words.code("unverified"),
        value=value,
        recorded=rows.recorded + rng.exponential(6.0, len(rows)),
    )


def classification_rows(
    main: Rows, incidents: Incidents, words: Vocabulary, rng: np.random.Generator
) -> Rows:
    """Return what the officer called some incidents: sometimes a milder act."""
    chosen = _has_view(incidents, set_by.CLASSIFICATION_VIEW, rng)
    rows = main.take(chosen)
    milder = rng.random(len(rows)) < set_by.CLASSIFIED_LOWER
    kind: Codes = rows.kind.copy()
    for graver, named in MILDER.items():
        kind[milder & (rows.kind == words.code(graver))] = words.code(named)
    value = np.where(milder, rows.value - 1.0, rows.value)
    return rows.with_columns(
        view=words.code("classification"),
        reporter_role=words.code("officer"),
        assurance=words.code("assessment"),
        kind=kind,
        value=np.maximum(value, 1.0),
        detail=words.draw(set_by.OFFENCES, len(rows), rng),
        recorded=rows.recorded + rng.exponential(3.0, len(rows)),
    )


def _has_view(incidents: Incidents, share: float, rng: np.random.Generator) -> Bools:
    """Return which incidents have one more view."""
    grave = THREATS[incidents.act] | VIOLENCE[incidents.act]
    return rng.random(len(incidents)) < np.where(grave, share * set_by.VIEWS_OF_GRAVE, share)
