"""Who may settle a confirmation: one rule for every kind of act.

The second person is another person than who asked, and of another agency (or of the one that the
act names). They see the cases that it concerns, are a party to none, and are not among those whom
the act leaves out. An overdue act of some kinds goes to those who oversee, whatever their agency.
"""

from dataclasses import dataclass
from typing import Literal

from serving.confirmations.records import Confirmation
from serving.persons import Person

Objection = Literal[
    "unseen", "same_person", "same_agency", "wrong_agency", "wrong_role", "left_out"
]
"""Why somebody may not settle a confirmation. ``unseen``: it is not there for them at all."""


@dataclass(frozen=True)
class Circumstances:
    """What the rule needs to know beside the confirmation and the person.

    Parameters
    ----------
    in_sight
        Whether the person sees every case that it concerns.
    is_party
        Whether they are a party to one of these cases, or close to one.
    oversees
        Whether they are an auditor of every area, or of professional standards.
    now_us
        The moment, microseconds UTC.
    """

    in_sight: bool
    is_party: bool
    oversees: bool
    now_us: int


def find_objection(one: Confirmation, person: Person, around: Circumstances) -> Objection | None:
    """Return why a person may not settle a confirmation; ``None`` where they may.

    Whoever asked and those left out are told so only where they know of it anyway, since they see
    the cases; to everybody else it is not there.
    """
    oversees = one.overseen and around.oversees and one.due_at_us < around.now_us
    is_called = around.in_sight if one.only is None else person.subject in one.only
    if around.is_party or not (oversees or is_called or around.in_sight):
        return "unseen"
    if person.subject == one.person.subject:
        return "same_person"
    if person.subject in one.excluded:
        return "left_out"
    if oversees:
        return None
    return _find_of_second(one, person) if is_called else "unseen"


def _find_of_second(one: Confirmation, person: Person) -> Objection | None:
    if one.needed_agency is not None and person.agency != one.needed_agency:
        return "wrong_agency"
    if one.needed_agency is None and person.agency == one.person.agency:
        return "same_agency"
    return None if person.role in one.roles else "wrong_role"
