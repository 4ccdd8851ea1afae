"""``deepdream presets`` and ``deepdream info --preset``: listing presets and making one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepdream.images import read_recipe, write_picture
from deepdream.models import Model
from deepdream.plan import PRESETS


@pytest.fixture(autouse=True)
def own(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own presets; the small network under every name; a photo."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    folder = tmp_path / "settings" / "deepdream" / "presets"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).random((40, 48, 3), dtype=np.float32)
    write_picture("photo.png", pixels * 0.5 + 0.25)
    return folder


def test_the_list_names_built_in_own_and_damaged_presets(command: Any, own: Path) -> None:
    assert f"You have no presets in {own}." in command("presets").out
    (own / "mine.toml").write_text('summary = "soft"\n[settings]\nsteps = 3\n')
    (own / "bad.toml").write_text("[settings]\nstep = 3\n")
    (own / "classic.toml").write_text("[settings]\nsteps = 3\n")
    done = command("presets")
    assert done.code == 0
    assert "mine        soft" in done.out
    assert "bad.toml: not usable. No setting 'step' in bad.toml. Did you mean 'steps'" in done.out
    assert "classic.toml: not usable. The name 'classic' is that of a built-in preset" in done.out
    document = json.loads(command("presets", "--json").out)
    assert [entry["name"] for entry in document["presets"]] == [*PRESETS, "mine"]
    assert set(document["damaged"]) == {"bad.toml", "classic.toml"}


def test_the_settings_of_a_dream_become_a_preset(command: Any, own: Path) -> None:
    options = ("--octaves", "2", "--octave-scale", "1.2", "--steps", "2", "--color", "0.3", "--seed", "4")
    assert command("run", "photo.png", "-o", "made.png", *options).code == 0
    done = command("info", "made.png", "--preset")
    assert 'summary = "the settings of made.png"' in done.out
    assert "seed" not in done.out
    (own / "mine.toml").write_text(done.out)
    assert command("run", "photo.png", "-o", "again.png", "--preset", "mine", "--seed", "4").code == 0
    first, second = (json.loads(read_recipe(name) or "")["plan"] for name in ("made.png", "again.png"))
    assert second == {**first, "preset": "mine"}


def test_a_picture_without_a_recipe_gives_no_preset(command: Any) -> None:
    done = command("info", "photo.png", "--preset")
    assert done.code == 3
    assert "photo.png holds no recipe" in done.err
    assert command("info", "photo.png", "--preset", "--json").code == 2


def test_a_preset_of_the_user_s_own_visualizes(command: Any, own: Path) -> None:
    (own / "quick.toml").write_text(
        "[settings]\noctaves = 1\nsteps = 3\nrate = 0.05\noptimizer = 'adam'\nparameterization = 'fourier'\n"
    )
    done = command("visualize", "second:3", "--preset", "quick", "--size", "32", "-o", "made.png")
    assert done.code == 0, done.err
    plan = json.loads(read_recipe("made.png") or "")["plan"]
    assert (plan["preset"], plan["steps"], plan["start"]) == ("quick", 3, "noise")
    refused = command("visualize", "second:3", "--preset", "quick", "--magnitudes", "photo.png")
    assert "--magnitudes is for --preset maco" in refused.err
