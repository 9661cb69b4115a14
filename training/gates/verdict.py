"""What a gate says: a verdict, the figures and the limit that it rests on, and one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.run_figures.judged import JudgedGate


class Verdict(StrEnum):
    """What a gate found; ``NOT_JUDGED`` is never a pass."""

    PASSED = "passed"
    REFUSED = "refused"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Gate:
    """One gate's verdict on one thing.

    Parameters
    ----------
    name
        ``run``, ``rule``, ``performance``, ``calibration``, ``audit`` or ``churn``.
    about
        The outcome or the comparison that it is about; ``bundle`` for the whole.
    verdict
        What was found.
    figures
        What the verdict rests on, by name; a figure that is not known is ``None``.
    limit
        What the figures are held against, in words.
    words
        One sentence.
    may_be_accepted
        Whether a refusal is a matter of judgement that people may accept in writing.
    """

    name: str
    about: str
    verdict: Verdict
    figures: Mapping[str, float | None]
    limit: str
    words: str
    may_be_accepted: bool = False

    def to_dict(self) -> JudgedGate:
        """Return the gate in plain values, as the record of a promotion keeps it."""
        return {
            "name": self.name,
            "about": self.about,
            "verdict": self.verdict.value,
            "figures": dict(self.figures),
            "limit": self.limit,
            "words": self.words,
            "may_be_accepted": self.may_be_accepted,
        }


def give_verdict(is_within: bool) -> Verdict:
    """Return the verdict on figures that are known."""
    return Verdict.PASSED if is_within else Verdict.REFUSED
