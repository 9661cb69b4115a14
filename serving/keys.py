"""Opaque keys: what stands for a case in a URL (promise 8)."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from features.errors import ConfigError

_SECRET_BYTES: Final = 32
_KEY_BYTES: Final = 18


class KeyMaker:
    """Makes keys that say nothing of a case and cannot be guessed.

    Erasing the secret erases what the keys stood for.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, case_id: str) -> str:
        """Return the key of a case: 24 URL-safe characters."""
        digest = hmac.new(self._secret, case_id.encode(errors="surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest.digest()[:_KEY_BYTES]).decode("ascii")


def load_key_maker(path: Path | None) -> KeyMaker:
    """Return a key maker with the secret in a file, or a new secret where no file is named.

    The file is made with mode 0600 where it is absent.

    Raises
    ------
    ConfigError
        If the file holds too little to be a secret.
    """
    if path is None:
        return KeyMaker(secrets.token_bytes(_SECRET_BYTES))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = path.read_bytes()
        if len(secret) < _SECRET_BYTES:
            raise ConfigError("url_key_file holds no secret; remove it and start again") from None
        return KeyMaker(secret)
    with os.fdopen(descriptor, "wb") as file:
        secret = secrets.token_bytes(_SECRET_BYTES)
        file.write(secret)
    return KeyMaker(secret)
