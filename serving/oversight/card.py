"""The model card and the transparency record: what the bundle and the settings say, and gaps.

The record's headings are those of the Algorithmic Transparency Recording Standard. What only the
unit can say is marked as to be filled in; nothing is made up for it. Performance that was measured
on invented cases enters neither: it says nothing of any unit.
"""

from dataclasses import dataclass
from typing import Final

from models.bundle.folder import Bundle
from serving.oversight.reported_performance import Performance
from serving.oversight.run_words import join_words
from serving.settings import Settings

_NEVER: Final = (
    "Arrest, search, charge, bail, an order application, sentencing or refusal of service. It "
    "opens, closes, downgrades and allocates no case."
)


@dataclass(frozen=True)
class CardEntry:
    """One heading with what is said under it, and what the unit has to fill in."""

    heading: str
    said: tuple[str, ...]
    to_fill: tuple[str, ...] = ()


@dataclass(frozen=True)
class CardValue:
    """What both texts rest on.

    Parameters
    ----------
    bundle
        The bundle in use.
    settings
        How the service runs.
    performance
        The run's figures; ``None`` where there are none to show.
    is_synthetic
        Whether the store, or what the model learnt from, is invented.
    """

    bundle: Bundle
    settings: Settings
    performance: Performance | None
    is_synthetic: bool


def write_card(told: CardValue) -> tuple[CardEntry, ...]:
    """Return the model card (Mitchell and others 2019)."""
    bundle = told.bundle
    return (
        CardEntry("What it is", (describe_models(bundle), describe_order(bundle))),
        CardEntry("Made for", ("The order in which specialists screen cases; people decide.",)),
        CardEntry("Never for", (_NEVER,)),
        CardEntry("What it learnt from", (describe_learning(told),), ()),
        CardEntry(
            "What is left out on purpose",
            (
                "Protected characteristics, psychosis, personality and employment; health records "
                "and records that one agency keeps to itself; the unit's own decisions and places "
                "on a list.",
            ),
        ),
        CardEntry("How well it does", describe_performance(told)),
        CardEntry("What it cannot say", _describe_limits(told)),
    )


def write_record(told: CardValue) -> tuple[CardEntry, ...]:
    """Return the transparency record, under the headings of the standard."""
    bundle, settings = told.bundle, told.settings
    return (
        CardEntry(
            "Owner",
            (),
            (
                "organisation, team and senior responsible owner",
                "who built it and who supplies it, with the contract if there is one",
                "where the public can ask about it",
            ),
        ),
        CardEntry(
            "Purpose",
            (
                "To suggest in which order open cases are looked at by specialists, with the "
                "records behind every reason.",
                f"Catalogue: {bundle.catalogue.title}.",
            ),
            ("why the unit uses it, and what was tried before",),
        ),
        CardEntry(
            "How it is used in decisions", describe_use(settings), ("the written procedure",)
        ),
        CardEntry("Data", describe_data(told), ("legal basis, sharing agreements and retention",)),
        CardEntry(
            "Performance",
            describe_performance(told),
            ("results of running it silently on the unit's own histories before first use",),
        ),
        CardEntry(
            "Risks",
            (
                "A case far down the list could be passed over: some places are drawn at random "
                "and some go to the longest waits, and flags hold whatever the score.",
                "Cases that the unit manages look safe because they are managed: what is estimated "
                "is what came to be recorded under past practice.",
                "A group whose conduct is recorded less can be passed by: the list is audited by "
                "protected characteristics, which the model never reads.",
                "People may lean on the number: some cases are looked at before anything of the "
                "model is shown, and everybody can disagree with the score and each reason.",
                "Somebody may look who should not: every look is kept in a chain that shows "
                "tampering.",
            ),
            ("data protection and equality impact assessments, with dates",),
        ),
        CardEntry(
            "Oversight",
            (
                "A model is put to use by two people, after checks that are kept with it. The duty "
                "role or an administrator can turn its order off at any time.",
                "Decisions are held against scores, and the random draw against what was missed.",
            ),
            (
                "who looks at these figures, how often, and who can stop the use",
                "how a person concerned can ask, object and complain",
            ),
        ),
    )


def describe_models(bundle: Bundle) -> str:
    """Return of what kind the models are, and of which outcomes."""
    named = [
        f"{one.label} within {one.horizon}"
        for one in bundle.catalogue.outcomes
        if one.name in bundle.outcomes
    ]
    if not named:
        return "No outcome had enough cases to learn from: rules and judgement order the list."
    has_linear = any(one.linear is not None for one in bundle.outcomes.values())
    parts = "boosted trees, averaged with a linear part," if has_linear else "boosted trees"
    return (
        f"A model of {parts} each for {join_words(named)}. It gives a probability from "
        f"{len(bundle.catalogue.indicators)} measures of a case history."
    )


def describe_order(bundle: Bundle) -> str:
    """Return what the order is by, and which model it is."""
    return (
        "The order of the list is expected harm: stated weights times these probabilities. "
        f"Identity {bundle.id[:12]}, catalogue {bundle.catalogue.name} "
        f"{bundle.catalogue.digest[:12]}."
    )


def describe_learning(told: CardValue) -> str:
    """Return what the model learnt from."""
    what = "invented case histories" if told.is_synthetic else "the case histories of one unit"
    n = told.bundle.reference.n_cases
    return (
        f"{what[:1].upper()}{what[1:]}: {n:,} rows, each a case at one moment, with outcomes that "
        "were on record by the day from which it is used."
    )


def describe_performance(told: CardValue) -> tuple[str, ...]:
    """Return how well it does, in the run's own words; that nothing is known where none is."""
    if told.is_synthetic:
        return (
            "No figure. The model was learnt from, or is used on, invented cases: how well it "
            "orders those says nothing of any real unit.",
        )
    if told.performance is None:
        return ("Not known here: no figures lie beside the model.",)
    verdicts = tuple(f"{one.about}: {one.verdict}." for one in told.performance.verdicts)
    return (*verdicts, *told.performance.places) or ("The run measured nothing of it.",)


def _describe_limits(told: CardValue) -> tuple[str, ...]:
    said = told.performance.cannot_say if told.performance is not None else ()
    if not said:
        return ("The run does not state its limits: read it as if it answered nothing of these.",)
    return tuple(f"{line[:1].upper()}{line[1:]}." for line in said)


def describe_use(settings: Settings) -> tuple[str, ...]:
    """Return how a list is put together and who looks at what, by the settings."""
    return (
        f"A list has {settings.capacity} places. Of thirty, {settings.random_places} are drawn at "
        f"random, {settings.waited_places} go to the longest waits and at most "
        f"{settings.most_flagged_places} to flagged cases; the rest by priority.",
        "A named person reads every new case within "
        f"{_number(settings.first_read_days, 'day', 'days')}, whatever its score. Urgent flags go "
        f"to the duty role, to be seen within {settings.acknowledge_minutes} minutes.",
        f"About {100 * settings.blind_share:.0f} in 100 cases of a list are looked at first "
        "without anything of the model.",
        "Only a named person's decision does anything to a case.",
    )


def describe_data(told: CardValue) -> tuple[str, ...]:
    """Return what data it reads and learnt from."""
    facts = len(told.bundle.catalogue.facts)
    return (
        "Dated records of what happened and when the unit came to know, and the answers to "
        f"{facts} questions, some of which were never put.",
        describe_learning(told),
    )


def _number(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
