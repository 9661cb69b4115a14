"""Deployment facts, from the environment (``CASELIGHT_...``) or passed in; read when asked for."""

import ipaddress
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.errors import ConfigError

LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")


class Settings(BaseSettings):
    """How the service runs.

    Attributes
    ----------
    bundle
        Folder of the bundle; where absent, the one that ``models_dir/champion`` names.
    models_dir
        Folder of promoted bundles.
    database_url
        The store: ``sqlite:///path`` or ``postgresql://...``; without one only
        ``POST /v1/scores`` serves.
    now
        A date or time at which the service lives instead of the machine's clock; for a synthetic
        store alone.
    capacity
        Places on a week's list.
    random_places, waited_places, most_flagged_places
        Places reserved of a capacity of 30; of another in proportion (design section 9).
    told_apart
        Priorities nearer than this, relative to their size, cannot be told apart: their last place
        goes by lot.
    blind_share
        Share of (case, sitting) that is first looked at without anything of the model.
    first_read_days
        Days within which a named person reads a new case first.
    acknowledge_minutes
        Minutes within which the duty role acknowledges an urgent flag.
    webhook_url, webhook_key_file
        Where urgent flags are told, and the file of the key that signs the messages.
    nightly_hour
        Hour of the unit's day after which every open case is scored anew, once a day.
    session_key_file
        File of the key that signs the cookie of a signed-in person; a new key per process where
        absent.
    work
        Whether this process does the store's own work: scoring, messages.
    host, port
        Where to listen; loopback only, until people can sign in.
    max_request_bytes, max_request_cases, max_request_records
        Limits of one request.
    extra_hosts
        Further names under which the service answers; for tests.
    """

    model_config = SettingsConfigDict(env_prefix="CASELIGHT_", frozen=True, extra="ignore")

    bundle: Path | None = None
    models_dir: Path | None = None
    database_url: str | None = None
    now: str | None = None
    capacity: int = Field(default=30, ge=1, le=1_000)
    random_places: int = Field(default=2, ge=0, le=30)
    waited_places: int = Field(default=6, ge=0, le=30)
    most_flagged_places: int = Field(default=12, ge=0, le=30)
    told_apart: float = Field(default=1e-9, ge=0, le=1)
    blind_share: float = Field(default=0.1, ge=0, le=1)
    first_read_days: int = Field(default=3, ge=1, le=60)
    acknowledge_minutes: int = Field(default=30, ge=1, le=1_440)
    webhook_url: str | None = None
    webhook_key_file: Path | None = None
    nightly_hour: int = Field(default=2, ge=0, le=23)
    session_key_file: Path | None = None
    work: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    max_request_bytes: int = Field(default=8_000_000, ge=1_000)
    max_request_cases: int = Field(default=200, ge=1)
    max_request_records: int = Field(default=50_000, ge=1)
    extra_hosts: tuple[str, ...] = ()


def make_settings(**given: object) -> Settings:
    """Make settings from the environment and what is given.

    Raises
    ------
    ConfigError
        If one of them cannot be used.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
        raise ConfigError(f"setting {', '.join(names)} cannot be used; correct it") from None
    check_loopback(settings.host)
    return settings


def check_loopback(host: str) -> None:
    """Refuse to listen where others could reach a service that has no sign-in.

    Raises
    ------
    ConfigError
        If ``host`` is not loopback.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError("host must be 127.0.0.1 or ::1: there is no sign-in yet")
