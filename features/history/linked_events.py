"""Events of linked cases, seen from each other: from when, until when, and under which name."""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.contract.tables import EVENTS, LINKS, RETRACTED
from features.intake.contract_folder import ContractFolder
from features.intake.frames import to_frame, to_rows
from features.intake.integrity import SUPERSEDED_AT, SUPERSEDED_BY

VIA, LINK = "via", "link"
"""Kind of the link through which an event is seen, and a number of that link."""
OWN: Final = -1
"""In place of a link's number for the case's own events."""


def borrow_events(folder: ContractFolder) -> pa.Table | None:
    """Return the events of linked cases under each case that sees them; ``None`` for none.

    Parameters
    ----------
    folder
        Sound records.

    Returns
    -------
    pyarrow.Table
        The columns of events, and two more. ``via`` is the kind of link. ``link`` numbers the link,
        so that an event's next version is looked for where it is seen itself.
    """
    if not folder.links.num_rows:
        return None
    links = to_frame(LINKS, folder.links)
    links = links[links["kind"] != RETRACTED]
    known = folder.cases.column("case_id").to_pylist()
    pairs = _pair(links, known)
    if pairs.empty:
        return None
    met = pairs.merge(
        _events_of(folder, pairs["other"]),
        left_on="other",
        right_on="case_id",
        suffixes=("_of_link", ""),
    )
    return _see(met[met["ended_at"].isna() | (met["occurred_at"] < met["ended_at"])])


def _pair(links: pd.DataFrame, known: list[str]) -> pd.DataFrame:
    """Return each link both ways: both cases see each other."""
    there = links.rename(columns={"linked_case_id": "other"})
    back = links.rename(columns={"case_id": "other", "linked_case_id": "case_id"})
    columns = ["link_id", "case_id", "other", "kind", "recorded_at", "ended_at", SUPERSEDED_AT]
    pairs = pd.concat([there[columns], back[columns]], ignore_index=True)
    pairs = pairs[pairs["case_id"].isin(known) & (pairs["case_id"] != pairs["other"])]
    pairs = pairs.rename(columns={"case_id": "seen_by", "kind": VIA})
    # The numbers settle ties later, so that they must not depend on the order of rows.
    pairs = pairs.sort_values(["seen_by", "other", "link_id"], kind="stable")
    return pairs.assign(**{LINK: np.arange(len(pairs))}).drop(columns="link_id")


def _events_of(folder: ContractFolder, cases: "pd.Series[str]") -> pd.DataFrame:
    words = folder.events.column("case_id").unify_dictionaries()
    names = pa.array(cases.unique(), pa.large_string())
    return to_frame(EVENTS, folder.events.filter(pc.is_in(words, value_set=names)))


def _see(met: pd.DataFrame) -> pa.Table | None:
    """Return events as the other case sees them: from when both event and link were recorded."""
    if met.empty:
        return None
    incident = met["incident_id"].where(met["incident_id"].notna(), met["event_id"])
    # Where the link was corrected first, no event took this one's place.
    by_event = met[SUPERSEDED_AT] <= met[f"{SUPERSEDED_AT}_of_link"]
    seen = met.assign(
        case_id=met["seen_by"],
        event_id=met["other"] + "/" + met["event_id"],
        incident_id=met["other"] + "/" + incident,
        recorded_at=np.maximum(met["recorded_at"], met["recorded_at_of_link"]),
        **{
            SUPERSEDED_AT: np.minimum(met[SUPERSEDED_AT], met[f"{SUPERSEDED_AT}_of_link"]),
            SUPERSEDED_BY: (met["other"] + "/" + met[SUPERSEDED_BY]).where(by_event),
        },
    )
    names = [*EVENTS.column_names, SUPERSEDED_AT, SUPERSEDED_BY, VIA, LINK]
    return to_rows(EVENTS, seen[names])
