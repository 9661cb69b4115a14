"""A ranked list as a file: CSV for a spreadsheet, JSON lines or Parquet for a program.

Every row says that it is advisory. Priorities and probabilities are written in full.
"""

import csv
import dataclasses
import json
from pathlib import Path

from features.contract.moments import format_moment
from models.explanations.facade import MOST_DOWN, MOST_UP
from models.ranking.advice import Advice, RankedList, Reason
from models.ranking.themes import FIRST_THEMES, describe_role, list_first
from models.wording.sentences import describe_briefly
from serving.lists.csv_export import disarm


def write_list(ranked: RankedList, out: Path) -> None:
    """Write a list by the name's ending: ``.csv``, ``.jsonl`` or ``.parquet``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".jsonl":
        lines = [json.dumps(_nest(ranked, advice)) for advice in ranked.advices]
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    rows = [_flatten(ranked, advice) for advice in ranked.advices]
    if out.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), out)
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        names = list(rows[0]) if rows else ["rank", "case_id"]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(
            {name: disarm(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
            for row in rows
        )


def _head(ranked: RankedList, advice: Advice) -> dict[str, object]:
    return {
        "rank": advice.rank,
        "n_ranked": advice.n_ranked,
        "case_id": advice.case_id,
        "area": advice.area,
        "as_of": format_moment(advice.as_of_us, ranked.time_zone),
        "priority": advice.priority,
        "priority_as_recorded": advice.priority_as_recorded,
    }


def _tail(ranked: RankedList) -> dict[str, object]:
    return {
        "bundle_id": ranked.bundle_id,
        "catalogue_digest": ranked.catalogue_digest,
        "engine_version": ranked.engine_version,
        "known_until": format_moment(ranked.known_until_us, ranked.time_zone),
        "advisory": ranked.advisory,
        "estimate_note": ranked.estimate_note,
    }


def _nest(ranked: RankedList, advice: Advice) -> dict[str, object]:
    fields = dataclasses.asdict(advice)
    return {
        **_head(ranked, advice),
        **{k: v for k, v in fields.items() if k != "as_of_us"},
    } | _tail(ranked)


def _flatten(ranked: RankedList, advice: Advice) -> dict[str, object]:
    row = _head(ranked, advice)
    row |= {f"p_{entry.outcome}": entry.probability for entry in advice.estimates}
    row["reasons_of"] = advice.leading_outcome
    leading = [one for one in advice.estimates if one.outcome == advice.leading_outcome]
    row["estimate_in_words"] = describe_briefly(leading[0]) if leading else None
    row |= _theme_columns(advice)
    row |= _columns("reason", advice.reasons, MOST_UP)
    row |= _columns("counter_reason", advice.counter_reasons, MOST_DOWN)
    row["unknowns"] = "; ".join(unknown.sentence for unknown in advice.unknowns)
    row["flags"] = "; ".join(flag.wording for flag in advice.flags)
    return row | _tail(ranked)


def _theme_columns(advice: Advice) -> dict[str, object]:
    """Return what stands first on the case's page, a theme a column with its records."""
    told = [one for one in list_first(advice.themes) if one.sentence]
    columns: dict[str, object] = {}
    for number in range(FIRST_THEMES):
        theme = told[number] if number < len(told) else None
        start = f"theme_{number + 1}"
        columns[start] = f"{theme.label}. {theme.sentence}" if theme else None
        columns[f"{start}_role"] = describe_role(theme) if theme else None
        columns[f"{start}_records"] = " ".join(theme.records) if theme else None
    return columns


def _columns(name: str, reasons: tuple[Reason, ...], most: int) -> dict[str, object]:
    columns: dict[str, object] = {}
    for number in range(most):
        reason = reasons[number] if number < len(reasons) else None
        columns[f"{name}_{number + 1}"] = reason.sentence if reason else None
        columns[f"{name}_{number + 1}_records"] = " ".join(reason.records) if reason else None
        columns[f"{name}_{number + 1}_log_odds"] = reason.contribution if reason else None
    return columns
