"""Rows of the store as they are told: moments in the unit's zone, persons with role and agency."""

from typing import Any

from sqlalchemy import Row

from features.contract.moments import format_moment


class Clockface:
    """Tells moments in a unit's zone."""

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone

    def show(self, us: int) -> str:
        """Return a moment (microseconds UTC) as text."""
        return format_moment(int(us), self.time_zone)

    def show_any(self, us: int | None) -> str | None:
        """Return a moment as text, ``None`` where there is none."""
        return None if us is None else self.show(us)


def name_actor(row: Row[Any]) -> dict[str, str]:
    """Return who did what a row tells."""
    return {"person": row.person, "role": row.role, "agency": row.agency}
