"""``caselight score``: the ranked list with reasons, printed and written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.inputs import load, parse_dates, report_unmeasured
from features.errors import ConfigError

if TYPE_CHECKING:
    from models.ranking.advice import Advice, RankedList

_WRITERS = (".csv", ".jsonl", ".parquet")


def score(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Contract folder.")],
    as_of: Annotated[str, typer.Option(help="DATE; 00:00 in the folder's time zone.")],
    top: Annotated[int, typer.Option(min=1, help="How many to list.")] = 30,
    out: Annotated[Path | None, typer.Option(help="File: .csv, .jsonl or .parquet.")] = None,
) -> None:
    """Rank the open cases of the cohort, with reasons and the keys of their records."""
    from models.bundle.folder import load_bundle
    from models.ranking.order import rank_cases

    if out is not None and out.suffix not in _WRITERS:
        raise ConfigError(f"--out takes a name ending in {', '.join(_WRITERS)}")
    model = load_bundle(bundle)
    history = load(directory).history
    dates = parse_dates(as_of, history, "--as-of")
    if len(dates) != 1:
        raise ConfigError("--as-of takes one date here")
    report_unmeasured(history, model.catalogue, dates[0], model.rules)
    ranked = rank_cases(model, history, dates[0], top=top)
    print(describe_list(ranked))
    if out is not None:
        from caselight.ranked_files import write_list

        write_list(ranked, out)
        print(f"written to {out.name}")


def describe_list(ranked: "RankedList", *, reasons: int = 5) -> str:
    """Return the list in words, ``reasons`` of each case."""
    from features.contract.moments import format_moment

    n_ranked = ranked.advices[0].n_ranked if ranked.advices else 0
    lines = [
        f"As known at {format_moment(ranked.as_of_us, ranked.time_zone)}: "
        f"{len(ranked.advices)} of {n_ranked:,} cases. "
        f"Model {ranked.bundle_id[:12]}, catalogue {ranked.catalogue_name}.",
        ranked.advisory,
        ranked.estimate_note,
    ]
    for advice in ranked.advices:
        lines += _describe(advice, reasons)
    return "\n".join(lines)


def _describe(advice: "Advice", reasons: int) -> list[str]:
    from models.ranking.themes import describe_role, list_first
    from models.wording.sentences import describe_briefly, say

    lines = ["", f"{advice.rank:>3}  {advice.case_id}  priority {advice.priority:.3f}"]
    lines[-1] += "".join(f"  [{flag.wording}]" for flag in advice.flags if flag.urgent)
    for estimate in advice.estimates:
        said = describe_briefly(estimate)
        lines.append(f"     {estimate.label} within {estimate.horizon}: {said}")
    lines += [f"     ! {mark}" for mark in advice.marks]
    told = [one for one in list_first(advice.themes) if one.sentence][:reasons]
    for theme in told:
        parts = [f"{theme.label}. {theme.sentence}", *theme.notes, describe_role(theme)]
        said = " ".join(part for part in parts if part)
        lines.append(f"     + {said}  {_keys(theme.records)}")
    if not told:
        lines.append(f"     + {say('no_theme')}")
    return lines


def _keys(records: tuple[str, ...], most: int = 4) -> str:
    if not records:
        return "[no record]"
    more = f" and {len(records) - most} more" if len(records) > most else ""
    return f"[{', '.join(records[-most:])}{more}]"
