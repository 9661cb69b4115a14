"""The model in use: the bundle that the pointer file names, looked up anew at every question.

A bundle is verified before it is used. While a newer one is bad the last good one stays in use and
``fault`` says so; nothing needs a restart.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.errors import ArtefactError
from models.bundle.folder import Bundle, load_bundle

POINTER: Final = "champion"
"""Name of the pointer file in the folder of promoted bundles."""
_RETRY_S: Final = 10.0
"""How long a bundle that was refused is not looked at again while the pointer stays the same."""

_Seen = tuple[int, int, int]


@dataclass(frozen=True)
class _Held:
    """What was found last: where the pointer stood, the bundle in use, and what is wrong."""

    seen: _Seen | None = None
    bundle: Bundle | None = None
    fault: str | None = None
    tried_at_s: float = 0.0


class Champion:
    """Finds the model in use; safe under threads.

    Parameters
    ----------
    models_dir
        Folder of promoted bundles with the pointer file ``champion``.
    bundle
        Folder of one bundle that is used whatever the pointer says.

    Raises
    ------
    ArtefactError
        If ``bundle`` does not verify.
    """

    def __init__(self, models_dir: Path | None, bundle: Path | None) -> None:
        self._models_dir = models_dir
        self._fixed = None if bundle is None else _load(bundle)
        self._lock = threading.Lock()
        self._held = _Held()
        self._recalled: Bundle | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong with a newer bundle that was refused; ``None`` where nothing is."""
        return self._held.fault

    def find(self) -> Bundle | None:
        """Return the bundle in use; ``None`` where none was ever good.

        While another thread reads a newer one, the one before is returned.
        """
        if self._fixed is not None or self._models_dir is None:
            return self._fixed
        seen = _look_at(self._models_dir / POINTER)
        held = self._held
        if not _is_stale(held, seen):
            return held.bundle
        # Who has a bundle goes on with it while another thread reads the newer one.
        if self._lock.acquire(blocking=held.bundle is None):
            try:
                if _is_stale(self._held, seen):
                    self._held = _follow(self._models_dir, seen, self._held)
            finally:
                self._lock.release()
        return self._held.bundle

    def is_settled(self) -> bool:
        """Return whether :meth:`find` answers at once, without reading a bundle."""
        if self._fixed is not None or self._models_dir is None:
            return True
        return not _is_stale(self._held, _look_at(self._models_dir / POINTER))

    def recall(self, bundle_id: str) -> Bundle | None:
        """Return a bundle by its id, to compute an earlier score again; ``None`` where it is gone
        or does not verify.
        """
        for held in (self.find(), self._recalled):
            if held is not None and held.id == bundle_id:
                return held
        # It becomes part of a path: no dot and no slash may be in it.
        if self._models_dir is None or not bundle_id.isalnum():
            return None
        try:
            self._recalled = _load_promoted(self._models_dir, bundle_id)
        except ArtefactError:
            return None
        return self._recalled


def _look_at(pointer: Path) -> _Seen | None:
    """Return what tells one pointer file from another; promotion replaces the file."""
    try:
        found = os.stat(pointer)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _is_stale(held: _Held, seen: _Seen | None) -> bool:
    if held.seen != seen:
        return True
    return held.fault is not None and time.monotonic() - held.tried_at_s > _RETRY_S


def _follow(models_dir: Path, seen: _Seen | None, held: _Held) -> _Held:
    """Return what holds now that the pointer was seen; a bad bundle leaves the last good one."""
    now_s = time.monotonic()
    if seen is None:
        fault = "the pointer file is gone; promote a bundle" if held.bundle is not None else None
        return _Held(seen, held.bundle, fault, now_s)
    try:
        return _Held(seen, _load_promoted(models_dir, _read_pointer(models_dir)), None, now_s)
    except ArtefactError as error:
        return _Held(seen, held.bundle, str(error), now_s)


def _read_pointer(models_dir: Path) -> str:
    try:
        name = (models_dir / POINTER).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    if not name.isalnum():
        raise ArtefactError("the pointer file names no bundle; promote a bundle again")
    return name


def _load_promoted(models_dir: Path, name: str) -> Bundle:
    found = _load(models_dir / name)
    if found.id != name:
        raise ArtefactError("the promoted folder holds another bundle; promote it again")
    return found


def _load(folder: Path) -> Bundle:
    """Read a bundle and its models, so that nothing about it can fail once it is in use."""
    bundle = load_bundle(folder)
    for model in bundle.outcomes.values():
        _ = model.booster
    return bundle
