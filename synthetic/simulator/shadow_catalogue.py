"""The stalking catalogue with a copy of every indicator over the shadows' kinds and facts."""

from pathlib import Path
from typing import Any, Final

import yaml

from features.catalogue.file import load_catalogue
from synthetic.simulator.shadows import PREFIX

FILE: Final = "catalogue.yaml"
_SELECTORS: Final = ("of", "among", "since", "and")
_NAMED: Final = ("while", "state", "fact")


class _Plain(yaml.SafeDumper):
    """Writes every value out: the catalogue's reader takes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return that no value is written as a pointer to another."""
        return True


def write_shadow_catalogue(folder: Path) -> None:
    """Write ``catalogue.yaml`` into a folder.

    The second half of its indicators measures shadows; all else is as in the stalking catalogue.
    """
    content = yaml.safe_load(load_catalogue("stalking").text)
    content["kinds"] |= _shadow_kinds(content["kinds"])
    content["facts"] |= {
        PREFIX + name: _shadow_fact(fact) for name, fact in content["facts"].items()
    }
    content["indicators"] += [_shadow_indicator(entry) for entry in content["indicators"]]
    text = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    (folder / FILE).write_text(text, encoding="utf-8")


def _shadow_kinds(kinds: dict[str, Any]) -> dict[str, Any]:
    """Return a tree of kinds with every name prefixed."""
    copies = {}
    for name, kind in kinds.items():
        copy = dict(kind)
        for side in ("starts", "ends"):
            if side in copy:
                copy[side] = PREFIX + copy[side]
        if "children" in copy:
            copy["children"] = _shadow_kinds(copy["children"])
        copies[PREFIX + name] = copy
    return copies


def _shadow_fact(fact: dict[str, Any]) -> dict[str, Any]:
    """Return a fact that nobody need be asked."""
    return {name: value for name, value in fact.items() if name != "key_question"}


def _shadow_indicator(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an indicator that measures the shadow in the same way."""
    copy = dict(entry)
    copy["name"] = PREFIX + entry["name"]
    for place in _SELECTORS:
        if place in copy:
            copy[place] = _shadow_selector(copy[place])
    for place in _NAMED:
        if place in copy:
            copy[place] = PREFIX + copy[place]
    for wording in ("reason", "none_reason"):
        if wording in copy:
            copy[wording] = f"another case: {copy[wording]}"
    return copy


def _shadow_selector(selector: dict[str, Any]) -> dict[str, Any]:
    """Return a selector of the same records of the shadow."""
    kinds = selector["kind"]
    named = [PREFIX + kind for kind in kinds] if isinstance(kinds, list) else PREFIX + kinds
    return {**selector, "kind": named}
