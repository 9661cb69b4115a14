"""Random cases of a hundred events over the stalking catalogue, as a request holds them."""

import datetime as dt
from typing import Any, Final

import numpy as np

from features.catalogue.declarations import Catalogue, FactType

N_EVENTS: Final = 100
ZONE: Final = "Europe/London"
AS_OF: Final = "2025-01-10T10:00"
_START: Final = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
_DAYS: Final = 720
_TURNS: Final = ("custody_started", "custody_ended", "bail_started", "bail_ended")
_ANSWERS: Final = {FactType.YES_NO: ("yes", "no"), FactType.NUMBER: ("1", "4")}
_CORRECTED: Final = 0.05
_IN_INCIDENTS: Final = 0.3
_HALF: Final = 0.5
_DATES: Final = ("2024-02-01", "2024-08-01")


def make_requests(catalogue: Catalogue, n_cases: int, seed: int) -> list[dict[str, Any]]:
    """Return requests of one case each: corrections, shared incidents, states, answers.

    Parameters
    ----------
    catalogue
        Whose kinds and questions are used.
    n_cases
        How many requests.
    seed
        Of what is drawn.

    Returns
    -------
    list of dict
        Bodies of ``POST /v1/scores``, each with ``N_EVENTS`` events.
    """
    random = np.random.default_rng(seed)
    return [
        {"time_zone": ZONE, "as_of": AS_OF, "cases": [_make_case(catalogue, number, random)]}
        for number in range(n_cases)
    ]


def _make_case(catalogue: Catalogue, number: int, random: np.random.Generator) -> dict[str, Any]:
    kinds = [*(name for name, kind in catalogue.kinds.items() if kind.parent), *_TURNS]
    events: list[dict[str, Any]] = []
    for place in range(N_EVENTS):
        event = _make_event(kinds, place, random)
        if place and random.random() < _CORRECTED:
            old = events[int(random.integers(place))]
            later = max(old["recorded_at"], event["recorded_at"])
            event |= {"supersedes": old["event_id"], "kind": old["kind"], "recorded_at": later}
        events.append(event)
    return {
        "case_id": f"C{number:06d}",
        "recorded_at": _START.isoformat(),
        "area": "Halton",
        "events": events,
        "facts": _make_facts(catalogue, random),
    }


def _make_event(kinds: list[str], place: int, random: np.random.Generator) -> dict[str, Any]:
    occurred = _START + dt.timedelta(minutes=int(random.integers(_DAYS * 24 * 60)))
    recorded = occurred + dt.timedelta(days=float(random.choice([0, 0, 0.5, 3, 30])))
    event: dict[str, Any] = {
        "event_id": f"e{place:03d}",
        "kind": str(random.choice(kinds)),
        "occurred_at": occurred.isoformat(),
        "recorded_at": recorded.isoformat(),
        "actor": str(random.choice(["subject", "subject", "subject", "proxy", "victim"])),
        "source": str(random.choice(["police", "victim_service", "probation"])),
        "channel": str(random.choice(["phone", "letter", "in_person", "online"])),
    }
    if random.random() < _HALF:
        event["value"] = float(random.integers(0, 6))
    if random.random() < _IN_INCIDENTS:
        event |= {"incident_id": f"i{random.integers(20)}", "view": "account"}
    return event


def _make_facts(catalogue: Catalogue, random: np.random.Generator) -> list[dict[str, Any]]:
    facts = []
    for number, fact in enumerate(catalogue.facts.values()):
        if random.random() < _HALF:
            continue
        moment = _START + dt.timedelta(days=int(random.integers(_DAYS)))
        facts.append(
            {
                "fact_id": f"f{number:03d}",
                "name": fact.name,
                "asked": "yes",
                "value": str(random.choice(_ANSWERS.get(fact.type, _DATES))),
                "recorded_at": moment.isoformat(),
            }
        )
    return facts
