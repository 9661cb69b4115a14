"""The model in use: the bundle that the record of promotions put to use, looked up anew at every
question.

The record names a bundle by its digest, and what is read is held against that, whatever the pointer
file beside the bundles says: who may write into that folder cannot put another model to use. The
file tells at once that something has changed; without it the record is asked every few seconds.
Only a synthetic store of which no promotion is on record follows the file, as does a service
without a store.

A bundle is verified, and its models are read by a process of their own, before it is used. While a
newer one is bad the last good one stays in use and ``fault`` says so; nothing needs a restart.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from features.errors import ArtefactError
from models.bundle.folder import Bundle, load_bundle
from serving.scoring.model_trial import TRIAL

POINTER: Final = "champion"
"""Name of the pointer file in the folder of promoted bundles."""
_RETRY_S: Final = 10.0
"""How long a bundle that was refused is not looked at again while nothing else changes."""
_RECORD_S: Final = 3.0
"""How long what the record said is taken to hold while the pointer file stays the same."""

_Seen = tuple[int, int, int]


@dataclass(frozen=True)
class Approved:
    """What the record of promotions says.

    Parameters
    ----------
    bundle_id
        The bundle that it put to use; ``None`` where no promotion is on record.
    may_lack
        Whether a bundle may be used though no promotion is on record: of a synthetic store.
    """

    bundle_id: str | None
    may_lack: bool


ReadRecord = Callable[[], Approved]


@dataclass(frozen=True)
class _Held:
    """What was found last: where pointer and record stood, the bundle in use, and what is wrong."""

    seen: _Seen | None = None
    approved: Approved | None = None
    bundle: Bundle | None = None
    fault: str | None = None
    looked_at_s: float = float("-inf")


class Champion:
    """Finds the model in use; safe under threads.

    Parameters
    ----------
    models_dir
        Folder of promoted bundles with the pointer file ``champion``.
    bundle
        Folder of one bundle. On a synthetic store, or without one, it is used whatever the record
        and the pointer say; on a real store it is where the bundle on record may be found.
    read_record
        Reads the record of promotions; ``None`` without a store.

    Raises
    ------
    ArtefactError
        If ``bundle`` does not verify.
    """

    def __init__(
        self, models_dir: Path | None, bundle: Path | None, read_record: ReadRecord | None = None
    ) -> None:
        self._models_dir = models_dir
        self._named = None if bundle is None else _load(bundle)
        self._read_record = read_record
        self._lock = threading.Lock()
        self._held = _Held()
        self._recalled: Bundle | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong with a newer bundle that was refused; ``None`` where nothing is."""
        return self._held.fault

    @property
    def difference(self) -> str | None:
        """A sentence where what is in use is not what the record put to use; ``None`` where it is,
        or where no promotion is on record.
        """
        held = self._held
        approved = None if held.approved is None else held.approved.bundle_id
        if approved is None or (held.bundle is not None and held.bundle.id == approved):
            return None
        if held.bundle is None:
            return "the model that was approved cannot be used, and no other is in use"
        return "the model in use is not the one that was approved"

    def find(self) -> Bundle | None:
        """Return the bundle in use; ``None`` where none was ever good.

        While another thread reads a newer one, the one before is returned.
        """
        if self._models_dir is None and self._named is None:
            return None
        if self._read_record is None and self._named is not None:
            return self._named
        seen, held = self._see_pointer(), self._held
        if not self._is_stale(held, seen):
            return held.bundle
        # Who has a bundle goes on with it while another thread reads the newer one.
        if self._lock.acquire(blocking=held.bundle is None):
            try:
                if self._is_stale(self._held, seen):
                    self._held = self._follow(seen, self._held)
            finally:
                self._lock.release()
        return self._held.bundle

    def is_settled(self) -> bool:
        """Return whether :meth:`find` answers at once, without reading a bundle or the record."""
        if self._models_dir is None and self._named is None:
            return True
        if self._read_record is None and self._named is not None:
            return True
        return not self._is_stale(self._held, self._see_pointer())

    def recall(self, bundle_id: str) -> Bundle | None:
        """Return a bundle by its id, to compute an earlier score again; ``None`` where it is gone
        or does not verify.
        """
        for held in (self.find(), self._recalled, self._named):
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

    def _see_pointer(self) -> _Seen | None:
        return None if self._models_dir is None else _look_at(self._models_dir / POINTER)

    def _is_stale(self, held: _Held, seen: _Seen | None) -> bool:
        age_s = time.monotonic() - held.looked_at_s
        if held.seen != seen or (self._read_record is not None and age_s > _RECORD_S):
            return True
        return held.fault is not None and age_s > _RETRY_S

    def _follow(self, seen: _Seen | None, held: _Held) -> _Held:
        """Return what holds now; a bundle that is bad leaves the last good one."""
        now_s, approved = time.monotonic(), held.approved
        if self._read_record is not None:
            try:
                approved = self._read_record()
            except SQLAlchemyError:  # the last word of the record holds until it can be asked again
                if approved is None:
                    return _Held(held.seen, None, None, None, now_s)
        try:
            bundle = self._choose(approved, held)
        except ArtefactError as error:
            return _Held(seen, approved, held.bundle, str(error), now_s)
        fault = None
        if bundle is None and held.bundle is not None:
            fault = "the pointer file is gone; promote a bundle"
        return _Held(seen, approved, bundle or held.bundle, fault, now_s)

    def _choose(self, approved: Approved | None, held: _Held) -> Bundle | None:
        """Return the bundle to use; ``None`` where nothing was promoted yet.

        Raises
        ------
        ArtefactError
            If it does not verify, or nothing says that it may be used.
        """
        may_lack = approved is None or approved.may_lack
        if may_lack and self._named is not None:
            return self._named
        if approved is None or (approved.bundle_id is None and may_lack):
            return self._follow_pointer(held)
        if approved.bundle_id is None:
            raise ArtefactError(
                "no promotion is on record, and a store of real cases uses no other model; have "
                "one proposed and approved"
            )
        for known in (held.bundle, self._named):
            if known is not None and known.id == approved.bundle_id:
                return known
        if self._models_dir is None:
            raise ArtefactError(
                "the bundle that was named is not the one that was approved; name the folder of "
                "promoted bundles"
            )
        return _load_promoted(self._models_dir, approved.bundle_id)

    def _follow_pointer(self, held: _Held) -> Bundle | None:
        if self._models_dir is None or not (self._models_dir / POINTER).exists():
            return None
        name = _read_pointer(self._models_dir)
        if held.bundle is not None and held.bundle.id == name and held.fault is None:
            return held.bundle
        return _load_promoted(self._models_dir, name)


def _look_at(pointer: Path) -> _Seen | None:
    """Return what tells one pointer file from another; promotion replaces the file."""
    try:
        found = os.stat(pointer)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


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
    TRIAL.check(bundle)
    for model in bundle.outcomes.values():
        _ = model.booster
    return bundle
