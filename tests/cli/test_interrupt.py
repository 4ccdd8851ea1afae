"""Ctrl-C and SIGTERM: the picture so far is saved, and the exit code says which it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepdream.cli.process import StoppedBySignal, interruptible
from deepdream.images import read_picture, read_recipe
from deepdream.models import Model

SCRIPT = Path(sys.executable).with_name("deepdream")
LONG = ("--size", "96", "--octaves", "3", "--steps", "60")


@pytest.mark.weights
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_real_run_saves_what_is_there(number: signal.Signals, code: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(SCRIPT), "run", "noise", "-o", str(tmp_path / "d.png"), "--json", *LONG],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()  # "seeded noise"
    first = process.stderr.readline()
    assert "octave 1/" in first
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    partial = tmp_path / "d_partial.png"
    assert err == f"deepdream: stopped; the picture so far is in {partial}.\n"
    assert read_picture(partial).pixels.shape == (96, 96, 3)
    assert json.loads(read_recipe(partial) or "")["finished"] is False
    document = json.loads(out)
    assert document["results"] == []
    assert (document["left"], document["partial"]) == (1, [str(partial)])
    assert [path.name for path in tmp_path.iterdir()] == ["d_partial.png"]


@pytest.mark.weights
def test_ctrl_c_before_the_first_step_leaves_nothing(tmp_path: Path) -> None:
    """The signal comes while the program is still loading."""
    program = (
        "import os, signal, sys\n"
        "from deepdream.batch.task import NetworkSpec\n"
        "from deepdream.cli import main\n"
        "NetworkSpec.load = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.argv = ['deepdream', 'run', 'noise', '-o', {str(tmp_path / 'd.png')!r}]\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "deepdream: stopped; nothing was left half-written.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stopping(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that plants a signal at a step of a dream."""
    from deepdream.dreaming import loop

    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    advance, count = loop.advance, [0]

    def plant(number: signal.Signals, at: int, times: int = 1) -> None:
        def advanced(*words: Any, **more: Any) -> Any:
            count[0] += 1
            if count[0] == at:
                for _ in range(times):
                    os.kill(os.getpid(), number)
            return advance(*words, **more)

        monkeypatch.setattr(loop, "advance", advanced)

    return plant


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_is_finished_first(number: signal.Signals, stopping: Any, command: Any) -> None:
    stopping(number, at=3)
    done = command("run", "noise", "--size", "40", "-o", "d.png", "--octaves", "1", "--steps", "9")
    assert done.code == 128 + number
    assert done.out == ""
    recipe = json.loads(read_recipe("d_partial.png") or "")
    assert recipe["finished"] is False
    assert not Path("d.png").exists()
    assert "interrupted" in command("info", "d_partial.png").out


def test_a_second_signal_stops_at_once(stopping: Any, command: Any) -> None:
    stopping(signal.SIGINT, at=3, times=2)
    done = command("run", "noise", "--size", "40", "-o", "d.png", "--octaves", "1", "--steps", "9")
    assert done.code == 130
    assert "nothing was left half-written" in done.err
    assert list(Path().iterdir()) == []


def test_a_signal_in_the_last_step_finishes_this_picture_and_begins_no_other(
    stopping: Any, command: Any
) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        command("run", "noise", "--size", "40", "-o", f"in/{name}.png", "--octaves", "1", "--steps", "1")
    stopping(signal.SIGINT, at=2)
    done = command("run", "in", "-o", "out", "--octaves", "1", "--steps", "2", "--json", "--batch", "1")
    assert done.code == 130
    (only,) = Path("out").iterdir()
    assert only.name.startswith("a_")
    assert "partial" not in only.name
    assert json.loads(read_recipe(only) or "")["finished"] is True


def test_pictures_that_were_finished_stand_in_the_json(stopping: Any, command: Any) -> None:
    Path("in").mkdir()
    for name in ("a", "b", "c"):
        command("run", "noise", "--size", "40", "-o", f"in/{name}.png", "--octaves", "1", "--steps", "1")
    stopping(signal.SIGTERM, at=4)
    done = command("run", "in", "-o", "out", "--octaves", "1", "--steps", "3", "--json", "--batch", "1")
    assert done.code == 143
    document = json.loads(done.out)
    assert [result["input"] for result in document["results"]] == ["in/a.png"]
    assert document["left"] == 2
    assert [Path(path).name[0] for path in document["partial"]] == ["b"]
    assert len(list(Path("out").iterdir())) == 2


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(StoppedBySignal), interruptible() as interruption:  # noqa: PT012
        assert interruption.number == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.number == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
