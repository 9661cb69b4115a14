"""``caselight replay``: compute a stored score again, and say whether it comes out the same."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from caselight.options import TokenFile, Why
from caselight.store_session import Given, StoreSession, open_session
from features.errors import ArtefactError, ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from models.bundle.folder import Bundle
    from serving.explanations.replaying import Replay
    from serving.explanations.stored_scores import StoredScore
    from serving.store.database import Unit

_VERDICTS: Final = {
    "equal": "equal to the last bit",
    "close": "equal within 1e-9, not to the last bit",
    "different": "different",
}


def replay(
    score_key: Annotated[str, typer.Argument(help="Key of the stored score.")],
    store: Annotated[
        str,
        typer.Option(envvar="CASELIGHT_DATABASE_URL", help="sqlite:///PATH or postgresql://..."),
    ],
    models: Annotated[
        Path, typer.Option(envvar="CASELIGHT_MODELS_DIR", help="Folder of promoted bundles.")
    ],
    why: Why = None,
    token_file: TokenFile = None,
) -> None:
    """Compute a stored score again from the records it had read; exit code 1 where it differs."""
    from serving.access.command_rules import REPLAY

    with open_session(store, REPLAY, Given(token_file, why=why)) as session:
        found = _replay(session, score_key, models)
    if found is not None and found.verdict == "different":
        raise typer.Exit(1)


def _replay(session: StoreSession, score_key: str, models: Path) -> "Replay | None":
    """Replay a score and print it; ``None`` where its case was disposed of."""
    from features.contract.moments import format_moment
    from serving.explanations.replaying import find_disposal, replay_score

    unit = session.unit
    with session.store.reading() as connection:
        score = _need_score(connection, session, score_key)
        session.store.look(cases=[score.case_key])
        disposed_us = find_disposal(connection, score.case_key)
        if disposed_us is not None:
            print(f"disposed on {format_moment(disposed_us, unit.time_zone)[:10]}: nothing is left")
            return None
        bundle = _load(models, score.bundle_id)
        found = replay_score(connection, bundle, score, unit)
    _print(found, bundle, unit)
    return found


def _need_score(connection: "Connection", session: StoreSession, score_key: str) -> "StoredScore":
    """Return a score of a case that the person may see; of another it is as if there were none."""
    from serving.access.case_sight import may_see_case
    from serving.explanations.stored_scores import read_score

    score = read_score(connection, score_key)
    if score is not None and session.is_signed:
        is_own = bool(session.find_own(connection, [score.case_key]))
        may_see = may_see_case(connection, session.person, score.case_key)
        score = score if may_see and not is_own else None
    if score is None:
        raise ConfigError(
            "no score of the store has this key; read a case's score_key from /v1/cases/KEY "
            "(scores of a case that was disposed of may be gone with it)"
        )
    return score


def _load(models: Path, bundle_id: str) -> "Bundle":
    from models.bundle.folder import load_bundle

    remedy = f"give the folder of promoted bundles that holds {bundle_id} with --models"
    if not bundle_id.isalnum():
        raise ConfigError(f"the score names no bundle of ours; {remedy}")
    try:
        bundle = load_bundle(models / bundle_id)
    except ArtefactError as error:
        raise ConfigError(f"the score's bundle cannot be used ({error}); {remedy}") from None
    if bundle.id != bundle_id:
        raise ConfigError(f"the folder holds another bundle; {remedy}")
    return bundle


def _print(found: "Replay", bundle: "Bundle", unit: "Unit") -> None:
    from features.contract.moments import format_moment
    from models.explanations.plain_text import render_case

    score = found.score
    print(f"score {score.key} as of {format_moment(score.as_of_us, unit.time_zone)}")
    print(f"bundle {bundle.id}, catalogue {bundle.catalogue.name} {bundle.catalogue.digest}")
    print(
        f"engine {score.engine_version} then, {bundle.engine_version} now; "
        f"processor {_name_processor()}"
    )
    print(_VERDICTS[found.verdict])
    for one in found.differences:
        print(f"  {one.name}: stored {_show(one.stored)}, now {_show(one.now)}")
    if found.explanation is not None:
        print()
        print(render_case(found.explanation, bundle.catalogue, unit.time_zone), end="")


def _name_processor() -> str:
    return f"{platform.machine()} on {platform.system()}"


def _show(value: float | str | None) -> str:
    return "nothing" if value is None else repr(value) if isinstance(value, float) else value
