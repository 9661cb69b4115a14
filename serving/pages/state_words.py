"""Custody, bail and orders in words: each order by its name, and what is not recorded said so."""

from typing import Final

ORDERS: Final = {
    "dapo": "Domestic abuse protection order",
    "dvpo": "Domestic violence protection order",
    "nmo": "Non-molestation order",
    "restraining": "Restraining order",
    "restraining_order": "Restraining order",
    "spo": "Stalking protection order",
}
"""Orders of England and Wales by the codes that agencies write; others as they are written."""
NOTHING: Final = "No current custody, bail or order recorded"


def name_state(state: str, detail: str | None) -> str:
    """Return what a state is called: an order by its name, a detail beside what it is of.

    Parameters
    ----------
    state
        The catalogue's name of the state.
    detail
        What its records say more of it; the state's own name says nothing more.
    """
    what = state.replace("_", " ").capitalize()
    if detail in (None, "", state):
        return what
    if detail in ORDERS:
        return ORDERS[detail]
    return f"{what}: {detail.replace('_', ' ')}"


def describe_lasting(state: str, detail: str | None, since: str, until: str = "") -> str:
    """Return what lasts from a day, until when, and what is not recorded of it.

    Parameters
    ----------
    state, detail
        See :func:`name_state`.
    since, until
        The day it began, and the day of an end that is on record ahead, as people write them.
    """
    if until:
        return f"{name_state(state, detail)} from {since} until {until}"
    is_bail = state == "bail" and detail in (None, "", state)
    unknown = "conditions and end date" if is_bail else "end date"
    return f"{name_state(state, detail)} from {since}, {unknown} not recorded"
