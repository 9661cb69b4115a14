"""How an agency's view is told on pages."""

from typing import Final

from serving.decisions.outputs import ViewOut

STANCES: Final = {"agree": "Agrees", "dissent": "Dissents", "abstain": "Abstains"}
DIRECTION_WORDS: Final = {
    "more": "would do more, or sooner",
    "less": "would do less, or later",
    "other": "would do something else",
}
"""What an agency that dissents would do."""
SCORE_WORDS: Final = {"higher": "should be higher", "lower": "should be lower"}
"""What somebody who does not agree with a score says of it."""


def describe_recorded(view: ViewOut) -> str:
    """Return who recorded a view for its agency; empty where the view is its agency's own.

    Until its agency confirms it, signed in, it reads *recorded by X for Y*.
    """
    if view.recorded_by_agency is None:
        return ""
    told = f"recorded by {view.person} for {view.agency}"
    if view.confirmed_by is not None:
        return f"{told}, confirmed by {view.confirmed_by}"
    if view.replaced_by is not None:
        return f"{told}, changed by {view.agency} since"
    return f"{told}, not confirmed"


def describe_blind(view: ViewOut) -> str:
    """Return whether a view was given blind; empty where nobody knows."""
    return {True: "given blind", False: "not given blind", None: ""}[view.blind]
