"""API keys: what a request may do by the key that it carries."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from enum import IntEnum

from lookalike.errors import OptionError

SHORTEST = 20
"""Signs of a key: one that is drawn has 43, and nobody guesses even half of them."""


class Right(IntEnum):
    """What may be done; who may do more may do less."""

    NOTHING = 0
    READ = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """The SHA-256 of the keys, so that neither memory nor settings that are printed tell them."""

    read: bytes | None = None
    write: bytes | None = None

    @classmethod
    def of(cls, *, read: str | None, write: str | None) -> Keys:
        """Return the keys in their kept form.

        Raises:
            OptionError: one is too short to be a secret.
        """
        return cls(_kept(read, "the read key"), _kept(write, "the write key"))

    def __bool__(self) -> bool:
        return self.read is not None or self.write is not None

    def right(self, given: str | None) -> Right:
        """Return what a request with the key `given` may do; without any keys, everybody may do everything.

        All comparisons take the same time, whatever is given.
        """
        if not self:
            return Right.WRITE
        asked = hashlib.sha256((given or "").encode("utf-8", "surrogatepass")).digest()
        reads = hmac.compare_digest(asked, self.read or bytes(32))
        writes = hmac.compare_digest(asked, self.write or bytes(32))
        if given is None:
            return Right.NOTHING if self.read is not None else Right.READ
        if writes and self.write is not None:
            return Right.WRITE
        if reads and self.read is not None:
            return Right.READ
        return Right.NOTHING

    def session(self, key: str, until: float) -> str | None:
        """Return what a browser keeps instead of `key`, which lets it read until a time (Unix); None for no such key.

        It says when it ends, signed by the key's kept form: so every process can check it, and none has to remember it.
        A session ends early where its key is not the service's any more.
        """
        kept = {Right.READ: self.read, Right.WRITE: self.write}.get(self.right(key)) if self else None
        return None if kept is None else _signed(int(until), kept)

    def session_right(self, session: str | None) -> Right:
        """Return what a request with `session` may do, which is to read, or nothing."""
        written = (session or "").partition(".")[0]
        if not (written.isascii() and written.isdigit() and len(written) < 20):
            return Right.NOTHING
        until, asked = int(written), (session or "").encode("utf-8", "surrogatepass")
        genuine = [
            hmac.compare_digest(asked, _signed(until, kept).encode())
            for kept in (self.read, self.write)
            if kept is not None
        ]
        return Right.READ if any(genuine) and time.time() < until else Right.NOTHING


def new_key() -> str:
    """Draw a key."""
    return secrets.token_urlsafe(32)


def _signed(until: int, kept: bytes) -> str:
    """Return a session that ends at a time (Unix), signed by a key's kept form."""
    signature = hmac.digest(kept, f"lookalike session until {until}".encode(), "sha256")
    return f"{until}.{signature.hex()}"


def _kept(key: str | None, name: str) -> bytes | None:
    if key is None:
        return None
    if len(key) < SHORTEST:
        raise OptionError(f"{name} has {len(key)} signs; give at least {SHORTEST}, such as {new_key()}")
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
