"""Deployment facts, from the environment (``CASELIGHT_...``) or passed in; read when asked for."""

import ipaddress
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.errors import ConfigError

LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
LONGEST_REVIEW_DAYS: Final = 92
"""A managed case is looked at again within three months, unless the unit states another number: a
later date would be none (promise 2). A later one is refused and waits for nobody: a nearer date
can always be named, and the case is decided on again at it."""
SERIOUS_DAYS: Final = 90
"""The horizon of the outcomes that the estimates are of (``catalogues/stalking.yaml``)."""
SERIOUS_SEVERITY: Final = 5.0
"""Of severities from 1 to 10: damage to property and whatever is graver."""
SERIOUS_KINDS: Final = (
    "violence",
    "assault",
    "strangulation",
    "sexual_violence",
    "threat",
    "threat_of_violence",
    "threat_to_kill",
    "threat_to_children",
    "weapon",
    "weapon_mentioned",
    "weapon_produced",
    "entry_to_home",
    "breach",
    "order_breach",
    "bail_breach",
    "licence_breach",
)
"""Violence, threats, weapons, entry to the home and breaches: the kinds that the outcomes and the
urgent flags of ``catalogues/stalking.yaml`` look at."""


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
        goes by lot. A run with refits measures it for its model and says so in its report.
    blind_share
        Share of (case, sitting) that is first looked at without anything of the model.
    first_read_days
        Days within which a named person reads a new case first.
    sealed_wait_days
        Days within which a sealed case that waits is looked at; professional standards see those
        that wait longer.
    acknowledge_minutes
        Minutes within which the duty role acknowledges an urgent flag.
    webhook_url, webhook_key_file
        Where urgent flags are told, and the file of the key that signs the messages.
    sealed_webhook_url
        Where urgent flags of sealed cases are told; nowhere where absent, but on the page of those
        whom the case names.
    standards_webhook_url
        Where each of professional standards is told once a day how much access nothing explains;
        nowhere where absent, but on their page.
    views_webhook_url
        Where an agency is told that another one recorded a view for it; nowhere where absent, but
        on its pages.
    digest_webhook_url
        Where each person who wants a daily digest is told how much waits for them; nowhere where
        absent, but on the page *For me*.
    nightly_hour
        Hour of the unit's day after which every open case is scored anew, once a day.
    session_key_file
        File of the key that signs the cookie of a signed-in person; a new key per process where
        absent.
    session_idle_seconds, session_longest_seconds
        How long a sign-in lasts without a request, and at most.
    public_url
        Where people reach the service, such as ``https://caselight.example``; needed where they
        sign in through an OpenID provider.
    oidc_issuer, oidc_client_id, oidc_client_secret_file
        The OpenID provider as its tokens name it, what it calls this service, and the file of the
        secret that proves this service to it. Where absent, people sign in on this machine alone.
    token_audience
        The audience of tokens that programs show; none is taken where absent.
    audit_heads_dir
        Folder to which the heads of the audit log are written once a day; keep it elsewhere.
    access_file
        The YAML file of who may what.
    professional_standards
        People of professional standards, by what the sign-in knows them, as a JSON list: overdue
        seals and sealed cases go to them.
    professional_standards_on_call
        The one of them to whom an urgent flag of a sealed case goes that nobody acknowledged.
    duty_supervisors
        People, as a JSON list, who open a sealed case for an urgent flag of it.
    seal_confirmers
        People of different agencies, as a JSON list, who confirm that a case is sealed.
    backups_kept_days
        After how many days the organisation destroys a backup of the store; told where a case is
        erased.
    longest_review_days
        Days from a decision within which the case is looked at again; a later date is refused.
    serious_days, serious_severity, serious_kinds
        For how many days a record keeps one person from closing its case alone, the least severity
        of such a record, and the kinds, as a JSON list, that are serious whatever their severity.
    sender_cases_per_day
        New cases of one sender in a day of the unit; those above it are taken, flagged and held
        apart from the longest waits and the random places until a second person confirms them.
    max_import_bytes
        Bytes of one import's rows in all.
    sender_rows_per_day, sender_bytes_per_day
        What one sender may send within 24 hours; rows above it are refused, and none is lost.
    least_free_bytes
        What stays free on the disk of a SQLite store: no rows are taken while less is, so that
        decisions and the logs have room. An import of a large unit writes about as much.
    least_reading_seconds
        How long ago a person opened a case, at least, when they decide on it: a decision that comes
        sooner than anybody reads is not recorded, and asked for again. 0 is no bound.
    source_mandates
        Which agencies' administrators and programs may send records of which other sources, as a
        JSON object of lists; ``*`` is every source. Whoever acts on cases sends those of their own
        agency alone.
    clock_skew_seconds
        By how much another machine's clock may differ from this one's.
    work
        Whether this process does the store's own work: scoring, messages.
    host, port
        Where to listen; loopback only, unless people sign in through an OpenID provider.
    max_request_bytes, max_request_cases, max_request_records
        Limits of one request.
    person_requests_per_minute, stranger_requests_per_minute, sign_ins_per_minute
        Requests a minute of one person, and of one address without anybody signed in; attempts to
        sign in of one address. Usual numbers where people sign in through a provider, and no limit
        on this machine alone, where absent.
    body_silence_seconds, body_seconds
        How long nothing of a body may come, and how long a body that is held in memory may take in
        all.
    trusted_proxies
        Addresses or networks, with commas between, of servers in front that say from where they
        were called; nobody is believed where it is empty, and only where people sign in through a
        provider. Every program of a machine that is named is believed.
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
    sealed_wait_days: int = Field(default=7, ge=1, le=60)
    acknowledge_minutes: int = Field(default=30, ge=1, le=1_440)
    webhook_url: str | None = None
    webhook_key_file: Path | None = None
    sealed_webhook_url: str | None = None
    standards_webhook_url: str | None = None
    views_webhook_url: str | None = None
    digest_webhook_url: str | None = None
    nightly_hour: int = Field(default=2, ge=0, le=23)
    session_key_file: Path | None = None
    session_idle_seconds: int = Field(default=30 * 60, ge=60, le=30 * 60)
    session_longest_seconds: int = Field(default=8 * 3600, ge=60, le=12 * 3600)
    public_url: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Path | None = None
    token_audience: str | None = None
    audit_heads_dir: Path | None = None
    access_file: Path | None = None
    professional_standards: tuple[str, ...] = ()
    professional_standards_on_call: str | None = None
    duty_supervisors: tuple[str, ...] = ()
    seal_confirmers: tuple[str, ...] = ()
    backups_kept_days: int = Field(default=35, ge=1, le=3_650)
    longest_review_days: int = Field(default=LONGEST_REVIEW_DAYS, ge=1, le=366)
    serious_days: int = Field(default=SERIOUS_DAYS, ge=1, le=366)
    serious_severity: float = Field(default=SERIOUS_SEVERITY, gt=0)
    serious_kinds: tuple[str, ...] = SERIOUS_KINDS
    sender_cases_per_day: int = Field(default=200, ge=1, le=1_000_000)
    max_import_bytes: int = Field(default=20_000_000_000, ge=1_000)
    sender_rows_per_day: int = Field(default=50_000_000, ge=1)
    sender_bytes_per_day: int = Field(default=50_000_000_000, ge=1_000)
    least_free_bytes: int = Field(default=200_000_000, ge=0)
    least_reading_seconds: float = Field(default=3.0, ge=0, le=60)
    source_mandates: dict[str, tuple[str, ...]] = Field(default={"unit": ("*",)})
    clock_skew_seconds: int = Field(default=60, ge=0, le=300)
    work: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    max_request_bytes: int = Field(default=8_000_000, ge=1_000)
    max_request_cases: int = Field(default=200, ge=1)
    max_request_records: int = Field(default=50_000, ge=1)
    person_requests_per_minute: int | None = Field(default=None, ge=1)
    stranger_requests_per_minute: int | None = Field(default=None, ge=1)
    sign_ins_per_minute: int | None = Field(default=None, ge=1)
    body_silence_seconds: float = Field(default=20.0, gt=0, le=600)
    body_seconds: float = Field(default=60.0, gt=0, le=3_600)
    trusted_proxies: str = ""
    extra_hosts: tuple[str, ...] = ()

    @field_validator("trusted_proxies")
    @classmethod
    def _name_each(cls, named: str) -> str:
        """Take addresses and networks alone: a name or ``*`` would have anybody believed."""
        parts = [part.strip() for part in named.split(",") if part.strip()]
        for part in parts:
            if ipaddress.ip_network(part, strict=False).prefixlen == 0:
                raise ValueError("every address there is")
        return ",".join(parts)


SettingValue = str | int | float | bool | Path | tuple[str, ...] | dict[str, tuple[str, ...]] | None
"""What one setting may be given as."""


def make_settings(**given: SettingValue) -> Settings:
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
    check_listening(settings)
    return settings


def check_listening(settings: Settings) -> None:
    """Refuse to listen where others could reach a service in which anyone may be anyone.

    Raises
    ------
    ConfigError
        If the host is not loopback, and no OpenID provider says who people are.
    """
    if not settings.oidc_issuer:
        check_loopback(settings.host)


def check_loopback(host: str) -> None:
    """Refuse a host that others could reach.

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
        raise ConfigError(
            "host must be 127.0.0.1 or ::1, since anyone could sign in as anyone; set oidc_issuer "
            "to listen elsewhere"
        )
