"""Records of a case as others on its page name them, and where each of them stands."""

from collections.abc import Sequence

from serving.pages.case.record_words import describe_time, name_speaker
from serving.pages.case.timeline import Timeline, TimelineEntry
from serving.pages.rendering import describe_day_of


class RecordNames:
    """Names the records of one case by their keys, as often as a page asks.

    Parameters
    ----------
    entries
        Every record of the case that is shown.
    timeline
        The part of them that the page shows.
    case_key
        The case.
    """

    def __init__(self, entries: Sequence[TimelineEntry], timeline: Timeline, case_key: str) -> None:
        self._entries = {entry.record.record_id: entry for entry in entries}
        self._timeline = timeline
        self._case_key = case_key

    def __contains__(self, record_id: object) -> bool:
        """Whether the page may name a record."""
        return record_id in self._entries

    def find(self, record_id: str) -> str:
        """Return the address of a record's place, on this page or on another part of it."""
        return self._timeline.find_address(self._entries[record_id].number, self._case_key)

    def describe(self, record_id: str) -> str:
        """Return when a record happened and what it is, with who told it; the key of another."""
        if record_id not in self._entries:
            return record_id
        entry = self._entries[record_id]
        return self._describe(entry, describe_time(entry.record))

    def describe_briefly(self, record_id: str) -> str:
        """Return the day on which a record happened, what it is, and who told it."""
        entry = self._entries[record_id]
        return self._describe(
            entry, describe_day_of(entry.record.occurred_at or entry.record.recorded_at)
        )

    def describe_speaker(self, record_id: str) -> str:
        """Return who told a record and what it is, where the day stands beside it."""
        record = self._entries[record_id].record
        return f"{name_speaker(record) or 'the record'}: {record.label}"

    def _describe(self, entry: TimelineEntry, time: str) -> str:
        said, speaker = f"{time}, {entry.record.label}", name_speaker(entry.record)
        return f"{said} ({speaker})" if speaker else said
