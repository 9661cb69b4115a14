"""Figures of reasons: whether themes hold when the model is fitted again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LoweringRisk:
    """In how many cases an indicator of what the sources call a risk pushed the score down."""

    indicator: str
    n_cases: int


@dataclass(frozen=True)
class ReasonFigures:
    """How far the first reasons of one outcome's score depend on whom it happened to learn from.

    Parameters
    ----------
    n_refits, n_cases
        Refits on people drawn anew, and cases of the last test origin that were looked at.
    n_first, n_hold
        Themes that push up and are among a case's first three, and how many of those hold in at
        least 9 of 10 refits.
    themes_agree, indicators_agree
        Share of a case's first three themes, and of its first three indicators, that a refit also
        has among its first three; mean over cases and refits.
    two_cases_agree
        The same between two cases drawn at random, of the model itself: what agreement would be if
        the same were said of all.
    n_first_themes
        Different themes that stand first.
    n_without
        Cases without a theme that pushes up and holds.
    lowering_risks
        In how many cases what the sources call a risk pushed the score down; such are told as no
        reason.
    words
        The same in a sentence.
    """

    n_refits: int | None = None
    n_cases: int | None = None
    n_first: int | None = None
    n_hold: int | None = None
    themes_agree: float | None = None
    indicators_agree: float | None = None
    two_cases_agree: float | None = None
    n_first_themes: int | None = None
    n_without: int | None = None
    lowering_risks: tuple[LoweringRisk, ...] = ()
    words: str = ""
