"""A record in words: when it happened and came to be known, and who told what.

Both clocks are told of every record. A time that stands for a whole day is told as the day.
"""

import datetime as dt
import re
from typing import Final

from serving.pages.rendering import describe_day_of, describe_moment
from serving.schemas import RecordOut

VIEW_WORDS: Final = {
    "recorded": "The record says",
    "account": "The victim says",
    "classification": "The officer called it",
}
"""Who speaks in each view of an incident; none of them is called true."""
NOTE_WORDS: Final = {
    "handling": {
        "unit": "Everybody who may see the case",
        "agency_only": "My agency alone",
        "not_for_disclosure": "Everybody who may see the case; not for disclosure",
    },
    "wish": {
        "may_contact": "May be contacted",
        "advocate_only": "Through her or his advocate only",
        "no_contact": "Does not wish to be contacted",
    },
    "contact_with": {
        "victim": "Victim",
        "advocate": "Advocate of the victim",
        "family": "Family or friend",
        "subject": "Subject",
        "professional": "Another professional",
    },
    "contact_way": {
        "in_person": "In person",
        "phone": "By phone",
        "text": "By text message",
        "email": "By email",
        "letter": "By letter",
        "video": "By video call",
    },
}
"""What an entry of the contact log is called, by the codes that are stored."""
_POLICE: Final = "police"
_OWN_AGENCY: Final = "agency_only"
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def describe_time(record: RecordOut) -> str:
    """Return when something happened; when an answer came to be known, for it has no other time."""
    if record.occurred_at is None:
        return describe_day_of(record.recorded_at)
    if record.occurred_until is None:
        return describe_moment(record.occurred_at)
    start, end = (dt.datetime.fromisoformat(x) for x in (record.occurred_at, record.occurred_until))
    first, last = (describe_day_of(x) for x in (record.occurred_at, record.occurred_until))
    whole_days = (start.hour, start.minute) == (0, 0) and (end.hour, end.minute) == (23, 59)
    if start.date() == end.date():
        return (
            f"{first}, time not known" if whole_days else f"{first}, {_describe_hours(start, end)}"
        )
    return f"between {first} and {last}"


def describe_known(record: RecordOut) -> str:
    """Return when a record came to be known, and how long after it happened."""
    known = f"known {describe_day_of(record.recorded_at)}"
    if record.occurred_at is None:
        return known
    days = count_days_late(record)
    if days == 0:
        return f"{known}, the same day"
    return f"{known}, {days:,} {'day' if days == 1 else 'days'} later"


def count_days_late(record: RecordOut) -> int:
    """Return the days between the day of what happened and the day on which it came to be known."""
    if record.occurred_at is None:
        return 0
    happened = dt.datetime.fromisoformat(record.occurred_until or record.occurred_at).date()
    return max((dt.datetime.fromisoformat(record.recorded_at).date() - happened).days, 0)


def describe_speaker(record: RecordOut) -> str:
    """Return who speaks; of a classification the agency that made it, unless the police did."""
    view = record.view or "recorded"
    if view == "classification" and record.source not in (None, _POLICE):
        return f"{_plain(record.source)} called it".capitalize()
    return VIEW_WORDS[view]


def name_speaker(record: RecordOut) -> str | None:
    """Return whose account or classification a record is; ``None`` of what is simply recorded."""
    if record.view == "account":
        return "the victim's account"
    if record.view != "classification":
        return None
    if record.source in (None, _POLICE):
        return "the officer's classification"
    return f"the classification of {_plain(record.source)}"


def describe_record(record: RecordOut) -> str:
    """Return what a record says beside its kind, from whom; empty where nothing is.

    Who did it is told of acts alone: nobody does what merely happened. An account bears no word of
    assurance, which would be one agency's doubt beside another's word.
    """
    said = [_plain(record.channel)] if record.channel else []
    if record.is_act:
        said += [f"by {_plain(record.actor)}"] if record.actor else []
        said += [f"towards {_plain(record.target)}"] if record.target else []
    if record.table == "events" and isinstance(record.value, float):
        said.append(f"severity {record.value:g}")
    is_account = record.view == "account"
    told = (
        [f"{'told to' if is_account else 'from'} {_plain(record.source)}"] if record.source else []
    )
    told += [f"as {_plain(record.assurance)}"] if record.assurance and not is_account else []
    return "; ".join(part for part in (", ".join(said), ", ".join(told)) if part)


def describe_answer(record: RecordOut) -> str:
    """Return an answer as people write it; a date as a day."""
    if record.value is None:
        return "none recorded"
    said = str(record.value)
    return describe_day_of(said) if _DATE.fullmatch(said) else said


def describe_kind(record: RecordOut) -> str:
    """Return what a record calls it: its kind, and its detail where it has one."""
    if record.detail is None:
        return record.label
    if record.view == "classification":
        return f"{_plain(record.detail)} ({record.label})"
    return f"{record.label} ({_plain(record.detail)})"


def is_kept_apart(record: RecordOut) -> bool:
    """Whether one agency alone sees a record."""
    return record.handling == _OWN_AGENCY or record.source == "health"


def _describe_hours(start: dt.datetime, end: dt.datetime) -> str:
    first, last = (describe_moment(x.isoformat()).rpartition(", ")[2] for x in (start, end))
    return first if first == last else f"{first} to {last}"


def _plain(code: str) -> str:
    return code.replace("_", " ")
