"""The example unit's weeks: every state is there, nothing is known early, and all of it holds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table, func, select

from features.contract.manifest import read_manifest
from features.contract.moments import format_moment
from serving.access.case_sight import find_sight
from serving.app import open_service
from serving.decisions.corrections import read_open_corrections
from serving.explanations.replaying import replay_score
from serving.explanations.stored_scores import read_score
from serving.flags.duty import read_queue
from serving.flags.first_reads import read_unread
from serving.lists.listed import read_rows
from serving.lists.sittings import current_sitting, list_sittings
from serving.oversight.audit_verification import list_problems, verify_store
from serving.service import Service
from serving.settings import make_settings
from serving.standing.standings import check_standings
from serving.store import schema
from serving.store.database import open_store
from serving.store.row_text import Clockface
from serving.store.upgrading import upgrade
from synthetic.demo.cuts import Records, read_records
from synthetic.demo.five_weeks import find_now, live_through
from synthetic.demo.people import DETECTIVE, DUTY
from synthetic.demo.weeks import SITTINGS, Weeks
from synthetic.simulator import simulate_unit

CASES = 600
SEED = 10  # three cases of it have an urgent flag on the last day
PLACES = 15


@dataclass(frozen=True)
class Example:
    """A small example unit whose weeks were lived through."""

    service: Service
    records: Records
    weeks: Weeks
    folder: Path

    @property
    def now_us(self) -> int:
        """When the visitor's time begins."""
        return find_now(self.weeks)


@pytest.fixture(scope="module")
def example(small_unit: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return an example unit; the store is read and not changed."""
    place = tmp_path_factory.mktemp("example")
    simulate_unit(CASES, SEED, place / "unit", progress=lambda message: None)
    records = read_records(place / "unit")
    weeks = Weeks.until(records.manifest.extract_at_us, records.manifest.time_zone)
    service = _open(place / "unit.db", small_unit.bundle, weeks)
    live_through(service, records, place / "weeks", lambda message: None)
    yield Example(service, records, weeks, place / "weeks")
    service.need_store().close()


def _open(path: Path, bundle: Path, weeks: Weeks) -> Service:
    made = open_store(f"sqlite:///{path}")
    upgrade(made, time_zone=weeks.time_zone, synthetic=True)
    made.close()
    return open_service(
        make_settings(
            bundle=bundle,
            database_url=f"sqlite:///{path}",
            now=format_moment(weeks.begins_us, weeks.time_zone),
            capacity=PLACES,
        )
    )


def test_every_state_of_a_case_is_there(example: Example) -> None:
    """Cases wait, are taken on, came back, are closed by people, and one is sealed."""
    with example.service.need_store().reading() as connection:
        states = set(connection.execute(select(schema.standings.c.state)).scalars())
        closed = select(func.count()).where(schema.decisions.c.owner.is_(None))
        assert connection.execute(closed).scalar_one() > 0
        assert len(find_sight(connection, DETECTIVE).named) == 1
        assert len(find_sight(connection, DUTY).hidden) == 1
    assert {"awaiting", "managed", "returned", "closed", "sealed:managed"} <= states


def test_todays_sitting_can_be_gone_on_with(example: Example) -> None:
    """Some cases are decided and most are not; some are new, and a blind one waits for a view."""
    service = example.service
    with service.need_store().reading() as connection:
        sittings = list_sittings(connection, 20)
        rows = read_rows(connection, sittings[0], service.need_unit())
        assert len(sittings) == SITTINGS
    assert sittings[0].opened_at_us <= example.now_us
    decided = [row for row in rows if row.decided]
    assert 0 < len(decided) < len(rows) / 2
    assert any(row.new_since_last for row in rows)
    assert any(row.withheld for row in rows)
    assert not any(row.withheld for row in decided)


def test_people_disagree_are_late_and_doubt(example: Example) -> None:
    """An agency dissents, a score and a reason are not agreed with, a flag and a first read are
    overdue, another flag was seen late, and somebody says that a record is wrong.
    """
    service = example.service
    decisions, seen, raised = schema.decisions, schema.acknowledgements, schema.flag_raisings
    with service.need_store().reading() as connection:

        def count(table: Table, *where: Any) -> int:
            query = select(func.count()).select_from(table).where(*where)
            return int(connection.execute(query).scalar_one())

        assert count(schema.agency_views, schema.agency_views.c.stance == "dissent") > 0
        assert count(decisions, decisions.c.agrees_with_score.is_(False)) > 0
        assert count(decisions, decisions.c.agrees_with_score.is_(True)) > 0
        assert count(schema.decision_reasons, schema.decision_reasons.c.agrees.is_(False)) > 0
        late = raised.join(seen, seen.c.raising_key == raised.c.raising_key)
        assert count(late, seen.c.acknowledged_at_us > raised.c.due_at_us) > 0
        assert read_queue(connection, example.now_us, {}, Clockface("UTC")).n_overdue > 0
        assert read_unread(connection, example.now_us, Clockface("UTC")).n_overdue > 0
        assert (
            len(
                read_open_corrections(
                    connection, service.need_unit(), example.now_us, size=5
                ).corrections
            )
            == 1
        )


def test_nothing_is_known_before_it_was_recorded(example: Example) -> None:
    """Each part holds what was recorded since the part before and before its own import, and the
    store has no record that is younger than the import that brought it.
    """
    parts = sorted(example.folder.iterdir())
    ends = [read_manifest(part).extract_at_us for part in parts]
    assert ends == sorted(set(ends))
    for before_us, part in zip([None, *ends], parts, strict=False):
        for name in ("cases", "events", "facts"):
            moments = pq.read_table(part / f"{name}.parquet")["recorded_at"].cast("int64")
            if len(moments):
                assert pc.max(moments).as_py() < read_manifest(part).extract_at_us
                assert before_us is None or pc.min(moments).as_py() >= before_us
    with example.service.need_store().reading() as connection:
        for table in (schema.cases, schema.events, schema.facts):
            query = (
                select(func.count())
                .select_from(table)
                .join(schema.imports, schema.imports.c.import_key == table.c.import_key)
                .where(table.c.recorded_at >= schema.imports.c.begun_at_us)
            )
            assert connection.execute(query).scalar_one() == 0


def test_everybody_in_it_is_invented_and_the_books_are_whole(example: Example) -> None:
    """Whoever did something is called SYN and a role; both audit books and all standings hold."""
    store = example.service.need_store()
    with store.reading() as connection:
        for table in schema.metadata.sorted_tables:
            if "person" in table.c and table.name not in ("promotions",):
                names = set(connection.execute(select(table.c.person).distinct()).scalars())
                assert all(re.fullmatch(r"SYN [A-Z][A-Za-z ]+|Caselight", one) for one in names)
        assert check_standings(connection, now_us=example.now_us) == []
    assert list_problems(verify_store(store)) == []


def test_a_shown_score_comes_out_again(example: Example) -> None:
    """Scores of the first sitting and of today's are computed again, to the last bit."""
    service = example.service
    bundle, unit = service.need_bundle(), service.need_unit()
    with service.need_store().reading() as connection:
        for sitting in (list_sittings(connection, 20)[-1], current_sitting(connection)):
            shown = select(schema.list_places.c.score_key).where(
                schema.list_places.c.sitting_key == sitting.key
            )
            for key in list(connection.execute(shown).scalars())[:2]:
                score = read_score(connection, key)
                assert score is not None
                assert replay_score(connection, bundle, score, unit).verdict == "equal"


def test_the_same_unit_begins_the_same(
    example: Example, small_unit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people decide before the first lot is drawn follows from the records and the seed."""
    monkeypatch.setattr("synthetic.demo.five_weeks.SITTINGS", 1)
    monkeypatch.setattr("synthetic.demo.five_weeks._begin_today", lambda example: None)
    again = _open(tmp_path / "unit.db", small_unit.bundle, example.weeks)
    live_through(again, example.records, tmp_path / "weeks", lambda message: None)
    told = _describe_decisions(again)
    again.need_store().close()
    assert told
    assert told == _describe_decisions(example.service)[: len(told)]


def _describe_decisions(service: Service) -> list[tuple[Any, ...]]:
    decisions, keys = schema.decisions.c, schema.case_keys.c
    query = (
        select(
            keys.case_id,
            decisions.decided_at_us,
            decisions.person,
            decisions.owner,
            decisions.review_on,
            decisions.routes,
            decisions.note,
        )
        .join(schema.case_keys, keys.case_key == decisions.case_key)
        .order_by(decisions.stored_seq)
    )
    with service.need_store().reading() as connection:
        return [tuple(row) for row in connection.execute(query)]
