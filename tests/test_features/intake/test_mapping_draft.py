"""A drafted mapping says what the files bear out, and leaves the rest as lines to be finished."""

import csv
import datetime as dt
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from features.catalogue.file import parse_catalogue
from features.catalogue.starter import draft_catalogue
from features.contract.yaml_quotes import quote_yaml
from features.errors import CatalogueError, DataContractError
from features.intake.file_survey import survey_files
from features.intake.mapping import CHOOSE, load_mapping
from features.intake.mapping_draft import draft_mapping

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(60)]
KINDS = ["Threat", "Letter", "Visit"]


def write_csv(path: Path, columns: dict[str, list[str]], separator: str = ",") -> Path:
    """Write columns as a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def make_columns(form: str = "%Y-%m-%d", days: list[dt.date] | None = None) -> dict[str, list[str]]:
    """Make an export of incidents whose dates are written in one form."""
    dates = [f"{day:{form}}" for day in days or DAYS]
    size = len(dates)
    return {
        "incident_ref": [f"I{number}" for number in range(size)],
        "case_no": [f"C{number % 7}" for number in range(size)],
        "category": [KINDS[number % len(KINDS)] for number in range(size)],
        "incident_date": dates,
        "date_recorded": dates,
    }


@pytest.fixture
def draft(tmp_path):
    """Draft a mapping of one file and return it read as plain YAML, with its text."""

    def run(columns: dict[str, list[str]], separator: str = ","):
        """Write the columns and draft."""
        path = write_csv(tmp_path / "export.csv", columns, separator)
        made = draft_mapping(survey_files([path]))
        return yaml.safe_load(made.text)["sources"][0], made

    return run


def test_what_a_file_bears_out_is_written(draft):
    """Separator, keys, the date of the incident and the kinds stand in the draft."""
    source, made = draft(make_columns("%d/%m/%Y"), ";")
    assert source["separator"] == ";"
    assert source["format"] == "%d/%m/%Y"
    events, cases = source["records"]
    assert events["fields"]["event_id"] == "incident_ref"
    assert events["fields"]["case_id"] == cases["fields"]["case_id"] == "case_no"
    assert events["fields"]["occurred_at"] == "incident_date"
    assert events["fields"]["kind"]["values"] == {kind: kind.lower() for kind in KINDS}
    assert cases["fields"]["recorded_at"] == {"first_record": True}
    assert made.kinds == {kind.lower(): kind for kind in sorted(KINDS)}


def test_the_second_clock_is_never_settled_by_a_draft(draft):
    """Which date is the recorded one is a person's word, whatever the columns are called."""
    source, made = draft(make_columns())
    assert source["records"][0]["fields"]["recorded_at"] == CHOOSE
    assert "one of: date_recorded, incident_date" in made.text


@pytest.mark.parametrize(
    ("days", "form"),
    [
        ([dt.date(2024, month, day) for month in range(1, 13) for day in range(1, 13)], CHOOSE),
        (DAYS, "%d/%m/%Y"),
    ],
)
def test_day_or_month_first_is_settled_by_one_day_past_the_twelfth_alone(draft, days, form):
    """Where every cell reads both ways, the line names both and waits."""
    source, made = draft(make_columns("%d/%m/%Y", days))
    assert source["format"] == form
    assert ('"%d/%m/%Y" or "%m/%d/%Y"' in made.text) is (form == CHOOSE)


def test_years_of_two_digits_wait_for_their_century(draft):
    """No pivot is made up."""
    source, _ = draft(make_columns("%d/%m/%y"))
    assert (source["format"], source["pivot"]) == ("%d/%m/%y", CHOOSE)


def test_serial_dates_wait_for_their_calendar(draft):
    """Numbers under the name of a date may count from 1900 or from 1904."""
    columns = make_columns()
    columns["incident_date"] = columns["date_recorded"] = [str(45000 + n) for n in range(60)]
    source, made = draft(columns)
    assert source["format"] == CHOOSE
    assert "excel or excel-1904" in made.text


def test_columns_of_several_forms_state_them_one_by_one(draft):
    """Where two date columns are written differently, each field has its own form."""
    columns = make_columns()
    columns["incident_date"] = [f"{day:%d %b %Y}" for day in DAYS]
    columns["date_recorded"] = [f"{day:%d/%m/%Y} 09:30" for day in DAYS]
    source, made = draft(columns)
    occurred = source["records"][0]["fields"]["occurred_at"]
    assert occurred == {"column": "incident_date", "format": "%d %b %Y"}
    assert '{column: "date_recorded", format: "%d/%m/%Y %H:%M"}' in made.text


def test_a_file_without_a_key_or_a_category_says_so(draft):
    """No row number is made an identifier: the next export would number its rows anew."""
    columns = make_columns()
    columns["incident_ref"] = ["same"] * 60
    columns["category"] = [
        f"what was said of {number % 59} at some length" * 2 for number in range(60)
    ]
    source, made = draft(columns)
    fields = source["records"][0]["fields"]
    assert fields["event_id"] == CHOOSE
    assert fields["kind"] == CHOOSE
    assert "{constant: incident}" in made.text
    assert made.kinds == {"incident": "incident"}


def test_two_columns_that_name_each_row_together_are_proposed_with_their_figure(draft):
    """Where no column is unique but a pair is, the identifier is made of both; keys come first.

    A day and a district that differ in every row by chance are no pair, nor are names of people.
    """
    columns = make_columns()
    columns["incident_ref"] = [f"{number // 7}" for number in range(60)]
    columns["officer_name"] = [f"Invented {number % 59}" for number in range(60)]
    source, made = draft(columns)
    fields = source["records"][0]["fields"]
    assert fields["event_id"] == {"template": "{incident_ref}/{case_no}"}
    assert "these two together do, in all 60 rows" in made.text
    assert "(9 and 7 different values)" in made.text
    assert "Invented" not in made.text
    assert "{officer_name}" not in made.text
    assert "Read by nothing yet: officer_name" in made.text

    by_chance = {"day": columns["incident_date"], "category": columns["category"]}
    by_chance["day"] = [str(DAYS[number // 3]) for number in range(60)]
    source, made = draft(by_chance)
    assert source["records"][0]["fields"]["event_id"] == CHOOSE


def test_a_pair_with_a_day_in_it_waits_for_a_person(draft):
    """Two records of a case on one day would become one: the pair and its figure are shown."""
    columns = make_columns()
    columns["incident_ref"] = ["same"] * 60
    source, made = draft(columns)
    assert source["records"][0]["fields"]["event_id"] == CHOOSE
    assert (
        '{template: "{case_no}/{incident_date}"} does, in all 60 rows (7 and 60 different'
        in made.text
    )


def test_a_pair_is_a_key_as_it_is_written(draft):
    """Cells that hold the sign between the two can make one identifier of two rows."""
    columns = make_columns()
    del columns["incident_date"], columns["date_recorded"]
    columns["incident_ref"] = ["a", "a/b", *[f"r{number // 7}" for number in range(58)]]
    columns["case_no"] = ["b/c", "c", *[f"C{number % 7}" for number in range(58)]]
    source, _ = draft(columns)
    assert source["records"][0]["fields"]["event_id"] == CHOOSE


def test_a_case_that_stands_once_is_no_key_of_its_records(draft):
    """An order a case, so far: the next export may hold a second, so that a person is asked."""
    columns = make_columns()
    del columns["incident_ref"]
    columns["case_no"] = [f"C{number}" for number in range(60)]
    source, made = draft(columns)
    assert source["records"][0]["fields"]["event_id"] == CHOOSE
    assert '{template: "{case_no}/{incident_date}"}' in made.text


def test_a_measure_is_neither_key_nor_case(draft):
    """Numbers with a fraction name nothing, however many of them differ."""
    columns = make_columns()
    columns["incident_ref"] = ["same"] * 60
    columns["score"] = [f"{number},5" for number in range(60)]
    columns["weight no"] = [f"{number % 9}.5" for number in range(60)]
    source, made = draft(columns, ";")
    assert source["decimal"] == ","
    assert source["records"][0]["fields"]["event_id"] == CHOOSE
    assert "{score}" not in made.text
    assert "case_id might also be" not in made.text


def test_a_separator_that_the_rows_do_not_settle_waits(tmp_path):
    """The draft names both signs, and is written by the likelier."""
    path = tmp_path / "a.csv"
    rows = "".join(f"E{n};C{n % 7};{n},5\n" for n in range(60))
    path.write_text("ref;case;harm, score\n" + rows)
    made = draft_mapping(survey_files([path]))
    (source,) = yaml.safe_load(made.text)["sources"]
    assert source["separator"] == CHOOSE
    assert '";" or ","' in made.text
    assert source["records"][0]["fields"]["case_id"] == "case"


def test_a_date_that_no_field_takes_is_told(draft):
    """A closing is a record of its own, and would be lost without a word."""
    columns = make_columns()
    assert "A date that no field takes" not in draft(columns)[1].text
    columns["closed_on"] = columns["incident_date"]
    assert "A date that no field takes" in draft(columns)[1].text


def save_workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    """Save sheets by name."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_each_sheet_of_a_workbook_is_a_source(tmp_path):
    """Sheets that hold no table are left out, and said; titles and refused rows are told."""
    log = [[f"E{n}", f"C{n % 7}", KINDS[n % 3], day, day] for n, day in enumerate(DAYS)]
    log[3][2] = "#N/A"
    names = ["ref", "case_no", "type", "incident_date", "date_recorded"]
    path = save_workbook(
        tmp_path / "a.xlsx",
        {
            "Notes": [["Ask the registry"]],
            "People": [["All"], [], ["case_no", "opened"], *([f"C{n}", DAYS[n]] for n in range(7))],
            "Log": [names, *log],
        },
    )
    surveys = survey_files([path])
    made = draft_mapping(surveys)
    sources = yaml.safe_load(made.text)["sources"]
    assert [(one["file"], one["sheet"]) for one in sources] == [
        ("a.xlsx", "People"),
        ("a.xlsx", "Log"),
    ]
    tables = [[record["table"] for record in source["records"]] for source in sources]
    assert tables == [["cases"], ["events"]]
    assert [note.split(":")[0] for note in surveys[0].notes] == [
        "sheet 'Notes' is left out",
        "1 row above the names of the columns (row 3) passed over as titles",
    ]
    assert surveys[1].notes[0].startswith("1 row that import will refuse, error_cell: correct")


def test_a_sheet_of_numbers_that_excel_cut_is_refused_with_the_remedy(tmp_path):
    """Where every key is past 15 digits nothing is drafted from it."""
    rows = [["ref", "case_no"], *([10**16 + n, f"C{n % 7}"] for n in range(20))]
    with pytest.raises(DataContractError, match="long_number: export the column as text"):
        survey_files([save_workbook(tmp_path / "a.xlsx", {"Log": rows})])


def test_identifiers_that_a_spreadsheet_shortened_are_told(draft, tmp_path):
    """A CSV that was saved by a spreadsheet holds what it showed of long numbers."""
    columns = make_columns()
    columns["case_no"] = ["2.02401E+16", *[f"C{number % 7}" for number in range(59)]]
    columns["category"] = ["2.02401E+16", *columns["category"][1:]]
    _, made = draft(columns)
    assert "# Case_no: 1 in scientific notation" in made.text
    assert "2.02401" not in made.text.partition("values:")[0]
    assert made.text.count("in scientific notation") == 1


def test_a_file_with_one_row_a_case_makes_cases(tmp_path):
    """Beside a file of incidents, one that names each case once says what the cases are."""
    cases = {"case_no": [f"C{number}" for number in range(7)], "opened": ["2024-01-01"] * 7}
    paths = [write_csv(tmp_path / "a.csv", make_columns()), write_csv(tmp_path / "b.csv", cases)]
    sources = yaml.safe_load(draft_mapping(survey_files(paths)).text)["sources"]
    tables = [[record["table"] for record in source["records"]] for source in sources]
    assert tables == [["events"], ["cases"]]
    assert sources[1]["records"][0]["fields"]["recorded_at"] == CHOOSE


def test_of_two_categories_the_one_that_every_row_has_says_what_happened(draft):
    """A row without a kind would be refused; the other category is named beside it."""
    columns = make_columns()
    columns["offence_type"] = ["", *[f"type {'abcde'[number % 5]}" for number in range(59)]]
    source, made = draft(columns)
    assert source["records"][0]["fields"]["kind"]["column"] == "category"
    assert "kind might also be: offence_type" in made.text


def test_the_import_refuses_exactly_what_waits(draft, tmp_path):
    """A draft is refused with one problem for each line that waits, and no other."""
    _, made = draft(make_columns("%d/%m/%y", DAYS[:12]))
    path = tmp_path / "mapping.yaml"
    path.write_text(made.text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_mapping(path)
    lines = made.text.splitlines()
    assert len(caught.value.problems) == made.n_open == 5
    assert all(f" {CHOOSE}" in lines[problem.line - 1] for problem in caught.value.problems)


def test_no_cell_that_may_name_somebody_is_in_a_draft(draft):
    """Keys, names, dates and free text stay in the file, also where they are few and frequent."""
    canary = "CANARY7731"
    columns = make_columns()
    for name in ("victim_name", "Officer", "postcode", "e-mail", "surname", "words", "who"):
        columns[name] = [f"{canary}{number % 3}" for number in range(60)]
    columns["words"] = [f"{canary} {number}" for number in range(60)]
    columns["who"] = [f"Jane {'ABC'[number % 3]}. Doe" for number in range(60)]
    columns["case_no"] = [f"{canary}C{number % 7}" for number in range(60)]
    columns["incident_ref"] = [f"{canary}-{number}" for number in range(60)]
    _, made = draft(columns)
    both = made.text + draft_catalogue("x", made.kinds)
    assert canary not in both
    assert "Doe" not in both
    assert "2024" not in made.text


# Signs and quotes too: where they leave the layout open, the draft waits for a person.
WORDS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))


@given(
    names=st.lists(
        st.text(WORDS, min_size=1, max_size=20).filter(lambda name: name == name.strip() and name),
        min_size=3,
        max_size=3,
        unique=True,
    ),
    values=st.lists(
        st.text(WORDS, min_size=1, max_size=20),
        min_size=2,
        max_size=4,
        unique_by=str.strip,
    ),
)
def test_any_words_of_a_file_make_a_draft_that_can_be_read(tmp_path_factory, names, values):
    """Whatever a file's header and categories hold, drafts are YAML and the catalogue passes."""
    folder = tmp_path_factory.mktemp("words")
    cells = [value.strip() or "x" for value in values] * 4
    columns = {
        names[0]: [f"I{number}" for number in range(len(cells))],
        names[1]: [f"C{number % 3}" for number in range(len(cells))],
        names[2]: cells,
    }
    made = draft_mapping(survey_files([write_csv(folder / "a.csv", columns)]))
    path = folder / "mapping.yaml"
    path.write_text(made.text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_mapping(path)
    assert {problem.message[: len(CHOOSE)] for problem in caught.value.problems} == {CHOOSE}
    catalogue = parse_catalogue(draft_catalogue("words", made.kinds).encode(), "catalogue.yaml")
    assert set(made.kinds) <= set(catalogue.kinds)


@pytest.mark.parametrize(
    "word", ["Record", "records", "Closed", "3rd party", "!", "Ethnicity", "a b"]
)
def test_any_word_for_a_kind_gives_a_catalogue_that_passes(draft, word):
    """Words that are the contract's own, the starter's own or no name get a name of their own."""
    columns = make_columns()
    columns["category"] = [
        ["Threat", word, word.upper() + " 2"][number % 3] for number in range(60)
    ]
    _, made = draft(columns)
    catalogue = parse_catalogue(draft_catalogue("words", made.kinds).encode(), "catalogue.yaml")
    assert len(set(made.kinds)) == 3
    assert set(made.kinds) <= set(catalogue.kinds) - {"record"}


def test_a_file_without_rows_is_told(tmp_path):
    """There is nothing to look at, and the message says which file."""
    path = write_csv(tmp_path / "none.csv", {"a": [], "b": []})
    with pytest.raises(DataContractError, match=r"none\.csv: no row"):
        survey_files([path])


@pytest.mark.parametrize(
    "text", ['say "no"', "a: b # c", "{x}", "\\", "a\u2028b", "£5", "\U000e0001", "yes", "- x"]
)
def test_a_quoted_text_is_read_back(text):
    """What a draft quotes, YAML gives back letter for letter."""
    assert yaml.safe_load(quote_yaml(text)) == text
