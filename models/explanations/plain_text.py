"""One case's reasons as plain text: for the command line, the documents and golden files.

What could change a score is for the screen alone and is never part of this text.
"""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

from features.catalogue.declarations import Catalogue
from features.contract.moments import format_moment
from models.explanations.facade import CaseExplanation
from models.explanations.incidents import IncidentReasons
from models.explanations.movement import Movement
from models.ranking.advice import Reason, ThemeReason
from models.ranking.questions import NOT_ASKED
from models.ranking.themes import describe_role
from models.wording.sentences import describe_estimate, describe_push, say

WIDTH: Final = 100
MOST_KEYS: Final = 6
"""More keys than this are counted; all of them are in the explanation itself."""


def render_case(explanation: CaseExplanation, catalogue: Catalogue, time_zone: str) -> str:
    """Return one case's reasons as text, ending in a line break.

    Parameters
    ----------
    explanation
        From :func:`models.explanations.facade.explain_case`.
    catalogue
        The bundle's; its wording says what the text may be used for.
    time_zone
        In which moments are shown.

    Returns
    -------
    str
        Plain text for a terminal.
    """
    advice = explanation.advice
    moment = format_moment(advice.as_of_us, time_zone)
    parts = [
        [say("title", case=advice.case_id, moment=moment)],
        _wrap(catalogue.wording["advisory"], ""),
        _wrap(catalogue.wording["estimate"], ""),
    ]
    if advice.n_ranked > 1:
        parts[0].append(say("place", rank=advice.rank, n_ranked=advice.n_ranked))
    parts += [
        _section(say("heading_estimates"), _estimates(explanation)),
        _section(say("heading_flags"), _flags(explanation)),
        *_reasons(explanation),
        *(_incidents(one) for one in explanation.incidents[:1]),
        _section(say("heading_unknown"), _unknowns(explanation)),
        _section(say("heading_file"), _file(explanation)),
    ]
    for movement in explanation.movement[:1]:
        parts.append(_section(say("heading_movement"), _movement(movement)))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    """Return a heading and its lines; nothing where there are none."""
    body = [wrapped for line in lines for wrapped in _wrap(line, "  ")]
    return [heading, *body] if body else []


def _wrap(text: str, indent: str) -> list[str]:
    own = len(text) - len(text.lstrip(" "))
    lead = indent + " " * own
    return textwrap.wrap(
        text.strip(), WIDTH, initial_indent=lead, subsequent_indent=lead + "  " * bool(indent)
    )


def _signed(share: float) -> str:
    """Return a share with its sign; what shows as nothing has none to show."""
    # Adding 0 makes 0 of minus 0.
    return f"{round(share, 2) + 0.0:+.2f}"


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _estimates(explanation: CaseExplanation) -> list[str]:
    advice = explanation.advice
    without = [
        f"{_first_large(one)}: {say('no_estimate')} {share}".rstrip()
        for one, share in zip_longest(advice.without_estimate, advice.sourced_shares, fillvalue="")
    ]
    return without + [
        f"{_first_large(estimate.label)}: {_first_small(describe_estimate(estimate))}."
        for estimate in explanation.advice.estimates
    ]


def _first_small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _flags(explanation: CaseExplanation) -> list[str]:
    lines = []
    for flag in explanation.advice.flags:
        said = say("urgent", said=flag.wording) if flag.urgent else flag.wording
        lines += [_first_large(said), *_keys(flag.records)]
    return lines


def _reasons(explanation: CaseExplanation) -> list[list[str]]:
    advice = explanation.advice
    labels = {estimate.outcome: estimate.label for estimate in advice.estimates}
    themes = _section(say("heading_themes"), _themes(advice.themes))
    if advice.leading_outcome not in labels:
        return [themes, [say("no_estimate")], [say("no_reasons")]]
    heading = say("heading_reasons", label=f'"{labels[advice.leading_outcome]}"')
    lines = [
        line for reason in (*advice.reasons, *advice.counter_reasons) for line in _reason(reason)
    ]
    ordered = sorted(advice.themes, key=lambda theme: -abs(theme.contribution))
    families = [
        f"{theme.label}: {describe_push(theme.contribution)} ({_signed(theme.contribution)})"
        for theme in ordered
        if abs(theme.contribution) >= _LEAST_SHOWN
    ]
    return [themes, _section(heading, lines), _section(say("heading_families"), families)]


_LEAST_SHOWN: Final = 0.005
"""Log-odds; less shows as nothing at two decimals."""


def _themes(themes: Sequence[ThemeReason]) -> list[str]:
    """Return the themes that are told, each with what it is to the score and its records."""
    lines = []
    for theme in themes:
        if theme.role == "none":
            continue
        parts = [f"{theme.label}. {theme.sentence}", *theme.notes, describe_role(theme)]
        lines += [" ".join(part for part in parts if part), *_keys(theme.records)]
    return lines


def _reason(reason: Reason) -> list[str]:
    push = describe_push(reason.contribution)
    lines = [f"{_first_large(reason.sentence)}. It {push} ({_signed(reason.contribution)})"]
    if reason.usual:
        lines.append(f"  {reason.usual}")
    return [*lines, *_keys(reason.records)]


def _keys(records: Sequence[str]) -> list[str]:
    if not records:
        return []
    keys = ", ".join(records[:MOST_KEYS])
    if len(records) > MOST_KEYS:
        keys = say("more_records", keys=keys, count=len(records) - MOST_KEYS)
    return [f"  {say('records', keys=keys)}"]


def _incidents(reasons: IncidentReasons) -> list[str]:
    if not reasons.n_units:
        return _section(say("heading_incidents"), [f"{reasons.sentence}."])
    lines = [f"{reasons.sentence}{':' if reasons.rests_on else '.'}"]
    for one in reasons.shown:
        if one.rests_on:
            lines += [f"  {_first_large(one.unit.sentence)} ({_signed(one.share)})"]
            lines += [f"  {line}" for line in _keys(one.unit.records)]
    further = sum(one.share for one in reasons.shown if not one.rests_on) + reasons.others
    lines += [
        f"  {_first_large(say('other_incidents'))} ({_signed(further)})",
        f"  {_first_large(say('pattern'))} ({_signed(reasons.pattern)})",
    ]
    return _section(say("heading_incidents"), lines)


def _unknowns(explanation: CaseExplanation) -> list[str]:
    leading, asked_of = explanation.advice.leading_outcome, explanation.advice.questions
    first = {one.question for one in asked_of if one.state == NOT_ASKED}
    lines = [one.sentence for one in asked_of if one.state != NOT_ASKED]
    for question in explanation.questions:
        said = question.sentence
        is_first = any(said == say("no_answer", question=one) for one in first)
        lines.append(say("ask_first", said=said) if is_first else said)
        lines += [f"  {one.sentence}" for one in question.ranges if one.outcome == leading]
    asked = {question.sentence for question in explanation.questions}
    lines += [one.sentence for one in explanation.advice.unknowns if one.sentence not in asked]
    return [line if line.startswith(" ") else _first_large(line) for line in lines]


def _file(explanation: CaseExplanation) -> list[str]:
    report = explanation.file
    return [
        *(_first_large(sentence) for sentence in report.sentences),
        *(f"  {_first_large(one.sentence)}" for one in report.unusual),
    ]


def _movement(movement: Movement) -> list[str]:
    lines = [f"{_first_large(movement.sentence)}."]
    for share in movement.shares:
        lines += [f"{_first_large(share.sentence)} ({_signed(share.share)})", *_keys(share.records)]
    return lines
