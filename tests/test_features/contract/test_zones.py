"""Wall clocks of a zone in columns are those of the standard library, cell by cell."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract.zones import find_offsets

ZONES = (
    "Europe/London",
    "America/Chicago",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",  # back for one month a year
    "Pacific/Apia",  # left out a day
    "UTC",
)
EPOCH = dt.datetime(1970, 1, 1)
FIRST_US = -946_771_200_000_000
LAST_US = 2_500_000_000_000_000


def by_hand(local_us, zone, edge):
    """Return the moment of a local time by the standard library, and whether the clock skips it."""
    local = EPOCH + dt.timedelta(microseconds=local_us)
    aware = local.replace(tzinfo=zone, fold=0 if edge == "first" else 1)
    skipped = aware.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != local
    if skipped:
        aware = local.replace(tzinfo=zone, fold=0)
    moment = aware.astimezone(dt.UTC).replace(tzinfo=None)
    return (moment - EPOCH) // dt.timedelta(microseconds=1), skipped


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("edge", ["first", "last"])
def test_times_round_every_change_are_those_of_the_standard_library(name, edge):
    """Just before, in and just after each hour that a clock repeats or skips."""
    zone = ZoneInfo(name)
    offsets = find_offsets(zone, FIRST_US, LAST_US)
    steps = [minutes * 60_000_000 for minutes in (-61, -30, -1, 0, 1, 15, 59, 60, 61)]
    local = [
        int(change) + int(offset) + step
        for change in offsets.changes_us
        for offset in set(offsets.offsets_us.tolist())
        for step in steps
    ]
    moments, skipped = offsets.to_utc(np.array(local, dtype=np.int64), edge)
    found = list(zip(moments.tolist(), skipped.tolist(), strict=True))
    assert found == [by_hand(us, zone, edge) for us in local]


@given(local=st.integers(FIRST_US, LAST_US), name=st.sampled_from(ZONES))
def test_any_time_comes_back_to_itself(local, name):
    """A time that the clock shows is shown again at the moment that was found for it."""
    offsets = find_offsets(ZoneInfo(name), local, local)
    moments, skipped = offsets.to_utc(np.array([local]), "first")
    assert skipped[0] or offsets.to_local(moments)[0] == local
