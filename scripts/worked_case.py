"""Write `docs/worked-case.md`: one case of the synthetic unit, with everything said about it.

The unit is simulated from a fixed seed and the model is trained on it, by the same path that serves
a unit. `--check` only compares.
"""

import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from caselight.commands.demo import choose_dates  # noqa: E402  # the line above makes it importable
from features.catalogue.declarations import DAY_US, Catalogue  # noqa: E402
from features.catalogue.file import load_catalogue  # noqa: E402
from features.contract.kept_apart import is_kept_apart  # noqa: E402
from features.history.assembly import assemble_history  # noqa: E402
from features.history.columns import History  # noqa: E402
from features.history.in_force import rows_in_force  # noqa: E402
from features.intake.contract_folder import ContractFolder, read_folder  # noqa: E402
from models.bundle.folder import Bundle, load_bundle  # noqa: E402
from models.explanations.facade import MovementEnd, explain_case  # noqa: E402
from models.explanations.incident_groups import name_day, name_kind  # noqa: E402
from models.explanations.plain_text import render_case  # noqa: E402
from models.ranking.order import rank  # noqa: E402
from synthetic.simulator import simulate_unit  # noqa: E402
from training.config import load_config  # noqa: E402
from training.pipeline import train  # noqa: E402

DOCUMENT: Final = ROOT / "docs" / "worked-case.md"
N_CASES: Final = 500
SEED: Final = 7
CASE: Final = "SYN-C0000389"
EARLIER_US: Final = 60 * DAY_US

_BEFORE: Final = """\
# One case in full

Everything on this page is invented: the unit, the case and each of its records come from the
[simulator](simulator.md), which is set to a fixed seed. The model was trained on {n_cases} invented
cases, which is too few for a model in production. `scripts/worked_case.py` writes this page, and a
test holds it to what the program says today. How to read such a text is explained in
[Reading a score](reading-a-score.md).

## What is on file

Records of `{case}` that were known on {day}, in the order in which things happened.
*Known* is the day on which the unit came to know of it. A record that a later one corrected stands
in brackets.

| Record | Happened | Known | What | Told by |
|---|---|---|---|---|
"""
_ANSWERS: Final = """
Questions that were put, and the latest answer:

| Record | Known | Question | Answer |
|---|---|---|---|
"""
_TEXT: Final = """
## What the program says about it

What changed is listed since {earlier}. Figures in brackets with a sign are contributions to the
score; they add up to it, and only their order and size mean anything.

```text
{text}```
"""


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` say whether it is current."""
    with tempfile.TemporaryDirectory() as place:
        folder, bundle = make_unit(Path(place))
        page = write_page(folder, bundle)
    if "--check" in arguments:
        return 0 if DOCUMENT.read_text(encoding="utf-8") == page else 1
    DOCUMENT.write_text(page, encoding="utf-8")
    return 0


def make_unit(place: Path) -> tuple[ContractFolder, Bundle]:
    """Simulate the unit and train on it."""
    simulate_unit(N_CASES, SEED, place / "unit", progress=lambda message: None)
    folder = read_folder(place / "unit")
    history = assemble_history(folder)
    catalogue = load_catalogue("stalking")
    train_dates, test_date = choose_dates(history, catalogue)
    # A unit of 500 cases is too small for a model in production; an example must be small.
    quick = dataclasses.replace(
        load_config(),
        least_positives=20,
        most_rounds=80,
        early_stopping_rounds=20,
        bootstrap_draws=50,
    )
    train(
        history,
        catalogue,
        train_dates,
        [test_date],
        place / "bundle",
        capacity=30,
        config=quick,
        progress=lambda message: None,
    )
    return folder, load_bundle(place / "bundle")


def write_page(folder: ContractFolder, bundle: Bundle) -> str:
    """Return the page about ``CASE`` at the moment of the extract."""
    history = assemble_history(folder)
    as_of = history.extract_at
    zone = history.time_zone
    case = history.case_id.tolist().index(CASE)
    before = _before(folder, bundle, case, as_of - EARLIER_US)
    ranking = rank(bundle, history, as_of)
    place = ranking.standing.case.tolist().index(case)
    explained = explain_case(
        bundle,
        history,
        case,
        as_of,
        before=before,
        advice=ranking.advise([place])[0],
    )
    text = render_case(explained, bundle.catalogue, zone)
    return (
        _BEFORE.format(n_cases=N_CASES, case=CASE, day=name_day(as_of, zone))
        + "\n".join(_list_events(folder, bundle.catalogue, as_of))
        + "\n"
        + _ANSWERS
        + "\n".join(_list_answers(folder, bundle.catalogue, as_of))
        + "\n"
        + _TEXT.format(earlier=name_day(as_of - EARLIER_US, zone), text=text)
    )


def _before(folder: ContractFolder, bundle: Bundle, case: int, as_of_us: int) -> MovementEnd:
    """Return the case as it was stored at an earlier moment."""
    frames = {name: folder.frame(name) for name in ("events", "facts")}
    stored = {name: frame[frame["recorded_at"] < as_of_us] for name, frame in frames.items()}
    history: History = assemble_history(folder.with_frames(stored))
    return MovementEnd(bundle, history, case, as_of_us)


def _known(table: pd.DataFrame, as_of_us: int) -> pd.DataFrame:
    return table[(table["case_id"] == CASE) & (table["recorded_at"] < as_of_us)]


def _list_events(folder: ContractFolder, catalogue: Catalogue, as_of_us: int) -> list[str]:
    zone = folder.manifest.time_zone
    known = _known(folder.frame("events"), as_of_us)
    apart = is_kept_apart(known["source"], known["handling"])
    known = known[~apart].sort_values(["occurred_at", "recorded_at", "event_id"])
    lines = []
    for row in known.to_dict("records"):
        said = name_kind(catalogue, row["kind"])
        if row["kind"] == "retracted":
            said = "record withdrawn"
        if row["superseded_at"] < as_of_us:
            said = f"({said})"
        days = [name_day(int(row[name]), zone) for name in ("occurred_at", "recorded_at")]
        teller = {"account": "the victim", "classification": "the officer's form"}
        by = teller.get(str(row["view"]), "the record")
        lines.append(f"| {row['event_id']} | {days[0]} | {days[1]} | {said} | {by} |")
    return lines


def _list_answers(folder: ContractFolder, catalogue: Catalogue, as_of_us: int) -> list[str]:
    facts = folder.frame("facts")[folder.frame("facts")["case_id"] == CASE]
    known = facts[rows_in_force(facts, as_of_us)].sort_values(["recorded_at", "fact_id"])
    latest = known.drop_duplicates("name", keep="last")
    lines = []
    for row in latest.to_dict("records"):
        day = name_day(int(row["recorded_at"]), folder.manifest.time_zone)
        put = row["asked"] == "yes"
        answer = row["value"] if put and not pd.isna(row["value"]) else "no answer"
        known_fact = catalogue.facts.get(row["name"])
        question = known_fact.question if known_fact else row["name"]
        lines.append(
            f"| {row['fact_id']} | {day} | {question} | {answer if put else 'not asked'} |"
        )
    return lines


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
