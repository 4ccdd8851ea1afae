"""``--model FILE.py:FUNCTION``: the page of the docs as it is written, recipes, and files that are never run."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepdream.images import read_recipe, write_picture

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-networks.md").read_text()
DREAM = ("run", "images/cat.jpg", "--size", "60", "--octaves", "1", "--steps", "2", "-o", "dream.png")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of the docs as ``zoo.py``, and the photographs."""
    monkeypatch.chdir(tmp_path)
    Path("images").symlink_to(ROOT / "images")
    Path("zoo.py").write_text(block("python"))
    return tmp_path


def recipe_of(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_recipe(path) or "")
    return found


def test_the_page_is_true(command: Any) -> None:
    commands = [shlex.split(line)[1:] for line in block("sh").splitlines()]
    assert len(commands) == 6
    done = [command(*words) for words in commands]
    assert [found.code for found in done] == [0] * 6
    assert "second" in done[0].out
    assert "class 0" in done[1].out
    assert "fed with RGB in [0, 1], nothing subtracted, 224x224." in done[1].err
    assert "ant" in done[2].out
    assert done[2].err == ""
    assert "bee" in done[3].out
    assert "the same pixels, bit for bit" in done[5].err


def test_the_wrapper_of_the_page_works(command: Any) -> None:
    """Errors about the interface of a network name it: BGR in 0 to 255, a second input, and a nested output."""
    wrapper = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert "## A network with another interface" in PAGE
    Path("strange.py").write_text(wrapper)
    result = command("predict", "images/cat.jpg", "--model", "strange.py:build", "--top", "1")
    assert (result.code, result.out.count("class ")) == (0, 2)
    refused = command("predict", "images/cat.jpg", "--model", "strange.py:Strange")
    assert refused.code == 2
    assert 'docs/own-networks.md, "A network with another interface"' in refused.err
    assert "extra=(tensor, ...)" in refused.err


def test_the_recipe_holds_no_path_and_rerun_says_what_changed(command: Any) -> None:
    Path("nets").mkdir()
    os.rename("zoo.py", "nets/zoo.py")
    assert command(*DREAM, "--model", Path("nets/zoo.py").absolute().as_posix() + ":labeled").code == 0
    recipe = recipe_of("dream.png")
    assert "nets" not in json.dumps(recipe)
    assert recipe["model"]["code"] == "zoo.py:labeled"
    assert len(recipe["model"]["code_sha256"]) == len(recipe["model"]["sha256"]) == 64
    assert "made by    zoo.py:labeled (sha256" in command("info", "dream.png").out
    again = command("rerun", "dream.png", "--overwrite")
    assert (again.code, again.err) == (
        2,
        "deepdream: This picture was made with a network of zoo.py:labeled. Give that file: --model zoo.py:labeled.\n",
    )
    Path("nets/zoo.py").write_text(Path("nets/zoo.py").read_text() + "# another line\n")
    again = command("rerun", "dream.png", "--overwrite", "--model", "nets/zoo.py:labeled")
    assert "differs from then: the file of zoo.py:labeled has another hash" in again.err
    assert "weights" not in again.err
    assert "the same pixels, bit for bit" in again.err
    text = (
        Path("nets/zoo.py")
        .read_text()
        .replace(
            "network = Small()", "network = Small().requires_grad_(False)\n    network.head.bias.add_(1)"
        )
    )
    Path("nets/zoo.py").write_text(text)
    again = command("rerun", "dream.png", "--overwrite", "--model", "nets/zoo.py:labeled")
    assert "the weights have another hash" in again.err


def test_two_networks_of_one_file_dream_as_one(command: Any) -> None:
    both = ("--model", "zoo.py:build", "--model", "zoo.py:labeled")
    text = Path("zoo.py").read_text().replace("input_size=96", "input_size=96, name='zoo'")
    Path("zoo.py").write_text(text)
    assert command(*DREAM, *both, "--objective", "first + zoo/second").code == 0
    assert [model["code"] for model in recipe_of("dream.png")["networks"]] == ["zoo.py:labeled"]
    done = command("rerun", "dream.png", *both[2:], *both[:2])
    assert "the same pixels, bit for bit" in done.err


def test_a_file_named_by_a_recipe_is_never_run(command: Any) -> None:
    """A stranger's picture with a file of that name beside it."""
    assert command(*DREAM, "--layer", "first", "--model", "zoo.py:labeled").code == 0
    Path("evil.py").write_text("open('ran', 'w')\ndef main(): ...\n")
    recipe = recipe_of("dream.png")
    plants: list[dict[str, Any]] = [
        {"name": "evil.py:main"},
        {"name": "evil.py"},
        {"name": "x", "code": "evil.py:main", "code_sha256": "0" * 64},
        {"name": "x", "code": "/tmp/evil.py:main", "code_sha256": "0" * 64},
    ]
    for plant in plants:
        model = {"origin": "made by evil.py:main", "sha256": "0" * 64, **plant}
        pixels = np.full((recipe["height"], recipe["width"], 3), 0.5, np.float32)
        write_picture("planted.png", pixels, recipe=json.dumps({**recipe, "model": model}))
        assert command("rerun", "planted.png", "--overwrite").code in (2, 3)
    assert not Path("ran").exists()


def test_a_file_that_the_recipe_does_not_ask_for(command: Any) -> None:
    assert command(*DREAM, "--layer", "blocks.1").code == 0
    done = command("rerun", "dream.png", "--model", "zoo.py:build")
    assert done.code == 2
    assert "--model zoo.py:build is not needed" in done.err


def test_another_function_of_the_file_is_another_network(command: Any) -> None:
    """The same untrained weights, and yet fed otherwise."""
    assert command(*DREAM, "--layer", "second", "--model", "zoo.py:labeled").code == 0
    done = command("rerun", "dream.png", "--model", "zoo.py:build")
    assert "differs from then: the network was made by zoo.py:labeled, is by zoo.py:build" in done.err
    assert "the weights" not in done.err
    assert "the pixels differ" in done.err


def test_a_dream_goes_on_with_the_same_function_only(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    from deepdream.dreaming import loop

    words = (
        *DREAM[:-2],
        "-o",
        "d.png",
        "--layer",
        "second",
        "--model",
        "zoo.py:labeled",
        "--checkpoint-every",
        "1",
    )
    advance = loop.advance

    def struck(*rest: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return advance(*rest)

    monkeypatch.setattr(loop, "advance", struck)
    done = command(*words)
    monkeypatch.setattr(loop, "advance", advance)
    assert done.code == 130
    assert "Continue with `deepdream resume d.png --model zoo.py:labeled`." in done.err
    assert command("resume", "d.png").code == 2
    refused = command("resume", "d.png", "--model", "zoo.py:build")
    assert refused.code == 4
    assert (
        "began with a network of zoo.py:labeled. Give that one with --model, not zoo.py:build" in refused.err
    )
    assert command("resume", "d.png", "--model", "zoo.py:labeled").code == 0


def test_the_resume_command_of_an_interrupted_visualization_works_as_it_is_printed(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    import torch

    from deepdream.dreaming import loop
    from deepdream.models import load_model

    Path("my nets").mkdir()
    Path("my nets/zoo.py").write_text(block("python"))
    torch.save(load_model("my nets/zoo.py:labeled").module.state_dict(), "my nets/trained.pth")
    advance = loop.advance

    def stopping(*rest: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return advance(*rest)

    monkeypatch.setattr(loop, "advance", stopping)
    done = command(
        "visualize", "second:1", "--model", "my nets/zoo.py:labeled", "--weights", "my nets/trained.pth",
        "--size", "60", "--steps", "4", "--checkpoint-every", "1", "-o", "v.png",
    )  # fmt: skip
    monkeypatch.setattr(loop, "advance", advance)
    assert done.code == 130
    advice = re.search(r"Continue with `deepdream (.*)`\.", done.err)
    assert advice
    resumed = command(*shlex.split(advice[1]))
    assert resumed.code == 0, resumed.err
    assert json.loads(read_recipe("v.png") or "")["finished"]


def test_an_interrupted_dream_goes_on_with_the_file(command: Any) -> None:
    from deepdream.batch.dreams import resume_options

    assert resume_options(["resnet18", "my nets/zoo.py:build"], None) == " --model 'my nets/zoo.py:build'"
    assert resume_options(["resnet18"], "random:1") == " --weights random:1"


def test_it_is_said_in_json_what_is_wrong(command: Any) -> None:
    done = command("predict", "images/cat.jpg", "--model", "zoo.py:bild", "--json")
    assert done.code == 2
    assert json.loads(done.out)["error"] == "No function 'bild' in zoo.py. Did you mean 'build'?"


@pytest.mark.parametrize(
    "name", ["run", "predict", "explain", "check", "report", "layers", "visualize", "atlas", "rerun"]
)
def test_the_help_says_that_the_file_is_run(name: str, command: Any) -> None:
    words = " ".join(command(name, "--help").out.split())
    assert "FILE.py:FUNCTION" in words
    assert "is run" in words
