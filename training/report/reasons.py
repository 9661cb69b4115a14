"""Whether first reasons hold when the model is fitted again, and what is told of them."""

from models.run_figures.reasons import ReasonFigures
from models.run_figures.run import RunFigures
from training.report.parts import Part, Section, Words, keep
from training.report.report_tables import COUNT, IN_100, make_table, say, show

_MEANING = (
    "A reason is a theme: several indicators, told by the records. The model was fitted again on "
    "people drawn anew; a theme is called a reason where it pushes up, is among the first three, "
    "and both hold in at least 9 of 10 refits. Otherwise it is told as what may play a part. "
    "Agreement of single indicators, and between two cases drawn at random, stands beside it: "
    "nothing is won by saying the same of every case."
)
_ARITHMETIC = (
    "In so many cases what the sources call a risk pushed a score down. It is told as a reason in "
    "neither direction; where it is often so, constrain the indicator or leave it out."
)


def describe_reasons(run: RunFigures) -> Section:
    """Return the section on whether reasons hold; without parts where the run has no refits."""
    parts = [
        part
        for name, figures in (run.reasons or {}).items()
        for part in (_describe_holds(name, figures), _describe_arithmetic(name, figures))
    ]
    return Section("reasons", "Do reasons hold?", _MEANING, keep(*parts))


def _describe_holds(name: str, figures: ReasonFigures) -> Part:
    rows = [
        [say(words), show(value, style)]
        for words, value, style in (
            ("Refits", figures.n_refits, COUNT),
            ("Cases looked at", figures.n_cases, COUNT),
            ("First three themes that are first again, in 100", figures.themes_agree, IN_100),
            ("The same of single indicators", figures.indicators_agree, IN_100),
            ("The same between two cases at random", figures.two_cases_agree, IN_100),
            ("Themes among a case's first three", figures.n_first, COUNT),
            ("of them that hold in 9 of 10 refits", figures.n_hold, COUNT),
            ("Cases without one that holds", figures.n_without, COUNT),
            ("Different first themes", figures.n_first_themes, COUNT),
        )
        if value is not None
    ]
    if not rows:
        return Part("", "", ())
    table = make_table(f"{name}: first reasons over the refits", ["", "Figure"], rows)
    said = (Words((f"{figures.words[:1].upper()}{figures.words[1:]}.",)),) if figures.words else ()
    return Part(name, "", (*said, table))


def _describe_arithmetic(name: str, figures: ReasonFigures) -> Part:
    if not figures.lowering_risks:
        return Part("", "", ())
    ordered = sorted(figures.lowering_risks, key=lambda one: (-one.n_cases, one.indicator))
    rows = [[say(one.indicator.replace("_", " ")), show(one.n_cases, COUNT)] for one in ordered]
    table = make_table(f"{name}: risks that pushed down", ["Indicator", "Cases"], rows)
    return Part(f"{name}: arithmetic of the model, not protection", _ARITHMETIC, (table,))
