"""Twenty cases of the small unit told in full, for a golden file; ``python -m`` writes it anew."""

import tempfile
from pathlib import Path
from typing import Final

from features.history.assembly import assemble_history
from features.history.columns import History
from features.intake.contract_folder import read_folder
from models.bundle.folder import Bundle, load_bundle
from models.ranking.order import rank
from models.ranking.themes import describe_role
from models.wording.sentences import describe_estimate

GOLDEN: Final = Path(__file__).with_name("told_cases.txt")
N_CASES: Final = 20


def tell_cases(bundle: Bundle, history: History) -> str:
    """Return the cases at evenly spread places of the list, as pages tell them."""
    ranking = rank(bundle, history, history.extract_at)
    places = [round(n * (len(ranking) - 1) / (N_CASES - 1)) for n in range(N_CASES)]
    lines = []
    for advice in ranking.advise(places):
        lines += ["", f"## {advice.case_id}", ""]
        lines += [f"! {one}." for one in advice.marks]
        lines += [f"{one.label}: {describe_estimate(one)}." for one in advice.estimates]
        lines += [f"URGENT: {one.wording}" for one in advice.flags if one.urgent]
        for theme in advice.themes:
            if theme.role != "none":
                parts = (f"{theme.label}. {theme.sentence}", *theme.notes, describe_role(theme))
                lines.append(" ".join(part for part in parts if part))
        lines += [one.sentence for one in advice.questions if one.state != "each_time"]
    return "\n".join(lines).lstrip() + "\n"


def main() -> None:
    """Write the golden file anew."""
    from tests.conftest import make_small_unit

    with tempfile.TemporaryDirectory() as place:
        make_small_unit(Path(place))
        history = assemble_history(read_folder(Path(place) / "unit"))
        GOLDEN.write_text(tell_cases(load_bundle(Path(place) / "bundle"), history), "utf-8")


if __name__ == "__main__":
    main()
