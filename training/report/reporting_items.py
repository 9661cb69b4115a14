"""Where each item of TRIPOD+AI is answered, and which of them a person must still write.

The items are those of Collins and others, BMJ 2024;385:e078378, each named here in words of our
own. What only the unit can say is marked and made up by nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from models.run_figures.run import RunFigures
from training.report.parts import Part, Section
from training.report.report_tables import make_table, say

BY_A_PERSON: Final = "A person of the unit must write this"
_NOT_IN_RUN: Final = "not in this run"
_COLUMNS: Final = ("Item", "What it asks", "Where it is answered")


@dataclass(frozen=True)
class ReportingItem:
    """One item.

    Parameters
    ----------
    number
        As in the statement.
    asks
        What it asks for.
    sections
        Keys of the sections of the page that answer it.
    elsewhere
        Documents of the project, or a sentence; empty with sections alone.
    by_person
        Whether only a person of the unit can answer it, or add what is missing.
    """

    number: str
    asks: str
    sections: tuple[str, ...] = ()
    elsewhere: str = ""
    by_person: bool = False


ITEMS: Final = (
    ReportingItem("1", "A title that says what is predicted, for whom and how", (), "the heading"),
    ReportingItem("2", "A summary", ("glance",)),
    ReportingItem("3a", "Setting, purpose, and earlier models", (), "", by_person=True),
    ReportingItem(
        "3b", "Whom it is for, and where in the work it is used", (), "docs/reading-a-score.md"
    ),
    ReportingItem("3c", "Known inequalities between groups", ("audit",), "", by_person=True),
    ReportingItem("4", "Aims: development, evaluation or both", ("choice", "glance")),
    ReportingItem(
        "5a", "Sources of the data, and whether they are typical", ("making",), "", by_person=True
    ),
    ReportingItem("5b", "Dates of the data and of follow-up", ("making", "choice")),
    ReportingItem("6a", "The setting and its places", (), "", by_person=True),
    ReportingItem("6b", "Which cases are in, and which not", ("estimands", "making")),
    ReportingItem("6c", "What was done about cases, which changes outcomes", ("estimands",)),
    ReportingItem("7", "How the data were prepared", ("making",), "docs/data-contract.md"),
    ReportingItem("8a", "The outcomes and their horizon", ("estimands", "glance")),
    ReportingItem("8b", "Who judged the outcome, and how well they agree", (), "", by_person=True),
    ReportingItem(
        "8c",
        "Whether they knew the prediction",
        (),
        "no score existed when the outcome was recorded, but where a unit used one",
        by_person=True,
    ),
    ReportingItem("9a", "Which predictors were considered, and why", (), "docs/indicators.md"),
    ReportingItem(
        "9b", "How each predictor is defined and when it is known", (), "docs/indicators.md"
    ),
    ReportingItem("9c", "Who recorded the predictors", (), "", by_person=True),
    ReportingItem("10", "Whether there are enough cases and outcomes", ("glance", "doubt")),
    ReportingItem(
        "11",
        "What is not known, and how that is treated",
        ("estimands",),
        "docs/reading-a-score.md",
    ),
    ReportingItem("12a", "How the data were divided", ("choice", "making")),
    ReportingItem(
        "12b",
        "How predictors enter the model",
        ("choice",),
        "docs/adr/0028-a-model-of-two-parts.md",
    ),
    ReportingItem("12c", "The kind of model, its settings and how they were chosen", ("choice",)),
    ReportingItem("12d", "Differences between places", ("estimands", "calibration")),
    ReportingItem(
        "12e", "The measures of performance", ("glance", "calibration", "net-benefit", "list")
    ),
    ReportingItem("12f", "Whether the model was updated", ("calibration",)),
    ReportingItem("12g", "How predictions were made in evaluation", ("list", "glance")),
    ReportingItem("13", "Rare outcomes, and what was done about them", ("glance", "calibration")),
    ReportingItem("14", "Fairness: what was done and measured", ("audit",)),
    ReportingItem(
        "15", "What the model gives out, and any thresholds", ("list",), "docs/reading-a-score.md"
    ),
    ReportingItem(
        "16", "How the cases learnt from differ from those tested on", ("choice", "calibration")
    ),
    ReportingItem("17", "Ethical approval", (), "", by_person=True),
    ReportingItem("18a", "Funding", (), "", by_person=True),
    ReportingItem("18b", "Interests", (), "", by_person=True),
    ReportingItem(
        "18c",
        "The protocol",
        (),
        "training/config.yaml states what was fixed beforehand",
        by_person=True,
    ),
    ReportingItem("18d", "Registration", (), "", by_person=True),
    ReportingItem("18e", "Whether the data can be had", (), "", by_person=True),
    ReportingItem("18f", "Whether the code can be had", ("making",)),
    ReportingItem(
        "19",
        "How patients and public took part; here victims and those who speak for them",
        (),
        "",
        by_person=True,
    ),
    ReportingItem("20a", "How many cases, and what became of them", ("glance", "choice")),
    ReportingItem("20b", "What the cases are like", ("audit", "making")),
    ReportingItem("20c", "The same for development and evaluation", ("choice",)),
    ReportingItem("21", "Cases and outcomes in each analysis", ("glance", "choice")),
    ReportingItem(
        "22", "The whole model, so that others can use it", (), "the bundle: text and JSON"
    ),
    ReportingItem("23a", "Performance with intervals, and by group", ("glance", "list", "audit")),
    ReportingItem("23b", "Performance by place", ("estimands", "calibration")),
    ReportingItem("24", "Results of updating", ("calibration",)),
    ReportingItem(
        "25", "What the results mean, fairness among it", ("glance",), "", by_person=True
    ),
    ReportingItem("26", "Limits", ("cannot-say",)),
    ReportingItem(
        "27a", "What happens where input is poor or missing", (), "docs/reading-a-score.md"
    ),
    ReportingItem(
        "27b", "How people use it, and what they must know", (), "docs/reading-a-score.md"
    ),
    ReportingItem("27c", "What is to be done next", (), "", by_person=True),
)
"""Every item of the statement, in its order."""
_ALWAYS: Final = {"cannot-say": "What this report cannot say"}
"""Sections of the page that every run has, by key."""


def describe_items(run: RunFigures, sections: Collection[Section]) -> Section:
    """Return the table of the items.

    Parameters
    ----------
    run
        The run, which must name an outcome for any item to be answered by it.
    sections
        Those that the page shows.

    Returns
    -------
    Section
        Empty where the run has no outcome.
    """
    titles = {section.key: section.title for section in sections} | _ALWAYS
    rows = [(say(item.number), say(item.asks), say(_place(item, titles))) for item in ITEMS]
    n_open = sum(item.by_person for item in ITEMS)
    meaning = (
        "A reviewer who knows this statement finds each item here. What only the unit can say is "
        f"marked: {n_open} of {len(ITEMS)} lines."
    )
    table = make_table("Items of TRIPOD+AI", _COLUMNS, rows)
    parts = (Part("Item by item", "", (table,)),) if run.outcome_names else ()
    return Section("items", "Where TRIPOD+AI's items are answered", meaning, parts)


def _place(item: ReportingItem, titles: dict[str, str]) -> str:
    there = [titles[key] for key in item.sections if key in titles]
    found = there + ([item.elsewhere] if item.elsewhere else [])
    if not found and not item.by_person:
        found = [_NOT_IN_RUN]
    if item.by_person:
        found.append(BY_A_PERSON if not found else f"{BY_A_PERSON}, beside it")
    return "; ".join(found)
