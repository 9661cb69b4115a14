import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from features.errors import CaselightError, ConfigError
from serving.intake import folder_imports as imports
from serving.intake.chunks import Chunk, take_chunk
from serving.intake.folder_imports import import_folder
from serving.intake.progress import Imported, ImportRefusedError, begin_import, list_rejects
from serving.intake.row_lines import (
    MOST_LINE_BYTES,
    LineSplitter,
    RowLine,
    normalise_rows,
    read_line,
)
from serving.settings import Settings
from serving.standing.standings import StandingRules
from serving.store.database import Store
from serving.store.schema import RECORDS, import_rejects
from serving.store.schema import imports as imports_table
from tests.test_serving.sent_rows import (
    CLOCK,
    PERSON,
    Rows,
    count_rows,
    history_of,
    history_of_rows,
    make_case,
    make_event,
    make_fact,
    make_link,
    write_rows,
)

SETTINGS = Settings()
CANARY = "canary-7d1"
ROWS: Rows = {
    "cases": [make_case(f"C{number}") for number in range(7)],
    "events": [
        make_event(f"E{number}", f"C{number % 7}", value=number, narrative="words")
        for number in range(23)
    ],
    "facts": [make_fact(f"F{number}", f"C{number % 7}") for number in range(5)],
    "links": [make_link("L1", "C1", "C2")],
    "people": [
        {"person_id": "P", "case_id": "C1", "role": "victim", "characteristic": "sex", "value": "f"}
    ],
}
N_ROWS = 37


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "unit", ROWS)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(imports, "ROWS_PER_PIECE", 5)
    yield


def run(store: Store, folder: Path, progress: Callable[[str], None] = lambda _: None) -> Imported:
    return import_folder(store, folder, PERSON, SETTINGS, progress)


def counts_of(one: Imported) -> tuple[int, int, int, int, int]:
    return one.rows_done, one.added, one.repeats, one.conflicts, one.rejects


def test_a_folder_comes_in_whole(store: Store, folder: Path) -> None:
    """Every row of a folder is in the store, names its import, and the history is the folder's."""
    done = run(store, folder)
    assert counts_of(done) == (N_ROWS, N_ROWS, 0, 0, 0)
    assert done.rows_total == N_ROWS
    assert done.ended_at_us is not None
    assert history_of(store) == history_of_rows(ROWS)
    with store.reading() as connection:
        for table in RECORDS.values():
            keys = set(connection.execute(select(table.c.import_key)).scalars())
            assert keys == {done.import_key}


def test_a_repeat_of_an_import_changes_nothing(store: Store, folder: Path) -> None:
    """A second import of the same folder is one of repeats, whatever it is."""
    first = run(store, folder)
    before = count_rows(store), history_of(store)
    again = run(store, folder)
    assert again.import_key != first.import_key
    assert counts_of(again) == (N_ROWS, 0, N_ROWS, 0, 0)
    assert (count_rows(store), history_of(store)) == before


class Stop(Exception):
    """Stands for the loss of power."""


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("after", [1, 2, 4, 7])
def test_an_import_that_broke_off_goes_on_where_it_was(
    store: Store, folder: Path, after: int
) -> None:
    """Broken off after any chunk and begun again, an import ends as one that ran through."""
    told: list[str] = []

    def break_off(message: str) -> None:
        told.append(message)
        if len(told) == after:
            raise Stop

    with pytest.raises(Stop):
        run(store, folder, break_off)
    done = run(store, folder)
    assert counts_of(done) == (N_ROWS, N_ROWS, 0, 0, 0)
    assert history_of(store) == history_of_rows(ROWS)
    with store.reading() as connection:
        assert len(connection.execute(select(imports_table)).all()) == 1


@pytest.mark.usefixtures("small_chunks")
def test_a_file_that_breaks_is_told_once_what_came_before_is_stored(
    store: Store, folder: Path
) -> None:
    """All rows before a file that cannot be read are stored, and the import goes on from there."""
    file = folder / "facts.parquet"
    sound = file.read_bytes()

    def spoil(_message: str) -> None:
        file.write_bytes(b"no parquet")

    with pytest.raises(CaselightError):
        run(store, folder, spoil)
    stored = count_rows(store)
    assert (stored["cases"], stored["events"], stored["facts"]) == (7, 23, 0)
    file.write_bytes(sound)
    assert counts_of(run(store, folder)) == (N_ROWS, N_ROWS, 0, 0, 0)
    assert history_of(store) == history_of_rows(ROWS)


@pytest.mark.usefixtures("small_chunks")
def test_two_servers_import_one_folder_at_once(
    store: Store, folder: Path, open_another: Callable[[], Store]
) -> None:
    """Two servers that import one folder at the same time end as one import of it."""
    found: list[Imported] = []
    stores = [store, open_another()]
    threads = [
        threading.Thread(target=lambda one=one: found.append(run(one, folder))) for one in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert count_rows(store) == {name: len(rows) for name, rows in ROWS.items()}
    assert history_of(store) == history_of_rows(ROWS)
    added = {one.import_key: one.added for one in found}
    assert sum(added.values()) == N_ROWS


def test_two_folders_with_the_same_rows_are_one(
    store: Store, tmp_path: Path, open_another: Callable[[], Store]
) -> None:
    """Two servers that import overlapping folders at once store every row once."""
    part = {"cases": ROWS["cases"], "events": ROWS["events"][:9]}
    folders = [write_rows(tmp_path / "one", ROWS), write_rows(tmp_path / "two", part)]
    found: list[Imported] = []
    threads = [
        threading.Thread(target=lambda pair=pair: found.append(run(*pair)))
        for pair in zip((store, open_another()), folders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.added for one in found) == N_ROWS
    assert sum(one.repeats for one in found) == 16
    assert history_of(store) == history_of_rows(ROWS)


def test_rows_that_cannot_be_used_are_kept_and_counted(store: Store, tmp_path: Path) -> None:
    """Conflicts and rejects are told with place and remedy, with what each row held."""
    run(store, write_rows(tmp_path / "one", ROWS))
    more = {
        "cases": [make_case("C1", area="north")],
        "events": [make_event("E1", "nobody"), make_event("E0", "C0", kind="other")],
    }
    done = run(store, write_rows(tmp_path / "two", more))
    assert counts_of(done) == (3, 0, 0, 2, 1)
    with store.reading() as connection:
        told = list_rejects(connection, done.import_key, after=0, limit=10)
    assert [(one.number, one.place, one.row, one.code) for one in told] == [
        (1, "cases.parquet", 1, "conflict"),
        (2, "events.parquet", 1, "unknown_case"),
        (3, "events.parquet", 2, "conflict"),
    ]
    assert told[0].source["area"] == "north"
    assert told[0].case_key is not None
    assert told[1].case_key is None


def test_bad_cells_of_a_file_are_rejects_that_tell_nothing(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    """No error and no progress repeats a cell; the rejects keep it for who may read them."""
    bad = tmp_path / "bad"
    bad.mkdir()
    names = "event_id,case_id,kind,occurred_at,recorded_at,view,value,handling\n"
    rows = [
        f"{CANARY},{CANARY},{CANARY},{CANARY},{CANARY},{CANARY},{CANARY},{CANARY}",
        f"{CANARY},C1,{CANARY},2025-01-01,2027-01-01,recorded,1,unit",
        f"{CANARY},C1",
        f'{CANARY},C1,"{CANARY}',
    ]
    (bad / "events.csv").write_text(names + "\n".join(rows[:3]) + "\n")
    (bad / "cases.csv").write_text(f"case_id,recorded_at\nC1,2025-01-01\n{CANARY},{CANARY}\n")
    (bad / "manifest.json").write_text(
        '{"time_zone": "Europe/London", "extract_at": "2026-02-25", "synthetic": true}'
    )
    told: list[str] = []
    done = run(store, bad, told.append)
    assert counts_of(done) == (5, 1, 0, 0, 4)
    with store.reading() as connection:
        found = connection.execute(select(import_rejects)).all()
    assert CANARY not in " ".join(told)
    for one in found:
        assert CANARY in str(one.source)
        assert CANARY not in f"{one.place}{one.table}{one.column}{one.code}{one.remedy}"
    (bad / "events.csv").write_text(names + rows[3])
    with pytest.raises(CaselightError) as caught:
        run(store, bad)
    assert CANARY not in str(caught.value)


def test_a_row_recorded_in_the_future_is_a_reject(store: Store, tmp_path: Path) -> None:
    """What was recorded later than now cannot have been recorded."""
    place = write_rows(tmp_path / "unit", {"cases": [make_case("A"), make_case("B")]})
    store.clock.now_us = CLOCK.extract_at_us - 500 * 86_400_000_000  # type: ignore[attr-defined]
    done = run(store, place)
    assert counts_of(done) == (2, 0, 0, 0, 2)


def test_invented_and_real_records_do_not_mix(store: Store, tmp_path: Path) -> None:
    """A store for invented records takes no real ones: whoever may see those may not see these."""
    with pytest.raises(ConfigError, match="use another store"):
        run(store, write_rows(tmp_path / "unit", ROWS, synthetic=False))
    assert count_rows(store)["cases"] == 0


def make_chunk(first: int, *lines: str) -> Chunk:
    rows = [read_line(first + at, RowLine(line.encode())) for at, line in enumerate(lines)]
    return Chunk(first, first + len(lines) - 1, normalise_rows(rows, CLOCK))


def take(store: Store, key: str, chunk: Chunk) -> Imported:
    return take_chunk(store, key, chunk, store.read_unit(), StandingRules()).imported


CASE_LINES = tuple(
    f'{{"table": "cases", "row": {{"case_id": "C{number}", "recorded_at": "2025-01-01"}}}}'
    for number in range(6)
)


def test_a_chunk_sent_again_is_passed_over(store: Store) -> None:
    """Rows that an import took are not taken again, not even in part."""
    key = begin_import(store, PERSON, source_digest="d").import_key
    take(store, key, make_chunk(1, *CASE_LINES[:3]))
    assert counts_of(take(store, key, make_chunk(1, *CASE_LINES[:3]))) == (3, 3, 0, 0, 0)
    assert counts_of(take(store, key, make_chunk(2, *CASE_LINES[1:]))) == (6, 6, 0, 0, 0)
    assert count_rows(store)["cases"] == 6


def test_rows_after_a_gap_are_refused(store: Store) -> None:
    """An import takes no rows while some before them are missing."""
    key = begin_import(store, PERSON, source_digest="d").import_key
    with pytest.raises(ImportRefusedError) as caught:
        take(store, key, make_chunk(4, *CASE_LINES[3:]))
    assert caught.value.code == "rows_missing"
    with pytest.raises(ImportRefusedError) as caught:
        take(store, "nobody".ljust(24, "-"), make_chunk(1, *CASE_LINES))
    assert caught.value.code == "no_import"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "not_a_row"),
        (b"[1, 2]", "not_a_row"),
        (b'{"table": "events"}', "not_a_row"),
        (b'{"table": "events", "row": 1}', "not_a_row"),
        (b'{"table": "events", "row": {"value": NaN}}', "not_a_row"),
        (b'{"table": "events", "row": {"kind": "a", "kind": "b"}}', "not_a_row"),
        (b"[" * 100_000, "not_a_row"),
        (b'{"table": "thing", "row": {}}', "unknown_table"),
        (b'{"table": ["events"], "row": {}}', "unknown_table"),
        (b'{"table": "events", "row": {"canary-7d1": 1}}', "unknown_column"),
        (b'{"table": "events", "row": {"kind": ["canary-7d1"]}}', "not_text"),
        (b'{"table": "events", "row": {"kind": "canary-7d1\\ud800"}}', "encoding"),
        (b'{"table": "events", "row": {"kind": "canary-7d1\\u0000"}}', "encoding"),
        (b"\xff\xfe", "encoding"),
        (b"x" * (MOST_LINE_BYTES + 1), "line_too_long"),
    ],
)
def test_any_line_is_a_row_or_a_reject(store: Store, line: bytes, code: str) -> None:
    """Whatever a line holds, the import goes on, and the line is kept with code and remedy."""
    splitter = LineSplitter()
    lines = [*splitter.feed(line), *splitter.feed(b"\n" + CASE_LINES[0].encode()), *splitter.end()]
    rows = [read_line(number, one) for number, one in enumerate(lines, 1)]
    key = begin_import(store, PERSON, source_digest="d").import_key
    done = take(store, key, Chunk(1, 2, normalise_rows(rows, CLOCK)))
    assert counts_of(done) == (2, 1, 0, 0, 1)
    with store.reading() as connection:
        (told,) = connection.execute(select(import_rejects)).all()
    assert (told.row, told.code) == (1, code)
    assert told.remedy
    assert CANARY not in f"{told.table}{told.column}{told.remedy}"
    assert told.source


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_lines_are_the_same_however_the_bytes_come(size: int) -> None:
    """A stream cut anywhere holds the same lines, the last one with or without its end."""
    text = b'{"a": 1}\n\n  \n{"b": "\xc3\xa9"}\r\nlast'
    splitter = LineSplitter()
    lines = [
        line for at in range(0, len(text), size) for line in splitter.feed(text[at : at + size])
    ]
    lines += splitter.end()
    assert [line.content.strip() for line in lines] == [b'{"a": 1}', b'{"b": "\xc3\xa9"}', b"last"]
