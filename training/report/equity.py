"""The audit of the list by protected characteristics, and proxies: what can and cannot be told."""

from collections.abc import Mapping, Sequence
from typing import Final

from models.run_figures.audit import (
    AuditFigures,
    CharacteristicFigures,
    CharacteristicProxies,
    ComparisonFigures,
    GroupFigures,
    RoundedFigure,
)
from models.run_figures.run import RunFigures
from training.audit import wording
from training.audit.group_measures import DEFINITIONS, INTERCEPT_WORDS, GroupMeasure
from training.report.parts import Block, Part, Section, Words, keep
from training.report.report_tables import (
    AUC,
    COUNT,
    GAIN,
    IN_100,
    POINTS,
    RATIO,
    Cell,
    ReportTable,
    Style,
    make_table,
    plain,
    say,
    show,
    show_between,
)

_COUNT_WORDS: Final = {wording.FEWER: wording.FEWER, wording.WITHHELD: "withheld"}
"""How a count is told that may not be shown; a note under the table says why."""
_P: Final = Style(3)
_SHOWN: Final = (
    GroupMeasure.SHARE_OF_CASES,
    GroupMeasure.SHARE_OF_PLACES,
    GroupMeasure.SELECTION_RATE,
    GroupMeasure.RECALL,
    GroupMeasure.EXPOSURE,
    GroupMeasure.OBSERVED_OVER_EXPECTED,
    GroupMeasure.MISSED_CASE_RATE,
    GroupMeasure.BASE_RATE,
)
"""Columns of the table of figures; the others stand among the comparisons."""


def describe_audit(run: RunFigures) -> Section:
    """Return the section on what the list does for people of each group."""
    audit = run.audit or AuditFigures()
    singles = [one for one in audit.characteristics if not one.is_pair]
    pairs = [one for one in audit.characteristics if one.is_pair]
    return Section(
        "audit",
        "Audit of the list",
        "What the list does for people of each group. Protected characteristics never reach a "
        "model; they are joined here, afterwards. Nothing here says that a list is fair: “no "
        "difference found” says how large a difference could still be there, and “too few to "
        "tell” is never a pass.",
        keep(
            _describe_primary(audit),
            _describe_recorded_less(audit),
            *(_describe_characteristic(one) for one in singles),
            *(_describe_characteristic(one) for one in pairs),
            _describe_proxies(run.proxies or {}),
        ),
    )


def _describe_primary(audit: AuditFigures) -> Part:
    rows = [
        [
            say(_name_group(one.characteristic, one.group or "")),
            say(_describe(one.measure)),
            say(_mark(one.verdict)),
            say(one.words),
        ]
        for one in audit.primary
    ]
    columns = ["Group", "What is compared", "Verdict", "In words"]
    said = [one for one in (audit.limits, audit.correction, audit.caution) if one]
    blocks: tuple[Block, ...] = (Words(tuple(said)),) if said else ()
    if rows:
        blocks = (make_table("Comparisons fixed beforehand", columns, rows), *blocks)
    return Part(
        "Fixed beforehand",
        "These comparisons were written down before any result was seen. They count for most.",
        blocks,
    )


def _name_group(characteristic: str, group: str) -> str:
    return f"{plain(characteristic)}: {plain(group)}" if group else plain(characteristic)


def _mark(verdict: str) -> str:
    return verdict.upper() if verdict == wording.DIFFERS else verdict


def _describe(measure: str) -> str:
    if measure not in list(GroupMeasure):
        return plain(measure)
    found = DEFINITIONS.get(GroupMeasure(measure))
    return INTERCEPT_WORDS if found is None else found.words


def _describe_recorded_less(audit: AuditFigures) -> Part:
    said = tuple(one.words for one in audit.recorded_less)
    return Part(
        "Is a group's conduct recorded less?",
        "Fewer records, and graver ones, can mean that only the worst is written down. It is a "
        "reason to look, never a proof.",
        (Words(said, is_list=True),) if said else (),
    )


def _describe_characteristic(one: CharacteristicFigures) -> Part:
    groups = one.groups
    name = plain(one.characteristic)
    blocks: list[Block] = [_tabulate_groups(name, groups)] if groups else []
    compared = [
        _compare(group, found)
        for group in groups
        for _, found in group.comparisons.items()
        if found.verdict != wording.TOO_FEW
    ]
    untold = [
        f"{plain(group.group)}: {_describe(measure)}"
        for group in groups
        for measure, found in group.comparisons.items()
        if found.verdict == wording.TOO_FEW
    ]
    if compared:
        blocks.append(_tabulate_comparisons(name, compared))
    if untold:
        blocks.append(Words((f"Too few to tell, which is no pass: {'; '.join(untold)}.",)))
    return Part(f"By {name}", "", tuple(blocks))


def _style(measure: str) -> Style:
    found = DEFINITIONS.get(GroupMeasure(measure)) if measure in list(GroupMeasure) else None
    is_share = found is not None and (found.is_share or found.of_all)
    return IN_100 if is_share else RATIO


def _tabulate_groups(name: str, groups: Sequence[GroupFigures]) -> ReportTable:
    measures = [
        measure for measure in _SHOWN if any(one.figures.get(measure) is not None for one in groups)
    ]
    rows = []
    for one in groups:
        row = [say(plain(one.group)), _count(one.n), _count(one.positives)]
        for measure in measures:
            row.append(_show_rounded(one.figures.get(measure), _style(measure)))
        rows.append(row)
    columns = ["Group", "Cases", "With the outcome"]
    columns += [_head(measure) for measure in measures]
    is_withheld = any(wording.WITHHELD in (one.n, one.positives) for one in groups)
    notes = [f"{wording.WITHHELD[0].upper()}{wording.WITHHELD[1:]}."] if is_withheld else []
    return make_table(f"Figures by {name}", columns, rows, *notes)


def _show_rounded(found: RoundedFigure | None, style: Style) -> Cell:
    if found is None:
        return show(None, style)
    return show_between(found.value, found.low, found.high, style)


def _head(measure: GroupMeasure) -> str:
    words = DEFINITIONS[measure].words
    words = words[0].upper() + words[1:]
    return f"{words}, in 100" if _style(measure.value) is IN_100 else f"{words} (1 is even)"


def _count(found: int | str | None) -> Cell:
    """Return a count, or the words that stand for one that may not be shown; nothing else."""
    if isinstance(found, str):
        return say(_COUNT_WORDS[found]) if found in _COUNT_WORDS else show(None, COUNT)
    return show(found, COUNT)


def _compare(group: GroupFigures, found: ComparisonFigures) -> list[Cell]:
    measure = found.measure
    is_ratio = found.scale == "ratio"
    is_share = _style(measure) is IN_100
    style = RATIO if is_ratio else (POINTS if is_share else GAIN)
    return [
        say(f"{plain(group.group)}: {_describe(measure)}"),
        say("times" if is_ratio else ("in 100, more or less" if is_share else "more or less")),
        show_between(found.estimate, found.low, found.high, style),
        show(found.p_value, _P),
        show(found.corrected_p, _P),
        say(found.role),
        say(_mark(found.verdict)),
    ]


def _tabulate_comparisons(name: str, rows: list[list[Cell]]) -> ReportTable:
    columns = ["Group and figure", "Measured in", "Held against the other cases", "p, seen alone"]
    columns += ["p, corrected", "Role", "Verdict"]
    # What was fixed beforehand stands first.
    ordered = sorted(rows, key=lambda row: row[-2].text != wording.PRIMARY)
    return make_table(f"Comparisons by {name}", columns, ordered)


def _describe_proxies(proxies: Mapping[str, CharacteristicProxies]) -> Part:
    rows: list[list[Cell]] = []
    for name, one in proxies.items():
        for group in one.groups:
            strongest = [
                f"{plain(best.indicator)} ({AUC.write(best.auc or 0.0)})"
                for best in group.strongest[:3]
            ]
            rows.append(
                [
                    say(_name_group(name, group.group)),
                    _show_rounded(group.auc, AUC),
                    say(group.words),
                    say("; ".join(strongest)),
                ]
            )
    columns = ["Group", "AUC of all indicators", "In words", "Best by themselves (AUC)"]
    return Part(
        "Proxies: do the indicators give a group away?",
        "A characteristic that is left out can still be told from what stands in for it. An AUC "
        "of 0.5 says that the indicators tell nothing of the group; from about 0.7 they tell it.",
        (make_table("How well the indicators tell each group", columns, rows),) if rows else (),
    )
