"""Interrupted and resumed is uninterrupted, bit for bit, on real processes; and what ``resume`` refuses."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from deepdream.images import read_picture
from deepdream.models import Model

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
DREAM = ("run", "noise", "--size", "72", "--octaves", "2", "--seed", "3", "--quiet", "--device", "cpu")


def deepdream(*words: object) -> list[str]:
    return [sys.executable, "-m", "deepdream", *map(str, words)]


def step_of(path: Path) -> int:
    """How many steps the state in a file has made; 0 while there is none."""
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        import json

        state = json.loads(file.metadata()["deepdream"])["state"]
        return state["octave"] * 1000 + state["step"]


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_real_run_stopped_at_a_random_step_and_resumed_is_the_uninterrupted_run(
    number: signal.Signals, tmp_path: Path
) -> None:
    whole, output = tmp_path / "whole.png", tmp_path / "d.png"
    long = (*DREAM, "--steps", "60")
    subprocess.run(deepdream(*long, "-o", whole), check=True, env=ENVIRONMENT)
    process = subprocess.Popen(
        deepdream(*long, "-o", output, "--checkpoint-every", "1"), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    stop, state = random.randrange(1, 55), tmp_path / "d.png.state"  # any step must do
    while step_of(state) < stop and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert not output.exists()
    if number != signal.SIGKILL:
        assert f"Continue with `deepdream resume {output}`." in err
    subprocess.run(deepdream("resume", output, "--quiet"), check=True, env=ENVIRONMENT)
    assert read_picture(output).pixels.tobytes() == read_picture(whole).pixels.tobytes()
    assert not state.exists()


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_transparent_picture_that_was_stopped_and_resumed_is_the_uninterrupted_one(
    number: signal.Signals, tmp_path: Path
) -> None:
    whole, output = tmp_path / "whole.png", tmp_path / "d.png"
    words = ("visualize", "blocks.2:3", "--alpha", "--size", "64", "--steps", "40", "--bits", "16", "--quiet",
             "--device", "cpu")  # fmt: skip
    subprocess.run(deepdream(*words, "-o", whole), check=True, env=ENVIRONMENT)
    process = subprocess.Popen(deepdream(*words, "-o", output, "--checkpoint-every", "1"), env=ENVIRONMENT)
    stop, state = random.randrange(1, 35), tmp_path / "d.png.state"
    while step_of(state) < stop and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    process.wait(timeout=120)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert not output.exists()
    subprocess.run(deepdream("resume", output, "--quiet"), check=True, env=ENVIRONMENT)
    one, other = read_picture(output), read_picture(whole)
    assert one.pixels.tobytes() == other.pixels.tobytes()
    assert one.alpha is not None
    assert one.alpha.tobytes() == other.alpha.tobytes()  # type: ignore[union-attr]


@pytest.fixture
def folder(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stopped(folder: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was interrupted in its fourth step."""
    from deepdream.dreaming import loop

    advance, count = loop.advance, [0]

    def advanced(*words: Any) -> Any:
        count[0] += 1
        if count[0] == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(*words)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "advance", advanced)
        done = command("run", "noise", "--size", "40", "--steps", "6", "--octaves", "1", "-o", "d.png",
                       "--bits", "16", "--decided-by", "Ada", "--checkpoint-every", "100")  # fmt: skip
    assert done.code == 130
    assert "the picture so far is in d_partial.png. Continue with `deepdream resume d.png`." in done.err
    return folder / "d.png.state"


@pytest.mark.parametrize("words", ["d.png", ".", "d.png.state"])
def test_the_rest_is_dreamed_and_the_state_removed(words: str, stopped: Path, command: Any) -> None:
    command("run", "noise", "--size", "40", "--steps", "6", "--octaves", "1", "-o", "w.png", "--bits", "16")
    done = command("resume", words)
    assert (done.code, done.out) == (0, "d.png\n")
    assert not stopped.exists()
    assert read_picture("d.png").pixels.tobytes() == read_picture("w.png").pixels.tobytes()
    shown = command("info", "d.png").out
    assert "Ada" in shown
    assert "interrupted" not in shown
    assert "before" in shown
    assert "gains" in shown


def test_a_waiting_dream_is_not_dreamed_over(stopped: Path, command: Any) -> None:
    words = ("run", "noise", "--size", "40", "--steps", "2", "-o", "d.png", "--checkpoint-every", "1")
    refused = command(*words)
    assert refused.code == 7
    assert "d.png.state holds an interrupted dream. Continue it with `deepdream resume d.png`" in refused.err
    assert command(*words, "--overwrite").code == 0
    assert not stopped.exists()


def test_what_resume_refuses(stopped: Path, command: Any, tiny_model: Model) -> None:
    nothing = command("resume", "other.png", "--json")
    assert (nothing.code, "nothing was interrupted there" in nothing.err) == (3, True)
    Path("empty").mkdir()
    assert command("resume", "empty").code == 3
    Path("d.png").write_bytes(b"precious")
    assert command("resume", "d.png").code == 7
    Path("d.png").unlink()
    object.__setattr__(tiny_model, "weights", type(tiny_model.weights)(sha256="c" * 64))
    other = command("resume", "d.png")
    assert other.code == 4
    assert "began with other weights" in other.err
    stopped.write_bytes(stopped.read_bytes()[:-100])
    assert command("resume", "d.png").code == 3


def test_a_finished_run_leaves_no_state(folder: Path, command: Any) -> None:
    done = command("run", "noise", "--size", "40", "--steps", "3", "-o", "d.png", "--checkpoint-every", "1")
    assert done.code == 0
    assert [path.name for path in folder.iterdir()] == ["d.png"]


def test_a_dream_that_cannot_be_resumed_does_not_end_the_others(stopped: Path, command: Any) -> None:
    Path("a.png.state").write_bytes(b"no state")
    done = command("resume", ".")
    assert (done.code, done.out) == (6, "d.png\n")
    assert "deepdream: a.png: a.png.state is cut off or damaged" in done.err
    assert "1 of 2 inputs failed; the first is a.png." in done.err
    assert not stopped.exists()
