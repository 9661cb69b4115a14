"""What is on record of a theme, in sentences: kind, number and dates, the gravest and latest first.

Kinds, answers and what an indicator tells are in the catalogue's words; the rest is of no field.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from features.catalogue.declarations import Catalogue, FactQuestion
from features.contract.moments import to_datetime
from models.ranking.theme_acts import AgainstVictim, KindOnRecord, ThemeOnRecord
from models.wording.sentences import say

MOST_KINDS: Final = 4
"""Kinds of act that are not serious are named up to so many; the others are counted."""


class ThemeWords:
    """Puts what is on record into words.

    Parameters
    ----------
    catalogue
        What kinds are called.
    time_zone
        In which days are told, an IANA name.
    """

    def __init__(self, catalogue: Catalogue, time_zone: str) -> None:
        self._catalogue = catalogue
        self._zone = time_zone

    def describe(self, on_record: ThemeOnRecord, answers: Sequence[str]) -> tuple[str, ...]:
        """Return what is on record of a theme as sentences, each with its full stop.

        Parameters
        ----------
        on_record
            Its acts and events.
        answers
            Statements of answers and of indicators; they stand after what happened.

        Returns
        -------
        tuple of str
            Empty where nothing is.
        """
        serious, mild = on_record.serious, [one for one in on_record.kinds if one.gravity is None]
        parts = [self._tell_serious(one) for one in serious if one.n]
        # What a person unknown did stands beside the serious where it is serious itself.
        parts += self._tell_unknown(serious)
        parts += self._tell_acts([one for one in mild if one.is_act])
        parts += self._tell_events([one for one in mild if not one.is_act])
        parts += answers
        parts += self._tell_unknown(mild)
        if on_record.against_victim:
            parts.append(self._tell_apart(on_record.against_victim))
        return tuple(f"{first_large(part)}." for part in parts if part)

    def name_kinds(self, kinds: Iterable[KindOnRecord]) -> str:
        """Return what kinds are called, without an article."""
        return join_words([self._bare(one.kind) for one in kinds])

    def name_kind(self, kind: str) -> str:
        """Return what one kind is called, without an article."""
        return self._bare(kind)

    def day(self, us: int) -> str:
        """Return the day of a moment (microseconds UTC) as people write it: 2 November 2026."""
        day = to_datetime(us, self._zone)
        return f"{day.day} {day:%B %Y}"

    def _tell_serious(self, one: KindOnRecord) -> str:
        if one.n > 1:
            return self._tell_many("told", one.kind, one.n, one.n_unverified, one.last_us)
        name = "told_once_unverified" if one.n_unverified else "told_once"
        return say(name, label=self._label(one.kind), day=self.day(one.last_us))

    def _dated(self, kind: str, n: int, last_us: int, n_unverified: int = 0) -> str:
        if n > 1:
            return self._tell_many("dated", kind, n, n_unverified, last_us)
        name = "dated_once_unverified" if n_unverified else "dated_once"
        return say(name, label=self._label(kind), day=self.day(last_us))

    def _tell_many(self, how: str, kind: str, n: int, n_unverified: int, last_us: int) -> str:
        return say(
            f"{how}_often",
            n=f"{n:,}",
            label=self._many(kind),
            day=self.day(last_us),
            doubt=_doubt(n_unverified),
        )

    def _tell_unknown(self, kinds: Sequence[KindOnRecord]) -> Iterator[str]:
        """Yield the acts that are laid to nobody, apart from the subject's."""
        acts = [
            self._dated(one.kind, one.n_unknown, one.last_unknown_us, one.n_unknown_unverified)
            for one in kinds
            if one.n_unknown
        ]
        if acts:
            yield say("not_attributed", acts="; ".join(acts))

    def _tell_events(self, kinds: Sequence[KindOnRecord]) -> Iterator[str]:
        """Yield every event and decision with its date: none of them is "another"."""
        if kinds:
            events = [self._dated(one.kind, one.n, one.last_us, one.n_unverified) for one in kinds]
            yield say("told_events", events="; ".join(events))

    def _tell_acts(self, kinds: Sequence[KindOnRecord]) -> Iterator[str]:
        recent = [(one, one.n_recent, one.n_recent_unverified) for one in kinds if one.n_recent]
        if recent:
            yield self._sum_up(recent, "recent")
            return
        earlier = [(one, one.n, one.n_unverified) for one in kinds if one.n]
        if earlier:
            yield self._sum_up(earlier, "earlier")

    def _sum_up(self, counted: Sequence[tuple[KindOnRecord, int, int]], when: str) -> str:
        """Return acts of one window by kind, the most frequent first, each with its own doubt."""
        latest = max((one for one, _, _ in counted), key=lambda one: one.last_us)
        ordered = sorted(counted, key=lambda entry: -entry[1])
        if len(ordered) == 1 and ordered[0][1] == 1:
            acts = self._dated(latest.kind, 1, latest.last_us, ordered[0][2])
            return say(f"told_one_{when}", acts=acts)
        named = [
            self._count(one.kind, n) + _doubt(n_unverified)
            for one, n, n_unverified in ordered[:MOST_KINDS]
        ]
        further = sum(n for _, n, _ in ordered[MOST_KINDS:])
        if further:
            doubt = _doubt(sum(n_unverified for _, _, n_unverified in ordered[MOST_KINDS:]))
            name = "told_further_one" if further == 1 else "told_further"
            named.append(say(name, n=f"{further:,}", doubt=doubt))
        acts, day = join_words(named), self.day(latest.last_us)
        if len(ordered) == 1:
            return say(f"told_same_{when}", acts=acts, day=day)
        return say(f"told_{when}", acts=acts, day=day, label=self._label(latest.kind))

    def _tell_apart(self, laid: Sequence[AgainstVictim]) -> str:
        acts = join_words([self._dated(one.kind, one.n, one.last_us) for one in laid])
        by = list(dict.fromkeys(name for one in laid for name in one.alleged_by))
        said = say("alleged_by", by=join_words([_plain(one) for one in by])) if by else ""
        return say("laid_to_victim", acts=acts, by=said)

    def _count(self, kind: str, n: int) -> str:
        return self._label(kind) if n == 1 else f"{n:,} {self._many(kind)}"

    def _label(self, kind: str) -> str:
        known = self._catalogue.kinds.get(kind)
        return known.label if known else _plain(kind)

    def _many(self, kind: str) -> str:
        known = self._catalogue.kinds.get(kind)
        # Without a word for several, the number stands before the one word.
        return (known.many if known else "") or f"records of: {self._bare(kind)}"

    def _bare(self, kind: str) -> str:
        return self._label(kind).removeprefix("a ").removeprefix("an ")


def describe_answer(asked: FactQuestion, value: float, day: str, beside: str = "") -> str:
    """Return an answer on record as what was answered then, never as how things are.

    Parameters
    ----------
    asked
        The question and its statements.
    value
        Its value, never NaN.
    day
        When it was recorded, as people write it.
    beside
        What is said of it, from its "; " on.

    Returns
    -------
    str
        Without a full stop; empty for a "no" that the catalogue does not word.
    """
    if value == 1.0 and not asked.said_yes:
        said = say("answered_yes_plainly", question=asked.question, day=day)
    elif value == 1.0:
        said = say("answered_yes", said=asked.said_yes, day=day)
    elif asked.said_no:
        said = say("answered_no", said=asked.said_no, day=day)
    else:
        return ""
    return said + beside


def join_words(words: Sequence[str]) -> str:
    """Return words as a list of people's: one, two and three."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def first_large(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def _doubt(n_unverified: int) -> str:
    return say("some_unverified", n=f"{n_unverified:,}") if n_unverified else ""


def _plain(code: str) -> str:
    return code.replace("_", " ")
