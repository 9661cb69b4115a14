"""``caselight promote`` and ``rollback``: two signed-in people, a real provider, a real bundle."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from caselight.__main__ import run
from features.catalogue.file import load_catalogue
from models.bundle.folder import load_bundle
from models.run_figures.codec import decode
from models.run_figures.run import RunFigures
from serving.promotions.flag_steps import read_flag_steps
from serving.promotions.record import PromotionStep, find_waiting, follow, read_steps
from serving.store.database import open_store
from serving.store.schema import audit_lines
from serving.store.upgrading import upgrade
from tests.test_serving.issuers import AUDIENCE, CLIENT, Issuer, run_issuer
from tests.test_serving.signed_desk import ACCESS
from tests.test_training.good_figures import make_good
from training.registry.promoted_bundles import POINTER

WHY = "as the board of September agreed"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Return an OpenID provider that runs as a process of its own."""
    with run_issuer() as running:
        yield running


@dataclass
class Place:
    """A store, a folder of models, and people with tokens.

    Parameters
    ----------
    root
        Where everything is.
    issuer
        Who signs the tokens.
    small_unit
        Where the bundle is from.
    """

    root: Path
    issuer: Issuer
    small_unit: Any

    @property
    def address(self) -> str:
        """The store's address."""
        return f"sqlite:///{self.root / 'unit.db'}"

    def make_store(self, *, synthetic: bool) -> None:
        """Make the store."""
        store = open_store(self.address)
        upgrade(store, synthetic=synthetic)
        store.close()

    def read(self) -> tuple[PromotionStep, ...]:
        """Return every step on record."""
        store = open_store(self.address)
        try:
            with store.reading() as connection:
                return read_steps(connection)
        finally:
            store.close()

    def read_lines(self) -> list[tuple[str, str]]:
        """Return who did what by the audit chain: subject and command, in order."""
        store = open_store(self.address)
        query = select(audit_lines.c.subject, audit_lines.c.route).order_by(audit_lines.c.number)
        try:
            with store.reading() as connection:
                found = connection.execute(query.where(audit_lines.c.book == "changes"))
                return [(row.subject, row.route) for row in found]
        finally:
            store.close()

    @property
    def pointed(self) -> str | None:
        """The bundle that the service is pointed at."""
        path = self.root / "models" / POINTER
        return path.read_text().strip() if path.is_file() else None

    def make_bundle(self, name: str, *changes: Change, later_us: int = 0) -> tuple[str, str]:
        """Make a bundle without blame but for the changes; return its folder and id."""
        folder = self.root / name
        shutil.copytree(self.small_unit.bundle, folder)
        manifest = json.loads((folder / "bundle.json").read_text())
        manifest["trained_for_us"] += later_us
        (folder / "bundle.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        metrics = json.loads((folder / "metrics.json").read_text())
        make_good(metrics)
        metrics["bundle_id"] = load_bundle(folder).id
        for change in changes:
            change(metrics)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        return str(folder), load_bundle(folder).id

    def sign(self, name: str, group: str, **changed: Any) -> str:
        """Return the token of a person in a group."""
        claims = {
            "sub": name,
            "name": f"SYN {name.title()}",
            "groups": [group],
            "aud": AUDIENCE,
            "scope": "store:promote store:rollback store:flags",
        }
        return self.issuer.sign(self.issuer.claim(now_s=int(time.time()), **(claims | changed)))

    def call(self, token: str | None, *arguments: str) -> int:
        """Call a verb as somebody, or as nobody, for a purpose; return the exit code."""
        command = [*arguments, "--no-track"]
        if token is not None and "--why" not in arguments and "--withdraw" not in arguments:
            command += ["--why", WHY]
        if token is not None:
            path = self.root / "token"
            path.write_text(token)
            path.chmod(0o600)
            command += ["--token-file", str(path)]
        return run(command)


@pytest.fixture
def place(
    tmp_path: Path, issuer: Issuer, small_unit: Any, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """Return a place with a store for real cases, named by the environment."""
    (tmp_path / "access.yaml").write_text(ACCESS)
    made = Place(tmp_path, issuer, small_unit)
    settings = {
        "DATABASE_URL": made.address,
        "MODELS_DIR": str(tmp_path / "models"),
        "OIDC_ISSUER": issuer.address,
        "OIDC_CLIENT_ID": CLIENT,
        "TOKEN_AUDIENCE": AUDIENCE,
        "ACCESS_FILE": str(tmp_path / "access.yaml"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CASELIGHT_{name}", value)
    monkeypatch.delenv("CASELIGHT_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    made.make_store(synthetic=False)
    return made


@pytest.fixture
def anne(place: Place) -> str:
    """Return the token of a data scientist."""
    return place.sign("anne", "scientists")


@pytest.fixture
def ben(place: Place) -> str:
    """Return the token of a reviewer."""
    return place.sign("ben", "reviewers")


def put(place: Place, anne: str, ben: str, name: str, later_us: int) -> str:
    """Put a bundle to use by two people; return its id."""
    folder, bundle_id = place.make_bundle(name, later_us=later_us)
    assert place.call(anne, "promote", folder) == 0
    known = ("--acknowledge", "Few cases are open.")
    assert place.call(ben, "promote", bundle_id, "--approve", *known) == 0
    assert place.pointed == bundle_id
    return bundle_id


def test_two_people_put_a_bundle_to_use(place: Place, anne: str, ben: str, capfd: Any) -> None:
    """The proposal copies and verifies it and puts nothing to use; the approval does; the record
    names both with their subjects, and no token is told or kept.
    """
    folder, bundle_id = place.make_bundle("bundle")
    assert place.call(anne, "promote", folder, "--why", "autumn retraining") == 0
    assert place.pointed is None
    assert load_bundle(place.root / "models" / bundle_id).id == bundle_id
    shutil.rmtree(folder)
    assert place.call(ben, "promote", bundle_id[:12], "--approve") == 0
    assert place.pointed == bundle_id
    proposed, approved = place.read()
    assert (proposed.name, approved.name) == ("proposed", "approved")
    assert proposed.person.name == "SYN Anne"
    assert approved.person.subject == f"{place.issuer.address}|ben"
    assert proposed.why == "autumn retraining"
    names = ("anne", "ben", "ben")  # the approval, and the pointer that follows it
    lines = [(f"{place.issuer.address}|{name}", "caselight promote") for name in names]
    assert place.read_lines()[-3:] == lines
    told = capfd.readouterr()
    for gate in ("run", "rule", "calibration", "audit"):
        assert f"passed      {gate}" in told.out
    for token in (anne, ben):
        assert token not in told.out + told.err
        assert token.encode() not in (place.root / "unit.db").read_bytes()


def test_one_person_is_not_two(place: Place, capfd: Any) -> None:
    """Whoever proposed cannot approve, in another role neither; the attempt is on record."""
    folder, bundle_id = place.make_bundle("bundle")
    assert place.call(place.sign("cleo", "administrators"), "promote", folder) == 0
    for group in ("administrators", "reviewers"):
        token = place.sign("cleo", group)
        assert place.call(token, "promote", bundle_id, "--approve") == 2
    assert "ask another person" in capfd.readouterr().err
    assert place.pointed is None
    assert [one.name for one in place.read()] == ["proposed", "refused", "refused"]
    assert "ask another person" in str(place.read()[-1].why)
    assert place.read()[-1].gates == place.read()[0].gates


def test_roles_are_those_of_the_token(place: Place, anne: str, capfd: Any) -> None:
    """A screener neither proposes nor approves nor goes back, and a scientist does not approve."""
    folder, bundle_id = place.make_bundle("bundle")
    dora = place.sign("dora", "screeners")
    assert place.call(dora, "promote", folder) == 2
    assert place.read() == ()
    assert place.call(anne, "promote", folder) == 0
    eve = place.sign("eve", "scientists")
    for token in (dora, eve):
        assert place.call(token, "promote", bundle_id, "--approve") == 2
    assert "ask somebody who is signed in as administrator, reviewer" in capfd.readouterr().err
    assert [one.name for one in place.read()] == ["proposed", "refused"]
    assert place.pointed is None


def test_real_cases_take_somebody_who_is_signed_in(place: Place, capfd: Any) -> None:
    """Without a token, or with one that proves nothing, nothing is recorded or put to use."""
    folder, bundle_id = place.make_bundle("bundle")
    now_s = int(time.time())
    for token, words in (
        (None, "--token-file"),
        ("nonsense", "not accepted"),
        (place.sign("anne", "scientists", exp=now_s - 600), "not accepted"),
        (place.sign("anne", "scientists", aud="another"), "not accepted"),
        (place.sign("anne", "strangers"), "no access"),
        ("", "empty"),
    ):
        for verb in (
            ("promote", folder),
            ("promote", bundle_id, "--approve"),
            ("rollback", "--why", "no"),
        ):
            assert place.call(token, *verb) == 2
            told = capfd.readouterr()
            assert words in told.err
            said = [line for line in told.err.splitlines() if not line.startswith("{")]
            assert len(said) == 1
    assert (place.read(), place.pointed) == ((), None)


def test_a_program_puts_nothing_to_use(place: Place, capfd: Any) -> None:
    """A token of a program is nobody's word, whatever its scopes."""
    folder, _ = place.make_bundle("bundle")
    token = place.issuer.sign(place.issuer.claim(now_s=int(time.time())))
    assert place.call(token, "promote", folder) == 2
    assert "role machine does not use `caselight promote`" in capfd.readouterr().err


def test_a_token_that_others_can_read_is_refused(place: Place, anne: str, capfd: Any) -> None:
    """A token is a person's word: its file is for its owner alone, or it is in the environment."""
    folder, _ = place.make_bundle("bundle")
    path = place.root / "open"
    path.write_text(anne)
    path.chmod(0o644)
    named = ["promote", folder, "--no-track", "--why", WHY]
    assert run([*named, "--token-file", str(path)]) == 2
    assert "0600" in capfd.readouterr().err
    os.environ["CASELIGHT_TOKEN"] = anne
    try:
        assert run(named) == 0
    finally:
        del os.environ["CASELIGHT_TOKEN"]
    assert place.read()[0].person.name == "SYN Anne"


@pytest.mark.parametrize("file", ["breach/model.txt", "metrics.json", "bundle.json"])
def test_a_changed_file_is_refused(
    place: Place, anne: str, ben: str, file: str, capfd: Any
) -> None:
    """What is approved is what was proposed, byte for byte, figures included."""
    folder, bundle_id = place.make_bundle("bundle")
    assert place.call(anne, "promote", folder) == 0
    path = place.root / "models" / bundle_id / file
    path.write_bytes(path.read_bytes() + b" ")
    assert place.call(ben, "promote", bundle_id, "--approve") == 2
    assert place.pointed is None
    assert [one.name for one in place.read()] == ["proposed", "refused"]
    told = capfd.readouterr().err
    assert len(told.strip().splitlines()) == 1


def _lose_calibration(metrics: dict[str, Any]) -> None:
    metrics["calibration"]["breach"][0]["slope_interval"] = [0.2, 0.5]


def _recommend_rule(metrics: dict[str, Any]) -> None:
    metrics["findings"] = [{"kind": "rule_suffices", "about": "breach"}]


def _retrospective(metrics: dict[str, Any]) -> None:
    metrics["run"]["retrospective"] = True


def test_a_gate_that_refuses_ends_it_and_is_recorded(place: Place, anne: str, capfd: Any) -> None:
    """Every gate is told, not only the first that refuses; nothing is copied or waits."""
    folder, bundle_id = place.make_bundle("bundle", _lose_calibration, _recommend_rule)
    assert place.call(anne, "promote", folder) == 1
    told = capfd.readouterr().out
    assert told.count("refused     ") == 2
    assert "passed      calibration" in told and "passed      audit" in told
    (step,) = place.read()
    assert (step.name, step.bundle_id) == ("refused", bundle_id)
    assert sum(one["verdict"] == "refused" for one in step.gates) == 2
    assert not (place.root / "models" / bundle_id).exists()


def test_a_recommended_rule_takes_two_peoples_words(
    place: Place, anne: str, ben: str, capfd: Any
) -> None:
    """Against the report's warning the proposer says why, and the approver that they know it."""
    folder, bundle_id = place.make_bundle("bundle", _recommend_rule)
    assert place.call(anne, "promote", folder) == 1
    assert place.call(anne, "promote", folder, "--despite", "the rule misses breaches") == 0
    capfd.readouterr()
    assert place.call(ben, "promote", bundle_id, "--approve") == 2
    told = capfd.readouterr()
    assert "the rule misses breaches" in told.out
    assert "--acknowledge" in told.err
    assert place.pointed is None
    known = ("--acknowledge", "I read the report.")
    assert place.call(ben, "promote", bundle_id, "--approve", *known) == 0
    assert [one.name for one in place.read()] == ["refused", "proposed", "approved"]
    assert place.pointed == bundle_id


def test_a_retrospective_run_is_never_put_to_use(place: Place, anne: str, capfd: Any) -> None:
    """Whatever is written, for real cases and for invented ones."""
    folder, _ = place.make_bundle("bundle", _retrospective)
    assert place.call(anne, "promote", folder, "--despite", "please") == 1
    (place.root / "unit.db").rename(place.root / "real.db")
    shutil.rmtree(place.root / "models", ignore_errors=True)
    for leftover in place.root.glob("unit.*"):
        leftover.unlink()
    place.make_store(synthetic=True)
    assert place.call(None, "promote", folder, "--despite", "please") == 1
    assert "retrospective" in capfd.readouterr().out
    assert place.pointed is None
    assert [one.name for one in place.read()] == ["refused"]


def test_flags_are_changed_by_two_people_and_by_no_promotion(
    place: Place, anne: str, ben: str, capfd: Any
) -> None:
    """The first bundle leaves its flags on record, the second changes none, and a catalogue of
    flags is proposed by one person and approved by another, who is told what is raised no more.
    """
    put(place, anne, ben, "bundle0", 0)
    put(place, anne, ben, "bundle1", 1)
    text = load_catalogue("stalking").text
    weapon = re.compile(r"  - name: weapon\n(?:    .*\n)+")
    assert weapon.search(text)
    (place.root / "fewer.yaml").write_text(weapon.sub("", text))
    digest = hashlib.sha256((place.root / "fewer.yaml").read_bytes()).hexdigest()
    capfd.readouterr()
    why = ("--why", "weapons are told by telephone")
    assert call_flags(place, anne, str(place.root / "fewer.yaml"), *why) == 0
    assert "urgent no more: weapon" in capfd.readouterr().err
    assert call_flags(place, anne, digest, "--approve", *why) == 2
    assert call_flags(place, ben, digest[:12], "--approve", *why) == 0
    told = capfd.readouterr()
    assert "raised no more: weapon" in told.err
    store = open_store(place.address)
    with store.reading() as connection:
        steps = [one.name for one in read_flag_steps(connection)]
    store.close()
    assert steps == ["taken_over", "proposed", "approved"]
    assert call_flags(place, anne, str(place.root / "none.yaml"), *why) == 2


def call_flags(place: Place, token: str, *arguments: str) -> int:
    """Call ``caselight flags`` as somebody; return the exit code."""
    path = place.root / "token"
    path.write_text(token)
    path.chmod(0o600)
    return run(["flags", *arguments, "--token-file", str(path)])


def test_one_person_goes_back(place: Place, anne: str, ben: str, capfd: Any) -> None:
    """Back to the bundle before, or to one named before that, with a reason that is kept."""
    ids = [put(place, anne, ben, f"bundle{n}", n) for n in range(3)]
    assert place.call(ben, "rollback", "--why", "doubts") == 0
    assert place.pointed == ids[1]
    assert place.call(ben, "rollback", "--to", ids[2], "--why", "doubts") == 2
    assert "propose it" in capfd.readouterr().err
    assert place.call(anne, "rollback", "--to", ids[0][:12], "--why", "more doubts") == 0
    assert place.pointed == ids[0]
    assert place.call(anne, "rollback", "--why", "no more") == 2
    last = place.read()[-1]
    assert (last.name, last.why, last.person.name) == ("rolled_back", "more doubts", "SYN Anne")
    assert follow(place.read()).in_use == ids[0]


def test_going_back_needs_a_sound_bundle(place: Place, anne: str, ben: str, capfd: Any) -> None:
    """A bundle that was changed since is not gone back to, and nothing says that it was."""
    first = put(place, anne, ben, "one", 0)
    second = put(place, anne, ben, "two", 1)
    path = place.root / "models" / first / "breach" / "model.txt"
    path.write_bytes(path.read_bytes() + b" ")
    assert place.call(ben, "rollback", "--why", "doubts") == 2
    assert "was changed" in capfd.readouterr().err
    assert (place.pointed, place.read()[-1].name) == (second, "approved")


def test_the_pointer_follows_the_record(place: Place, anne: str, ben: str, capfd: Any) -> None:
    """Where the pointer was moved by hand, or a crash left it, nothing new is proposed until the
    service reads again what two people put to use.
    """
    first = put(place, anne, ben, "one", 0)
    second = put(place, anne, ben, "two", 1)
    (place.root / "models" / POINTER).write_text(first)
    folder, _ = place.make_bundle("three", later_us=2)
    assert place.call(anne, "promote", folder) == 2
    assert f"promote {second[:12]} --approve" in capfd.readouterr().err
    before = len(place.read())
    assert place.call(anne, "promote", second, "--approve") == 2
    assert place.call(ben, "promote", second, "--approve") == 0
    assert place.pointed == second
    assert len(place.read()) == before


def test_a_bundle_in_use_that_cannot_be_read_is_replaced(
    place: Place, anne: str, ben: str, capfd: Any
) -> None:
    """Where the bundle in use, or its figures, were changed there is nothing to compare with: that
    is told, and the approver acknowledges it.
    """
    first = put(place, anne, ben, "one", 0)
    figures = place.root / "models" / first / "metrics.json"
    model = place.root / "models" / first / "breach" / "model.txt"
    for number, path in enumerate((figures, model), 1):
        path.write_bytes(path.read_bytes() + b" ")
        folder, bundle_id = place.make_bundle(f"next{number}", later_us=number)
        assert place.call(anne, "promote", folder) == 0
        assert "warning: the bundle in use" in capfd.readouterr().err
        gates = {one["name"]: one["verdict"] for one in place.read()[-1].gates}
        assert (gates["performance"], gates["churn"]) == ("not judged", "not judged")
    assert place.call(ben, "promote", bundle_id, "--approve") == 2
    assert place.call(ben, "promote", bundle_id, "--approve", "--acknowledge", "I know.") == 0
    assert place.pointed == bundle_id


def test_figures_may_be_made_anew(place: Place, anne: str, ben: str, capfd: Any) -> None:
    """The same bundle with an audit that was missing is proposed again once it waits no longer, and
    what is approved is judged by the new figures.
    """

    def leave_out(metrics: dict[str, Any]) -> None:
        del metrics["audit"]

    old, bundle_id = place.make_bundle("old", leave_out)
    new, _ = place.make_bundle("new")
    assert place.call(anne, "promote", old) == 0
    assert place.call(anne, "promote", new) == 2
    assert "waits for approval" in capfd.readouterr().err
    assert place.call(anne, "promote", bundle_id, "--withdraw", "--why", "no audit") == 0
    assert place.call(anne, "promote", new) == 0
    assert place.call(ben, "promote", bundle_id, "--approve") == 0
    kept = json.loads((place.root / "models" / bundle_id / "metrics.json").read_text())
    assert "audit" in kept
    assert place.pointed == bundle_id


def test_a_proposal_is_withdrawn_with_a_reason(
    place: Place, anne: str, ben: str, capfd: Any
) -> None:
    """Either person ends it, in their own words; afterwards it cannot be approved."""
    folder, bundle_id = place.make_bundle("bundle")
    assert place.call(anne, "promote", folder) == 0
    assert place.call(ben, "promote", bundle_id, "--withdraw") == 2
    assert "--why" in capfd.readouterr().err
    assert place.call(ben, "promote", bundle_id, "--withdraw", "--why", "wait") == 0
    assert place.call(ben, "promote", bundle_id, "--approve") == 2
    assert place.call(ben, "promote", bundle_id, "--approve", "--withdraw") == 2
    assert find_waiting(place.read()) == ()
    assert (place.read()[-1].name, place.read()[-1].person.name) == ("withdrawn", "SYN Ben")


def test_what_cannot_be_done_says_what_to_do(place: Place, anne: str, capfd: Any) -> None:
    """No store, no models, no bundle and no proposal are one line each, with the remedy."""
    folder, _ = place.make_bundle("bundle")
    assert place.call(anne, "promote", "nothing-there") == 2
    assert "cannot be read" in capfd.readouterr().err
    assert place.call(anne, "promote", "f" * 64, "--approve") == 2
    assert "propose it first" in capfd.readouterr().err
    assert place.call(anne, "promote", "short", "--approve") == 2
    assert "at least 12 letters" in capfd.readouterr().err
    del os.environ["CASELIGHT_MODELS_DIR"]
    assert place.call(anne, "promote", folder) == 2
    assert "--models" in capfd.readouterr().err
    del os.environ["CASELIGHT_DATABASE_URL"]
    assert place.call(anne, "promote", folder) == 2
    assert "--store" in capfd.readouterr().err


@pytest.fixture
def synthetic(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a place with a synthetic store that holds the small unit, at its extract."""
    for leftover in place.root.glob("unit.*"):
        leftover.unlink()
    place.make_store(synthetic=True)
    monkeypatch.setenv("CASELIGHT_NOW", "2026-11-02")
    assert run(["db", "import", str(place.small_unit.folder)]) == 0
    return place


def test_a_synthetic_store_takes_nobodys_word(synthetic: Place, capfd: Any) -> None:
    """Without a token one step does, recorded as unsigned with the machine's user; the next bundle
    is held against it on the store's open cases; going back works as well.
    """
    first, first_id = synthetic.make_bundle("one")
    second, second_id = synthetic.make_bundle("two", later_us=1)
    assert synthetic.call(None, "promote", first) == 0
    assert synthetic.pointed == first_id
    (step,) = synthetic.read()
    assert step.name == "unsigned"
    assert step.person.subject == f"unsigned:{step.person.name}"
    capfd.readouterr()
    assert synthetic.call(None, "promote", second, "--why", "again") == 0
    told = capfd.readouterr().out
    assert "0 of 30 cases leave the list; 0% of 30 cases" in told
    assert synthetic.pointed == second_id
    churn = synthetic.read()[-1].gates[-1]
    assert (churn["name"], churn["verdict"]) == ("churn", "passed")
    assert churn["figures"]["cases"] > 30
    assert synthetic.call(None, "promote", second) == 2
    assert synthetic.call(None, "rollback", "--why", "a look") == 0
    assert synthetic.pointed == first_id


def test_both_bundles_are_compared_on_a_folder(synthetic: Place, capfd: Any) -> None:
    """With a contract folder the two are held against each other case by case."""
    first, _ = synthetic.make_bundle("one")
    second, _ = synthetic.make_bundle("two", later_us=1)
    assert synthetic.call(None, "promote", first) == 0
    capfd.readouterr()
    data = ("--data", str(synthetic.small_unit.folder))
    assert synthetic.call(None, "promote", second, *data) == 0
    told = capfd.readouterr().out
    assert "on the same" in told
    performance = [one for one in synthetic.read()[-1].gates if one["name"] == "performance"]
    assert performance
    assert all(one["figures"]["auc_change"] == 0.0 for one in performance)


def test_a_synthetic_store_can_be_signed_for_as_well(
    synthetic: Place, anne: str, ben: str, capfd: Any
) -> None:
    """With a token the two steps are those of a real store; nobody's word answers no proposal."""
    folder, bundle_id = synthetic.make_bundle("one")
    assert synthetic.call(anne, "promote", folder) == 0
    assert synthetic.pointed is None
    assert synthetic.call(None, "promote", bundle_id, "--approve") == 2
    assert "signed in" in capfd.readouterr().err
    assert synthetic.call(ben, "promote", bundle_id, "--approve") == 0
    assert synthetic.pointed == bundle_id


def test_the_registrys_champion_is_what_was_approved(
    place: Place, anne: str, ben: str, capfd: Any
) -> None:
    """A registered model is a candidate where a store decides; approval makes it the champion, and
    from then on nothing but an approval does.
    """
    from training.config import load_config
    from training.pipeline import TrainingResult
    from training.registry.tracking import CANDIDATE, CHAMPION, mark_champion, mlflow, track

    folder, bundle_id = place.make_bundle("bundle")
    metrics = json.loads((Path(folder) / "metrics.json").read_text())
    figures = decode(RunFigures, metrics)
    assert figures is not None
    result = TrainingResult(bundle_id, (), (), figures)
    uri = f"sqlite:///{place.root / 'mlflow.db'}"

    def register(**said: Any) -> Any:
        return track(
            result,
            Path(folder),
            load_catalogue("stalking"),
            load_config(),
            dates={},
            tracking_uri=uri,
            artifacts=place.root / "artefacts",
            **said,
        )

    first = register(store_decides=True)
    client = mlflow.MlflowClient(uri, uri)
    assert first.alias == CANDIDATE
    assert dict(client.get_registered_model(first.model_name).aliases) == {CANDIDATE: 1}
    assert place.call(anne, "promote", folder) == 0
    token = place.root / "token"
    token.write_text(ben)
    approved = ["promote", bundle_id, "--approve", "--why", WHY, "--token-file", str(token)]
    assert run(approved) == 0
    assert f"registered as {first.model_name} version 1, champion" in capfd.readouterr().out
    later = register()
    assert later.alias == CANDIDATE
    aliases = dict(client.get_registered_model(first.model_name).aliases)
    assert aliases == {CHAMPION: 1, CANDIDATE: 2}
    assert mark_champion("0" * 64, "stalking", tracking_uri=uri) is None
