"""Which events are grave comes from the catalogue, and what has no verdict is summed up."""

import pytest

from caselight.commands.monotonicity import describe_report, describe_reversals
from features.catalogue.file import load_catalogue, parse_catalogue
from training.checks.additions import list_grave_kinds
from training.checks.reversals import ColumnMovement, Reversal
from training.checks.score_falls import MonotonicityReport

LEAST = b"""\
kinds: {visit: {label: a visit}, theft: {label: a theft}, robbery: {label: a robbery}}
indicators:
  - {of: {kind: [visit, theft]}, within: [28d]}
  - {of: {kind: robbery}, direction: raises}
"""


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("complaints", ("force",)),
        ("screenings", ("booking", "charge_violence")),
        (
            "stalking",
            (
                "strangulation",
                "sexual_violence",
                "violence",
                "breach",
                "threat_to_kill",
                "threat_to_children",
                "weapon",
                "entry_to_home",
            ),
        ),
    ],
)
def test_grave_kinds_of_a_catalogue_are_its_own(name: str, kinds: tuple[str, ...]) -> None:
    """Outcomes from the top of the ladder come first, then other outcomes and urgent flags."""
    assert list_grave_kinds(load_catalogue(name)) == kinds


def test_without_outcomes_grave_is_what_raises_risk() -> None:
    """A catalogue that estimates nothing still says of which events more is worse."""
    assert list_grave_kinds(parse_catalogue(LEAST, "least.yaml")) == ("robbery",)
    plain = LEAST.replace(b", direction: raises", b"")
    assert list_grave_kinds(parse_catalogue(plain, "least.yaml")) == ("visit", "theft", "robbery")


def move(indicator: str, movement: ColumnMovement) -> Reversal:
    """Return one movement of an indicator."""
    return Reversal(indicator, "theft", movement, 1, 0, 0, 0, "an example")


def test_indicators_without_a_verdict_are_summed_up_with_the_reason() -> None:
    """Many indicators of open direction are one line; one that moves against its own is told."""
    found = [move(f"open_{n}", ColumnMovement.OPEN) for n in range(60)]
    told = describe_reversals((move("wrong", ColumnMovement.AGAINST), *found), "shop")
    assert len(told.splitlines()) == 5
    assert "1 indicator against its direction" in told
    assert "No verdict on 60 indicators that move, since their direction is open" in told
    assert "open_4 and 55 more" in told
    assert "wrong (against its direction): up 1" in told
    assert "such as an example" in told
    told = describe_reversals(tuple(found), "shop")
    assert told.startswith("Catalogue shop: no such event can move an indicator against its")


def test_a_report_of_no_case_says_why_it_has_no_verdict() -> None:
    """Where no case is open there is no table of noughts that reads as a pass."""
    told = describe_report(MonotonicityReport("b" * 12, 0, 0, 0, (), ()), "2026-01-01")
    assert "no score has a verdict, since the cohort has no open case" in told
