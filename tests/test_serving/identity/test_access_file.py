"""The file of who may what: all that is wrong with it is told at once, and the first role holds."""

from pathlib import Path
from typing import Any

import pytest

from features.errors import CatalogueError, ConfigError
from serving.identity.access_file import load_access_file, parse_access_file
from serving.identity.access_groups import DEFAULT_CONTACT, AccessTable
from tests.test_serving.issuers import ACCESS

LEAST = """\
version: 1
people:
  - {groups: a, role: screener, agency: police, areas: all}
"""


def parse(text: str) -> AccessTable:
    return parse_access_file(text.encode(), "access.yaml")


def complain(text: str) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_says_who_may_what(tmp_path: Path) -> None:
    """Groups give a role, an agency and areas; programs give scopes at most."""
    path = tmp_path / "access.yaml"
    path.write_text(ACCESS, encoding="utf-8")

    table = load_access_file(path)

    administrator, screener, _ = table.grants
    assert (administrator.role, administrator.agency, administrator.areas) == (
        "administrator",
        "unit",
        None,
    )
    assert screener.areas == {"Halton", "Warrington"}
    assert table.machines["importer"].subject == "importer"
    assert table.machines["importer"].scopes == {"records:write", "records:read"}
    assert table.machines["exporter"].subject == "service-account-exporter"
    assert table.machines["exporter"].scopes is None
    assert table.contact == "the service desk of the test force"


def test_claims_have_their_usual_names() -> None:
    """Where the file names no claims, they are those that providers use."""
    table = parse(LEAST)

    assert (table.groups_claim, table.subject_claim, table.name_claim) == ("groups", "sub", "name")
    assert table.contact == DEFAULT_CONTACT
    other = parse(LEAST + "groups_claim: roles\nsubject_claim: oid\nname_claim: display_name\n")
    assert (other.groups_claim, other.subject_claim, other.name_claim) == (
        "roles",
        "oid",
        "display_name",
    )


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["caselight-halton"], "screener"),
        (["caselight-health", "caselight-halton"], "screener"),
        (["caselight-halton", "caselight-administrators"], "administrator"),
        ("caselight-health", "health"),
        (["CASELIGHT-HEALTH"], None),
        (["caselight"], None),
        ([], None),
        (None, None),
        ([7, {"caselight-health": 1}, ["caselight-health"]], None),
        ({"caselight-health": True}, None),
        ("caselight-health caselight-halton", None),
    ],
)
def test_the_first_role_in_the_file_holds(groups: Any, role: str | None) -> None:
    """Of several roles the file's first is taken, nobody chooses, and no match gives none."""
    grant = parse(ACCESS).find_grant({"groups": groups})

    assert (grant.role if grant else None) == role


def test_all_problems_are_told_together() -> None:
    """Each thing that is wrong is named with its line and a remedy, all at once."""
    told = complain(
        """\
version: 2
groups_claims: x
people:
  - groups: [a, b]
    role: commander
    agency: police
    areas: all
  - groups: b
    role: screener
    agency: navy
    areas: []
  - role: screener
    agency: police
    areas: [all, Halton]
machines:
  - client: importer
    agency: police
  - client: importer
    agency: police
    areas: all
"""
    )

    assert [line.partition(": ")[0] for line in told] == [
        "line 1",
        "line 2",
        "line 5",
        "line 8",
        "line 10",
        "line 11",
        "line 12",
        "line 14",
        "line 16",
        "line 18",
    ]
    assert "write one of: screener" in told[2]
    assert "never reached" in told[3]
    assert "'groups' is missing" in told[6]
    assert "'all' stands alone" in told[7]
    assert "this client stands above" in told[9]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("version: 1\n", "'people' is missing"),
        ("version: 1\npeople: []\n", "nobody could sign in"),
        ("version: 1\npeople: all\n", "write a list here"),
        (LEAST + "people: []\n", "this key stands twice"),
        (LEAST.replace("areas: all", "areas: &a [x]"), "anchors and aliases are not read"),
        (LEAST.replace("groups: a", "groups: [a, a]"), "a value stands twice"),
        (LEAST.replace("groups: a", f"groups: {'a' * 201}"), "at most 200 characters"),
        (LEAST.replace("groups: a", 'groups: "a\\u0007"'), "that can be printed"),
        (LEAST.replace("areas: all", f"areas: [{'a' * 200}]") + "contact: [x]\n", "write a text"),
    ],
)
def test_a_file_that_means_nothing_is_refused(text: str, words: str) -> None:
    """What cannot be read, would let nobody in, or cannot be told apart is an error."""
    assert words in "\n".join(complain(text))


def test_areas_fit_into_a_cookie() -> None:
    """Areas that would not fit into a session are refused when the file is read."""
    many = ", ".join(f"Area of some length {number}" for number in range(100))

    assert "2,000 characters" in complain(LEAST.replace("areas: all", f"areas: [{many}]"))[0]


def test_an_absent_file_is_told_with_a_remedy(tmp_path: Path) -> None:
    """A file that is not there is named by its setting."""
    with pytest.raises(ConfigError, match="access_file cannot be read"):
        load_access_file(tmp_path / "absent.yaml")
