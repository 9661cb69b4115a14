"""What is on record of a theme, in sentences: kind, number and dates, the gravest and latest first.

Kinds, answers and what an indicator tells are in the catalogue's words; the rest is of no field.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from features.catalogue.declarations import Catalogue
from features.contract.moments import to_datetime
from models.ranking.theme_acts import AgainstVictim, KindOnRecord, ThemeOnRecord
from models.wording.sentences import say

MOST_KINDS: Final = 4
"""Kinds that are not serious are named up to so many; the others are counted."""


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
        mild = [one for one in on_record.kinds if one.gravity is None]
        parts = [part for one in on_record.serious for part in self._tell_serious(one)]
        parts += self._tell_mild(mild)
        parts += answers
        parts += self._tell_doubt(on_record.kinds, mild)
        if on_record.against_victim:
            parts.append(self._tell_apart(on_record.against_victim))
        return tuple(f"{_first_large(part)}." for part in parts if part)

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

    def _tell_serious(self, one: KindOnRecord) -> Iterator[str]:
        if one.n:
            yield self._dated(one.kind, one.n, one.last_us)
        if one.n_unknown:
            acts = self._dated(one.kind, one.n_unknown, one.last_unknown_us)
            yield say("by_person_unknown", acts=acts)

    def _dated(self, kind: str, n: int, last_us: int) -> str:
        if n == 1:
            return say("told_once", label=self._label(kind), day=self.day(last_us))
        return say("told_often", n=f"{n:,}", label=self._many(kind), day=self.day(last_us))

    def _tell_mild(self, kinds: Sequence[KindOnRecord]) -> Iterator[str]:
        recent = [one for one in kinds if one.n_recent]
        if recent:
            yield self._sum_up(recent, [one.n_recent for one in recent], "recent")
            return
        earlier = [one for one in kinds if one.n]
        if earlier:
            yield self._sum_up(earlier, [one.n for one in earlier], "earlier")

    def _sum_up(self, kinds: Sequence[KindOnRecord], numbers: Sequence[int], when: str) -> str:
        counted = sorted(zip(kinds, numbers, strict=True), key=lambda pair: -pair[1])
        acts = [self._count(one.kind, n) for one, n in counted[:MOST_KINDS]]
        further = sum(n for _, n in counted[MOST_KINDS:])
        if further:
            acts.append(
                say("told_further_one") if further == 1 else say("told_further", n=f"{further:,}")
            )
        latest = max(kinds, key=lambda one: one.last_us)
        day = self.day(latest.last_us)
        if sum(numbers) == 1:
            return say(f"told_one_{when}", acts=self._label(latest.kind), day=day)
        if len(kinds) == 1:
            return say(f"told_same_{when}", acts=join_words(acts), day=day)
        label = self._label(latest.kind)
        return say(f"told_{when}", acts=join_words(acts), day=day, label=label)

    def _tell_doubt(
        self, kinds: Sequence[KindOnRecord], mild: Sequence[KindOnRecord]
    ) -> Iterator[str]:
        unverified = sum(one.n_unverified for one in kinds)
        # Of serious kinds it is told where they are.
        unknown = sum(one.n_unknown for one in mild)
        if unverified:
            yield say("not_verified", n=f"{unverified:,}")
        if unknown:
            yield say("person_unknown", n=f"{unknown:,}")

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


def describe_answer(
    catalogue: Catalogue, fact: str, value: float, day: str, *, is_contradicted: bool = False
) -> str:
    """Return an answer on record as a statement with the day it was recorded.

    Parameters
    ----------
    catalogue
        The question and its statements.
    fact
        Name of the fact.
    value
        Its value, never NaN.
    day
        When it was recorded, as people write it.
    is_contradicted
        Whether a record says yes where the answer is no.

    Returns
    -------
    str
        Without a full stop; empty for a "no" that the catalogue does not word.
    """
    asked = catalogue.facts[fact]
    is_yes = value == 1.0
    said = asked.said_yes if is_yes else asked.said_no
    if not said and not is_yes:
        return ""
    against = say("against_record") if is_contradicted and not is_yes else ""
    return say("answered", said=said or f"{asked.question} yes", day=day, against=against)


def join_words(words: Sequence[str]) -> str:
    """Return words as a list of people's: one, two and three."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(code: str) -> str:
    return code.replace("_", " ")
