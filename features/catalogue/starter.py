"""A catalogue to begin with: the kinds that a mapping makes, and some 14 indicators of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from features.catalogue.names import PROTECTED

_ROOT: Final = "record"
_WINDOWS: Final = (28, 90, 365)
_FREQUENT: Final = 6
"""Kinds that have an indicator of their own, the most frequent first."""
_SOURCE: Final = 'source: "own judgement"'
_HEAD: Final = """\
# A starter by `caselight init`: it measures how much is on record, and when. Rename, group and add
# kinds. Where it is known that more of something can only raise a score, or only lower it, write
# 'direction: raises' or 'lowers'. The outcome is any further record within a year: narrow it to the
# kinds that you mean.
version: 1
name: {name}
title: {title}
kinds:
  {root}:
    label: a record
    children:
"""
_TAIL: Final = """\
outcomes:
  - name: further_record
    label: a further record
    of: {{kind: {root}}}
    horizon: 12 months
    maturity: 0d
    departures: censored
    source: "own judgement"
baselines:
  rfs: {{recency: days_since_last, frequency: records_365d, severity: records, {source}}}
priority:
  {source}
  ladder:
    - {{name: further, label: a further record, outcome: further_record, weight: 1, {source}}}
wording:
  advisory: "Advisory. For the order of review only. A named person decides."
  estimate: "What is estimated is what came to be recorded under past practice, not what happened."
"""


def draft_catalogue(name: str, kinds: Mapping[str, str]) -> str:
    """Write a catalogue.

    Parameters
    ----------
    name
        Its name, in lower-case letters, digits and single underscores.
    kinds
        Names of the kinds, the most frequent first, each with the words for it.

    Returns
    -------
    str
        The file, which passes its check as it is.
    """
    lines = [
        f"      {kind}: {{label: {json.dumps(words, ensure_ascii=False)}}}"
        for kind, words in kinds.items()
    ]
    head = _HEAD.format(name=name, title=f"Records of {name.replace('_', ' ')}", root=_ROOT)
    body = ["indicators:", *(f"  - {{{item}, {_SOURCE}}}" for item in _list_indicators(kinds))]
    return head + "\n".join([*lines, *body]) + "\n" + _TAIL.format(root=_ROOT, source=_SOURCE)


def _list_indicators(kinds: Mapping[str, str]) -> Iterator[str]:
    whole = f"family: records, of: {{kind: {_ROOT}}}, direction: open"
    for days in _WINDOWS:
        yield _count(f"records_{days}d", whole, f"records in the last {days} days", days)
    yield _count("records", whole, "records on record")
    yield (
        f"name: days_since_last, measure: days_since_last, {whole}, "
        'reason: "days since the last record: {value}", none_reason: "nothing on record"'
    )
    yield (
        f"name: days_since_first, measure: days_since_first, {whole}, "
        'reason: "days since the first record: {value}", none_reason: "nothing on record"'
    )
    yield (
        f"name: records_decayed_90d, measure: decayed, half_life: 90d, {whole}, "
        'reason: "records weighted by recency, halved every 90 days: {value}"'
    )
    yield (
        f"name: different_kinds, measure: distinct, field: kind, {whole}, "
        'reason: "different kinds of record: {value}"'
    )
    able = [kind for kind in kinds if not PROTECTED.search(kind)]
    for kind in able[:_FREQUENT]:
        own = f"family: kinds, of: {{kind: {kind}}}, direction: open"
        words = json.dumps(kinds[kind].replace("{", "(").replace("}", ")"), ensure_ascii=False)[
            1:-1
        ]
        yield _count(f"{kind}_365d", own, f"{words} in the last 365 days", _WINDOWS[-1])


def _count(name: str, what: str, words: str, days: int | None = None) -> str:
    within = f"within: {days}d, " if days else ""
    return f'name: {name}, measure: count, {within}{what}, reason: "{words}: {{value}}"'
