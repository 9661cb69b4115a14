"""Who may propose a bundle, approve it and go back: people by their roles, never a program.

Whoever trains models proposes; whoever answers for the work with cases approves. The duty role may
go back as it may turn the model's order off: at night there is nobody else.
"""

from collections.abc import Sequence
from typing import Final

from features.errors import CaselightError
from serving.access.command_rules import PROMOTE, ROLLBACK
from serving.persons import Person

PROPOSERS: Final = ("data_scientist", "administrator")
APPROVERS: Final = ("administrator", "reviewer")
WITHDRAWERS: Final = PROMOTE.roles
RETURNERS: Final = ROLLBACK.roles
UNSIGNED: Final = "unsigned:"
"""Begins the subject of somebody who did not sign in: the machine's user, on a synthetic store."""


class PromotionRefusedError(CaselightError):
    """A step that may not be taken.

    Parameters
    ----------
    code
        ``not_signed_in``, ``role_may_not``, ``same_person``, ``gates_refuse``,
        ``not_acknowledged``, ``no_proposal``, ``proposed_already``, ``in_use``, ``changed``,
        ``overtaken``, ``not_in_use_before``, ``real_store`` or ``unusable_text``.
    message
        What is wrong and how to mend it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def need_proposer(person: Person) -> None:
    """Check that a person may propose a bundle.

    Raises
    ------
    PromotionRefusedError
        If they may not.
    """
    _need(person, PROPOSERS, "does not propose models")


def need_approver(person: Person) -> None:
    """Check that a person may approve what another proposed; see :func:`need_proposer`."""
    _need(person, APPROVERS, "does not approve models")


def need_withdrawer(person: Person) -> None:
    """Check that a person may withdraw a proposal; see :func:`need_proposer`."""
    _need(person, WITHDRAWERS, "does not withdraw proposals")


def need_returner(person: Person) -> None:
    """Check that a person may go back to a bundle before; see :func:`need_proposer`."""
    _need(person, RETURNERS, "does not go back to another model")


def _need(person: Person, roles: Sequence[str], what: str) -> None:
    if person.subject.startswith(UNSIGNED):
        raise PromotionRefusedError("not_signed_in", "this takes somebody who is signed in")
    # Only a program has scopes, and none takes a step of a promotion (ADR 19).
    if person.role not in roles or person.scopes is not None:
        who = ", ".join(role.replace("_", " ") for role in roles)
        role = person.role.replace("_", " ")
        raise PromotionRefusedError(
            "role_may_not", f"the role {role} {what}; ask somebody who is signed in as {who}"
        )
