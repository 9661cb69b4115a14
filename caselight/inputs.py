"""What most verbs read first: a contract folder and dates; and what they report of it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import ConfigError

if TYPE_CHECKING:
    from features.catalogue.declarations import Catalogue
    from features.history.columns import History
    from features.history.reading_rules import ReadingRules
    from features.intake.contract_folder import ContractFolder


@dataclass(frozen=True)
class Loaded:
    """A contract folder and its history."""

    folder: "ContractFolder"
    history: "History"


def load(path: Path, *, people: bool = False) -> Loaded:
    """Read a contract folder; rows it rejects are kept in a file that only its owner can read.

    Parameters
    ----------
    people
        Whether to read the table of people, which only an audit may see.
    """
    from features.history.assembly import assemble_history
    from features.intake.contract_folder import read_folder

    if not path.is_dir():
        raise ConfigError("there is no contract folder there; make one with `caselight import`")
    folder = read_folder(path, people=people)
    report_rejects(folder, path)
    return Loaded(folder, assemble_history(folder))


def load_trainable(name: str) -> "Catalogue":
    """Load a catalogue by name or path that states what is to be estimated.

    Raises
    ------
    ConfigError
        If it only measures.
    """
    from features.catalogue.file import load_catalogue

    catalogue = load_catalogue(name)
    if not catalogue.outcomes:
        raise ConfigError("the catalogue states nothing to estimate; add the section 'outcomes'")
    return catalogue


def report_rejects(folder: "ContractFolder", path: Path) -> None:
    """Write rejected rows beside the data and say how many there are."""
    if not len(folder.rejects):
        return
    from features.contract.rejects import write_rejects

    kept = write_rejects(folder.rejects, path, "read")
    say(f"{len(folder.rejects):,} rows were rejected; they and the remedies are in {kept}")


def report_unmeasured(
    history: "History",
    catalogue: "Catalogue",
    as_of_us: int | None = None,
    rules: "ReadingRules | None" = None,
) -> None:
    """Say how many records nothing measures, and how many cases they would have kept open: a
    mistyped kind would lose a flag, a release worded otherwise never ends, a closed case is gone.

    Parameters
    ----------
    history
        What was read.
    catalogue
        Has a word for what is measured.
    as_of_us
        Moment of the list, microseconds UTC; the extract where absent.
    rules
        How records are read: those of a bundle; of what is new where absent.
    """
    from features.evidence.state_ends import count_unmatched
    from features.history.open_cases import count_known_since_closing
    from features.history.reading_rules import CURRENT_RULES
    from features.history.vocabulary import count_unmeasured
    from training.cohorts.landmarks import work_kinds

    read_by = rules or CURRENT_RULES
    told = count_unmeasured(history, catalogue, read_by)
    told |= count_unmatched(history, catalogue, read_by)
    known_us = history.extract_at if as_of_us is None else as_of_us
    since = count_known_since_closing(history, known_us, work_kinds(catalogue))
    told[
        "closed cases have conduct recorded since, and are left out here; a store brings them "
        "back, a record `reopened` does so here"
    ] = since.closed
    told[
        "merged cases have conduct recorded since, and are left out; record it for the case that "
        "each went into"
    ] = since.merged
    for words, count in told.items():
        if count:
            say(f"warning: {count:,} {words}")


def parse_dates(text: str, history: "History", option: str) -> list[int]:
    """Read dates parted by commas; a DATE is 00:00 in the history's time zone.

    Raises
    ------
    ConfigError
        If one of them is not a date, or lies after the extract: nothing was delivered since, and
        what is not delivered must not be read as nothing having happened.
    """
    from features.contract.moments import format_moment, parse_date

    try:
        dates = [parse_date(part.strip(), history.time_zone) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            f"{option} takes dates such as 2012-01-01, parted by commas without spaces"
        ) from None
    for date in dates:
        if date > history.extract_at:
            shown, ends = (
                format_moment(at, history.time_zone) for at in (date, history.extract_at)
            )
            raise ConfigError(
                f"{option} {shown}: nothing is on record after {ends}, where the extract ends; "
                "name an earlier date"
            )
    return sorted(set(dates))


def parse_span(text: str, history: "History", option: str) -> tuple[int, int]:
    """Read two dates parted by a comma: from the first up to, not including, the second.

    Raises
    ------
    ConfigError
        If there are not two dates, the earlier first.
    """
    dates = parse_dates(text, history, option)
    if len(dates) != len(("from", "until")):
        raise ConfigError(f"{option} takes two dates such as 2012-01-01,2014-01-01")
    return dates[0], dates[1]


def say(message: str) -> None:
    """Print progress to standard error so that output can be piped."""
    print(message, file=sys.stderr, flush=True)
