"""``caselight init``: a mapping and a catalogue to begin with, from the files of an export."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from caselight.inputs import say
from features.errors import ConfigError

MAPPING: Final = "mapping.yaml"
CATALOGUE: Final = "catalogue.yaml"


def init(
    exports: Annotated[
        list[Path], typer.Argument(metavar="EXPORT...", help="Files of one export, in one folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the drafts.")],
) -> None:
    """Look at an export's files and draft a mapping and a catalogue for them.

    What the files cannot settle, such as which date is the recorded one, stays in the mapping as a
    line that `caselight import` refuses until you have written your choice there.
    """
    from features.catalogue.starter import draft_catalogue
    from features.intake.file_survey import survey_files
    from features.intake.mapping_draft import draft_mapping

    _check_places(exports, out)
    say(f"looking at {', '.join(path.name for path in exports)}")
    surveys = survey_files(exports)
    for name, note in [(survey.name, note) for survey in surveys for note in survey.notes]:
        say(f"{name}: {note}")
    draft = draft_mapping(surveys)
    out.mkdir(parents=True, exist_ok=True)
    (out / MAPPING).write_text(draft.text, encoding="utf-8")
    name = _name_catalogue(exports[0])
    (out / CATALOGUE).write_text(draft_catalogue(name, draft.kinds), encoding="utf-8")
    folder = exports[0].parent
    print(f"{out / MAPPING}: {draft.n_open} lines wait for your choice (CHOOSE)")
    print(f"{out / CATALOGUE}: a catalogue to begin with, of {len(draft.kinds)} kinds")
    print(f"then: caselight import {folder} --mapping {out / MAPPING} --out UNIT")


def _check_places(exports: list[Path], out: Path) -> None:
    for path in exports:
        if not path.exists():
            raise ConfigError(f"{path.name} is not there; name the files of an export")
        if path.is_dir():
            raise ConfigError(f"{path.name} is a folder; name the files in it")
    if len({path.parent.resolve() for path in exports}) > 1:
        raise ConfigError("the files lie in several folders; put them into one, as import needs it")
    if out.exists() and not out.is_dir():
        raise ConfigError("--out is a file; name a folder")
    for name in (MAPPING, CATALOGUE):
        if (out / name).exists():
            raise ConfigError(f"there is a {name} in that folder already; name another folder")


def _name_catalogue(path: Path) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", path.name.partition(".")[0].lower()).strip("_")
    return plain[:60].strip("_") if plain[:1].isalpha() else "export"
