"""The one-time token that opens a viewing: printed on the terminal, typed into a form.

Nothing that is in an address gets into a browser's history or a log of addresses, so the token is
in neither. It opens once; whoever entered has a session in a cookie that ends with the program.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

# Without letters and figures that are taken for each other.
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP_SIZE = 4, 4
MOST_ATTEMPTS: Final = 5
"""After so many wrong tokens nobody enters any more: 32 ** 16 tokens are not guessed in five."""


def make_token() -> str:
    """Return a token of four groups of four letters, 80 bits."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_SIZE)) for _ in range(_GROUPS))
    return "-".join(groups)


@dataclass
class Door:
    """Who may come in: whoever types the token first, and nobody else.

    Parameters
    ----------
    token
        The one-time token.
    """

    token: str
    attempts: int = 0
    _session: str = field(default="", repr=False)

    @property
    def is_closed(self) -> bool:
        """Whether nobody enters any more: the token was used, or wrongly typed too often."""
        return bool(self._session) or self.attempts >= MOST_ATTEMPTS

    def enter(self, typed: str) -> str | None:
        """Return the key of a session for the right token, once; else ``None``."""
        if self.is_closed:
            return None
        plain = "".join(letter for letter in typed.upper() if letter.isalnum())
        wanted = self.token.replace("-", "")
        if not hmac.compare_digest(plain.encode("utf-8"), wanted.encode("utf-8")):
            self.attempts += 1
            return None
        self._session = secrets.token_urlsafe(32)
        return self._session

    def knows(self, session: str) -> bool:
        """Return whether a session's key is that of whoever entered."""
        known = self._session.encode("utf-8")
        return bool(known) and hmac.compare_digest(session.encode("utf-8"), known)
