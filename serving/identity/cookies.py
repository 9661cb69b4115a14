"""The cookies of the sign-in: out of scripts' reach, and of this service alone."""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

SESSION: Final = "caselight_session"
FLOW: Final = "caselight_flow"
_BOUND: Final = "__Host-"
"""A browser takes a cookie of such a name over https alone, and for this host alone."""


@dataclass(frozen=True)
class Cookie:
    """How one cookie is kept.

    Parameters
    ----------
    name
        Its name.
    is_secure
        Whether it goes by https alone.
    same_site
        ``strict``: never with a request that another site began; ``lax``: with those that lead
        the person here, as the way back from the provider does.
    """

    name: str
    is_secure: bool
    same_site: Literal["strict", "lax"]

    def read(self, headers: Headers) -> str | None:
        """Return the value that a request carries; ``None`` where it carries none."""
        value: str | None = None
        for cookies in headers.getlist("cookie"):
            value = cookie_parser(cookies).get(self.name, value)
        return value

    def keep(self, response: Response, value: str, seconds: int) -> None:
        """Have the browser keep a value for a number of seconds."""
        response.set_cookie(
            self.name,
            value,
            max_age=seconds,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite=self.same_site,
        )

    def drop(self, response: Response) -> None:
        """Have the browser forget the value."""
        # As it was set: a browser takes a `__Host-` name back only with the same attributes.
        response.delete_cookie(
            self.name, path="/", secure=self.is_secure, httponly=True, samesite=self.same_site
        )

    def write(self, value: str, seconds: int) -> str:
        """Return the header that has the browser keep a value."""
        blank = Response()
        self.keep(blank, value, seconds)
        return blank.headers["set-cookie"]


def name_session(*, is_https: bool) -> Cookie:
    """Return the cookie of a session, for a service that is reached by https or is not."""
    return Cookie(_bind(SESSION, is_https=is_https), is_https, "strict")


def name_flow(*, is_https: bool) -> Cookie:
    """Return the cookie of a sign-in under way; it comes back from the provider's site."""
    return Cookie(_bind(FLOW, is_https=is_https), is_https, "lax")


def _bind(name: str, *, is_https: bool) -> str:
    return f"{_BOUND}{name}" if is_https else name
