"""What was done when an urgent flag was acknowledged: handed to whom, what is next, the contact.

Whether the victim can be contacted safely is looked up first. No answer is assumed: a form that
says nothing of the contact is refused (GOV.UK Design System, radios: none is chosen beforehand).
"""

from dataclasses import dataclass
from typing import Final

from serving.errors import RequestProblem, invalid

CONTACTED: Final = "contacted"
CONTACTS: Final = (CONTACTED, "not_safe", "asked_not", "advocate")
"""Contacted; not safe to contact; asked not to be contacted; through the victim's advocate."""
MOST_CHARACTERS: Final = 2_000


@dataclass(frozen=True)
class Steps:
    """What was done.

    Parameters
    ----------
    handed_to
        Who goes on with it, or who will read an old record; ``None`` for nobody.
    next_step
        What happens next.
    contact
        One of ``CONTACTS``; ``None`` where nothing is said of it.
    contact_words
        How the victim was contacted and by whom, or more of the other answers.
    """

    handed_to: str | None = None
    next_step: str | None = None
    contact: str | None = None
    contact_words: str | None = None

    def columns(self) -> dict[str, str | None]:
        """Return what the store keeps of them."""
        return {
            "handed_to": self.handed_to,
            "next_step": self.next_step,
            "contact": self.contact,
            "contact_words": self.contact_words,
        }


NOTHING: Final = Steps()


def check_steps(steps: Steps, *, of_old_record: bool) -> None:
    """Check that an acknowledgement says what it has to.

    Parameters
    ----------
    steps
        What was done.
    of_old_record
        Whether the flag is of a record that was old when it came: it needs a named reader, and no
        contact.

    Raises
    ------
    ServiceError
        If something is missing (422); all of it is told together.
    """
    if of_old_record:
        missing = [] if steps.handed_to else [("handed_to", "no_reader")]
    else:
        missing = [] if steps.next_step else [("next_step", "no_next_step")]
        if steps.contact not in CONTACTS:
            missing.append(("contact", "no_contact"))
        elif steps.contact == CONTACTED and not steps.contact_words:
            missing.append(("contact_words", "no_contact_words"))
    if missing:
        raise invalid(
            [RequestProblem(where=place, code=code, remedy="fill it in") for place, code in missing]
        )
