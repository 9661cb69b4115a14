"""Why a case's place changed: who came, who left, who passed it and whom it passed.

A place can change although the score stands still, and the reverse; so the ledger of places is one
of its own and adds up in whole places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.wording.sentences import say


@dataclass(frozen=True)
class RankLedger:
    """A case's place in two orders, counted from 1, and the cases that make the difference.

    ``after`` is ``before + arrived - left + overtaken_by - overtook``, exactly.

    Parameters
    ----------
    before, n_before, after, n_after
        The case's place and the number of cases, then and now.
    arrived
        Cases ahead now that were not in the earlier order.
    left
        Cases ahead then that are not in the later order.
    overtaken_by
        Cases behind then and ahead now.
    overtook
        Cases ahead then and behind now.
    """

    before: int
    n_before: int
    after: int
    n_after: int
    arrived: int
    left: int
    overtaken_by: int
    overtook: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """The ledger in words: the places, then each count that is not zero."""
        whole = say(
            "rank_from_to",
            before=self.before,
            n_before=self.n_before,
            after=self.after,
            n_after=self.n_after,
        )
        counts = {
            "rank_arrived": self.arrived,
            "rank_left": self.left,
            "rank_overtaken_by": self.overtaken_by,
            "rank_overtook": self.overtook,
        }
        return (whole, *(say(name, count=count) for name, count in counts.items() if count))


def explain_rank(before: Sequence[str], after: Sequence[str], case_id: str) -> RankLedger:
    """Return why a case's place changed between two orders.

    Parameters
    ----------
    before, after
        Identifiers of all ranked cases, first to last, each once.
    case_id
        The case; it is in both.

    Returns
    -------
    RankLedger
        Counts that lead from the earlier place to the later one.

    Raises
    ------
    ValueError
        If the case is not in both orders.
    """
    if case_id not in before or case_id not in after:
        raise ValueError("the case is not in both orders; there is no change of place to explain")
    old, new = list(before).index(case_id), list(after).index(case_id)
    were_ahead, are_ahead = set(before[:old]), set(after[:new])
    then, now = set(before), set(after)
    return RankLedger(
        before=old + 1,
        n_before=len(before),
        after=new + 1,
        n_after=len(after),
        arrived=len(are_ahead - then),
        left=len(were_ahead - now),
        overtaken_by=len((are_ahead & then) - were_ahead),
        overtook=len((were_ahead & now) - are_ahead),
    )
