"""``caselight card``: the model card and the transparency record of a bundle, to be completed."""

from pathlib import Path
from typing import Annotated

import typer

from features.errors import ArtefactError

_CARD, _RECORD = "model-card.md", "transparency-record.md"


def card(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    out: Annotated[Path, typer.Option(help="Folder; what people wrote in its files is kept.")],
) -> None:
    """Write the model card and the algorithmic transparency record, from the run."""
    from models.bundle.folder import load_bundle
    from models.run_figures.run import parse_run_figures
    from serving.oversight.card import CardValue
    from serving.oversight.card_files import write_card_file, write_record_file
    from serving.oversight.reported_performance import describe_performance
    from serving.settings import make_settings

    model, settings = load_bundle(bundle), make_settings()
    try:
        run = parse_run_figures((bundle / "metrics.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        raise ArtefactError("metrics.json beside the bundle is not readable; train again") from None
    performance = describe_performance(run, model, settings.capacity)
    told = CardValue(model, settings, performance, performance.is_synthetic)
    out.mkdir(parents=True, exist_ok=True)
    for name, write in ((_CARD, write_card_file), (_RECORD, write_record_file)):
        path = out / name
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        made = write(told, before)
        waiting = path.with_name(f".{name}")
        waiting.write_text(made.text, encoding="utf-8")
        # In one step: what people wrote is never half there.
        waiting.replace(path)
        print(f"{name}: {made.n_open} fields wait for a person")
