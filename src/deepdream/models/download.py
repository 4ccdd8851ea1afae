"""Fetching one file over HTTP so that it arrives whole, once, or not at all.

urllib alone waits for ever, takes a short body for a whole one, and starts from zero each time.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from deepdream.errors import WeightsError

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
#: How long to wait for the first sign of a network; the promised answer without one comes within 5 s.
REACH_SECONDS = 2.5
ATTEMPTS = 3
_CHUNK = 1 << 20
_SPARE_BYTES = 16 << 20

#: Called with the bytes that are here and the bytes there will be (None: unknown).
Progress = Callable[[int, int | None], None]


class UnreachableError(WeightsError):
    """There is no network, or the server does not answer. Its text is a reason, not yet a whole message."""


def is_offline() -> bool:
    """Whether the environment forbids downloads (``DEEPDREAM_OFFLINE`` or ``HF_HUB_OFFLINE``)."""
    return any(_on(os.environ.get(name, "")) for name in ("DEEPDREAM_OFFLINE", "HF_HUB_OFFLINE"))


def _on(value: str) -> bool:
    return value.strip().casefold() not in ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Wanted:
    """What to fetch and how to know it.

    Attributes:
        hash: As many first digits of the sha256 as are known; may be empty.
        bytes: About how large it is, to look for room before the server has told; None if unknown.
    """

    url: str
    target: Path
    hash: str = ""
    bytes: int | None = None


def download(wanted: Wanted, *, progress: Progress | None = None) -> bool:
    """Fetch a file; False if another process put it there meanwhile.

    An interrupted download continues where it stopped. Two processes fetch once: the second one waits.

    Raises:
        UnreachableError: no network; known within ``REACH_SECONDS``.
        WeightsError: the server refuses, the body is short or has the wrong sha256, no room, not writable.
    """
    _check_reachable(wanted.url)
    try:
        wanted.target.parent.mkdir(parents=True, exist_ok=True)
        before = _stamp(wanted.target)
        with locked(wanted.target.with_name(wanted.target.name + ".lock")):
            if _stamp(wanted.target) != before:
                return False
            _fetch(wanted, progress or _silent)
    except OSError as error:
        raise WeightsError(f"Cannot write {wanted.target}: {error.strerror or error}.") from error
    return True


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _silent(_done: int, _total: int | None) -> None: ...


def _fetch(wanted: Wanted, progress: Progress) -> None:
    part = wanted.target.with_name(wanted.target.name + ".part")
    for attempt in range(ATTEMPTS):
        before = _size(part)
        try:
            _receive(wanted, part, progress)
            break
        except WeightsError:
            # Go on only if something has changed; a server that gives nothing will not give more.
            if attempt == ATTEMPTS - 1 or _size(part) == before:
                raise
    _check_hash(part, wanted)
    part.replace(wanted.target)
    _tag_of(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag_of(part: Path) -> Path:
    """Holds the server's name (ETag) for the version of which ``part`` is a piece."""
    return part.with_name(part.name + ".etag")


def _receive(wanted: Wanted, part: Path, progress: Progress) -> None:
    with _open(_request(wanted, part), part) as response:
        start = _start(response, part)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is None and not wanted.hash:
            raise WeightsError(f"{_host(wanted.url)} does not say how long {wanted.target.name} is: refused.")
        _check_room(part, (total or wanted.bytes or 0) - start)
        _remember_tag(response, part)
        _copy(response, part, start, total, progress)


def _request(wanted: Wanted, part: Path) -> urllib.request.Request:
    headers = {"User-Agent": "deepdream", "Accept-Encoding": "identity"}
    tag = _tag_of(part)
    # Without a hash at the end, only the server can say that both pieces are of one version.
    if _size(part) and (wanted.hash or tag.exists()):
        headers["Range"] = f"bytes={_size(part)}-"
        if tag.exists():
            headers["If-Range"] = tag.read_text(encoding="ascii")
    else:
        part.unlink(missing_ok=True)
    return urllib.request.Request(wanted.url, headers=headers)  # noqa: S310 - http(s) only: _first_hop


@contextmanager
def _open(request: urllib.request.Request, part: Path) -> Iterator[Any]:
    opener = urllib.request.build_opener(_Http, _Https, _NoDowngrade)
    host = _host(request.full_url)
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
            raise WeightsError(f"{_host(req.full_url)} redirects to an unprotected address: refused.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _start(response: Any, part: Path) -> int:
    """How many bytes are here already and go on being valid; a server that sends all begins anew."""
    here = _size(part)
    if response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
        return here
    part.unlink(missing_ok=True)
    if response.status == 206:
        raise WeightsError(f"{_host(response.url)} sent another part than requested. Try again.")
    return 0


def _remember_tag(response: Any, part: Path) -> None:
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isascii():  # a weak tag (W/"...") promises no equal bytes
        _tag_of(part).write_text(tag, encoding="ascii")
    else:
        _tag_of(part).unlink(missing_ok=True)


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < needed + _SPARE_BYTES:
        raise WeightsError(
            f"No room in {part.parent}: {needed / 2**20:.1f} MB needed, {free / 2**20:.1f} MB free. "
            "DEEPDREAM_CACHE can name another folder."
        )


def _copy(response: Any, part: Path, start: int, total: int | None, progress: Progress) -> None:
    done = start
    progress(done, total)
    with part.open("ab") as file:
        while piece := response.read(_CHUNK):
            file.write(piece)
            done += len(piece)
            progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done != total:
        raise WeightsError(
            f"{_host(response.url)} sent {done:,} of {total:,} bytes of {part.stem}. Try again: it resumes."
        )


def _check_hash(part: Path, wanted: Wanted) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(wanted.hash):
        part.unlink()
        _tag_of(part).unlink(missing_ok=True)
        raise WeightsError(
            f"{_host(wanted.url)} sent something else than {wanted.target.name}: its sha256 starts with "
            f"{digest[:16]}, not with {wanted.hash[:16]}. Nothing was kept."
        )


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _check_reachable(url: str) -> None:
    """Try a connection for at most ``REACH_SECONDS``: without a network a name can take a minute to fail.

    Raises:
        UnreachableError: with the reason.
    """
    host, port = _first_hop(url)
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


def _first_hop(url: str) -> tuple[str, int]:
    """Host and port of the proxy for ``url``, else of the server itself."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WeightsError(f"{url} is no web address.")
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock between processes; the system lets go of it even if the process is killed."""
    with path.open("ab") as file:
        while not _try_lock(file):
            time.sleep(0.1)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems have no locks; fetching twice is better than waiting for ever.
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True
