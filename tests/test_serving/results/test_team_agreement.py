"""Agreement with the score by team, and the alarm where nearly all agree."""

import pytest

from serving.access.case_sight import Sight
from serving.results.agreement import LEAST_SAID, TeamAgreement, read_team_agreement
from serving.store.database import Store
from tests.test_serving.acts import ADVOCATE, SCREENER, add_case, add_score, decide_now, write


def decide_often(store: Store, n_agree: int, n_disagree: int) -> str:
    """Have the police decide on one case so many times; return the case."""
    key = add_case(store)
    score = add_score(store, key)
    said = ["yes"] * n_agree + ["no"] * n_disagree
    for version, agrees in enumerate(said):
        draft = write(agrees_with_score=agrees, score_key=score, opened=["A0"] if version else [])
        decide_now(store, key, draft, version=version, person=SCREENER)
    return key


def read(store: Store, sight: Sight | None = None) -> tuple[TeamAgreement, ...]:
    with store.reading() as connection:
        return read_team_agreement(connection, sight or Sight())


@pytest.mark.parametrize(
    ("n_agree", "n_disagree", "is_alarm"),
    [
        (LEAST_SAID - 1, 1, True),
        (LEAST_SAID - 2, 2, False),
        (LEAST_SAID - 1, 0, False),
    ],
)
def test_nearly_all_is_told_of_enough_decisions(
    store: Store, n_agree: int, n_disagree: int, is_alarm: bool
) -> None:
    """At 95 of 100 of at least 20 decisions that said something there is an alarm, else none."""
    decide_often(store, n_agree, n_disagree)
    (team,) = read(store)
    assert (team.agency, team.nearly_all) == ("police", is_alarm)
    assert (team.agreement.n_agree, team.agreement.n_disagree) == (n_agree, n_disagree)
    assert (team.n_unopened, team.n_opening_known) == (1, n_agree + n_disagree)


def test_teams_stand_apart_and_hidden_cases_are_not_counted(store: Store) -> None:
    """Each agency has its own row; a decision on a case out of sight is in none."""
    hidden = decide_often(store, 1, 0)
    other = add_case(store, "B")
    decide_now(store, other, write(), person=ADVOCATE)
    assert [one.agency for one in read(store)] == ["advocacy", "police"]
    (team,) = read(store, Sight(hidden=frozenset({hidden})))
    assert (team.agency, team.agreement.n_silent, team.n_opening_known) == ("advocacy", 1, 0)
