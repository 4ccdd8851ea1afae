"""HTTP connections with timeouts, without a downgrade of the protocol."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deepdream.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
#: How long to wait for the first sign of a network; the promised answer without one comes within 5 s.
REACH_SECONDS = 2.5


class UnreachableError(WeightsError):
    """There is no network, or the server does not answer. Its text is a reason, not yet a whole message."""


@contextmanager
def open_response(request: urllib.request.Request, part: Path) -> Iterator[Any]:
    """The response to ``request``; ``part`` is removed if the server has nothing after its end.

    Raises:
        UnreachableError: no connection.
        WeightsError: the server refuses, or the connection breaks.
    """
    opener = urllib.request.build_opener(_Http, _Https, _NoDowngrade)
    host = host_of(request.full_url)
    try:
        with opener.open(request, timeout=CONNECT_SECONDS) as response:
            yield response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # there is no more of it than we have: begin anew
        raise WeightsError(f"{host} answers {error.code} ({error.reason}) for {request.full_url}.") from error
    except (http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        text = f"The connection to {host} broke off ({_reason(error)}). Try again: it resumes."
        raise WeightsError(text) from error
    except urllib.error.URLError as error:
        raise UnreachableError(f"{host}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)


class _Connection(http.client.HTTPConnection):
    """Waits ``CONNECT_SECONDS`` for the connection and ``READ_SECONDS`` for each piece after that."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _SecureConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise WeightsError(f"{host_of(req.full_url)} redirects to an unprotected address: refused.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def host_of(url: str) -> str:
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
