"""Downloads from a server on this machine that breaks off, stalls, lies and redirects."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from deepdream.errors import WeightsError
from deepdream.models import connections
from deepdream.models import download as room
from deepdream.models.connections import UnreachableError
from deepdream.models.download import RemoteFile, download, is_offline

BODY = bytes(range(256)) * 4096
HASH = hashlib.sha256(BODY).hexdigest()[:8]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "w.pth"


def leftovers(target: Path) -> list[str]:
    return sorted(p.name for p in target.parent.glob("*") if not p.name.endswith(".lock"))


def test_download_arrives_whole_and_tells_how_far_it_is(web: Any, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    remote = RemoteFile(web.add("w.pth", BODY), target, HASH, len(BODY))
    assert download(remote, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == BODY
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert leftovers(target) == ["w.pth"]


def test_short_body_is_resumed_where_it_stopped(web: Any, target: Path) -> None:
    web.cut = [300_000, 200_000]
    download(RemoteFile(web.add("w.pth", BODY), target, HASH))
    assert target.read_bytes() == BODY
    assert [asked.get("Range") for asked in web.asked] == [None, "bytes=300000-", "bytes=500000-"]


def test_interrupted_download_goes_on_in_the_next_call(web: Any, target: Path) -> None:
    web.cut = [1000] * room.ATTEMPTS
    with pytest.raises(WeightsError, match=r"3,000 of 1,048,576 bytes"):
        download(RemoteFile(web.add("w.pth", BODY), target, HASH))
    assert not target.exists()
    download(RemoteFile(f"{web.url}/w.pth", target, HASH))
    assert web.asked[-1]["Range"] == "bytes=3000-"
    assert target.read_bytes() == BODY


def test_server_without_ranges_sends_everything_again(web: Any, target: Path) -> None:
    web.cut, web.ranges = [300_000], False
    download(RemoteFile(web.add("w.pth", BODY), target, HASH))
    assert target.read_bytes() == BODY


def test_pieces_of_two_versions_are_never_glued_together(web: Any, target: Path) -> None:
    web.cut = [1000] * room.ATTEMPTS
    remote = RemoteFile(web.add("w.pth", BODY), target)  # no hash could find it
    with pytest.raises(WeightsError):
        download(remote)
    web.add("w.pth", BODY[::-1])
    web.etag = '"two"'
    download(remote)
    assert target.read_bytes() == BODY[::-1]


def test_piece_that_is_whole_already_begins_anew(web: Any, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("w.pth.part").write_bytes(BODY)
    download(RemoteFile(web.add("w.pth", BODY), target, HASH))
    assert target.read_bytes() == BODY


def test_wrong_hash_keeps_nothing(web: Any, target: Path) -> None:
    with pytest.raises(WeightsError, match=r"sent something else than w\.pth"):
        download(RemoteFile(web.add("w.pth", BODY), target, "00000000"))
    assert leftovers(target) == []


def test_wrong_hash_leaves_the_file_that_was_there(web: Any, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(WeightsError):
        download(RemoteFile(web.add("w.pth", BODY), target, "00000000"))
    assert target.read_bytes() == b"old"


def test_length_must_be_known_where_no_hash_is(web: Any, target: Path) -> None:
    web.length = False
    with pytest.raises(WeightsError, match="does not say how long"):
        download(RemoteFile(web.add("w.pth", BODY), target))
    download(RemoteFile(f"{web.url}/w.pth", target, HASH))
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [404, 403, 500])
def test_refusal_of_the_server_is_one_line(web: Any, target: Path, status: int) -> None:
    web.status = status
    with pytest.raises(WeightsError, match=rf"127\.0\.0\.1 answers {status}") as caught:
        download(RemoteFile(f"{web.url}/w.pth", target))
    assert not isinstance(caught.value, UnreachableError)


def test_silent_server_is_given_up_after_the_reading_time(
    web: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.3)
    web.delay = 2.0  # after which there would be a file and no error
    with pytest.raises(WeightsError, match=r"no answer in time|timed out"):
        download(RemoteFile(web.add("w.pth", BODY), target, HASH))


def test_times_are_ten_seconds_to_connect_and_thirty_to_read() -> None:
    assert (connections.CONNECT_SECONDS, connections.READ_SECONDS) == (10, 30)


def test_closed_port_is_no_network(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1: Connection refused"):
        download(RemoteFile(f"http://127.0.0.1:{port}/w.pth", target))


def test_names_that_take_for_ever_are_given_up(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20) and [])
    monkeypatch.setattr(connections, "REACH_SECONDS", 0.2)
    try:  # a name that had answered would be "an empty list"
        with pytest.raises(UnreachableError, match="no answer in time"):
            download(RemoteFile("https://example.org/w.pth", target))
    finally:
        release.set()


def test_promise_of_five_seconds_leaves_room_to_start() -> None:
    assert connections.REACH_SECONDS <= 3


def test_full_disk_is_seen_before_anything_is_written(
    web: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(WeightsError, match=r"No room in .*: 1\.0 MB needed, 1\.0 MB free"):
        download(RemoteFile(web.add("w.pth", BODY), target, HASH))
    assert leftovers(target) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser can write everywhere"
)
def test_folder_that_cannot_be_written(web: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WeightsError, match="Cannot write"):
        download(RemoteFile(web.add("w.pth", BODY), tmp_path / "x" / "w.pth", HASH))


def test_folder_that_is_a_file(web: Any, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(WeightsError, match="Cannot write"):
        download(RemoteFile(web.add("w.pth", BODY), tmp_path / "x" / "w.pth", HASH))


def test_only_web_addresses(target: Path) -> None:
    with pytest.raises(WeightsError, match="no web address"):
        download(RemoteFile("file:///etc/passwd", target))


def test_redirects_are_followed_but_never_to_an_unprotected_address(web: Any, target: Path) -> None:
    web.add("w.pth", BODY)
    web.redirect, web.redirects = f"{web.url}/w.pth", 1
    download(RemoteFile(f"{web.url}/old.pth", target, HASH))
    assert target.read_bytes() == BODY
    answer = httpx2.Response(302, headers={"Location": f"{web.url}/w.pth"})
    answer.request = httpx2.Request("GET", "https://example.org/w.pth")
    answer.next_request = httpx2.Request("GET", f"{web.url}/w.pth")
    with pytest.raises(WeightsError, match="unprotected"):
        connections.refuse_downgrade(answer)


def test_a_proxy_of_the_environment_is_used(web: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stands for the proxy: it is asked for a whole address of another host."""
    web.files["http://elsewhere.test/w.pth"] = BODY
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.setenv("no_proxy", "")
    download(RemoteFile("http://elsewhere.test/w.pth", target, HASH))
    assert target.read_bytes() == BODY


def test_two_processes_fetch_once(web: Any, target: Path) -> None:
    url = web.add("w.pth", BODY)
    web.delay = 1.5  # long enough for the other process to come
    script = (
        "import sys, time; from pathlib import Path; from deepdream.models.download import *\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"print(download(RemoteFile({url!r}, Path({str(target)!r}), {HASH!r})))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = sorted(process.communicate("go\n")[0].strip() for process in _started(both))
    assert answers == ["False", "True"]
    assert len(web.asked) == 1
    assert target.read_bytes() == BODY


def _started(processes: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


@pytest.mark.parametrize("name", ["DEEPDREAM_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(
    ("value", "meant"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)]
)
def test_offline_switches(name: str, value: str, meant: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert is_offline() is meant
