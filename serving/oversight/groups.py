"""What the list does for people of each group, as the run that made the model found it.

Protected characteristics are joined by the run, afterwards; here are only its sentences and the
shares that rest on enough people to be told.
"""

from dataclasses import dataclass

from serving.oversight.metrics import Node
from serving.oversight.run_words import NOTHING, tell_count, tell_interval, to_hundred, write_share
from serving.pages.charts import Figures, Row, RowChart, draw_rows


@dataclass(frozen=True)
class Audit:
    """What the list does for people of each group.

    Parameters
    ----------
    words
        What was found, in a sentence.
    primary
        Comparisons fixed before any result was seen; ``None`` where there are none.
    chart, table
        Share of a group's cases that get a place; ``chart`` is ``None`` where too few can be told.
    notes
        How it is to be read.
    """

    words: str
    primary: Figures | None
    chart: RowChart | None
    table: Figures | None
    notes: tuple[str, ...]


def tell_audit(audit: Node) -> Audit | None:
    """Return what is shown of the audit; ``None`` where the run made none."""
    primary = [
        (
            _name(one["characteristic"].text, one["group"].text),
            one["words"].text.partition(": ")[2] or one["words"].text,
            one["verdict"].text,
        )
        for one in audit["primary"].each()
    ]
    rows, lines = [], []
    for one in audit["characteristics"].each():
        if one["is_pair"].is_true:
            continue
        for group in one["groups"].each():
            share = group["figures"]["selection_rate"]
            told = _name(one["characteristic"].text, group["group"].text)
            value = share["value"].number
            lines.append((told, _count_or_words(group["n"]), _show_share(share)))
            if value is not None:
                low, high = share["low"].number, share["high"].number
                rows.append(
                    Row(told, 100 * value, write_share(value), to_hundred(low), to_hundred(high))
                )
    if not primary and not lines:
        return None
    differing = sum(verdict == "differs" for _, _, verdict in primary)
    untold = sum(verdict == NOTHING for _, _, verdict in primary)
    words = f"Of {len(primary)} comparisons fixed beforehand, {differing} differ"
    words += f" and {untold} rest on too few people to tell, which is no pass."
    title = "Of 100 cases of a group, how many get a place"
    says = "; ".join(f"{one.label}, {one.shown}" for one in rows) + "."
    return Audit(
        words=words,
        primary=Figures(
            "Comparisons fixed before any result was seen",
            ("Group", "What was found", "Verdict"),
            tuple(primary),
        )
        if primary
        else None,
        chart=draw_rows("audit", title, says, rows) if rows else None,
        table=Figures(title, ("Group", "Cases", "Of 100 of them, with a place"), tuple(lines))
        if lines
        else None,
        notes=tuple(audit[key].text for key in ("limits", "caution") if audit[key].text),
    )


def _name(characteristic: str, group: str) -> str:
    return f"{characteristic}: {group}".replace("_", " ")


def _show_share(share: Node) -> str:
    if share["value"].number is None:
        return NOTHING
    return f"{write_share(share['value'].number)}{tell_interval(share['low'], share['high'])}"


def _count_or_words(node: Node) -> str:
    return node.text or tell_count(node)
