"""``-`` reads a picture from standard input, ``-o -`` writes one to standard output; a URL is refused in one line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepdream.images import read_picture, read_recipe

IMAGES = Path(__file__).parents[2] / "images"
CAT = (IMAGES / "cat.jpg").read_bytes()
QUICK = ("--size", "64", "--octaves", "1", "--steps", "1")


def pipe(*words: str, content: bytes = b"", folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "deepdream", *words],
        input=content,
        capture_output=True,
        cwd=folder,
        check=False,
    )


@pytest.mark.weights
def test_a_dream_in_a_pipe(tmp_path: Path) -> None:
    done = pipe("run", "-", "-o", "-", *QUICK, content=CAT, folder=tmp_path)
    assert done.returncode == 0
    (tmp_path / "out.png").write_bytes(done.stdout)
    assert read_picture(tmp_path / "out.png").pixels.shape[1] == 64
    assert '"name": "stdin"' in (read_recipe(tmp_path / "out.png") or "").replace('":"', '": "')
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.weights
def test_a_map_in_a_pipe(tmp_path: Path) -> None:
    done = pipe("saliency", "-", "-o", "-", content=CAT, folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == []


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    "words", [("predict", "-"), ("check", "-", "--checks", "degeneracy"), ("explain", "-")]
)
def test_commands_read_a_picture_from_standard_input(
    words: tuple[str, ...], command: Any, use_network: Any, tiny_model: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    standard_input(monkeypatch, CAT)
    done = command(*words)
    assert done.code == 0, done.err


def test_what_standard_input_holds_is_read_like_a_file(
    command: Any, use_network: Any, tiny_model: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    for content, message in ((b"", "stdin is empty"), (CAT[:900], "stdin is damaged or cut short")):
        standard_input(monkeypatch, content)
        done = command("run", "-", "-o", "d.png")
        assert (done.code, message in done.err) == (3, True), done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("run", "https://example.org/cat.jpg"),
        ("predict", "http://example.org/cat.jpg"),
        ("explain", "s3://bucket/cat.jpg"),
        ("check", "https://example.org/cat.jpg"),
        ("report", "https://example.org/cat.jpg"),
    ],
)
def test_a_url_is_refused_in_one_line(words: tuple[str, ...], command: Any) -> None:
    done = command(*words)
    assert done.code == 2
    assert done.err == (
        f"deepdream: {words[1]} is a URL, and nothing is downloaded. Save the picture, and give its file.\n"
    )


def test_what_does_not_go_with_standard_output(command: Any, use_network: Any, tiny_model: Any) -> None:
    use_network(tiny_model)
    for words, message in (
        (("--json",), "where --json would be"),
        (("--checkpoint-every", "2"), "Name a file with -o"),
    ):
        done = command("run", "noise", "-o", "-", *words)
        assert (done.code, message in done.err) == (2, True), done.err
