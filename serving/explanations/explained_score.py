"""From a case and a score's key to what can be laid open; or to why nothing is."""

from dataclasses import dataclass
from typing import Final, TypedDict

from sqlalchemy import Connection

from models.bundle.folder import Bundle
from serving.access.case_sight import Sight, find_sight
from serving.errors import ServiceError
from serving.explanations.case_folders import CaseFolders
from serving.explanations.files_then import FileThen, read_file_then
from serving.explanations.stored_scores import StoredScore, find_earlier, find_score, read_latest
from serving.lists.blind_review import is_blind
from serving.service import Service
from serving.store.case_keys import need_case
from serving.store.current_act import current_act
from serving.store.row_text import Clockface

WITHHELD: Final = "withheld until a first view of the case is on record"


class BundleNames(TypedDict):
    """What names a model and says how to read it; empty where none is in use."""

    bundle_id: str | None
    catalogue: str | None
    catalogue_digest: str | None
    advisory: str | None
    estimate_note: str | None


class ScoreSaid(BundleNames):
    """What every answer says of the score that it is about; empty where that is withheld."""

    key: str
    withheld: bool
    why_nothing: str | None
    score_key: str | None
    as_of: str | None
    engine_version: str | None


@dataclass(frozen=True)
class Explaining:
    """A transaction that sees one state of the store, the service, and a case in it.

    Parameters
    ----------
    connection, service, case_key
        These three.
    folders
        The case's records as read so far.
    """

    connection: Connection
    service: Service
    case_key: str
    folders: CaseFolders

    @property
    def face(self) -> Clockface:
        """Tells moments in the unit's zone."""
        return Clockface(self.service.need_unit().time_zone)

    @property
    def sight(self) -> Sight:
        """Which cases whoever asks may see, so that no other is counted on a list."""
        return find_sight(self.connection, current_act().person)

    def is_withheld(self) -> bool:
        """Return whether the case is to be looked at without anything of the model.

        Raises
        ------
        ServiceError
            If the store holds no such case (404).
        """
        need_case(self.connection, self.case_key)
        return is_blind(self.connection, self.case_key)

    def open(self, score_key: str | None = None) -> FileThen:
        """Return the case's file as one of its scores had read it, the latest where none is named.

        Raises
        ------
        ServiceError
            If the case has no score (409) or not this one (404), its records of then are gone
            (409), or the model that gave it is not at hand (503).
        """
        return self._read(self._need_score(score_key))

    def open_earlier(self, after: StoredScore, score_key: str | None = None) -> FileThen:
        """Return the file as an earlier score had read it.

        Raises
        ------
        ServiceError
            If there is no earlier score, or the one that is named is not earlier (409); see
            :meth:`open`.
        """
        if score_key is None:
            before = find_earlier(self.connection, after)
            if before is None:
                remedy = "there is nothing to compare before the next score"
                raise ServiceError("no_earlier_score", "no score came before", remedy)
            return self._read(before)
        before = self._need_score(score_key)
        if before.stored_seq >= after.stored_seq or before.as_of_us > after.as_of_us:
            remedy = "name an earlier score in `from`"
            raise ServiceError("not_earlier", "that score is not the earlier one", remedy)
        return self._read(before)

    def describe(self, then: FileThen) -> ScoreSaid:
        """Return what every answer says of the score that it lays open."""
        score, bundle = then.score, then.moment.bundle
        return {
            "key": self.case_key,
            "withheld": False,
            "why_nothing": None,
            "score_key": score.key,
            "as_of": self.face.show(score.as_of_us),
            "engine_version": score.engine_version,
            **_name_bundle(bundle),
        }

    def withhold(self) -> ScoreSaid:
        """Return the same where nothing of the model is told."""
        return {
            "key": self.case_key,
            "withheld": True,
            "why_nothing": WITHHELD,
            "score_key": None,
            "as_of": None,
            "engine_version": None,
            **_name_bundle(self.service.champion.find()),
        }

    def _need_score(self, score_key: str | None) -> StoredScore:
        if score_key is None:
            latest = read_latest(self.connection, self.case_key)
            if latest is None:
                remedy = "ask again once the case is scored"
                raise ServiceError("no_score", "the case has no score yet", remedy)
            return latest
        score = find_score(self.connection, self.case_key, score_key)
        if score is None:
            remedy = "read the case's scores from GET /v1/cases/{key}"
            raise ServiceError("no_such_score", "the case has no such score", remedy)
        return score

    def _read(self, score: StoredScore) -> FileThen:
        bundle = self.service.champion.recall(score.bundle_id)
        if bundle is None:
            remedy = "put its bundle back among the promoted ones"
            raise ServiceError("model_gone", "the score's model is not at hand", remedy)
        then = read_file_then(self.folders, bundle, score)
        if not then.is_there:
            remedy = "check the store with `caselight db check`"
            raise ServiceError("records_gone", "the records of then are not there", remedy)
        return then


def start_explaining(connection: Connection, service: Service, case_key: str) -> Explaining:
    """Return a case in a transaction, with none of its records read yet."""
    folders = CaseFolders(connection, case_key, service.need_unit())
    return Explaining(connection, service, case_key, folders)


def _name_bundle(bundle: Bundle | None) -> BundleNames:
    return {
        "bundle_id": None if bundle is None else bundle.id,
        "catalogue": None if bundle is None else bundle.catalogue.name,
        "catalogue_digest": None if bundle is None else bundle.catalogue.digest,
        "advisory": None if bundle is None else bundle.catalogue.wording["advisory"],
        "estimate_note": None if bundle is None else bundle.catalogue.wording["estimate"],
    }
