"""Opening what the settings name: the store with the clock it lives by."""

import dataclasses

from features.contract.moments import parse_date
from features.errors import ConfigError
from serving.clock import shift_clock
from serving.settings import Settings
from serving.store.database import Store, Unit, open_store


def open_unit(settings: Settings) -> tuple[Store, Unit] | None:
    """Open the store that the settings name; ``None`` where they name none.

    Raises
    ------
    ConfigError
        If it cannot be used, or a moment is set to live at and the store is not synthetic.
    """
    if settings.database_url is None:
        return None
    store = open_store(settings.database_url, must_exist=True)
    unit = store.read_unit()
    return live_at(store, unit, settings.now), unit


def live_at(store: Store, unit: Unit, now: str | None) -> Store:
    """Return a store that lives at another moment, where one is named.

    Raises
    ------
    ConfigError
        If the moment is none, or the store is not synthetic.
    """
    if now is None:
        return store
    if not unit.synthetic:
        raise ConfigError("only a synthetic store may live at another time; leave --now out")
    try:
        now_us = parse_date(now, unit.time_zone)
    except ValueError as error:
        raise ConfigError(f"now: {error}") from None
    return dataclasses.replace(store, clock=shift_clock(unit.made_at_us, now_us))
