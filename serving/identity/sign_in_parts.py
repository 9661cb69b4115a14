"""What the sign-in is made of, opened once where the service starts."""

from dataclasses import dataclass

from serving.clock import Clock, read_clock
from serving.identity.configuration import OpenId, read_openid
from serving.identity.cookies import Cookie, name_flow, name_session
from serving.identity.ended_sessions import keep_endings
from serving.identity.flow import CodeFlow
from serving.identity.issuer import Issuer
from serving.identity.sessions import Sessions, load_session_key
from serving.identity.tokens import TokenReader
from serving.settings import Settings
from serving.store.database import Store


@dataclass(frozen=True)
class Organisation:
    """The sign-in through an organisation's OpenID provider.

    Parameters
    ----------
    openid
        How people sign in.
    flow
        Their way to the provider and back.
    tokens
        Reads the tokens of programs.
    flow_cookie
        The cookie of a sign-in under way.
    """

    openid: OpenId
    flow: CodeFlow
    tokens: TokenReader
    flow_cookie: Cookie


@dataclass(frozen=True)
class Entrance:
    """What every request's sign-in is checked with.

    Parameters
    ----------
    sessions
        The sessions.
    session_cookie
        The cookie that carries them.
    organisation
        The sign-in through a provider; ``None`` where people sign in on this machine.
    """

    sessions: Sessions
    session_cookie: Cookie
    organisation: Organisation | None = None

    @property
    def origin(self) -> str | None:
        """The origin of our own pages; ``None`` where it is the host that a request names."""
        return None if self.organisation is None else self.organisation.openid.public.origin

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts under which the service answers, beside this machine's own."""
        return () if self.organisation is None else (self.organisation.openid.public.host,)


def open_entrance(
    settings: Settings, store: Store | None = None, *, clock: Clock = read_clock
) -> Entrance:
    """Open the sign-in that the settings describe.

    Parameters
    ----------
    settings
        Deployment facts.
    store
        Where ended sessions are kept; in memory where absent.
    clock
        The machine's time.

    Raises
    ------
    CaselightError
        If a setting, a key or the access file cannot be used.
    """
    openid = read_openid(settings)
    key = load_session_key(settings.session_key_file)
    endings = keep_endings(store, clock)
    sessions = Sessions(
        key,
        clock,
        endings=endings,
        idle_seconds=settings.session_idle_seconds,
        longest_seconds=settings.session_longest_seconds,
        skew_seconds=settings.clock_skew_seconds,
    )
    if openid is None:
        return Entrance(sessions, name_session(is_https=False))
    is_https = openid.public.is_https
    issuer = Issuer(openid.rules.issuer, clock)
    tokens = TokenReader(settings, clock=clock, rules=openid.rules, issuer=issuer)
    flow = CodeFlow(openid, issuer=issuer, tokens=tokens, key=key, endings=endings, clock=clock)
    organisation = Organisation(openid, flow, tokens, name_flow(is_https=is_https))
    return Entrance(sessions, name_session(is_https=is_https), organisation)
