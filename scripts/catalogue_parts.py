"""What `docs/catalogue.md` says of each key of a catalogue: one table for each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.catalogue.declarations import (
    MAX_INDICATORS,
    Bound,
    Catalogue,
    CohortRule,
    Direction,
    Estimand,
    Expression,
    FactQuestion,
    FactType,
    Flag,
    Frameworks,
    Indicator,
    KindEntry,
    Measure,
    Outcome,
    Priority,
    RfsRule,
    Rung,
    Selector,
    Serious,
    SummaryLine,
    Theme,
    Wording,
)
from features.catalogue.families import NO_SOURCE
from features.catalogue.words import WordsSection
from features.contract.tables import ACTORS, TARGETS, VIEWS
from features.contract.yaml_file import Entry

_LIST: Final = ", ".join


@dataclass(frozen=True)
class Part:
    """One table of the document.

    Parameters
    ----------
    entry
        The class that a file is held to.
    title, introduction
        Heading and what stands above the table.
    says
        What each key says, in the order of the table.
    left_out
        What holds where a key with a default of the reader is left out.
    """

    entry: type[Entry]
    title: str
    introduction: str
    says: Mapping[str, str]
    left_out: Mapping[str, str]


PARTS: Final = (
    Part(
        Catalogue,
        "The file",
        "Two sections are needed to measure: `kinds` and `indicators`. To train a model, add\n"
        "`outcomes`.",
        {
            "version": "the version of this grammar",
            "name": "short name of the catalogue: lower-case letters, digits and single `_`",
            "title": "its name in words",
            "kinds": "the kinds of event, as a tree",
            "facts": "questions whose answers are recorded",
            "words": "how values are said in the words of families; in no bundle",
            "cohort": "which open cases a model learns from and ranks",
            "indicators": f"what is measured, at most {MAX_INDICATORS:,}",
            "outcomes": "what a model estimates",
            "estimands": "what is estimated beside the recorded outcomes",
            "bounded": "events after which silence says nothing",
            "flags": "rules that draw attention whatever the score",
            "baselines.rfs": "the simple rule that every model is held against",
            "priority": "how probabilities become an order",
            "wording": "two statements beside every list",
            "themes": "what reasons are about: indicators and kinds, gathered",
            "serious": "which records are told whatever their weight in a score",
            "frameworks": "what the themes are not",
            "summary": "what stands first on a case",
        },
        {
            "version": "1",
            "name": "the file's name",
            "title": "the name",
            "words": "labels, and lengths of time as they are",
            "cohort": "every open case",
            "outcomes": "nothing is estimated",
            "baselines.rfs": "the first `days_since_last`, the first `count`, the first `max` or "
            "`sum`",
            "priority": "the one outcome; several must be weighed",
            "wording": "general statements",
        },
    ),
    Part(
        KindEntry,
        "A kind of event: `kinds`",
        "Each key of `kinds` is the name of a kind. A kind takes in all kinds below it. `opened`,\n"
        "`closed` and the like are the data contract's own and always there.",
        {
            "label": "the kind in words",
            "source": "statute or study that it is taken from",
            "starts": "name of the state that such an event begins",
            "ends": "name of the state that it ends",
            "many": "words for several of them",
            "told_until": "kind after which it is no longer told of a case",
            "children": "the kinds below it",
        },
        {"source": "none"},
    ),
    Part(
        FactQuestion,
        "A question: `facts`",
        "Each key of `facts` is the name of a fact.",
        {
            "type": f"one of: {_LIST(FactType)}. A date becomes the days since it",
            "question": "the question in words",
            "source": "why it is asked",
            "key_question": "`true` where a page shows that it was never asked",
            "answered_by": "events any of which answers it with yes",
            "ask_each_time": "`true` where a person is asked whatever is on record",
            "said_yes": "the answer yes as a statement; of a date, what stands before it",
            "said_no": "the answer no as a statement; nothing is said without it",
            "assumes": "question whose no an answer to this one contradicts",
        },
        {},
    ),
    Part(
        Indicator,
        "An indicator: `indicators`",
        "One number measured from a case's history, and the words of its reason. Beside these\n"
        "keys stand those of its [measure](#measures).",
        {
            "name": "lower-case letters, digits and single `_`; placeholders make a "
            "[family](#families)",
            "family": "heading under which it stands with others",
            "direction": f"what the sources say of more of it: one of {_LIST(Direction)}. `open` "
            "where they conflict or say nothing; a stated one binds every model",
            "reason": "its words, with `{value}` where the number stands",
            "source": "statute, study or judgement that gives a reason to look at it",
            "none_reason": "words where there is no number",
            "silence": "`true` where it can be low because nothing was reported",
            "relevant_to": "outcomes or levels of the ladder that the source speaks of; "
            "one that names the gravest level is never left out of a model",
            "risk": "`true` where the sources call a value a risk and agree on no direction",
            "told": "words of a theme for a value, with or without `{value}`",
            "told_above": "only above this value, exclusive, is it told and a risk",
        },
        {
            "told_above": "0",
            "name": "what is measured, such as `damp_28d`",
            "family": "the kind at the top of the tree that takes the first kind in",
            "direction": "`open`",
            "reason": "the kind, the window and the measure in words",
            "source": f"`{NO_SOURCE}`",
            "relevant_to": "all of them",
        },
    ),
    Part(
        Expression,
        "What is measured",
        "These keys stand in an indicator, a flag or the cohort.",
        {
            "measure": "one of the [measures](#measures)",
            "of": "which [events](#which-events) are meant",
            "within": "the last such time: hours, days or weeks as in `36h`, `28d`, `4w`; in an "
            "indicator also `ever`",
            "since": "only what came at or after the latest such event",
            "while": "only what happened while this state lasted",
            "field": "which column `distinct`, `first_use` and `disagreement` look at",
            "among": "the events of which `share` takes the share",
            "and": "the later event of `time_between`",
            "against": "length of the earlier time of `rate_ratio`",
            "quiet": "how long nothing happened before `quiet_then_return`",
            "half_life": "after which time `decayed` counts an event half",
            "state": "the state of `days_in_state`",
            "fact": "the fact of `last_fact`",
        },
        {
            "measure": "in a flag **needed**; else `count`, in an indicator with a fact "
            "`last_fact`, with a state `days_in_state`",
            "of": "only where the measure needs none",
            "within": "the whole history",
            **dict.fromkeys(("since", "while"), "no such limit"),
            **dict.fromkeys(
                ("field", "among", "and", "against", "quiet", "half_life", "state", "fact"),
                "only where the measure needs none",
            ),
        },
    ),
    Part(
        Selector,
        "Which events",
        "Every condition that is stated must hold; of several values in a list, any will do.\n"
        "Several records of one incident count once.",
        {
            "kind": "kinds; each takes in all kinds below it",
            "channel": "by which channel, in small letters",
            "source": "from which source, in small letters",
            "view": f"whose view the record holds: {_LIST(VIEWS)}",
            "actor": f"who acted: {_LIST(ACTORS)}",
            "target": f"at whom it was aimed: {_LIST(TARGETS)}",
            "via": "events of cases linked by such a link, not those of the case itself",
            "detail.in": "detail is one of these",
            "detail.prefix": "detail begins with one of these",
            "value.min": "value of at least this; none without a value",
            "value.max": "value of at most this",
        },
        {"actor": "`[subject, proxy]`; in `until`, `at` and `bounded` anyone"},
    ),
    Part(
        WordsSection,
        "Words: `words`",
        "How a value is said where a reason holds its placeholder. A value has one text, or a\n"
        "text for each form: `{kind.one}` takes the form `one`, `{kind}` the first.",
        {
            "kind": "by the name of a kind",
            "fact": "by the name of a fact",
            "state": "by the name of a state",
            "while": "by the name of a state",
            "channel": "by a channel",
            "view": "by a view",
            "actor": "by an actor",
            "target": "by a target",
            "measure": "by a measure",
            "within": "by a length of time, or `ever`",
            "half_life": "by a length of time",
            "against": "by a length of time",
            "quiet": "by a length of time",
            "field": "by a column",
        },
        {
            "kind": "the label",
            "fact": "the question",
            "measure": "such as `severity added up`",
            "within": "`in the last 28 days`, `on record`",
            **dict.fromkeys(("half_life", "against", "quiet"), "`28 days`"),
            **dict.fromkeys(
                ("state", "while", "channel", "view", "actor", "target", "field"),
                "the value, blanks for `_`",
            ),
        },
    ),
    Part(
        CohortRule,
        "The cohort: `cohort`",
        "Which open cases a model learns from and ranks. Beside these keys stand those of a\n"
        "measure; it is `count` where none is stated.",
        {
            "at_least": "a case belongs where the measure is at least this",
            "source": "why this cohort",
            "at": "events at which a model learns, one row for each",
        },
        {"source": "none", "at": "it learns at dates alone"},
    ),
    Part(
        Outcome,
        "An outcome: `outcomes`",
        "A future event that a model estimates.",
        {
            "name": "short name",
            "label": "the outcome in words",
            "of": "which events",
            "at_least": "how many incidents of them",
            "horizon": "within which time: whole days, or months of the calendar (`24 months`)",
            "maturity": "how long after the horizon records may still come in",
            "follow_up_ends": "kinds after which nothing more could be recorded",
            "departures": "what a case is whose follow-up ended: `censored` or `negative`",
            "source": "why this outcome",
            "pooled_from": "a more frequent outcome, from whose model this one's begins where few "
            "people had it",
        },
        {"follow_up_ends": "none", "departures": "`censored`", "pooled_from": "none"},
    ),
    Part(
        Estimand,
        "An estimand: `estimands`",
        "What is estimated beside the recorded outcome: the outcome before something intervenes.",
        {
            "name": "short name",
            "label": "in words",
            "until": "events after which an outcome no longer counts",
            "outside": "state in which a case is left out",
            "source": "why this estimand",
        },
        {},
    ),
    Part(
        Bound,
        "A bound: `bounded`",
        "The outcome's rate is bounded: as recorded, and as if every such case had had it.",
        {
            "of": "events after which silence says nothing",
            "label": "in words",
            "source": "why",
        },
        {},
    ),
    Part(
        Flag,
        "A flag: `flags`",
        "Draws attention whatever the score. Beside these keys stand those of a measure.",
        {
            "name": "short name",
            "urgency": "`urgent`, outside capacity, or `review`",
            "at_least": "raised where the measure is at least this",
            "wording": "the flag in words",
            "source": "why",
        },
        {},
    ),
    Part(
        RfsRule,
        "The simple rule: `baselines`, `rfs`",
        "Recency, frequency and severity, added up.",
        {
            "recency": "an indicator",
            "frequency": "an indicator",
            "severity": "an indicator",
            "source": "why these",
        },
        {},
    ),
    Part(
        Priority,
        "The order: `priority`",
        "A list is ordered by expected harm: each level's probability by its weight.",
        {
            "ladder": "levels of harm, mildest first",
            "source": "whose policy the weights are",
            "custody_state": "state that is not taken for safety",
        },
        {"custody_state": "no such state"},
    ),
    Part(
        Rung,
        "A level of harm: `ladder`",
        "Each states an outcome, a share of the level below it, or both: the share where there is\n"
        "no model. The mildest is an outcome alone.",
        {
            "name": "short name",
            "label": "in words",
            "weight": "how much it weighs",
            "outcome": "name of an outcome",
            "share": "share of the level below, from 0 to 1",
            "source": "why this weight and share",
        },
        {"outcome": "`share` is needed", "share": "`outcome` is needed", "source": "**needed**"},
    ),
    Part(
        Theme,
        "A theme: `themes`",
        "What a person calls one reason: the exact sum of its indicators, told by the records.\n"
        "Without themes each family of indicators is one.",
        {
            "name": "lower-case letters, digits and single `_`",
            "label": "the theme in words",
            "families": "families of indicators that belong to it",
            "indicators": "single indicators that leave their family's theme for this one",
            "kinds": "kinds of event that tell it, with those below them that no theme names",
            "domains": "where published frameworks speak of it, in words of your own",
        },
        {},
    ),
    Part(
        Serious,
        "Serious records: `serious`",
        "They are told whatever their weight in a score, the gravest first.",
        {
            "kinds": "kinds that are serious by themselves, the gravest first",
            "value_min": "value from which, inclusive, an event of any kind is",
            "source": "why these",
        },
        {},
    ),
    Part(
        Frameworks,
        "What themes are not: `frameworks`",
        "It stands beside themes.",
        {
            "statement": "one sentence",
            "source": "which frameworks the themes are mapped to",
        },
        {},
    ),
    Part(
        SummaryLine,
        "What stands first on a case: `summary`",
        "Each line names questions; the latest answers stand under it as statements.",
        {
            "label": "its heading",
            "facts": "questions whose answers stand under it",
        },
        {},
    ),
    Part(
        Wording,
        "Statements: `wording`",
        "They stand beside every list, score and report.",
        {
            "advisory": "what a list is for, and what it must not support",
            "estimate": "what is estimated",
        },
        {},
    ),
)
MEASURES: Final[Mapping[Measure, str]] = {
    Measure.COUNT: "number of incidents",
    Measure.SUM: "sum of their values",
    Measure.MAX: "highest value",
    Measure.DISTINCT: "number of different values of a column",
    Measure.SHARE: "share of the incidents of `among` that are meant by `of` as well",
    Measure.DAYS_SINCE_LAST: "days since the latest",
    Measure.DAYS_SINCE_FIRST: "days since the first",
    Measure.RATE_RATIO: "rate within the window against the rate in the time before it",
    Measure.GAP_MEDIAN: "median number of days between one and the next",
    Measure.GAP_CV: "how uneven these gaps are; 0 is regular",
    Measure.QUIET_THEN_RETURN: "how often one followed after so long a quiet time",
    Measure.SLOPE: "change of their value a day, by a fitted line",
    Measure.DECAYED: "their number, each halved with every half-life that has passed",
    Measure.FIRST_USE: "number of values of a column seen for the first time",
    Measure.DAYS_IN_STATE: "days in a state",
    Measure.TIME_BETWEEN: "days from the first to the next event of `and`",
    Measure.LAST_FACT: "the latest answer",
    Measure.DISAGREEMENT: "number of incidents whose views differ on a column",
}
