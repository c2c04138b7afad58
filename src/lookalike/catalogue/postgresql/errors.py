"""PostgreSQL's errors in Lookalike's words."""

from __future__ import annotations

import psycopg

from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
    CollectionReadOnlyError,
    CollectionUnavailableError,
)

_NO_PASSWORD = ("password authentication failed", "no password supplied", "authentication failed")
_NO_ADDRESS = ("does not exist", "no pg_hba.conf entry", "is not permitted to log in")
"""What servers say of connections that they refuse; libpq gives no code with it."""


def translated(error: Exception, name: str) -> CollectionError:
    """The error of Lookalike's own that says what PostgreSQL's `error` means for the catalogue `name`.

    Codes are those of https://www.postgresql.org/docs/current/errcodes-appendix.html.
    """
    code = getattr(error, "sqlstate", None) or ""
    said = " ".join(str(error).split())
    if not code:
        return _without_code(error, said, name)
    if code.startswith("08") or code in ("57P01", "57P02", "57P03", "57P05", "25P03"):
        return CollectionUnavailableError(f"{name} cannot be reached ({said}); try again later")
    if code == "53300":
        return CollectionUnavailableError(f"{name} has no connection to spare ({said}); try again later")
    if code.startswith("53"):
        return CollectionError(f"{name} has no room left ({said}); give the server more and run it again")
    if code == "57014":
        return CollectionUnavailableError(f"{name} did not answer in time ({said}); try again later")
    if code in ("55P03", "40001", "40P01"):
        return CollectionLockedError(f"{name}: another process is writing; try again when it is done")
    if code in ("25006", "42501"):
        return CollectionReadOnlyError(
            f"{name} may not be written or read by this user ({said}); GRANT it the right"
        )
    if code.startswith(("22", "23", "42P01", "42703", "42883", "XX")):
        return CollectionDamagedError(f"{name} is damaged ({said}); restore it from a copy")
    return CollectionError(f"{name}: {said}")


def _without_code(error: Exception, said: str, name: str) -> CollectionError:
    """What an error means that the client found, or that a server sent instead of a connection."""
    if any(sign in said for sign in _NO_PASSWORD):
        return CollectionError(
            f"{name} refuses the user or the password; give them in the URL, in PGUSER and PGPASSWORD, or in pgpass"
        )
    if any(sign in said for sign in _NO_ADDRESS):
        return CollectionError(f"{name} refuses the connection ({said}); check user, database and host")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return CollectionUnavailableError(
            f"{name} cannot be reached ({said}); check that it runs, or try again later"
        )
    return CollectionError(f"{name}: {said}")
