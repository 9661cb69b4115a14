"""What waits for a second person, in words: what each kind of act is and what it would do."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from serving.pages.case.decision_form import WAY_WORDS

Row = tuple[str, str]
_NAMES: Final = {
    "merge": "Merge of a case into another",
    "split": "Split of a case",
    "decision": "Decision that needs a second person",
    "lowering_corrections": "Corrections that would lower a count",
    "held_cases": "More new cases than this sender usually sends",
}
_MOST_WORDS: Final = 30
_GROUNDS: Final = {
    "closes_with_urgent_flag": "it closes a case with an open urgent flag",
    "closes_after_serious_record": "it closes a case with a serious record of late",
    "discharges_urgent_flag": "it discharges an urgent flag",
    "closes_against_dissent": "it closes a case although an agency dissents",
}


def name_act(kind: str) -> str:
    """Return what an act of a kind is called."""
    return _NAMES.get(kind, kind.replace("_", " ").capitalize())


def describe_act(kind: str, content: Mapping[str, Any]) -> list[Row]:
    """Return what an act does in rows of a name and words; what says nothing is left out."""
    describe = _BY_KIND.get(kind, _describe_content)
    return [(name, words) for name, words in describe(content) if words]


def _describe_merge(content: Mapping[str, Any]) -> Iterator[Row]:
    yield "Into", content["into"]
    yield "Then", "the first case is closed for good; its records are copied into the second"


def _describe_split(content: Mapping[str, Any]) -> Iterator[Row]:
    n_events, n_facts = len(content["events"]), len(content["facts"])
    yield "New case", content["case_id"]
    yield "Events", f"{n_events:,}" if n_events else ""
    yield "Answers", f"{n_facts:,}" if n_facts else ""
    yield "All that this merge brought", content["merge_key"] or ""
    yield "Then", "these records are withdrawn here and copied into the new case"


def _describe_decision(content: Mapping[str, Any]) -> Iterator[Row]:
    draft = content["decision"]
    yield "Why it needs you", "; ".join(_GROUNDS[one] for one in content["grounds"])
    yield "Decision", "; ".join(_describe_way(*way) for way in draft["ways"].items() if way[1])
    yield "Owner", draft["owner"] or ""
    yield "Review", draft["review_on"] or ""
    yield "Flags it deals with", "; ".join(map(_describe_flag, draft["discharges"]))
    yield "Note", draft["note"] or ""


def _describe_way(way: str, said: Mapping[str, Any]) -> str:
    words = [str(value) for value in said.values() if isinstance(value, str)]
    return ": ".join([WAY_WORDS[way][0], *words])


def _describe_flag(named: Mapping[str, str]) -> str:
    flag = named["flag"].replace("_", " ")
    return f"{flag} ({named['record_id']})" if named["record_id"] else flag


def _describe_held(content: Mapping[str, Any]) -> Iterator[Row]:
    yield "Came from", content["came_from"]
    yield "Until", content["came_until"]
    yield "Usual number in a day", f"at most {content['daily_number']:,}"
    yield (
        "Until confirmed",
        "each is scored, flagged and due for a first read; none takes a place for a long wait or "
        "by chance",
    )


def _describe_lowering(content: Mapping[str, Any]) -> Iterator[Row]:
    yield "Agency of the records", content["agency"]
    yield "Corrections", f"{content['n_corrections']:,}"
    if len(content["by_case"]) > 1:
        yield "In each case", _word(content["by_case"])
    yield "Import", content["import_key"]


def _describe_content(content: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in content.items():
        if value not in (None, "", [], {}):
            yield name.replace("_", " ").capitalize(), _word(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _cut(list(map(_word, value)), ", ")
    if isinstance(value, dict):
        return _cut(
            [f"{name.replace('_', ' ')}: {_word(one)}" for name, one in value.items()], "; "
        )
    return str(value)


def _cut(words: list[str], mark: str) -> str:
    """Return some words in a row, the first of them where there are very many."""
    rest = len(words) - _MOST_WORDS
    return mark.join(words[:_MOST_WORDS]) + (f"{mark}and {rest:,} more" if rest > 0 else "")


_BY_KIND: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Row]]]] = {
    "merge": _describe_merge,
    "split": _describe_split,
    "decision": _describe_decision,
    "held_cases": _describe_held,
    "lowering_corrections": _describe_lowering,
}
