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
    data
        Contract folder whose open cases are listed; without one only ``POST /v1/scores`` serves.
    as_of
        Moment of the list, a date or time; the folder's extract where absent.
    capacity
        Places on a week's list.
    host, port
        Where to listen; loopback only, until people can sign in.
    url_key_file
        File of the secret behind the opaque keys in URLs; a new secret per process where absent.
    max_request_bytes, max_request_cases, max_request_records
        Limits of one request.
    extra_hosts
        Further names under which the service answers; for tests.
    """

    model_config = SettingsConfigDict(env_prefix="CASELIGHT_", frozen=True, extra="ignore")

    bundle: Path | None = None
    models_dir: Path | None = None
    data: Path | None = None
    as_of: str | None = None
    capacity: int = Field(default=30, ge=1, le=1_000)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    url_key_file: Path | None = None
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
