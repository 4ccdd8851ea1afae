"""Fetching one file over HTTP so that it arrives whole, once, or not at all.

urllib alone waits for ever, takes a short body for a whole one, and starts from zero each time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from deepdream.errors import WeightsError
from deepdream.models.connections import (
    check_reachable,
    host_of,
    open_response,
)

if TYPE_CHECKING:
    from pathlib import Path

ATTEMPTS = 3
_CHUNK = 1 << 20
_SPARE_BYTES = 16 << 20

#: Called with the bytes that are here and the bytes there will be (None: unknown).
Progress = Callable[[int, int | None], None]


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
    check_reachable(wanted.url)
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
    with open_response(_request(wanted, part), part) as response:
        start = _start(response, part)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is None and not wanted.hash:
            raise WeightsError(
                f"{host_of(wanted.url)} does not say how long {wanted.target.name} is: refused."
            )
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
    return urllib.request.Request(wanted.url, headers=headers)  # noqa: S310 - http(s) only: first_hop


def _start(response: Any, part: Path) -> int:
    """How many bytes are here already and go on being valid; a server that sends all begins anew."""
    here = _size(part)
    if response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
        return here
    part.unlink(missing_ok=True)
    if response.status == 206:
        raise WeightsError(f"{host_of(response.url)} sent another part than requested. Try again.")
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
            f"{host_of(response.url)} sent {done:,} of {total:,} bytes of {part.stem}. Try again: it resumes."
        )


def _check_hash(part: Path, wanted: Wanted) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(wanted.hash):
        part.unlink()
        _tag_of(part).unlink(missing_ok=True)
        raise WeightsError(
            f"{host_of(wanted.url)} sent something else than {wanted.target.name}: its sha256 starts with "
            f"{digest[:16]}, not with {wanted.hash[:16]}. Nothing was kept."
        )


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
