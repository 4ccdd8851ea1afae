"""``deepdream run --like``: the settings and network of a dream for another picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepdream.images import read_recipe, write_picture
from deepdream.models import Model

FAST = ("--octaves", "2", "--octave-scale", "1.2", "--steps", "2", "--color", "0.3", "--seed", "7")


@pytest.fixture(autouse=True)
def asked(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[Any, ...]]:
    """The small network under every name, in a folder with two photos; the words of each load."""
    loads: list[tuple[Any, ...]] = []

    def load(*words: Any) -> Model:
        loads.append(words)
        return tiny_model

    use_network(load)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, shape in (("photo.png", (40, 48)), ("other.png", (44, 60)), ("face.png", (40, 48))):
        write_picture(name, rng.random((*shape, 3), dtype=np.float32) * 0.5 + 0.25)
    return loads


def recipe_of(path: str) -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(read_recipe(path) or "")
    return recipe


def test_another_photo_has_the_same_settings(command: Any) -> None:
    assert command("run", "photo.png", "-o", "dream.png", "--layer", "second:3", *FAST).code == 0
    done = command("run", "other.png", "--like", "dream.png", "-o", "alike.png")
    assert done.code == 0
    assert recipe_of("alike.png")["plan"] == recipe_of("dream.png")["plan"]
    assert "differs from dream.png: its size was 48x40; each picture keeps its own size" in done.err
    assert (recipe_of("alike.png")["width"], recipe_of("alike.png")["height"]) == (60, 44)


def test_the_same_photo_gives_the_same_pixels(command: Any) -> None:
    from deepdream.images import read_picture

    assert command("run", "photo.png", "-o", "dream.png", *FAST).code == 0
    assert command("run", "photo.png", "--like", "dream.png", "-o", "again.png", "--quiet").err == ""
    assert (read_picture("dream.png").pixels == read_picture("again.png").pixels).all()


def test_options_beside_it_win(command: Any) -> None:
    assert command("run", "photo.png", "-o", "dream.png", *FAST).code == 0
    options = ("--layer", "first", "--steps", "3", "--rate", "0.01", "--size", "40")
    done = command("run", "other.png", "--like", "dream.png", "-o", "alike.png", *options)
    assert done.code == 0
    assert "size" not in done.err
    plan = recipe_of("alike.png")["plan"]
    assert (plan["objective"], plan["steps"], plan["color"]) == ("layer(first)", 3, 0.3)
    assert (plan["rate"], plan["strength"]) == (0.01, None)


def test_what_belongs_to_the_other_photo_is_left_out_and_named(command: Any) -> None:
    masked = ("--mask", "face.png", "--feather", "3")
    assert command("run", "photo.png", "-o", "dream.png", *masked, *FAST).code == 0
    done = command("run", "other.png", "--like", "dream.png", "-o", "alike.png")
    assert "its mask face.png" in done.err
    assert "is not used (--mask gives one)" in done.err
    assert (recipe_of("alike.png")["plan"]["mask"], recipe_of("alike.png")["plan"]["feather"]) == ("", 0)
    assert (
        "its mask" not in command("run", "other.png", "--like", "dream.png", "-o", "m.png", *masked[:2]).err
    )


def test_the_network_is_that_of_the_recipe_or_the_one_that_is_given(
    command: Any, asked: list[tuple[Any, ...]]
) -> None:
    assert command("run", "photo.png", "-o", "dream.png", *FAST).code == 0
    assert command("run", "other.png", "--like", "dream.png", "-o", "a.png").code == 0
    assert asked[-1][0] == "tiny"
    assert command("run", "other.png", "--like", "dream.png", "-o", "b.png", "--model", "elsewhere").code == 0
    assert asked[-1][0] == "elsewhere"


def test_a_guide_is_found_beside_the_dream_or_named_as_missing(command: Any, tmp_path: Path) -> None:
    folder = tmp_path / "dreams"
    folder.mkdir()
    (tmp_path / "face.png").rename(folder / "face.png")
    guided = ("--guide", "dreams/face.png", "--layer", "second")
    assert command("run", "photo.png", "-o", "dreams/dream.png", *guided, *FAST).code == 0
    assert command("run", "other.png", "--like", "dreams/dream.png", "-o", "alike.png").code == 0
    (folder / "face.png").unlink()
    done = command("run", "other.png", "--like", "dreams/dream.png", "-o", "missing.png")
    assert done.code == 3
    assert "face.png" in done.err


def test_a_picture_without_a_recipe_and_two_sources_of_settings_are_refused(command: Any) -> None:
    done = command("run", "other.png", "--like", "photo.png")
    assert done.code == 3
    assert "photo.png holds no recipe" in done.err
    done = command("run", "other.png", "--like", "photo.png", "--preset", "classic")
    assert done.code == 2
    assert "Give --like or --preset, not both." in done.err
    assert command("run", "other.png", "--like", "absent.png").code == 3


def test_a_network_of_the_user_s_own_is_given_again(command: Any, tmp_path: Path) -> None:
    assert command("run", "photo.png", "-o", "dream.png", *FAST).code == 0
    recipe = recipe_of("dream.png")
    recipe["model"].update(name="net.py:build", code="net.py:build", code_sha256="0" * 64)
    write_picture("own.png", np.full((40, 48, 3), 0.5, np.float32), recipe=json.dumps(recipe))
    done = command("run", "other.png", "--like", "own.png")
    assert done.code == 2
    assert "Give that file: --model net.py:build." in done.err
    done = command("run", "other.png", "--like", "own.png", "--model", "my/net.py:build", "-o", "alike.png")
    assert done.code == 0
    assert "differs from own.png: the network was net.py:build, is tiny" in done.err
