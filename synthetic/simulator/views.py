"""Further rows of one recorded incident: a weapon, a breach, the account, the classification.

Each function returns its rows and, for each of them, the position of its act.
"""

import numpy as np

from synthetic.simulator import constants as set_by
from synthetic.simulator.acts import MILDER, ORDER_KINDS, THREATS, VIOLENCE
from synthetic.simulator.chance import Chance
from synthetic.simulator.course import Records
from synthetic.simulator.rows import Bools, Codes, EventRows, Ints, Vocabulary


def weapon_rows(
    main: EventRows, acts: Records, words: Vocabulary, chance: Chance
) -> tuple[EventRows, Ints]:
    """Return a second row for threats and violence with a weapon."""
    draw = chance.uniform("weapon", acts["case"], acts["number"])
    mentioned = THREATS[acts["named"]] & (draw < set_by.WEAPON_MENTIONED)
    produced = VIOLENCE[acts["named"]] & (draw < set_by.WEAPON_PRODUCED)
    place = np.flatnonzero(mentioned | produced)
    kind = np.where(produced[place], words.code("weapon_produced"), words.code("weapon_mentioned"))
    return main.take(place).with_columns(kind=kind), place


def breach_rows(main: EventRows, acts: Records, words: Vocabulary) -> tuple[EventRows, Ints]:
    """Return a second row for acts that are recorded as a breach as well."""
    place = np.flatnonzero(acts["breach_recorded"])
    order = acts["order_kind"][place]
    ordered = order >= 0
    kind = np.where(ordered, words.code("order_breach"), words.code("bail_breach"))
    # The last code is met where there is no order.
    details = words.codes([*ORDER_KINDS, "bail"])
    return main.take(place).with_columns(kind=kind, detail=details[order], until=np.nan), place


def account_rows(
    main: EventRows, acts: Records, words: Vocabulary, chance: Chance
) -> tuple[EventRows, Ints]:
    """Return what the victim says of some incidents: often graver than the record."""
    place = np.flatnonzero(_has_view(acts, set_by.ACCOUNT_VIEW, "account", chance))
    rows, number = main.take(place), acts["number"][place]
    graver = chance.integers(0, 3, "account value", rows.case, number)
    wait = set_by.ACCOUNT_AFTER_DAYS * chance.exponential("account delay", rows.case, number)
    told = rows.with_columns(
        view=words.code("account"),
        reporter_role=words.code("victim"),
        assurance=words.code("unverified"),
        value=np.clip(rows.value + graver, 1, 10),
        recorded=rows.recorded + wait,
    )
    return told, place


def classification_rows(
    main: EventRows, acts: Records, words: Vocabulary, chance: Chance
) -> tuple[EventRows, Ints]:
    """Return what the officer called some incidents: sometimes a milder act."""
    place = np.flatnonzero(_has_view(acts, set_by.CLASSIFICATION_VIEW, "classified", chance))
    rows, number = main.take(place), acts["number"][place]
    milder = chance.happens(set_by.CLASSIFIED_LOWER, "classified lower", rows.case, number)
    kind: Codes = rows.kind.copy()
    for graver, named in MILDER.items():
        kind[milder & (rows.kind == words.code(graver))] = words.code(named)
    offence = chance.pick([share for _, share in set_by.OFFENCES], "offence", rows.case, number)
    wait = set_by.CLASSIFIED_AFTER_DAYS * chance.exponential("class delay", rows.case, number)
    called = rows.with_columns(
        view=words.code("classification"),
        reporter_role=words.code("officer"),
        assurance=words.code("assessment"),
        kind=kind,
        value=np.maximum(np.where(milder, rows.value - 1.0, rows.value), 1.0),
        detail=words.codes([name for name, _ in set_by.OFFENCES])[offence],
        recorded=rows.recorded + wait,
    )
    return called, place


def _has_view(acts: Records, share: float, purpose: str, chance: Chance) -> Bools:
    """Return which acts have one more view."""
    grave = THREATS[acts["named"]] | VIOLENCE[acts["named"]]
    likely = np.where(grave, share * set_by.VIEWS_OF_GRAVE, share)
    return chance.happens(likely, purpose, acts["case"], acts["number"])
