"""``--precision``: a draft says so in the terminal, the JSON and the recipe; and a ``--device`` that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepdream.images import read_recipe
from deepdream.models import Model

FAST = ("--size", "40", "--octaves", "1", "--steps", "2", "-o", "d.png")


@pytest.fixture(autouse=True)
def small(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)


def test_a_draft_is_called_one_everywhere(command: Any) -> None:
    done = command("run", "noise", "--precision", "bfloat16", "--json", *FAST)
    assert done.code == 0
    assert "noise: a draft, since the network runs in bfloat16\n" in done.err
    assert json.loads(done.out)["results"][0]["draft"] is True
    assert json.loads(read_recipe(Path("d.png")) or "")["plan"]["precision"] == "bfloat16"
    assert "a draft in bfloat16" in command("info", "d.png").out
    again = command("rerun", "d.png")
    assert "a draft, since the network runs in bfloat16" in again.err
    assert "the same pixels, bit for bit" in again.err


@pytest.mark.parametrize("words", [(), ("--precision", "auto"), ("--precision", "float32")])
def test_nothing_is_a_draft_unasked(words: tuple[str, ...], command: Any) -> None:
    done = command("run", "noise", "--json", *words, *FAST)
    assert "draft" not in done.err
    assert json.loads(done.out)["results"][0]["draft"] is False
    assert json.loads(read_recipe(Path("d.png")) or "")["plan"]["precision"] == "float32"


def test_a_visualization_in_float16(command: Any) -> None:
    words = ("visualize", "second:3", "--size", "64", "--steps", "2", "-o", "v.png", "--precision", "float16")
    done = command(*words)
    assert done.code == 0
    assert "a draft, since the network runs in float16" in done.err
    done = command(*words, "--overwrite", "--both")
    assert "v.png: a draft, since the network runs in float16" in done.err


def test_a_sweep_says_that_it_has_drafts(command: Any) -> None:
    done = command("sweep", "noise", "--x", "precision=float32,bfloat16", "--set", "steps=1", "--set", "octaves=1",
                   "--size", "40", "-o", "s.png")  # fmt: skip
    assert done.code == 0
    assert "s.png: with drafts, since the network runs in bfloat16\n" in done.err


@pytest.mark.weights
def test_a_prediction_in_bfloat16(command: Any) -> None:
    command("run", "noise", *FAST)
    done = command("predict", "d.png", "--precision", "bfloat16", "--json")
    assert done.err == "a draft, since the network runs in bfloat16\n"
    draft = json.loads(done.out)["results"][0]
    plain = json.loads(command("predict", "d.png", "--json").out)["results"][0]
    assert (draft["draft"], "draft" in plain) == (True, False)
    assert draft["top"] != plain["top"]
    assert command("predict", "d.png", "--precision", "float8").err == (
        "deepdream: No precision 'float8'. Did you mean 'float32' or 'float16' or 'bfloat16'?\n"
    )


def test_what_is_not_there(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("run", "noise", "--precision", "int8", *FAST)
    assert done.code == 2
    assert done.err == ("deepdream: No precision 'int8'. There are: float32, bfloat16, float16.\n")
    monkeypatch.undo()
    for device in ("cuda:9", "tpu"):
        done = command("predict", "noise.png", "--device", device)
        assert done.code == 2
        assert done.err.startswith(f"deepdream: No device '{device}' here. There are: auto, cpu")
        assert done.err.count("\n") == 1
