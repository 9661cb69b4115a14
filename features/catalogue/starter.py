"""A catalogue to begin with: the kinds that a mapping makes, and some 14 indicators of them."""

from collections.abc import Mapping
from typing import Final

from features.catalogue.names import PROTECTED
from features.contract.yaml_quotes import quote_yaml

_FREQUENT: Final = 6
"""Kinds that have an indicator of their own, the most frequent first."""
_HEAD: Final = """\
# A starter by `caselight init`, written short: docs/catalogue.md describes each key, and what is
# left out here. It measures how much is on record, and when. Rename, group and add kinds. Where
# more of something is known only to raise a score, or only to lower it, write 'direction: raises'
# or 'lowers'. The outcome is any further record within a year: narrow it to the kinds you mean.
version: 1
name: {name}
kinds:
  record:
    label: records
    children:
"""
_TAIL: Final = """\
indicators:
  - {name: "records_{within}", of: {kind: record}, within: [28d, 90d, 365d, ever]}
  - {name: different_kinds, of: {kind: record}, measure: distinct, field: kind}
  - {name: "records_halved_{half_life}", of: {kind: record}, measure: decayed, half_life: [90d]}
  - name: days_since_last
    of: {kind: record}
    measure: days_since_last
    none_reason: nothing on record
  - name: days_since_first
    of: {kind: record}
    measure: days_since_first
    none_reason: no first record
"""
_OWN: Final = """\
  - {name: "{kind}_{within}", of: {kind: [KINDS]}, within: [365d]}
"""
_OUTCOMES: Final = """\
outcomes:
  - name: further_record
    label: a further record
    of: {kind: record}
    horizon: 12 months
    maturity: 0d
    departures: censored
    source: own judgement
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
    lines = [f"      {kind}: {{label: {_quote(words)}}}" for kind, words in kinds.items()]
    able = [kind for kind in kinds if not PROTECTED.search(kind)][:_FREQUENT]
    own = _OWN.replace("KINDS", ", ".join(able)) if able else ""
    return _HEAD.format(name=name) + "\n".join(lines) + "\n" + _TAIL + own + _OUTCOMES


def _quote(words: str) -> str:
    """Return words in quotes; braces in them would pass for a placeholder."""
    return quote_yaml(words.replace("{", "(").replace("}", ")"))
