"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deepdream.errors import OutputError
from deepdream.provenance import replacing, sha256_of, write_bytes, write_text

OLD = b"the good old file"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(OLD)
    return path


def test_a_clean_exit_replaces_the_file(target: Path) -> None:
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["picture.png"]


def test_text_is_utf8_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "note.txt"
    write_text(path, "Kätzchen\n")
    assert path.read_bytes() == "Kätzchen\n".encode()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError, SystemExit])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_beside_it(
    target: Path, error: type[BaseException]
) -> None:
    expected = OutputError if error is OSError else error
    with pytest.raises(expected), replacing(target) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise error
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == ["picture.png"]


def test_the_temporary_file_lies_beside_the_target_with_its_suffix(target: Path) -> None:
    with replacing(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".png"
        assert target.read_bytes() == OLD  # until the end


def test_the_permissions_are_those_of_any_new_file(target: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(target, b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    for path in (tmp_path, tmp_path / "file" / "below.png"):
        with pytest.raises(OutputError, match=r"Cannot write .*\. Choose another place with -o\."):
            write_bytes(path, b"new")
    assert (tmp_path / "file").read_bytes() == OLD


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        write_bytes(tmp_path / ("x" * 300 + ".png"), b"new")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_keeps_the_old_file(target: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the middle."""
    program = f"""
import resource, signal
from pathlib import Path
from deepdream.errors import OutputError
from deepdream.provenance import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_bytes(Path({str(target)!r}), b"x" * 100_000)
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Cannot write {target}: File too large")
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == ["picture.png"]


def test_a_killed_process_keeps_the_old_file(target: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from deepdream.provenance import replacing
with replacing(Path({str(target)!r})) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -9
    assert target.read_bytes() == OLD


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(target: Path) -> None:
    target.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            write_bytes(target, b"new")
    finally:
        target.parent.chmod(0o700)


def test_a_hash_is_that_of_the_bytes(target: Path) -> None:
    assert sha256_of(target) == hashlib.sha256(OLD).hexdigest()
