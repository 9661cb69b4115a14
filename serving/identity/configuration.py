"""What the settings say of the sign-in through an OpenID provider, read and checked once."""

from dataclasses import dataclass
from pathlib import Path

from features.errors import ConfigError
from serving.identity.access_file import load_access_file
from serving.identity.access_groups import AccessTable
from serving.identity.addresses import PublicAddress, check_issuer, read_public_url
from serving.settings import Settings


@dataclass(frozen=True)
class TokenRules:
    """Whose tokens are believed, and what they give.

    Parameters
    ----------
    issuer
        The provider's address as it stands in its tokens.
    client_id
        What the provider calls this service; the audience of ID tokens.
    token_audience
        The audience of access tokens; ``None`` where none is taken.
    access
        Who may what.
    skew_s
        By how many seconds the provider's clock may differ from ours.
    """

    issuer: str
    client_id: str
    token_audience: str | None
    access: AccessTable
    skew_s: int


@dataclass(frozen=True)
class OpenId:
    """How people sign in through an OpenID provider.

    Parameters
    ----------
    rules
        Whose tokens are believed.
    public
        Where people reach this service.
    client_secret
        What proves this service to the provider; ``None`` for a public client, which PKCE alone
        protects.
    """

    rules: TokenRules
    public: PublicAddress
    client_secret: str | None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back; it is registered there."""
        return f"{self.public.origin}/sign-in/back"

    @property
    def signed_out_uri(self) -> str:
        """Where the provider sends people who signed out; it is registered there."""
        return f"{self.public.origin}/sign-in"


def read_openid(settings: Settings) -> OpenId | None:
    """Return how people sign in through a provider; ``None`` where the settings name none.

    Raises
    ------
    CaselightError
        If a setting is missing or cannot be used, or the access file does not pass its check.
    """
    if not settings.oidc_issuer:
        return None
    rules = read_rules(settings)
    if not settings.public_url:
        raise ConfigError("oidc_issuer needs public_url, the address at which people reach this")
    return OpenId(rules, read_public_url(settings.public_url), _read_secret(settings))


def read_rules(settings: Settings) -> TokenRules:
    """Return whose tokens are believed; enough for a command line, which nobody reaches by a URL.

    Raises
    ------
    CaselightError
        As :func:`read_openid`, and if no provider is named.
    """
    if not settings.oidc_issuer:
        raise ConfigError(
            "no OpenID provider is named, so no token can be checked; set oidc_issuer, "
            "oidc_client_id and access_file"
        )
    if not settings.oidc_client_id:
        raise ConfigError("oidc_issuer needs oidc_client_id, what the provider calls this service")
    if settings.access_file is None:
        raise ConfigError("oidc_issuer needs access_file, the YAML file of who may what")
    if settings.token_audience == settings.oidc_client_id:
        # An ID token tells who signed in; it must not pass for a token that allows something.
        raise ConfigError("token_audience must be another word than oidc_client_id")
    return TokenRules(
        issuer=check_issuer(settings.oidc_issuer),
        client_id=settings.oidc_client_id,
        token_audience=settings.token_audience or None,
        access=load_access_file(settings.access_file),
        skew_s=settings.clock_skew_seconds,
    )


def _read_secret(settings: Settings) -> str | None:
    path: Path | None = settings.oidc_client_secret_file
    if path is None:
        return None
    try:
        if path.stat().st_mode & 0o007:
            raise ConfigError(
                "oidc_client_secret_file can be used by everybody; make its mode 0600"
            )
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError("oidc_client_secret_file cannot be read; name the file of it") from None
    if not secret:
        raise ConfigError("oidc_client_secret_file is empty; write the client's secret into it")
    return secret
