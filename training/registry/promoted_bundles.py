"""Promotion's mechanism: a verified copy under a bundle's own hash, and the pointer to it.

What may be put to use, and who settles that, is recorded in the store; the command line carries it
here.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from features.errors import ArtefactError
from models.bundle.folder import METRICS_FILE, Bundle, load_bundle

POINTER: Final = "champion"


def promote(bundle: Path, models_dir: Path) -> Bundle:
    """Verify a bundle, keep it under its own hash, and point the service at it.

    The bundle is copied to ``models_dir/<id>/`` and verified there before the pointer file
    ``champion`` is replaced in one step, so that the service sees the old one or the new one and
    never half of either.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    models_dir
        Folder that holds promoted bundles.

    Raises
    ------
    ArtefactError
        If the bundle does not verify; the pointer then stays as it was.
    """
    kept = keep(bundle, models_dir)
    point(models_dir, kept.id)
    return kept


def keep(bundle: Path, models_dir: Path) -> Bundle:
    """Copy a verified bundle to ``models_dir/<id>/`` and verify it there; nothing is put to use.

    Where the bundle is there already, its figures take the place of the ones there: the identity
    leaves them out, and a run may have been repeated with an audit.

    Raises
    ------
    ArtefactError
        If the bundle, or what is there under its hash, does not verify.
    """
    found = load_bundle(bundle)
    models_dir.mkdir(parents=True, exist_ok=True)
    target = models_dir / found.id
    if not target.is_dir():
        staging = models_dir / f".{found.id}.{os.getpid()}"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(bundle, staging)
        load_bundle(staging)
        staging.rename(target)
    elif (bundle / METRICS_FILE).is_file():
        _replace(target / METRICS_FILE, (bundle / METRICS_FILE).read_bytes())
    return find_kept(models_dir, found.id)


def find_kept(models_dir: Path, bundle_id: str) -> Bundle:
    """Return a kept bundle, verified.

    Raises
    ------
    ArtefactError
        If it is not there, was changed, or another one stands under its name.
    """
    if not bundle_id.isalnum():
        raise ArtefactError("that is no bundle's id; take it from the record of promotions")
    found = load_bundle(models_dir / bundle_id)
    if found.id != bundle_id:
        raise ArtefactError("the promoted folder holds another bundle; propose it again")
    return found


def point(models_dir: Path, bundle_id: str) -> None:
    """Point the service at a kept bundle, in one step, once it has verified.

    Raises
    ------
    ArtefactError
        If it does not verify; the pointer then stays as it was.
    """
    find_kept(models_dir, bundle_id)
    _replace(models_dir / POINTER, f"{bundle_id}\n".encode("ascii"))


def read_pointer(models_dir: Path) -> str | None:
    """Return the id of the bundle that the service is pointed at; ``None`` where it is at none.

    Raises
    ------
    ArtefactError
        If the pointer file is there and names no bundle.
    """
    try:
        name = (models_dir / POINTER).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        name = ""
    if not name.isalnum():
        raise ArtefactError("the pointer file names no bundle; go back to one that was in use")
    return name


def _replace(path: Path, content: bytes) -> None:
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    waiting.write_bytes(content)
    waiting.replace(path)
