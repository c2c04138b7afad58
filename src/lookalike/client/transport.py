"""Requests to a service, and its problems as errors."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lookalike import errors
from lookalike.arguments import shown
from lookalike.problem_types import error_of

if TYPE_CHECKING:
    import httpx

TRIES = 4
"""Times that a request is sent which the service is too busy for, or which a broken connection may have cut short."""
LONGEST_WAIT = 10.0
BUSY = (429, 503)
REPEATABLE = ("GET", "DELETE", "PATCH")
"""What does the same when it is done twice; searches do, too."""


class Transport:
    """Sends requests, the key with each."""

    def __init__(self, url: str, key: str | None, timeout: float, http: httpx.Client | None) -> None:
        """Send them to `url`, by `http` where the caller has a client of his own."""
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise errors.MissingDependencyError(
                "lookalike.Client needs httpx; install lookalike[client]"
            ) from error
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise errors.OptionError(
                f"url is {shown(url)}; give the service's address, such as http://localhost:8000"
            )
        self._url = url.rstrip("/")
        self._headers = {} if key is None else {"x-api-key": key}
        self._http = http or httpx.Client(timeout=timeout, follow_redirects=False)
        self._owns = http is None

    def send(self, method: str, path: str, *, again: bool = False, **content: Any) -> Any:
        """Return the JSON that a route answers, None for an empty answer.

        Args:
            again: whether the same may be sent twice.
            content: as `httpx.Client.request` takes it.

        Raises:
            LookalikeError: the one that the service names.
            ServiceUnavailableError: it cannot be reached, or is too busy.
        """
        import httpx

        headers = dict(self._headers)
        if "json" in content:
            # In ASCII, so that texts which UTF-8 cannot hold come to the service, which says what is wrong with them.
            content["content"] = json.dumps(content.pop("json"))
            headers["content-type"] = "application/json"
        repeatable = again or method in REPEATABLE
        lost = False
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._http.request(method, self._url + path, headers=headers, **content)
            except UnicodeEncodeError:
                raise errors.InputError("a text has half of a surrogate pair; leave it out") from None
            except httpx.HTTPError as error:
                if attempt == TRIES or not repeatable:
                    raise errors.ServiceUnavailableError(
                        f"{self._url}: no answer ({error or type(error).__name__}); see that it runs and can be reached"
                    ) from error
                lost = True
                time.sleep(0.1 * attempt)
                continue
            if lost and method == "DELETE" and answer.status_code == 404:
                return None  # the answer that it is gone was lost
            if answer.status_code in BUSY and attempt < TRIES:
                time.sleep(min(LONGEST_WAIT, _seconds(answer.headers)))
                continue
            if answer.is_success:
                return answer.json() if answer.content else None
            raise self._error(answer)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connections, unless the caller's client has them."""
        if self._owns:
            self._http.close()

    def _error(self, answer: httpx.Response) -> errors.LookalikeError:
        try:
            told = answer.json()
            detail, kind = str(told["detail"]), str(told.get("type", ""))
        except (ValueError, KeyError, TypeError):
            detail, kind = f"it answered {answer.status_code}, which is no problem document", ""
        if (told_of := error_of(kind, detail)) is not None:
            return told_of
        if answer.status_code in BUSY:
            return errors.ServiceUnavailableError(f"{self._url}: {detail}")
        if answer.status_code in (401, 403):
            return errors.ServiceError(f"{self._url}: {detail}")
        return (errors.InputError if answer.status_code < 500 else errors.ServiceError)(detail)


def _seconds(headers: Mapping[str, str]) -> float:
    try:
        return float(headers.get("retry-after", "1"))
    except ValueError:
        return 1.0
