"""The example unit's people at work: each step is one of the service's own, under a name."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from features.contract.moments import to_datetime
from serving.access.overseers import NOBODY
from serving.api.second_person_acts import carry_out_with
from serving.confirmations.records import Confirmation
from serving.confirmations.settling import SettlementDraft, settle
from serving.decisions.case_versions import read_version
from serving.decisions.deciding import DecisionRequest as Deciding
from serving.decisions.decision_confirmation import decide_or_ask
from serving.decisions.drafts import DecisionIn
from serving.flags.flags import standing_flags
from serving.intake.folder_imports import import_folder
from serving.lists.sitting_opening import make_terms, open_sitting
from serving.lists.sittings import Sitting
from serving.persons import Person
from serving.scoring.stored_advice import advise_scores
from serving.service import Service
from serving.standing.standings import StandingRules, make_rules
from serving.store.current_act import Act, Operation, acting
from serving.store.database import Store, Unit, Writing
from serving.store.histories import read_head
from serving.store.schema import decisions
from serving.worker.worker import work_once
from synthetic.demo import words
from synthetic.demo.people import IMPORTER, TEAM
from synthetic.demo.plans import DemoChance, DemoPlan, Judged
from synthetic.demo.seen_cases import SeenCase, read_cases
from synthetic.demo.weeks import FRIDAY, StagedClock

ROUTE = "caselight demo"
"""What the audit log calls every act of the example."""


@dataclass(frozen=True)
class Team:
    """People, the service they work with, and what time it is for them.

    Parameters
    ----------
    service
        The service; its store reads ``clock``.
    clock
        The time, which the team's work moves on.
    chance
        Where chance comes from.
    """

    service: Service
    clock: StagedClock
    chance: DemoChance

    @classmethod
    def at(cls, service: Service, now_us: int, seed: int) -> "Team":
        """Return a team for whom it is ``now_us``, microseconds UTC."""
        clock = StagedClock(now_us)
        store = replace(service.need_store(), clock=clock)
        return cls(replace(service, store=store), clock, DemoChance(seed))

    @property
    def store(self) -> Store:
        """The store, which lives by the team's clock."""
        return self.service.need_store()

    @property
    def unit(self) -> Unit:
        """What holds for the whole store."""
        return self.service.need_unit()

    @property
    def rules(self) -> StandingRules:
        """What standings rest on."""
        return make_rules(self.service.settings)

    def take_in(self, folder: Path) -> None:
        """Import a folder, and let the service do what is due: scores, flags, reviews."""
        with acting(Act(IMPORTER, "collection", ROUTE)):
            import_folder(self.store, folder, IMPORTER, self.service.settings, _say_nothing)
        self.clock.pass_minutes(3)
        work_once(self.service)
        self.clock.pass_minutes(2)

    def open_list(self, person: Person) -> Sitting:
        """Open a sitting."""
        bundle = self.service.need_bundle()
        terms = make_terms(self.service.settings, "model")
        with acting(Act(person, "alteration", ROUTE)):
            opened = open_sitting(self.store, self.unit, terms, person, bundle, advise_scores)
        return opened.sitting

    def look(self, person: Person, *keys: str) -> None:
        """Look at a case, or at a list of several."""
        with self._doing(person, "consultation", keys[0] if len(keys) == 1 else None):
            self.store.look(cases=keys if len(keys) > 1 else ())

    @contextmanager
    def writing(self, person: Person, key: str | None = None) -> Iterator[Writing]:
        """Open a transaction in which a person changes something, about one case where named."""
        with self._doing(person, "alteration", key), self.store.writing() as writing:
            yield writing

    def read_cases(self, keys: list[str] | None = None) -> list[SeenCase]:
        """Return open cases as the team sees them now, by their identifier."""
        with self.store.reading() as connection:
            return read_cases(connection, self.clock(), keys)

    def decide(
        self,
        case: SeenCase,
        plan: DemoPlan,
        judged: Judged = Judged(),  # noqa: B008  # frozen, and without state
        sitting: Sitting | None = None,
    ) -> str:
        """Look at a case and decide on it; every flag that stands is dealt with.

        Returns
        -------
        str
            The decision's key.
        """
        self.look(plan.person, case.key)
        self.clock.pass_minutes(2)
        draft, version = self._draft(case.key, plan, judged, sitting)
        with self.writing(plan.person, case.key) as writing:
            act = Deciding(case.key, plan.person, draft, version)
            decided = decide_or_ask(writing, act, self.unit, self.rules)
        if isinstance(decided, Confirmation):
            return self._confirm(decided)
        return decided.decision_key

    def _confirm(self, asked: Confirmation) -> str:
        """Let somebody of another agency confirm a decision; return the decision's key."""
        case_key = asked.cases[0]
        second = next(one for one in TEAM if one.agency != asked.person.agency)
        self.look(second, case_key)
        self.clock.pass_minutes(1)
        with self.writing(second, case_key) as writing:
            said = SettlementDraft("confirmed", words.CONFIRMED)
            acts = carry_out_with(self.service)
            settle(writing, asked.key, second, said, overseers=NOBODY, acts=acts)
            query = select(decisions.c.decision_key).where(decisions.c.case_key == case_key)
            latest = query.order_by(decisions.c.version.desc()).limit(1)
            return str(writing.connection.execute(latest).scalar_one())

    def _draft(
        self, key: str, plan: DemoPlan, judged: Judged, sitting: Sitting | None
    ) -> tuple[DecisionIn, int]:
        with self.store.reading() as connection:
            seen_seq, version = read_head(connection), read_version(connection, key)
            flags = standing_flags(connection, [key]).get(key, [])
        is_urgent = any(flag.urgent for flag in flags)
        content: dict[str, Any] = {
            "ways": plan.ways,
            "owner": plan.owner,
            "review_on": self._name_day(plan.review_days),
            "agrees_with_score": judged.agrees,
            "reasons": judged.reasons,
            "discharges": [
                {"flag": flag.flag, "record_id": record.record_id}
                for flag in flags
                for record in flag.records
            ],
            "note": judged.note or plan.note or (words.FLAG_DEALT_WITH if is_urgent else None),
            "score_key": judged.score_key,
            "seen_seq": seen_seq,
            "sitting_key": None if sitting is None else sitting.key,
        }
        return DecisionIn.model_validate(content), version

    def _name_day(self, in_days: int | None) -> str | None:
        """Return the date some days from now, a Monday where it would be at a weekend."""
        if in_days is None:
            return None
        today = to_datetime(self.clock(), self.unit.time_zone).date()
        day = today + dt.timedelta(days=in_days)
        over = 7 - day.weekday() if day.weekday() > FRIDAY else 0
        return (day + dt.timedelta(days=over)).isoformat()

    @contextmanager
    def _doing(self, person: Person, operation: Operation, key: str | None) -> Iterator[None]:
        with acting(Act(person, operation, ROUTE, case_key=key)):
            yield


def _say_nothing(_: str) -> None:
    """Ignore how far an import is: the example says which week it is."""
