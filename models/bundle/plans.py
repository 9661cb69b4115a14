"""What the engine measures beside indicators: a catalogue's flags and its cohort."""

from features.catalogue.declarations import Catalogue
from features.engine.measurement import compile_expressions
from features.engine.plan import NamedExpression, Plan
from features.history.reading_rules import CURRENT_RULES, ReadingRules


def compile_flags(catalogue: Catalogue, rules: ReadingRules = CURRENT_RULES) -> Plan:
    """Return the plan of a catalogue's flags, a column each, in their order."""
    named = [NamedExpression((flag.name,), flag.expression) for flag in catalogue.flags]
    return compile_expressions(catalogue, named, rules)


def compile_cohort(catalogue: Catalogue, rules: ReadingRules = CURRENT_RULES) -> Plan | None:
    """Return the plan of a catalogue's cohort; ``None`` where it takes in every open case."""
    expression = catalogue.cohort.expression
    if expression is None:
        return None
    return compile_expressions(catalogue, [NamedExpression(("cohort",), expression)], rules)
