"""Fetching one file over HTTP so that it arrives whole, once, or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepdream.errors import WeightsError
from deepdream.models.connections import check_reachable, host_of, open_response

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

ATTEMPTS = 3
_SPARE_BYTES = 16 << 20

#: Called with the bytes that are here and the bytes there will be (None: unknown).
Progress = Callable[[int, int | None], None]


def is_offline() -> bool:
    """Whether the environment forbids downloads (``DEEPDREAM_OFFLINE`` or ``HF_HUB_OFFLINE``)."""
    return any(_on(os.environ.get(name, "")) for name in ("DEEPDREAM_OFFLINE", "HF_HUB_OFFLINE"))


def _on(value: str) -> bool:
    return value.strip().casefold() not in ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class RemoteFile:
    """What to fetch and how to know it.

    Attributes:
        hash: As many first digits of the sha256 as are known; may be empty.
        bytes: About how large it is, to look for room before the server has told; None if unknown.
    """

    url: str
    target: Path
    hash: str = ""
    bytes: int | None = None


def download(remote: RemoteFile, *, progress: Progress | None = None) -> bool:
    """Fetch a file; False if another process put it there meanwhile.

    An interrupted download continues where it stopped. Two processes fetch once: the second one waits.

    Raises:
        UnreachableError: no network; known within ``REACH_SECONDS``.
        WeightsError: the server refuses, the body is short or has the wrong sha256, no room, not writable.
    """
    from filelock import FileLock

    check_reachable(remote.url)
    try:
        remote.target.parent.mkdir(parents=True, exist_ok=True)
        before = _stamp(remote.target)
        with FileLock(remote.target.with_name(remote.target.name + ".lock")):
            if _stamp(remote.target) != before:
                return False
            _fetch(remote, progress or _silent)
    except OSError as error:
        raise WeightsError(f"Cannot write {remote.target}: {error.strerror or error}.") from error
    return True


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _silent(_done: int, _total: int | None) -> None: ...


def _fetch(remote: RemoteFile, progress: Progress) -> None:
    part = remote.target.with_name(remote.target.name + ".part")
    for attempt in range(ATTEMPTS):
        before = _size(part)
        try:
            _receive(remote, part, progress)
            break
        except WeightsError:
            # Go on only if something has changed; a server that gives nothing will not give more.
            if attempt == ATTEMPTS - 1 or _size(part) == before:
                raise
    _check_hash(part, remote)
    part.replace(remote.target)
    _tag_of(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag_of(part: Path) -> Path:
    """Holds the server's name (ETag) for the version of which ``part`` is a piece."""
    return part.with_name(part.name + ".etag")


def _receive(remote: RemoteFile, part: Path, progress: Progress) -> None:
    with open_response(remote.url, _headers(remote, part), part) as response:
        start = _start(response, part)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is None and not remote.hash:
            raise WeightsError(
                f"{host_of(remote.url)} does not say how long {remote.target.name} is: refused."
            )
        _check_room(part, (total or remote.bytes or 0) - start)
        _remember_tag(response, part)
        _copy(response, part, start, total, progress)


def _headers(remote: RemoteFile, part: Path) -> dict[str, str]:
    headers = {"User-Agent": "deepdream", "Accept-Encoding": "identity"}
    tag = _tag_of(part)
    # Without a hash at the end, only the server can say that both pieces are of one version.
    if _size(part) and (remote.hash or tag.exists()):
        headers["Range"] = f"bytes={_size(part)}-"
        if tag.exists():
            headers["If-Range"] = tag.read_text(encoding="ascii")
    else:
        part.unlink(missing_ok=True)
    return headers


def _start(response: httpx2.Response, part: Path) -> int:
    """How many bytes are here already and stay valid; a server that sends all begins anew."""
    here = _size(part)
    if response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
        return here
    part.unlink(missing_ok=True)
    if response.status_code == 206:
        raise WeightsError(f"{response.url.host} sent another part than requested. Try again.")
    return 0


def _remember_tag(response: httpx2.Response, part: Path) -> None:
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


def _copy(response: httpx2.Response, part: Path, start: int, total: int | None, progress: Progress) -> None:
    from httpx2 import RemoteProtocolError

    count = start
    progress(count, total)
    with part.open("ab") as file:
        try:
            # Pieces as they arrive: what is here is kept where the connection breaks.
            for piece in response.iter_raw():
                file.write(piece)
                count += len(piece)
                progress(count, total)
        except RemoteProtocolError:
            if total is None:
                raise
        file.flush()
        os.fsync(file.fileno())
    if total is not None and count != total:
        raise WeightsError(
            f"{response.url.host} sent {count:,} of {total:,} bytes of {part.stem}. Try again: it resumes."
        )


def _check_hash(part: Path, remote: RemoteFile) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(remote.hash):
        part.unlink()
        _tag_of(part).unlink(missing_ok=True)
        raise WeightsError(
            f"{host_of(remote.url)} sent something else than {remote.target.name}: its sha256 starts with "
            f"{digest[:16]}, not with {remote.hash[:16]}. Nothing was kept."
        )
