"""HTTP connections by httpx2: timeouts, the system's certificates and proxies, no downgrade of the protocol.

httpx2 is imported in the functions: most commands load no network over HTTP, and its import takes a tenth of a second.
"""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deepdream.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx2

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
#: How long to wait for the first sign of a network; the promised answer without one comes within 5 s.
REACH_SECONDS = 2.5


class UnreachableError(WeightsError):
    """There is no network, or the server does not answer. Its text is a reason, not yet a whole message."""


@contextmanager
def open_response(url: str, headers: Mapping[str, str], part: Path) -> Iterator[httpx2.Response]:
    """The response to a GET of ``url``; ``part`` is removed if the server has nothing after its end.

    Raises:
        UnreachableError: no connection.
        WeightsError: the server refuses, redirects to an unprotected address, or the connection breaks.
    """
    import httpx2

    host = host_of(url)
    client = httpx2.Client(
        timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=True,
        event_hooks={"response": [refuse_downgrade]},
    )
    try:
        with client, client.stream("GET", url, headers=dict(headers)) as response:
            if response.status_code == httpx2.codes.RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)  # there is no more of it than we have: begin anew
            if response.is_error:
                status = f"{response.status_code} ({response.reason_phrase})"
                raise WeightsError(f"{host} answers {status} for {url}.")
            yield response
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise UnreachableError(f"{host}: {_reason(error)}") from error
    except httpx2.HTTPError as error:
        text = f"The connection to {host} broke off ({_reason(error)}). Try again: it resumes."
        raise WeightsError(text) from error


def refuse_downgrade(response: httpx2.Response) -> None:
    """Raises WeightsError where a protected address redirects to an unprotected one."""
    following = response.next_request
    if following is not None and response.url.scheme == "https" and following.url.scheme != "https":
        raise WeightsError(f"{response.url.host} redirects to an unprotected address: refused.")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) or "timed out" in str(error) or "Timeout" in type(error).__name__:
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    return urlsplit(url).hostname or url


def check_reachable(url: str) -> None:
    """Try a connection for at most ``REACH_SECONDS``: without a network a name can take a minute to fail.

    Raises:
        UnreachableError: with the reason.
    """
    host, port = first_hop(url)
    outcome: list[Exception | None] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=REACH_SECONDS).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    # In a thread, because the look-up of a name has no timeout of its own.
    probe = threading.Thread(target=attempt, daemon=True)
    probe.start()
    probe.join(REACH_SECONDS)
    failure = outcome[0] if outcome else TimeoutError()
    if failure is not None:
        raise UnreachableError(f"{host}: {_reason(failure)}") from failure


def first_hop(url: str) -> tuple[str, int]:
    """Host and port of the proxy for ``url``, else of the server itself."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WeightsError(f"{url} is no web address.")
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
