"""How the run was made: origins, records, breaks, openings, choices that change results."""

from dataclasses import fields
from typing import Final

from training.config import TrainingConfig
from training.report.parts import Block, Part, Section, Words, keep
from training.report.reading import Node, Run
from training.report.tables import COUNT, RATIO, Cell, Style, make_table, plain, say, show

_DECLARED: Final = tuple(field.name for field in fields(TrainingConfig))
_P: Final = Style(4)
_SWITCHES: Final = {
    "synthetic": "Synthetic unit",
    "across_breaks": "Learnt across changes of recording",
    "retrospective": "Labels of the training rows read at the extract",
}


def describe_making(run: Run) -> Section:
    """Return the section on how the run was made."""
    return Section(
        "making",
        "How it was made",
        "Enough to make the run again and to see what it rests on. Every figure of this page "
        "carries, in its source, its place in metrics.json.",
        keep(
            _tell_origins(run),
            _tell_records(run),
            _tell_breaks(run.root["breaks"]),
            _tell_openings(run.root["openings"]),
            _tell_configuration(run.root["run"]["config"]),
        ),
    )


def _tell_origins(run: Run) -> Part:
    rows = [
        [
            say(one["name"].text),
            say(", ".join(one["trained_on"].texts())),
            show(one["n_test"], COUNT),
        ]
        for one in run.root["run"]["origins"].each()
    ]
    columns = ["Test origin", "Learnt from cohorts of", "Cases tested"]
    return Part(
        "Test origins and cohorts",
        "At each test origin a model learns only from what was recorded before it. The bundle is "
        "that of the last.",
        (make_table("Origins", columns, rows),) if rows else (),
    )


def _tell_records(run: Run) -> Part:
    made = run.root["run"]
    rows: list[list[Cell]] = [
        [say("Cases in the extract"), show(made["n_cases"], COUNT)],
        [say("Events in the extract"), show(made["n_events"], COUNT)],
        [say("Extract taken"), say(made["extract_at"].text)],
        [say("Catalogue"), say(f"{made['catalogue'].text} ({made['catalogue_digest'].text})")],
        [say("Engine version"), say(made["engine_version"].text)],
        [say("Bundle"), say(run.root["bundle_id"].text)],
        [say("Area held out"), say(made["held_out_area"].text or "none")],
    ]
    rows += [
        [say(words), say("yes" if made[name].is_true else "no")]
        for name, words in _SWITCHES.items()
        if made.has(name)
    ]
    return Part("Records, catalogue and bundle", "", (make_table("The run", ["", ""], rows),))


def _tell_breaks(breaks: Node) -> Part:
    title = "Changes of recording practice"
    meaning = (
        "A step, from one month to the next, in how often a family of records is made per open "
        "case. Whether conduct or its recording changed the records cannot say."
    )
    rows = [
        [
            say(plain(one["family"].text)),
            say(one["date"].text),
            show(one["ratio"], RATIO),
            show(one["p_value"], _P),
        ]
        for one in breaks.each()
    ]
    if rows:
        columns = ["Family of records", "From", "Times as many as before", "p, corrected"]
        return Part(title, meaning, (make_table("Changes found", columns, rows),))
    none = (Words(("None was found before the first test origin.",)),) if _is_given(breaks) else ()
    return Part(title, meaning, none)


def _is_given(node: Node) -> bool:
    return node.value is not None


def _tell_openings(openings: Node) -> Part:
    rows = [
        [say(one["origin"].text), say(one["words"].text)]
        for one in openings.each()
        if one["words"].text
    ]
    return Part(
        "How often each test origin was opened",
        "Every look at a test origin makes it a little less of a test, because the next choice "
        "may be made with its result in mind.",
        (make_table("Openings", ["Test origin", "Opened"], rows),) if rows else (),
    )


def _tell_configuration(config: Node) -> Part:
    rows = []
    for name in _DECLARED:
        found = config[name]
        for inner, one in found.named() or [("", found)]:
            value = _write(one)
            if value:
                rows.append([say(plain(f"{name} {inner}".strip())), say(value)])
    blocks: tuple[Block, ...] = ()
    if rows:
        blocks = (make_table("training/config.yaml", ["Choice", "Value"], rows),)
    return Part("Choices that change results", "", blocks)


def _write(node: Node) -> str:
    """Return a number, or what was fixed beforehand, as it stands in the configuration."""
    if node.number is not None:
        return f"{node.number:.12g}"
    pairs = [" by ".join(plain(text) for text in pair.texts()) for pair in node.each()]
    return "; ".join(pair for pair in pairs if pair)
