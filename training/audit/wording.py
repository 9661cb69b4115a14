"""Every sentence of the audit, in one place. Nothing here says that a list is fair."""

from typing import Final

DIFFERS: Final = "differs"
NO_DIFFERENCE: Final = "no difference found"
TOO_FEW: Final = "too few to tell"
VERDICTS: Final = (DIFFERS, NO_DIFFERENCE, TOO_FEW)
PRIMARY: Final = "fixed beforehand"
EXPLORATORY: Final = "exploratory"

FEWER: Final = "fewer than 10"
WITHHELD: Final = "withheld, so that a smaller group's count stays hidden"

HIGHER: Final = "higher"
LOWER: Final = "lower"
DIFFERS_BY: Final = (
    "{measure} differs: {direction} than among the other cases, by {estimate:+.3f} {ci}"
)
DIFFERS_TIMES: Final = (
    "{measure} differs: {direction} than among the other cases, {estimate:.2f} times theirs {ci}"
)
RULED_OUT_BY: Final = (
    "{measure}: no difference found; one of up to {bound:.3f} cannot be ruled out {ci}"
)
RULED_OUT_TIMES: Final = (
    "{measure}: no difference found; anything from {low:.2f} to {high:.2f} times that of the other "
    "cases cannot be ruled out"
)
SEEN_ALONE: Final = (
    "; seen alone it would count as a difference, among so many comparisons it may be chance"
)
TOO_FEW_CASES: Final = "{measure}: too few to tell, which is no sign that groups are treated alike"

CORRECTION: Final = (
    "Comparisons fixed beforehand are tested at 5 % after Holm (1979), among themselves. All other "
    "comparisons are exploratory: at 5 % after Benjamini and Hochberg (1995), over all of them "
    "together; of those marked as differing about one in twenty may be chance."
)
LIMITS: Final = (
    "No rate rests on fewer than 100 people, nor, where it is a share of outcomes, on fewer than "
    "20 outcomes. Counts under 10 are not shown, nor others from which they could be worked out."
)
CAUTION: Final = (
    "Outcomes are those that came to be recorded. Where a group's conduct is recorded less, a list "
    "can look even-handed and still pass that group by."
)
NOT_RECORDED: Final = "{measure} by {characteristic}: too few to tell, nobody's is on record"
RECORDED_LESS: Final = "fewer records and a graver mix: this group's conduct may be recorded less"
RECORDED_LESS_DETAIL: Final = (
    "{characteristic}, {group}: {finding} ({records:.2f} times the records of the other cases, "
    "share of grave ones {grave:+.3f}); this shows nothing by itself and is a reason to look at "
    "how acts come to be recorded"
)
PROXY: Final = "the indicators tell this group from the others"
NO_PROXY: Final = "the indicators were not found to tell this group from the others"
