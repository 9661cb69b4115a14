"""The table of an import keeps to a terminal's width and says every number of every source."""

from features.contract.rejects import REMEDIES
from features.intake.import_report import ImportReport, SourceReport
from features.intake.import_table import WIDTH, write_table


def make_report(*sources: SourceReport) -> ImportReport:
    """Make the report of an import from its sources."""
    return ImportReport(sources, {}, 0, 0, {}, "", ())


def test_twelve_sources_of_long_names_fit_the_width():
    """Names are broken and not cut; each source begins with its own line of numbers."""
    names = [
        f"Returns of the district {n:02} as sent in May.xlsx[Incidents {n}]" for n in range(12)
    ]
    longest = max(REMEDIES, key=len)
    made = {"events": 123_456_789, "cases": 1_234_567}
    sources = [
        SourceReport(name, 200_000_000, made, 5_000_000, {longest: 4_999_999, "nul": 1}, 12_345, ())
        for name in names
    ]
    lines = write_table(make_report(*sources))
    assert max(map(len, lines)) <= WIDTH
    assert sum("200,000,000" in line for line in lines) == 12
    assert sum("2,400,000,000" in line for line in lines) == 1
    width = len(lines[1].split()[0])
    letters = "".join(line[:width].replace(" ", "") for line in lines[2:])
    assert all(name.replace(" ", "") in letters for name in names)


def test_reasons_stand_below_the_rows_refused_of_their_source():
    """Rows read, records by table, rows refused, each reason, and rows that no record took."""
    one = SourceReport("a.csv", 1_000, {"cases": 998, "links": 7}, 2, {"missing": 2}, 3, ())
    heads, _, *lines = write_table(make_report(one))
    assert heads.split("  ")[0] == "source"
    assert [line.split() for line in lines] == [
        ["a.csv", "1,000", "998", "cases", "2", "3"],
        ["7", "links", "2", "missing"],
    ]


def test_a_source_that_made_nothing_shows_nothing():
    """No table is named where none was made, and a total stands below several sources alone."""
    none = SourceReport("a.csv", 0, {}, 0, {}, 0, ())
    assert [line.split() for line in write_table(make_report(none))[2:]] == [
        ["a.csv", "0", "0", "0", "0"]
    ]
    assert write_table(make_report(none, none))[-1].startswith("all sources")
