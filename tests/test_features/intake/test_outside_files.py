"""Files from outside: links that leave their folder are refused, and nothing unpacks past its
bound; memory stays flat, measured in a process of its own.
"""

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from caselight.__main__ import run
from features.catalogue.file import load_catalogue
from features.contract.manifest import Manifest, read_manifest
from features.contract.rejects import make_rejects, write_rejects
from features.errors import ArtefactError, ConfigError, DataContractError
from features.intake.contract_folder import read_folder, write_folder
from features.intake.exports import import_source
from features.intake.files import find_layout, read_pieces
from features.intake.mapping import load_mapping
from features.intake.parquet_pages import find_parquet_bounds
from features.intake.unpacking import BYTES_VARIABLE, TIMES_VARIABLE, UnpackingBounds
from models.bundle.folder import load_bundle

MEBIBYTE = 1024 * 1024
MOST_MEBIBYTES = 700
"""Of a whole process; Python with Arrow and openpyxl alone takes about 200."""
MEASURE = """
import resource, sys
from pathlib import Path
from features.errors import DataContractError
from features.intake.files import read_pieces
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
try:
    for piece in read_pieces(Path(sys.argv[1])):
        pass
    print("read")
except DataContractError as error:
    print(error)
"""
MANIFEST = {"time_zone": "Europe/London", "extract_at": "2026-01-01"}
CASES = "case_id,recorded_at\nA,2025-01-01\n"
MAPPING = """\
version: 1
time_zone: Europe/London
extract_at: "2025-12-31"
sources:
  - file: cases.csv
    records:
      - table: cases
        fields:
          case_id: case_id
          recorded_at: recorded_at
"""


def make_long_dictionary(path: Path) -> None:
    """One text of 27,000 letters, named by 100,000 rows: 2.7 GB once it is written out."""
    text = pa.array(["x" * 27_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), text)
    pq.write_table(pa.table({"case_id": column}), path, compression="zstd", store_schema=False)


def make_long_page(path: Path) -> None:
    """One page of 150 MB."""
    table = pa.table({"case_id": pa.array(["x" * 150_000_000])})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)


def make_many_rows(path: Path) -> None:
    """Forty million rows of nothing."""
    table = pa.table({name: pa.nulls(40_000_000, pa.string()) for name in ("case_id", "kind")})
    pq.write_table(table, path, compression="zstd", row_group_size=40_000_000)


def make_packed(head: bytes, part: bytes, times: int) -> Callable[[Path], None]:
    """Return what writes a gzip file of a part again and again."""

    def make(path: Path) -> None:
        with gzip.open(path, "wb", compresslevel=9) as opened:
            opened.write(head)
            for _ in range(times):
                opened.write(part)

    return make


def make_workbook(name: str, part: bytes, times: int) -> Callable[[Path], None]:
    """Return what writes a workbook of which one part is long."""

    def make(path: Path) -> None:
        book = openpyxl.Workbook()
        book.active.append(["case_id", "kind"])
        plain = path.with_name("plain.xlsx")
        book.save(plain)
        with (
            zipfile.ZipFile(plain) as source,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out,
        ):
            for one in source.namelist():
                content = source.read(one)
                if one != name:
                    out.writestr(one, content)
                    continue
                head, mark, tail = content.rpartition(b"</")
                with out.open(one, "w") as opened:
                    opened.write(head)
                    for _ in range(times):
                        opened.write(part)
                    opened.write(mark + tail)
        plain.unlink()

    return make


ATTACKS = {
    "rows.csv.gz": make_packed(b"case_id,kind\n", b"a,b\n" * MEBIBYTE, 60),
    "line.csv.gz": make_packed(b"case_id,kind\n", b"a" * MEBIBYTE, 500),
    "rows.jsonl.gz": make_packed(b"", b'{"case_id":1}\n' * MEBIBYTE, 20),
    "line.jsonl.gz": make_packed(b'{"case_id":"', b"a" * MEBIBYTE, 60),
    "array.jsonl": lambda path: path.write_bytes(b'{"a":[' + b"10," * 7_000_000 + b"1]}\n"),
    "wide.jsonl": lambda path: path.write_bytes(
        json.dumps({f"f{number}": 1 for number in range(9_000)}).encode()
        + b"\n"
        + b'{"f1":1}\n' * 4_000
    ),
    "dictionary.parquet": make_long_dictionary,
    "page.parquet": make_long_page,
    "rows.parquet": make_many_rows,
    "sheet.xlsx": make_workbook(
        "xl/worksheets/sheet1.xml", b"<!-- " + b" " * MEBIBYTE + b" -->", 200
    ),
    "styles.xlsx": make_workbook("xl/styles.xml", b"<xf/>" * 200_000, 40),
}
READABLE = {"wide.jsonl"}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_small_file_takes_the_memory(name: str, tmp_path: Path) -> None:
    """Each attack, in a process that may take little: one clear error, or rows piece by piece."""
    path = tmp_path / name
    ATTACKS[name](path)
    assert path.stat().st_size < 24 * MEBIBYTE
    command = [sys.executable, "-c", MEASURE, str(path), str(MOST_MEBIBYTES * MEBIBYTE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    if name in READABLE:
        assert done.stdout.strip() == "read"
    else:
        assert done.stdout.startswith(f"{name}: ")
        assert "MemoryError" not in done.stdout


def test_a_footer_that_lies_is_not_believed(tmp_path: Path) -> None:
    """What a page unpacks to is read from its own header, which memory is taken for."""
    path = tmp_path / "page.parquet"
    make_long_page(path)
    with pytest.raises(DataContractError, match="unpacks to far more than records would"):
        find_parquet_bounds(path, path.name, 200_000)


def test_rows_with_long_words_are_read_few_together(tmp_path: Path) -> None:
    """The longest word of a dictionary says how many rows fit; short ones leave it as it was."""
    path = tmp_path / "words.parquet"
    words = pa.array(["x" * 100_000, "y"])
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 200, pa.int32()), words)
    pq.write_table(pa.table({"a": column}), path, store_schema=False)
    assert find_parquet_bounds(path, path.name, 200_000).rows_at_once == 1_342
    pq.write_table(pa.table({"a": pa.array(["one", "two"] * 200)}), path)
    assert find_parquet_bounds(path, path.name, 200_000).rows_at_once == 200_000
    assert sum(piece.table.num_rows for piece in read_pieces(path)) == 400


def test_the_bound_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an organisation's own export needs can be allowed; a mistyped setting is told."""
    path = tmp_path / "x.csv.gz"
    make_packed(b"a,b\n", b"1,2\n" * MEBIBYTE, 20)(path)
    with pytest.raises(DataContractError, match=TIMES_VARIABLE):
        list(read_pieces(path))
    monkeypatch.setenv(TIMES_VARIABLE, "2000")
    assert sum(piece.table.num_rows for piece in read_pieces(path)) == 20 * MEBIBYTE
    monkeypatch.setenv(BYTES_VARIABLE, "1000000")
    with pytest.raises(DataContractError, match="past 1,000,000 bytes"):
        list(read_pieces(path))
    monkeypatch.setenv(BYTES_VARIABLE, "much")
    with pytest.raises(ConfigError, match=BYTES_VARIABLE):
        list(read_pieces(path))


def test_exports_of_ten_million_rows_are_far_from_the_bounds() -> None:
    """Ten million records of 300 bytes, packed to a tenth or to a thirtieth, fit three times."""
    unpacked = 10_000_000 * 300
    for times in (10, 30):
        assert UnpackingBounds().of(unpacked // times) >= 3 * unpacked


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file that lies outside of what is given to be read."""
    path = tmp_path / "elsewhere" / "secret"
    path.parent.mkdir()
    path.write_text(CASES)
    return path


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return a contract folder without a table."""
    folder = tmp_path / "unit"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def test_a_link_out_of_a_contract_folder_is_refused(unit: Path, secret: Path) -> None:
    """A table, a part of one, a folder of parts and the manifest lie in the folder itself."""
    (unit / "cases.csv").symlink_to(secret)
    with pytest.raises(DataContractError, match=r"^cases.csv is a link that leads out"):
        read_folder(unit)
    (unit / "cases.csv").unlink()
    (unit / "cases").symlink_to(secret.parent)
    with pytest.raises(DataContractError, match=r"^cases is a link"):
        read_folder(unit)
    (unit / "cases").unlink()
    (unit / "cases").mkdir()
    (unit / "cases" / "part.csv").symlink_to(secret)
    with pytest.raises(DataContractError, match=r"^part.csv is a link"):
        read_folder(unit)
    (unit / "cases" / "part.csv").unlink()
    (secret.parent / "manifest.json").write_text(json.dumps(MANIFEST))
    (unit / "manifest.json").unlink()
    (unit / "manifest.json").symlink_to(secret.parent / "manifest.json")
    with pytest.raises(DataContractError, match=r"^manifest.json is a link"):
        read_manifest(unit)


def test_a_link_within_the_folder_is_followed(unit: Path) -> None:
    """A folder may be laid out with links of its own, and may be reached by one."""
    (unit / "stored.txt").write_text(CASES)
    (unit / "cases.csv").symlink_to("stored.txt")
    (unit.parent / "named").symlink_to(unit)
    assert read_folder(unit.parent / "named").cases.num_rows == 1


def test_a_link_round_in_a_circle_is_refused(unit: Path) -> None:
    """Links that lead to each other are one clear error."""
    (unit / "cases.csv").symlink_to("cases.parquet")
    (unit / "cases.parquet").symlink_to("cases.csv")
    with pytest.raises(DataContractError, match="leads out"):
        read_folder(unit)


def test_a_link_out_of_an_export_is_refused(tmp_path: Path, secret: Path) -> None:
    """`import` and `init` read no file that lies elsewhere, whatever the export calls it."""
    export = tmp_path / "export"
    export.mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (export / "cases.csv").symlink_to(secret)
    with pytest.raises(DataContractError, match=r"^cases.csv is a link"):
        import_source(export, tmp_path / "mapping.yaml", tmp_path / "out")
    with pytest.raises(DataContractError, match="is a link"):
        find_layout(export / "cases.csv")
    assert run(["init", str(export / "cases.csv"), "--out", str(tmp_path / "drafts")]) == 2


def test_mappings_and_catalogues_that_are_links_elsewhere_are_refused(
    tmp_path: Path, secret: Path
) -> None:
    """A mapping or a catalogue that came with an export is read from there alone."""
    link = tmp_path / "export" / "given.yaml"
    link.parent.mkdir()
    link.symlink_to(secret)
    for load in (load_mapping, load_catalogue):
        with pytest.raises(DataContractError, match=r"^given.yaml is a link"):
            load(link)


def test_a_bundle_with_a_link_is_refused(small_unit, tmp_path: Path) -> None:
    """A file of a bundle that lies elsewhere is not read, though its checksum were right."""
    for name in ("catalogue.yaml", "bundle.json"):
        bundle = tmp_path / name.partition(".")[0]
        bundle.mkdir()
        for path in small_unit.bundle.rglob("*"):
            place = bundle / path.relative_to(small_unit.bundle)
            if path.is_dir():
                place.mkdir()
            elif path.name == name:
                place.symlink_to(path)
            else:
                place.write_bytes(path.read_bytes())
        with pytest.raises(ArtefactError, match="is a link that leads out"):
            load_bundle(bundle)


def test_nothing_is_written_through_a_link(unit: Path, secret: Path) -> None:
    """Rejects and tables are written into the folder, and no file elsewhere is written over."""
    (unit / "rejects").symlink_to(secret.parent)
    rejects = make_rejects(
        table="cases", file="cases.csv", rows=[1], column="", code="missing", sources=[{}]
    )
    with pytest.raises(DataContractError, match=r"^rejects is a link"):
        write_rejects(rejects, unit, "read")
    (unit / "cases.parquet").symlink_to(secret)
    held = read_folder(write_cases(unit.parent / "other")).cases
    write_folder(unit, {"cases": held}, Manifest("Europe/London", 0))
    assert secret.read_text() == CASES
    assert not (unit / "cases.parquet").is_symlink()


def write_cases(folder: Path) -> Path:
    """Return a contract folder with one case."""
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "cases.csv").write_text(CASES)
    return folder
