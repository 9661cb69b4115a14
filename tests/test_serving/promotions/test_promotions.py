"""The record of promotions: two people, gates that hold, a way back, and what the API tells."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from features.contract.moments import format_moment
from serving.api.promotions import router
from serving.persons import MACHINE, ROLES, Person
from serving.promotions.approval import (
    MOST_LETTERS,
    ProposedBundle,
    Said,
    approve,
    choose_return,
    note_refusal,
    propose,
    put_unsigned,
    roll_back,
    withdraw,
)
from serving.promotions.record import PromotionStep, find_figures, find_waiting, follow, read_steps
from serving.promotions.rights import (
    PromotionRefusedError,
    need_approver,
    need_proposer,
    need_returner,
    need_withdrawer,
)
from serving.scoring.model_in_use import Champion
from serving.service import Service
from serving.settings import Settings
from serving.store.database import Store, Unit
from serving.web.error_answers import install_handlers
from training.registry.promoted_bundles import promote

ANNE = Person("SYN Anne", "data_scientist", "unit", "issuer|anne")
BEN = Person("SYN Ben", "reviewer", "health", "issuer|ben")
CLEO = Person("SYN Cleo", "administrator", "unit", "issuer|cleo")
NOBODY = Person("syn", "administrator", "unit", "unsigned:syn")
KNOWN = Said(acknowledged="I know what was not judged.")
REAL = Unit("Europe/London", synthetic=False)


def make_gate(verdict: str = "passed", name: str = "calibration", **more: Any) -> dict[str, Any]:
    """Return a gate in plain values."""
    plain = {"name": name, "about": "violence", "verdict": verdict, "figures": {"slope": 1.0}}
    return plain | {"limit": "near 1", "words": "violence: 1.0", "may_be_accepted": False} | more


def make_candidate(
    letter: str, replaces: str | None = None, *gates: dict[str, Any]
) -> ProposedBundle:
    """Return a judged bundle whose id is a letter over and over."""
    about = {"catalogue": "stalking", "trained_for": "2026-08-03", "outcomes": ["violence"]}
    return ProposedBundle(
        bundle_id=letter * 64,
        figures_digest=f"figures of {letter}",
        replaces=None if replaces is None else replaces * 64,
        about=about,
        gates=gates or (make_gate(), make_gate(name="audit")),
    )


def read(store: Store) -> tuple[PromotionStep, ...]:
    """Return every step."""
    with store.reading() as connection:
        return read_steps(connection)


def in_use(store: Store) -> str | None:
    """Return the first letter of the bundle that the record says is in use."""
    found = follow(read(store)).in_use
    return None if found is None else found[0]


def propose_now(
    store: Store, candidate: ProposedBundle, person: Person = ANNE, said: Said | None = None
) -> PromotionStep:
    """Propose a bundle and return the proposal."""
    with store.writing() as writing:
        key = propose(writing, person, candidate, said or Said(why="autumn retraining"))
    return next(one for one in read(store) if one.key == key)


def approve_now(
    store: Store, proposal: PromotionStep, person: Person = BEN, said: Said | None = None
) -> None:
    """Approve a proposal whose figures are what they were."""
    with store.writing() as writing:
        approve(writing, person, proposal, str(proposal.figures_digest), said or Said())


def put(store: Store, letter: str, replaces: str | None = None) -> None:
    """Put a bundle to use by two people."""
    approve_now(store, propose_now(store, make_candidate(letter, replaces)))


def go_back(store: Store, name: str | None = None, person: Person = BEN) -> str:
    """Go back, and return the first letter of what is in use then."""
    target = choose_return(read(store), name)
    with store.writing() as writing:
        roll_back(writing, REAL, person, target, Said(why="too many doubts"), signed=True)
    return str(in_use(store))


def refused(code: str) -> Any:
    """Expect that a step is refused for a reason."""
    return pytest.raises(PromotionRefusedError, check=lambda error: error.code == code)


def test_two_people_put_a_bundle_to_use(store: Store, clock: Any) -> None:
    """A proposal puts nothing to use; another person's approval does, and both are on record."""
    proposal = propose_now(store, make_candidate("a"))
    assert in_use(store) is None
    assert [one.key for one in find_waiting(read(store))] == [proposal.key]
    clock.pass_days(1)
    approve_now(store, proposal)
    assert in_use(store) == "a"
    proposed, approved = read(store)
    assert (proposed.person, approved.person) == (ANNE, BEN)
    assert approved.at_us - proposed.at_us == 86_400_000_000
    assert (approved.name, approved.proposal_key) == ("approved", proposal.key)
    assert approved.gates == proposed.gates != ()
    assert find_waiting(read(store)) == ()
    assert find_figures(read(store), "a" * 64) == "figures of a"


def test_nobody_approves_what_they_proposed(store: Store) -> None:
    """One subject is one person whatever the name or role; another subject of that name is not."""
    proposal = propose_now(store, make_candidate("a"), CLEO)
    with refused("same_person"):
        approve_now(store, proposal, CLEO)
    with refused("same_person"):
        approve_now(store, proposal, Person("SYN Other", "reviewer", "police", CLEO.subject))
    assert in_use(store) is None
    approve_now(store, proposal, Person(CLEO.name, "administrator", "unit", "issuer|other"))
    assert in_use(store) == "a"


MAY = {
    need_proposer: ("data_scientist", "administrator"),
    need_approver: ("administrator", "reviewer"),
    need_withdrawer: ("data_scientist", "administrator", "reviewer"),
    need_returner: ("data_scientist", "administrator", "reviewer", "duty"),
}


@pytest.mark.parametrize("need", MAY, ids=lambda need: need.__name__)
@pytest.mark.parametrize("role", [*ROLES, MACHINE])
def test_roles_that_may_and_may_not(need: Callable[[Person], None], role: str) -> None:
    """Who proposes, approves, withdraws and goes back is one table; a program never, nor somebody
    who did not sign in.
    """
    person = Person("SYN Dora", role, "unit", "issuer|dora")
    if role in MAY[need]:
        need(person)
    else:
        with refused("role_may_not"):
            need(person)
    with refused("not_signed_in"):
        need(Person("dora", role, "unit", "unsigned:dora"))
    with refused("role_may_not"):
        need(Person("program", role, "unit", "issuer|p", scopes=frozenset({"figures:read"})))


def test_every_step_asks_for_the_role(store: Store) -> None:
    """The record itself refuses a role that may not, whatever called it."""
    screener = Person("SYN Dora", "screener", "police", "issuer|dora")
    with refused("role_may_not"):
        propose_now(store, make_candidate("a"), screener)
    proposal = propose_now(store, make_candidate("a"))
    with refused("role_may_not"):
        approve_now(store, proposal, screener)
    with refused("role_may_not"), store.writing() as writing:
        withdraw(writing, screener, proposal, Said(why="no"))
    approve_now(store, proposal)
    put(store, "b", "a")
    with refused("role_may_not"):
        go_back(store, None, screener)
    assert in_use(store) == "b"


def test_what_a_gate_refuses_is_not_proposed(store: Store) -> None:
    """The record itself holds the gates: a refusal stands unless it may be, and was, accepted."""
    hard = make_candidate("a", None, make_gate("refused"))
    soft = make_candidate("b", None, make_gate("refused", "rule", may_be_accepted=True))
    accepted = Said(despite="the rule misses breaches")
    for candidate, said in ((hard, Said()), (hard, accepted), (soft, Said())):
        with refused("gates_refuse"):
            propose_now(store, candidate, said=said)
    with refused("gates_refuse"):
        propose_now(store, ProposedBundle("c" * 64, "d", None, {}, ()))
    proposal = propose_now(store, soft, said=accepted)
    assert proposal.despite == "the rule misses breaches"
    with refused("not_acknowledged"):
        approve_now(store, proposal)
    approve_now(store, proposal, said=KNOWN)
    assert in_use(store) == "b"


def test_what_was_not_judged_is_acknowledged_in_writing(store: Store) -> None:
    """Without the approver's own words a gate that could not judge keeps the bundle out."""
    proposal = propose_now(store, make_candidate("a", None, make_gate("not judged", "audit")))
    with refused("not_acknowledged"):
        approve_now(store, proposal)
    approve_now(store, proposal, said=KNOWN)
    assert read(store)[-1].acknowledged == KNOWN.acknowledged


def test_other_figures_than_were_judged_are_refused(store: Store) -> None:
    """A bundle's id leaves out its figures, so that the record holds their digest as well."""
    proposal = propose_now(store, make_candidate("a"))
    with refused("changed"), store.writing() as writing:
        approve(writing, BEN, proposal, "other figures", Said())
    assert in_use(store) is None


def test_an_overtaken_proposal_is_refused(store: Store) -> None:
    """Gates that compared with another bundle than the one in use now say nothing."""
    put(store, "a")
    one, other = (propose_now(store, make_candidate(letter, "a")) for letter in "bc")
    approve_now(store, one)
    with refused("overtaken"):
        approve_now(store, other)
    with refused("overtaken"):
        propose_now(store, make_candidate("d", "a"))
    assert in_use(store) == "b"


def test_a_bundle_is_proposed_once_and_not_while_in_use(store: Store) -> None:
    """What waits or is in use already is not proposed again."""
    proposal = propose_now(store, make_candidate("a"))
    with refused("proposed_already"):
        propose_now(store, make_candidate("a"))
    approve_now(store, proposal)
    with refused("in_use"):
        propose_now(store, make_candidate("a", "a"))
    with refused("no_proposal"):
        approve_now(store, proposal, CLEO)


def test_a_withdrawn_proposal_cannot_be_approved(store: Store) -> None:
    """Withdrawn by whom and why is kept; the bundle may be proposed anew."""
    proposal = propose_now(store, make_candidate("a"))
    with store.writing() as writing:
        withdraw(writing, BEN, proposal, Said(why="wait for the audit"))
    with refused("no_proposal"):
        approve_now(store, proposal)
    with refused("no_proposal"), store.writing() as writing:
        withdraw(writing, BEN, proposal, Said(why="again"))
    assert (read(store)[-1].name, read(store)[-1].why) == ("withdrawn", "wait for the audit")
    approve_now(store, propose_now(store, make_candidate("a")))
    assert in_use(store) == "a"


def test_going_back_walks_the_line_and_never_forward(store: Store) -> None:
    """Each step back leads to the bundle before; what was left takes two people again."""
    put(store, "a")
    with refused("not_in_use_before"):
        go_back(store)
    put(store, "b", "a")
    put(store, "c", "b")
    assert go_back(store) == "b"
    with refused("not_in_use_before"):
        go_back(store, "c" * 64)
    assert go_back(store) == "a"
    with refused("not_in_use_before"):
        go_back(store)
    put(store, "c", "a")
    assert follow(read(store)).before == ("a" * 64,)
    put(store, "b", "c")
    assert go_back(store, "a" * 12) == "a"
    last = read(store)[-1]
    assert (last.name, last.replaces, last.why) == ("rolled_back", "b" * 64, "too many doubts")


def test_a_bundle_from_before_the_record_is_one_to_go_back_to(store: Store) -> None:
    """What was promoted before there was a record is named by the first step and not lost."""
    put(store, "b", "a")
    assert follow(read(store)).bundle_ids == ("a" * 64, "b" * 64)
    assert go_back(store) == "a"


def test_unsigned_promotion_is_for_synthetic_stores_alone(store: Store) -> None:
    """Real cases take two people; of invented ones the record says that nobody signed."""
    unit = store.read_unit()
    with refused("real_store"), store.writing() as writing:
        put_unsigned(writing, REAL, NOBODY, make_candidate("a"))
    with refused("real_store"), store.writing() as writing:
        roll_back(writing, REAL, NOBODY, "a" * 64, Said(why="no"), signed=False)
    assert read(store) == ()
    with store.writing() as writing:
        put_unsigned(writing, unit, NOBODY, make_candidate("a"))
    (step,) = read(store)
    assert (step.name, step.person.subject) == ("unsigned", "unsigned:syn")
    assert in_use(store) == "a"


def test_an_unsigned_trial_may_pass_over_gates_in_writing(store: Store) -> None:
    """On a synthetic store whatever a gate refuses can be tried out, but a run of which nothing
    may be used.
    """
    unit, tried = store.read_unit(), Said(despite="to see the pages")
    bad = make_candidate("a", None, make_gate("refused"))
    for candidate, said in (
        (bad, Said()),
        (make_candidate("a", None, make_gate("refused", "run")), tried),
    ):
        with refused("gates_refuse"), store.writing() as writing:
            put_unsigned(writing, unit, NOBODY, candidate, said)
    with store.writing() as writing:
        put_unsigned(writing, unit, NOBODY, bad, tried)
    assert in_use(store) == "a"


def test_a_refusal_is_kept_with_its_gates(store: Store) -> None:
    """What was refused is on record as well, and nothing waits or is in use by it."""
    candidate = make_candidate("a", None, make_gate("refused"))
    with store.writing() as writing:
        note_refusal(writing, ANNE, candidate, Said(why="a try"))
    (step,) = read(store)
    assert (step.name, step.person, step.gates[0]["verdict"]) == ("refused", ANNE, "refused")
    assert (find_waiting(read(store)), in_use(store)) == ((), None)
    assert find_figures(read(store), "a" * 64) is None


@pytest.mark.parametrize("text", ["", "  ", "x" * (MOST_LETTERS + 1), "a\0b", "\ud800"])
def test_what_is_said_says_something(text: str) -> None:
    """Empty, endless and unstorable words are refused before anything is written."""
    for name in ("why", "despite", "acknowledged"):
        with refused("unusable_text"):
            Said(**{name: text})


def test_two_approvals_at_once_are_one(store: Store, open_another: Callable[[], Store]) -> None:
    """Of two people who approve the same at the same moment one does, and the other is told."""
    proposal = propose_now(store, make_candidate("a"))
    ready, found = threading.Barrier(2), list[str]()

    def go(own: Store, person: Person) -> None:
        ready.wait()
        try:
            approve_now(own, proposal, person)
            found.append("approved")
        except PromotionRefusedError as error:
            found.append(error.code)

    threads = [threading.Thread(target=go, args=(open_another(), person)) for person in (BEN, CLEO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["approved", "no_proposal"]
    assert [one.name for one in read(store)] == ["proposed", "approved"]


def ask(
    store: Store, champion: Champion, path: str = "/v1/promotions", person: Person | None = BEN
) -> Any:
    """Return what the route answers."""
    app = FastAPI()
    install_handlers(app)
    app.state.service = Service(Settings(), store, store.read_unit(), champion)
    app.include_router(router)

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state.person = person
        return await call_next(request)

    return TestClient(app).get(path)


@pytest.fixture
def live(store: Store, small_unit: Any, tmp_path: Path) -> tuple[str, Champion]:
    """Return a real bundle's id, put to use by two people, and what the service reads."""
    bundle = promote(small_unit.bundle, tmp_path / "models")
    made = make_candidate("a", None, make_gate(), make_gate("not judged", "audit"))
    candidate = ProposedBundle(bundle.id, "f", None, made.about, made.gates)
    proposal = propose_now(store, candidate, said=Said(why="first model"))
    approve_now(store, proposal, said=KNOWN)
    return bundle.id, Champion(tmp_path / "models", None)


def test_the_api_tells_who_put_a_model_to_use(
    store: Store, live: tuple[str, Champion], clock: Any
) -> None:
    """What is in use, since when, proposed and approved by whom, with every gate."""
    bundle_id, champion = live
    told = ask(store, champion).json()
    use = told["in_use"]
    assert (use["bundle_id"], use["is_unsigned"], told["fault"]) == (bundle_id, False, None)
    assert use["since"] == format_moment(clock.now_us, store.read_unit().time_zone)
    assert (use["proposed"]["person"], use["promoted"]["person"]) == (ANNE.name, BEN.name)
    assert (use["proposed"]["why"], use["promoted"]["acknowledged"]) == (
        "first model",
        KNOWN.acknowledged,
    )
    assert [one["verdict"] for one in use["proposed"]["gates"]] == ["passed", "not judged"]
    assert use["proposed"]["about"]["catalogue"] == "stalking"
    assert (told["waiting"], told["before"]) == ([], [])
    assert "issuer|" not in ask(store, champion).text


def test_the_api_tells_what_waits_and_what_came_before(
    store: Store, live: tuple[str, Champion]
) -> None:
    """Proposals that wait, bundles to go back to, and a model that the record does not know."""
    bundle_id, champion = live
    next_one = make_candidate("b")
    next_one = ProposedBundle(next_one.bundle_id, "g", bundle_id, next_one.about, next_one.gates)
    proposal = propose_now(store, next_one)
    assert [one["key"] for one in ask(store, champion).json()["waiting"]] == [proposal.key]
    approve_now(store, proposal)
    told = ask(store, champion).json()
    assert told["before"] == [bundle_id]
    assert told["in_use"]["bundle_id"] == bundle_id
    assert "not the one that was promoted" in told["fault"]


def test_the_api_pages_through_every_step(store: Store, live: tuple[str, Champion]) -> None:
    """Each step is reached by the cursor once, the latest first."""
    candidate = make_candidate("c", None, make_gate("refused"))
    for number in range(5):
        with store.writing() as writing:
            note_refusal(writing, ANNE, candidate, Said(why=f"try {number}"))
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        told = ask(store, live[1], f"/v1/promotions?limit=3{more}").json()
        found += [one["key"] for one in told["steps"]]
        cursor = told["next_cursor"]
    assert found == [one.key for one in reversed(read(store))]


def test_the_api_without_a_record_or_a_model(store: Store, small_unit: Any, tmp_path: Path) -> None:
    """Nothing in use is no error; a model that no step put to use is told as a fault."""
    told = ask(store, Champion(None, None)).json()
    assert (told["in_use"], told["fault"], told["steps"]) == (None, None, [])
    promote(small_unit.bundle, tmp_path / "models")
    told = ask(store, Champion(tmp_path / "models", None)).json()
    assert told["in_use"]["is_unsigned"]
    assert "no step of the record" in told["fault"]
    assert ask(store, Champion(None, None), person=None).status_code == 401
    for bad in ("cursor=0", "limit=0", "limit=x"):
        assert ask(store, Champion(None, None), f"/v1/promotions?{bad}").status_code == 422
