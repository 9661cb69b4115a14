"""Reading tokens that a program or a command line shows: who acts, or one refusal for all else."""

from typing import Any

from serving.clock import Clock, read_clock
from serving.errors import ServiceError
from serving.identity.claims import Expected, check_party, check_times_and_audience, read_scopes
from serving.identity.configuration import TokenRules, read_rules
from serving.identity.identities import identify_bearer, identify_person
from serving.identity.issuer import Issuer
from serving.identity.signatures import UntrustedToken, open_token
from serving.persons import Person
from serving.settings import Settings

_SECOND_US = 1_000_000


class TokenReader:
    """Reads tokens of the provider that the settings name; safe to use from several threads.

    Parameters
    ----------
    settings
        Name the provider, the audience and the access file.
    clock
        The machine's time.
    rules, issuer
        What was read of them already; from the settings where absent.

    Raises
    ------
    CaselightError
        If no provider is named, or a setting cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = read_clock,
        rules: TokenRules | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self._rules = rules or read_rules(settings)
        self._issuer = issuer or Issuer(self._rules.issuer, clock)
        self._clock = clock

    def read(self, token: str) -> Person:
        """Return who acts, by an access token for this service or by a person's ID token.

        Raises
        ------
        ServiceError
            If the token proves nothing, whatever is wrong with it (401); if whom it tells of has no
            access (403); if the provider does not answer and its keys are not known (503).
        """
        claims = self._open(token)
        try:
            # Which of the two it is shows only in whom it was made for, so the one is tried first.
            self.check_id_token(claims)
        except UntrustedToken:
            return self._identify_bearer(claims)
        return identify_person(claims, self._rules.access, self._rules.issuer)

    def read_bearer(self, token: str) -> Person:
        """Return who acts, by an access token for this service alone; see :meth:`read`.

        An ID token says who signed in elsewhere; whoever came by one may not act with it here.
        """
        return self._identify_bearer(self._open(token))

    def read_scoped(self, token: str) -> tuple[Person, frozenset[str]]:
        """Return who acts and what their access token allows: words of its scope.

        For what is done to a whole store a person's sign-in elsewhere is not enough: the token was
        asked for with the scope, and made for this service; see :meth:`read_bearer`.
        """
        claims = self._open(token)
        person = self._identify_bearer(claims)
        return person, read_scopes(claims) if person.scopes is None else person.scopes

    def check_id_token(self, claims: dict[str, Any]) -> None:
        """Check that trusted claims are of an ID token for our client, and of now.

        Raises
        ------
        UntrustedToken
            If they are not.
        """
        check_times_and_audience(claims, self._expect(self._rules.client_id))
        check_party(claims, self._rules.client_id)

    def _open(self, token: str) -> dict[str, Any]:
        try:
            return open_token(token, self._issuer)
        except UntrustedToken:
            raise refuse_token() from None

    def _identify_bearer(self, claims: dict[str, Any]) -> Person:
        try:
            if self._rules.token_audience is None:
                raise UntrustedToken
            check_times_and_audience(claims, self._expect(self._rules.token_audience))
        except UntrustedToken:
            raise refuse_token() from None
        return identify_bearer(claims, self._rules.access, self._rules.issuer)

    def _expect(self, audience: str) -> Expected:
        now_s = self._clock() // _SECOND_US
        return Expected(self._rules.issuer, audience, now_s, self._rules.skew_s)


def refuse_token() -> ServiceError:
    """Return the one answer to every token that proves nothing."""
    return ServiceError(
        "bad_token",
        "the token is not accepted",
        "fetch a new one from your organisation's provider, made for this service",
    )
