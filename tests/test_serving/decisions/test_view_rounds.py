"""Views round the table: recorded for others, confirmed, changed, blind, and what they may do."""

from typing import Any

import pytest
from sqlalchemy import func, select

from serving.confirmations.records import Confirmation
from serving.decisions.agency_views import ViewIn, confirm_view, give_view, read_views
from serving.decisions.counted_views import read_dissents
from serving.decisions.deciding import DecisionRequest
from serving.decisions.decision_confirmation import decide_or_ask
from serving.decisions.drafts import DecisionIn
from serving.decisions.outputs import ViewsOut
from serving.decisions.view_rounds import RoundIn, end_round, open_round
from serving.errors import ServiceError
from serving.persons import Person
from serving.store.database import Store
from serving.store.histories import read_head
from serving.store.schema import audit_lines, view_notices
from tests.test_serving.acts import (
    ADVOCATE,
    NURSE,
    RULES,
    SCREENER,
    add_case,
    decide_now,
    write,
    write_closing,
)

PROBATION = Person("SYN Dev", "reviewer", "probation")
DAY_US = 86_400_000_000


def table(*agencies: dict[str, Any], **more: Any) -> RoundIn:
    return RoundIn.model_validate({"agencies": list(agencies)} | more)


def says(agency: str, stance: str | None = None, **more: Any) -> dict[str, Any]:
    words = "the calls go on" if stance == "dissent" else None
    return {"agency": agency, "stance": stance, "words": words, "who": f"SYN {agency}"} | more


def record(store: Store, key: str, asked: RoundIn, person: Person = SCREENER) -> str:
    with store.writing() as writing:
        return open_round(writing, key, person, asked)


def views_of(store: Store, key: str, agency: str | None = None) -> ViewsOut:
    with store.reading() as connection:
        return read_views(connection, key, store.read_unit(), agency)


def stances(store: Store, key: str, agency: str | None = None) -> dict[str, str]:
    return {one.agency: one.stance for one in views_of(store, key, agency).latest}


def key_of_view(store: Store, key: str, agency: str) -> str:
    return next(one.view_key for one in views_of(store, key).all if one.agency == agency)


def confirm(store: Store, key: str, person: Person) -> None:
    view_key = key_of_view(store, key, person.agency)
    with store.writing() as writing:
        confirm_view(writing, key, view_key, person)


def give(store: Store, key: str, person: Person, stance: str, **more: Any) -> str:
    with store.writing() as writing:
        return give_view(writing, key, person, ViewIn(stance=stance, **more))  # type: ignore[arg-type]


def close(store: Store, key: str) -> Any:
    with store.writing() as writing:
        content = write_closing(seen_seq=read_head(writing.connection))
        act = DecisionRequest(key, SCREENER, DecisionIn.model_validate(content), 0)
        return decide_or_ask(writing, act, store.read_unit(), RULES)


def code_of(act: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        act()
    return caught.value.body.code


def test_one_form_records_every_agency_and_who_recorded_it(store: Store) -> None:
    """Each agency round the table has its view, recorded by one for the others."""
    key = add_case(store)
    record(store, key, table(says("police", "agree"), says("advocacy", "dissent"), says("health")))
    found = views_of(store, key)
    told = {one.agency: (one.stance, one.person, one.recorded_by_agency) for one in found.latest}
    assert told == {
        "police": ("agree", SCREENER.name, None),
        "advocacy": ("dissent", SCREENER.name, "police"),
    }
    assert found.rounds[0].present == {
        "police": "SYN police",
        "advocacy": "SYN advocacy",
        "health": "SYN health",
    }
    assert [one.blind for one in found.latest] == [False, False]


def test_an_unconfirmed_dissent_counts_at_once(store: Store) -> None:
    """A dissent that somebody recorded for another agency stands, and says who recorded it."""
    key = add_case(store)
    record(store, key, table(says("advocacy", "dissent")))
    with store.reading() as connection:
        (dissent,) = read_dissents(connection, [key])[key]
    assert dissent.words == f"Advocacy dissents (recorded by {SCREENER.name} for advocacy)"
    confirm(store, key, ADVOCATE)
    with store.reading() as connection:
        assert read_dissents(connection, [key])[key][0].words == "Advocacy dissents"


def test_an_unconfirmed_agreement_lifts_no_dissent(store: Store) -> None:
    """What another agency notes as agreement takes no dissent away until it is confirmed."""
    key = add_case(store)
    give(store, key, ADVOCATE, "dissent", words="no plan")
    record(store, key, table(says("advocacy", "agree")))
    assert stances(store, key) == {"advocacy": "dissent"}
    assert isinstance(close(store, key), Confirmation)
    confirm(store, key, ADVOCATE)
    assert stances(store, key) == {"advocacy": "agree"}


def test_a_case_is_closed_against_a_dissent_by_two_alone(store: Store) -> None:
    """One person closes no case from which an agency dissents; without the dissent they do."""
    against, plain = add_case(store), add_case(store, "B")
    record(store, against, table(says("advocacy", "dissent")))
    asked = close(store, against)
    assert isinstance(asked, Confirmation)
    assert asked.content["grounds"] == ["closes_against_dissent"]
    assert not isinstance(close(store, plain), Confirmation)


def test_an_absent_agency_has_no_view(store: Store) -> None:
    """Who was not there agreed with nothing: a round holds only those who were."""
    key = add_case(store)
    record(store, key, table(says("police", "agree")))
    assert set(stances(store, key)) == {"police"}
    assert code_of(lambda: record(store, key, table(says("health")))) == "invalid_request"


def test_only_its_own_agency_confirms_a_view_and_once(store: Store) -> None:
    """A view is confirmed by somebody of its agency, signed in, and not a second time."""
    key = add_case(store)
    record(store, key, table(says("advocacy", "agree")))
    view_key = key_of_view(store, key, "advocacy")

    def confirm_as(person: Person, case_key: str = key) -> Any:
        with store.writing() as writing:
            confirm_view(writing, case_key, view_key, person)

    assert code_of(lambda: confirm_as(NURSE)) == "not_your_view"
    assert code_of(lambda: confirm_as(SCREENER)) == "not_your_view"
    assert code_of(lambda: confirm_as(ADVOCATE, add_case(store, "B"))) == "no_such_view"
    confirm_as(ADVOCATE)
    assert code_of(lambda: confirm_as(ADVOCATE)) == "already_settled"
    told = views_of(store, key).latest[0]
    assert (told.confirmed_by, told.counts) == (ADVOCATE.name, True)


def test_an_agency_changes_what_was_recorded_for_seven_days(store: Store, clock: Any) -> None:
    """Within seven days its own view takes the place of the recorded one; later it does not."""
    key = add_case(store)
    record(store, key, table(says("advocacy", "agree"), says("health", "agree")))
    first, second = (key_of_view(store, key, name) for name in ("advocacy", "health"))
    clock.now_us += 7 * DAY_US - 1
    give(store, key, ADVOCATE, "dissent", words="not so", replaces=first)
    replaced = next(one for one in views_of(store, key).all if one.view_key == first)
    assert replaced.replaced_by == key_of_view(store, key, "advocacy")
    assert stances(store, key)["advocacy"] == "dissent"
    clock.now_us += 1
    late = lambda: give(store, key, NURSE, "dissent", replaces=second)  # noqa: E731
    assert code_of(late) == "change_over"
    give(store, key, NURSE, "dissent")
    assert stances(store, key)["health"] == "dissent"


def test_views_that_are_asked_for_stay_hidden_until_all_are_in(store: Store) -> None:
    """Each agency sees its own alone until the last one is in; then all do, as given blind."""
    key = add_case(store)
    record(store, key, table(says("advocacy"), says("health"), waits=True))
    give(store, key, ADVOCATE, "dissent", words="no plan")
    assert stances(store, key, "health") == {}
    assert stances(store, key, "advocacy") == {"advocacy": "dissent"}
    with store.reading() as connection:
        assert read_dissents(connection, [key]) == {}
    assert views_of(store, key, "health").open_round is not None
    give(store, key, NURSE, "agree")
    found = views_of(store, key, "health")
    assert {one.agency: one.blind for one in found.latest} == {"advocacy": True, "health": True}
    assert found.open_round is None and found.dissents == 1


def test_nobody_closes_a_case_while_views_are_awaited(store: Store) -> None:
    """One of the hidden views may dissent: until they are shown the case is not closed."""
    key = add_case(store)
    round_key = record(store, key, table(says("advocacy"), says("health"), waits=True))
    give(store, key, ADVOCATE, "dissent", words="no plan")
    assert code_of(lambda: close(store, key)) == "views_awaited"
    decide_now(store, key, write())
    with store.writing() as writing:
        end_round(writing, key, round_key, SCREENER)
    assert stances(store, key, "health") == {"advocacy": "dissent"}
    give(store, key, NURSE, "agree")
    assert {one.agency: one.blind for one in views_of(store, key).latest}["health"] is False


def test_one_round_waits_at_a_time(store: Store) -> None:
    """A second request for views is refused; recording them all at once ends the first."""
    key = add_case(store)
    record(store, key, table(says("advocacy"), waits=True))
    again = lambda: record(store, key, table(says("health"), waits=True))  # noqa: E731
    assert code_of(again) == "views_awaited"
    record(store, key, table(says("advocacy", "abstain")))
    assert views_of(store, key).open_round is None


@pytest.mark.parametrize(
    "agencies",
    [
        [says("police", "dissent", words=None)],
        [says("the council", "agree")],
        [says("health", "agree"), says("health", "agree")],
        [says("health")],
    ],
)
def test_a_table_that_is_not_complete_is_refused(store: Store, agencies: Any) -> None:
    """A dissent needs its reason, an agency is known and named once, and one view is there."""
    key = add_case(store)
    assert code_of(lambda: record(store, key, table(*agencies))) == "invalid_request"
    assert views_of(store, key).all == ()


def test_an_auditor_records_no_view(store: Store) -> None:
    """Who acts on no case gives no view for anybody."""
    key, auditor = add_case(store), Person("SYN Aud", "auditor", "unit")
    asked = table(says("police", "agree"))
    assert code_of(lambda: record(store, key, asked, auditor)) == "not_a_decider"


def test_each_recorded_view_has_one_message_and_one_line(store: Store) -> None:
    """Views of other agencies are in the outbox, the recorder's own is not; the act has a line."""
    key = add_case(store)
    with store.reading() as connection:
        before = connection.execute(select(func.count()).select_from(audit_lines)).scalar_one()
    record(
        store,
        key,
        table(says("police", "agree"), says("advocacy", "dissent"), says("health", "agree")),
    )
    with store.reading() as connection:
        after = connection.execute(select(func.count()).select_from(audit_lines)).scalar_one()
        n_messages = connection.execute(select(func.count()).select_from(view_notices)).scalar_one()
    assert (n_messages, after - before) == (2, 1)
