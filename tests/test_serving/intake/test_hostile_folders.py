"""A hostile contract folder is refused in words, and the store is as it was before it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import CaselightError
from serving.intake.folder_imports import import_folder
from serving.settings import Settings
from serving.store.database import Store
from tests.test_serving.sent_rows import PERSON, count_rows, make_case, make_event, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a good folder whose manifest vouches for no file, as an attacker writes it."""
    rows = {"cases": [make_case("A")], "events": [make_event("E", "A")]}
    made = write_rows(tmp_path / "unit", rows)
    told = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    told.pop("tables")
    (made / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    return made


def bring_in(store: Store, folder: Path) -> None:
    """Import a folder as the command line does."""
    import_folder(store, folder, PERSON, Settings(), lambda message: None)


def test_the_folder_is_good_before_it_is_spoilt(store: Store, folder: Path) -> None:
    """Without the attack its rows are in the store."""
    bring_in(store, folder)
    assert count_rows(store)["events"] == 1


@pytest.mark.parametrize("how", ["cut", "empty", "other", "lists", "records", "footer"])
def test_a_spoilt_file_brings_in_nothing_of_itself(store: Store, folder: Path, how: str) -> None:
    """A broken, foreign or nested table of events is one clear error, and no event is stored."""
    path = folder / "events.parquet"
    good = path.read_bytes()
    nested = {"lists": [["E"]], "records": [{"a": "E"}]}
    if how in nested:
        pq.write_table(pa.table({"event_id": nested[how]}), path)
    else:
        endless = good[:-8] + (2**31 - 1).to_bytes(4, "little") + good[-4:]
        spoilt = {"cut": good[:-9], "empty": b"", "other": b"PK\x03\x04", "footer": endless}
        path.write_bytes(spoilt[how])
    with pytest.raises(CaselightError) as caught:
        bring_in(store, folder)
    assert str(folder) not in str(caught.value)
    assert count_rows(store)["events"] == 0
