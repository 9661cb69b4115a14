"""Promotion: a verified bundle becomes the one that the service reads."""

import os
import shutil
from pathlib import Path
from typing import Final

from models.bundle import Bundle, load_bundle

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
    promoted = load_bundle(bundle)
    models_dir.mkdir(parents=True, exist_ok=True)
    target = models_dir / promoted.id
    if not target.is_dir():
        staging = models_dir / f".{promoted.id}.{os.getpid()}"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(bundle, staging)
        load_bundle(staging)
        staging.rename(target)
    load_bundle(target)
    waiting = models_dir / f".{POINTER}.{os.getpid()}"
    waiting.write_text(promoted.id + "\n", encoding="ascii")
    waiting.replace(models_dir / POINTER)
    return promoted
