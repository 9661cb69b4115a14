"""``caselight monotonicity``: where one more grave event on record would lower a score."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import load, parse_dates, report_unmeasured, say
from features.errors import ConfigError

_SHOWN = 5
"""As many indicators without a verdict are named."""

if TYPE_CHECKING:
    from training.checks.reversals import Reversal
    from training.checks.score_falls import MonotonicityReport, ScoreFall


def monotonicity(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    as_of: Annotated[str, typer.Option(help="DATE; 00:00 in the folder's time zone.")],
    cases: Annotated[int, typer.Option(min=1, help="How many open cases to try, at most.")] = 200,
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Kinds to add, parted by commas; kinds below them are tried too. Without it those "
            "of the catalogue's graver outcomes and urgent flags."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Settles which cases are tried.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File: .json.")] = None,
) -> None:
    """Add one event to open cases in many ways; report which scores fall and by which indicator."""
    from features.contract.moments import format_moment
    from models.bundle.folder import load_bundle
    from training.checks.additions import list_grave_kinds, widen_kinds
    from training.checks.reversals import find_reversals
    from training.checks.score_falls import report_monotonicity

    if out is not None and out.suffix != ".json":
        raise ConfigError("--out takes a name ending in .json")
    model = load_bundle(bundle)
    if kinds is None:
        named = list_grave_kinds(model.catalogue)
        say(f"adding {', '.join(named)}; other kinds with --kinds")
    else:
        named = tuple(dict.fromkeys(kind.strip() for kind in kinds.split(",") if kind.strip()))
    if not named:
        raise ConfigError("--kinds takes kinds of the catalogue, parted by commas")
    widen_kinds(model.catalogue, named)
    loaded = load(directory)
    dates = parse_dates(as_of, loaded.history, "--as-of")
    if len(dates) != 1:
        raise ConfigError("--as-of takes one date here")
    report_unmeasured(loaded.history, model.catalogue, dates[0], model.rules)
    say("trying the catalogue on random histories")
    reversals = find_reversals(model.catalogue, named, seed=seed, rules=model.rules)
    say("trying the model on open cases")
    report = report_monotonicity(model, loaded.folder, dates[0], named, most_cases=cases, seed=seed)
    shown = format_moment(dates[0], loaded.history.time_zone)
    print(describe_reversals(reversals, model.catalogue.name))
    print()
    print(describe_report(report, shown))
    if out is not None:
        content = {
            "catalogue": model.catalogue.name,
            "catalogue_digest": model.catalogue.digest,
            "as_of": shown,
            "reversals": [vars(reversal) for reversal in reversals],
            "report": dataclasses.asdict(report),
        }
        out.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        print(f"written to {out.name}")


def describe_reversals(reversals: "tuple[Reversal, ...]", catalogue: str) -> str:
    """Return in words what an added event can move in a catalogue.

    One paragraph for each indicator that it can move against its direction; those whose direction
    is open get no verdict, and are summed up.
    """
    from training.checks.reversals import ColumnMovement

    if not reversals:
        return f"Catalogue {catalogue}: no such event can move an indicator the wrong way."
    by_indicator: dict[str, list[Reversal]] = {}
    without_verdict = []
    for reversal in reversals:
        if reversal.movement is ColumnMovement.OPEN:
            without_verdict.append(reversal.indicator)
        else:
            by_indicator.setdefault(reversal.indicator, []).append(reversal)
    lines = [f"Catalogue {catalogue}: no such event can move an indicator against its direction."]
    if n_against := len(by_indicator):
        noun = (
            "1 indicator against its" if n_against == 1 else f"{n_against} indicators against their"
        )
        lines = [f"Catalogue {catalogue}: one such event more can move {noun} direction."]
    if without_verdict:
        lines.append(_sum_up(tuple(dict.fromkeys(without_verdict))))
    for name, some in by_indicator.items():
        moved = ", ".join(
            f"{way} {sum(getattr(one, way) for one in some):,}"
            for way in ("up", "down", "appears", "vanishes")
            if any(getattr(one, way) for one in some)
        )
        lines.append(f"{name} ({some[0].movement}): {moved}")
        lines.append(f"  by {', '.join(one.kind for one in some)}")
        lines.append(f"  such as {some[0].example}")
    return "\n".join(lines)


def _sum_up(indicators: tuple[str, ...]) -> str:
    shown = ", ".join(indicators[:_SHOWN])
    more = len(indicators) - _SHOWN
    return (
        f"No verdict on {len(indicators)} indicators that move, since their direction is open and "
        f"a model may use them either way; the table says what this one does: {shown}"
        + (f" and {more:,} more, all of them in --out" if more > 0 else "")
    )


def describe_report(report: "MonotonicityReport", as_of: str) -> str:
    """Return the report as a table, then each score's guilty indicators with an example."""
    if not report.n_variants:
        return (
            f"Model {report.bundle_id[:12]}: no score has a verdict, since the cohort has no open "
            f"case as known at {as_of}; choose another --as-of."
        )
    head = ("score", "kind added", "tried", "lowered", "share", "largest fall", "by")
    found = (*report.outcomes, *report.order)
    rows = [head, *(_row(finding) for finding in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        f"Model {report.bundle_id[:12]}: {report.n_variants:,} variants of {report.n_cases:,} "
        f"open cases as known at {as_of}.",
        "Falls are in log-odds; those of the priority are shares of it.",
        *(_align(row, widths) for row in rows),
    ]
    for outcome in dict.fromkeys(finding.outcome for finding in found):
        lines += _describe_guilt(outcome, [f for f in found if f.outcome == outcome and f.lowered])
    return "\n".join(lines)


def _row(finding: "ScoreFall") -> tuple[str, ...]:
    return (
        finding.outcome or "priority",
        finding.kind,
        f"{finding.tried:,}",
        f"{finding.lowered:,}",
        f"{finding.share:.1%}",
        f"{finding.largest_fall:.3g}" if finding.lowered else "-",
        ", ".join(f"{guilt.indicator} {guilt.times:,}" for guilt in finding.guilty),
    )


def _align(row: tuple[str, ...], widths: list[int]) -> str:
    words, numbers = slice(0, 2), slice(2, 6)
    cells = [cell.ljust(width) for cell, width in zip(row[words], widths[words], strict=True)]
    cells += [cell.rjust(width) for cell, width in zip(row[numbers], widths[numbers], strict=True)]
    return "  ".join([*cells, *row[6:]]).rstrip()


def _describe_guilt(outcome: str | None, lowered: "list[ScoreFall]") -> list[str]:
    """Tell the largest fall of one score by each indicator, over all kinds."""
    if not lowered:
        return []
    if outcome is None:
        return ["priority:", f"  {max(lowered, key=lambda found: found.largest_fall).example}"]
    guilty = [guilt for found in lowered for guilt in found.guilty]
    lines = [f"{outcome}:"]
    for name in sorted({guilt.indicator for guilt in guilty}):
        some = [guilt for guilt in guilty if guilt.indicator == name]
        worst = max(some, key=lambda guilt: guilt.largest_fall)
        times = sum(guilt.times for guilt in some)
        lines.append(f"  {name}: falls {times:,}, largest {worst.largest_fall:.3g}")
        lines.append(f"    {worst.example}")
    return lines
