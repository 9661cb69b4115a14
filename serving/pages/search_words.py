"""The search among cases in words: what it offers to choose from, and what was looked for."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from features.catalogue.declarations import Catalogue
from serving.lists.case_terms import CaseTerms
from serving.pages.rendering import describe_day_of
from serving.pages.state_words import name_state
from serving.persons import AGENCIES

LABELS: Final = {
    "reference": "Case number",
    "area": "Area",
    "source": "Referred by",
    "family": "Main reason",
    "state": "Status",
    "flagged": "Flagged",
    "flag": "Open flag",
    "kind": "On record",
    "owner": "Owner",
    "agency": "Agency",
    "ends": "What ends",
    "ends_from": "Ends from",
    "ends_until": "Ends until",
}
_DATED: Final = ("ends_from", "ends_until")
_PLAIN: Final = ("source", "family", "state", "agency")
"""Terms whose codes are told with spaces."""


def offer_choices(catalogue: Catalogue | None, own_work: Collection[str] = ()) -> dict[str, Any]:
    """Return the values, each with its words, that the catalogue lets somebody choose from.

    Parameters
    ----------
    catalogue
        Of the model in use; ``None`` without one, when there is nothing to choose.
    own_work
        Kinds of the unit's own work, which nobody looks for.

    Returns
    -------
    dict
        Under ``flag``, ``kind``, ``family``, ``ends`` and ``agency``.
    """
    agencies = [(one, one.capitalize()) for one in AGENCIES]
    if catalogue is None:
        return {"flag": [], "kind": [], "family": [], "ends": [], "agency": agencies}
    kinds = [
        (name, kind.label[:1].upper() + kind.label[1:])
        for name, kind in catalogue.kinds.items()
        if name not in own_work
    ]
    families = dict.fromkeys(one.family for one in catalogue.indicators)
    ends = dict.fromkeys(
        state for name, state in catalogue.state_edges["ends"].items() if name not in own_work
    )
    return {
        "flag": [(one.name, one.wording) for one in catalogue.flags],
        "kind": sorted(kinds, key=lambda one: one[1]),
        "family": [(one, one.replace("_", " ").capitalize()) for one in families],
        "ends": [(one, name_state(one, None)) for one in sorted(ends)],
        "agency": agencies,
    }


def describe_terms(terms: CaseTerms, offered: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was looked for: each term's label, and its value as people say it."""
    return [(LABELS[name], _describe(name, said, offered)) for name, said in terms.write().items()]


def _describe(name: str, said: Any, offered: Mapping[str, Any]) -> str:
    if said is True:
        return "yes"
    if name in _DATED:
        return describe_day_of(str(said))
    known = offered.get(name, ())
    words = dict(known) if known and isinstance(known[0], tuple) else {}
    if said in words:
        return str(words[said])
    return str(said).replace("_", " ") if name in _PLAIN else str(said)
