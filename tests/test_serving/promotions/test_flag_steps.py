"""Flags come from a catalogue of their own: no swap of a bundle silences one."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from features.contract.moments import parse_date
from features.errors import ArtefactError, CaselightError
from models.bundle.folder import load_bundle
from serving.flags.flag_catalogue import read_flag_catalogue
from serving.persons import Person
from serving.promotions.flag_steps import (
    approve_flags,
    compare_flags,
    find_flags_in_force,
    find_waiting_flags,
    propose_flags,
    read_flag_steps,
    take_over_flags,
    withdraw_flags,
)
from serving.promotions.rights import PromotionRefusedError
from serving.scoring.rescoring import score_cases
from serving.store.database import Store
from serving.store.schema import flag_catalogues, flag_raisings, standings
from tests.test_serving.sent_rows import make_case, make_event, send

ANNE = Person("SYN Anne", "data_scientist", "unit", "issuer|anne")
BEN = Person("SYN Ben", "reviewer", "health", "issuer|ben")
CLEO = Person("SYN Cleo", "administrator", "unit", "issuer|cleo")
EVE = Person("SYN Eve", "screener", "police", "issuer|eve")
WHY = "autumn review of flags"


@pytest.fixture
def text(small_unit: Any) -> str:
    """Return the catalogue of the small unit's bundle."""
    return str(load_bundle(small_unit.bundle).catalogue.text)


@pytest.fixture
def silent(tmp_path: Path, small_unit: Any) -> Path:
    """Return the same bundle with a catalogue that flags nothing, its checksums right."""
    folder = tmp_path / "silent"
    shutil.copytree(small_unit.bundle, folder)
    path = folder / "catalogue.yaml"
    path.write_text(leave_out_flags(path.read_text()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"]["catalogue.yaml"] = manifest["catalogue_digest"] = digest
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


def leave_out_flags(text: str) -> str:
    """Return a catalogue without its flags: the key, and what is indented below it."""
    return re.sub(r"^flags:\n(?:[ -].*\n|\n)*", "flags: []\n", text, flags=re.MULTILINE)


def raised(store: Store) -> set[str]:
    """Return the names of the flags that were ever raised."""
    with store.reading() as connection:
        return set(connection.execute(select(flag_raisings.c.flag)).scalars())


def score(store: Store, folder: Path) -> None:
    """Score every case with a bundle."""
    with store.reading() as connection:
        keys = list(connection.execute(select(standings.c.case_key)).scalars())
    score_cases(store, load_bundle(folder), keys, store.read_unit(), "promotion")


def add_weapon(store: Store, clock: Any) -> None:
    """Put a case with a weapon of yesterday into the store."""
    clock.now_us = parse_date("2025-06-03", "Europe/London")
    event = make_event("e", kind="weapon", actor="subject")
    send(store, {"cases": [make_case("A")], "events": [event]})


def test_a_swap_of_the_bundle_silences_no_urgent_flag(
    store: Store, clock: Any, silent: Path, text: str
) -> None:
    """With another bundle whose catalogue flags nothing an urgent flag is raised all the same."""
    with store.writing() as writing:
        assert take_over_flags(writing, BEN, text)
    add_weapon(store, clock)
    assert load_bundle(silent).catalogue.flags == ()
    score(store, silent)
    assert raised(store) == {"weapon"}


def test_a_second_bundle_takes_nothing_over(store: Store, text: str) -> None:
    """Once flags are on record no promotion changes them."""
    with store.writing() as writing:
        assert take_over_flags(writing, BEN, text)
        assert not take_over_flags(writing, BEN, leave_out_flags(text))
    with store.reading() as connection:
        (step,) = read_flag_steps(connection)
    assert step.digest == hashlib.sha256(text.encode()).hexdigest()


def test_two_people_change_the_flags(store: Store, clock: Any, small_unit: Any, text: str) -> None:
    """What one proposes another approves, and it is in force from then on."""
    fewer = leave_out_flags(text)
    with store.writing() as writing:
        take_over_flags(writing, BEN, text)
        propose_flags(writing, ANNE, fewer, WHY)
    digest = hashlib.sha256(fewer.encode()).hexdigest()
    bundle = load_bundle(small_unit.bundle)
    with store.reading() as connection:
        assert read_flag_catalogue(connection, bundle).catalogue.flags != ()
    with store.writing() as writing:
        approve_flags(writing, CLEO, digest[:12], WHY)
    with store.reading() as connection:
        steps = read_flag_steps(connection)
        assert read_flag_catalogue(connection, bundle).catalogue.flags == ()
    assert [one.name for one in steps] == ["taken_over", "proposed", "approved"]
    assert find_waiting_flags(steps) is None
    assert find_flags_in_force(steps) == steps[-1]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda w, d, t: approve_flags(w, ANNE, d, WHY), "role_may_not"),
        (lambda w, d, t: approve_flags(w, CLEO, d, WHY), "same_person"),
        (lambda w, d, t: approve_flags(w, BEN, "0" * 12, WHY), "no_proposal"),
        (lambda w, d, t: approve_flags(w, BEN, "", WHY), "no_proposal"),
        (lambda w, d, t: approve_flags(w, BEN, d, " "), "unusable_text"),
        (lambda w, d, t: withdraw_flags(w, EVE, d, WHY), "role_may_not"),
        (lambda w, d, t: propose_flags(w, ANNE, t + "\n", WHY), "proposed_already"),
        (lambda w, d, t: propose_flags(w, EVE, t, WHY), "role_may_not"),
    ],
)  # fmt: skip
def test_what_one_may_not_do_with_flags(
    store: Store, text: str, act: Callable[..., Any], code: str
) -> None:
    """Nobody approves their own proposal, and no step is taken without right, reason and digest."""
    with store.writing() as writing:
        propose_flags(writing, CLEO, text, WHY)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with pytest.raises(PromotionRefusedError) as caught, store.writing() as writing:
        act(writing, digest, text)
    assert caught.value.code == code
    with store.reading() as connection:
        assert len(read_flag_steps(connection)) == 1


def test_a_withdrawn_proposal_makes_room(store: Store, text: str) -> None:
    """After a withdrawal another catalogue may be proposed; one in force may not be again."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    with store.writing() as writing:
        propose_flags(writing, ANNE, text, WHY)
        withdraw_flags(writing, CLEO, digest, WHY)
        propose_flags(writing, ANNE, text, WHY)
        approve_flags(writing, BEN, digest, WHY)
    with pytest.raises(PromotionRefusedError, match="already"), store.writing() as writing:
        propose_flags(writing, ANNE, text, WHY)


def test_a_catalogue_that_cannot_be_used_is_not_proposed(store: Store) -> None:
    """What is no catalogue is refused before anybody is asked to approve it."""
    with pytest.raises(CaselightError), store.writing() as writing:
        propose_flags(writing, ANNE, "version: 1\n", WHY)


def test_a_catalogue_of_flags_that_was_edited_is_told(store: Store, small_unit: Any) -> None:
    """A text that is not the one of its digest raises nothing quietly: the round fails."""
    row = {"step_key": "k" * 24, "step": "approved", "digest": "0" * 64, "text": "flags: []"}
    row |= {"why": WHY, "done_at_us": 1, "stored_seq": 1} | ANNE.columns()
    with store.writing() as writing:
        writing.connection.execute(flag_catalogues.insert().values(row))
        with pytest.raises(ArtefactError, match="was changed"):
            read_flag_catalogue(writing.connection, load_bundle(small_unit.bundle))


def test_what_a_change_takes_away_is_named(small_unit: Any, silent: Path) -> None:
    """Flags that are gone, and those that are urgent no more, are told to both people."""
    before, after = load_bundle(small_unit.bundle).catalogue, load_bundle(silent).catalogue
    change = compare_flags(before, after)
    assert "weapon" in change.removed
    assert set(change.no_longer_urgent) == {one.name for one in before.flags if one.urgent}
    assert compare_flags(None, before).added == compare_flags(after, before).added
