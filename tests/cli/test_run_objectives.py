"""What ``run`` can climb: classes, guides, masks, several networks; and making such pictures again."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from deepdream.cli.run_objective import Goal, objective_text
from deepdream.errors import UsageError
from deepdream.images import read_picture, read_recipe, write_picture
from deepdream.models import Model

FAST = ("--octaves", "2", "--octave-scale", "1.2", "--steps", "2", "-q")
LABELS = ["ant", "golden retriever", "cat", "dog", "eel"]


@pytest.fixture(autouse=True)
def small(
    use_network: Any, small_network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two small networks, and a folder with a photo, a flower, a mask and a vector."""

    def load(name: str, *_: object) -> Model:
        network = copy.deepcopy(small_network)
        with torch.no_grad():
            for weight in network.parameters() if name == "other" else ():
                weight.mul_(-1.5)
        name = "other" if name == "other" else "tiny"
        return Model.wrap(network, mean=(0.5,), std=(0.25,), labels=LABELS, name=name, input_size=64)

    use_network(load)
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    Path("far").mkdir()
    for name, shape in (("photo.png", (40, 48)), ("far/flower.png", (30, 30))):
        write_picture(Path(name), chance.random((*shape, 3), dtype=np.float32) * 0.5 + 0.25)
    half = np.zeros((40, 48, 3), np.float32)
    half[:, :24] = 1
    write_picture(Path("far/mask.png"), half)
    np.save("far/v.npy", np.linspace(-1, 1, 12))


def climbed(path: str) -> str:
    return str(json.loads(read_recipe(path) or "")["plan"]["objective"])


@pytest.mark.parametrize(
    ("words", "objective"),
    [
        (["--class", "golden retriever"], "logit(1)"),
        (["--class", "1", "--class", "cat"], "logit(1) + logit(2)"),
        (["--class", "cat", "-l", "first=0.5"], "logit(2) + 0.5*layer(first)"),
        (["-l", "second:3=2", "-l", "fir*"], "2.0*channel(second, 3) + layer(first)"),
        (["-l", "first", "--minus", "second=0.25"], "layer(first) - 0.25*layer(second)"),
        (["--minus", "second:2", "-l", "first"], "layer(first) - channel(second, 2)"),
        (["--class", "cat", "--minus", "first"], "logit(2) - layer(first)"),
        (["--objective", "second:4 - 0.2*total_variation()"], "channel(second, 4) - 0.2*total_variation()"),
        (["--objective", 'logit("dog")', "--relu", "redirected"], "logit(3)"),
        (["--objective", "other/second + first"], "layer(other/second) + layer(first)"),
        (["-l", "other/second", "-m", "tiny"], "layer(other/second)"),
        (
            ["-l", "first", "-l", "other/second:1", "-m", "tiny", "-m", "other"],
            "layer(first) + channel(other/second, 1)",
        ),
        (["--objective", 'logit("dog", other) + tiny/first'], "logit(3, other) + layer(tiny/first)"),
    ],
)
def test_options_become_one_objective(words: list[str], objective: str, command: Any) -> None:
    done = command("run", "photo.png", "-o", "d.png", *words, *FAST)
    assert (done.code, done.err) == (0, "")
    assert climbed("d.png") == objective


def test_a_guide_leads_the_chosen_layers(command: Any) -> None:
    assert (
        command("run", "photo.png", "-o", "d.png", "--guide", "far/flower.png", "-l", "first", *FAST).code
        == 0
    )
    name, _, digest = climbed("d.png").removeprefix('guide(first, "').removesuffix('")').partition("#")
    assert (name, len(digest)) == ("flower.png", 12)


def test_without_layers_each_network_s_recommended_one_is_meant(command: Any, tiny_model: Model) -> None:
    best = tiny_model.recommended_layer
    assert command("run", "photo.png", "-o", "d.png", "-m", "tiny", "-m", "other", *FAST).code == 0
    assert climbed("d.png") == f"layer({best}) + layer(other/{best})"
    assert command("run", "photo.png", "-o", "m.png", "--minus", "first", *FAST).code == 0
    assert climbed("m.png") == f"layer({best}) - layer(first)"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--objective", "layer(first)", "-l", "first"], 2, "Give --layer or --objective, not both"),
        (["--objective", "layer(first)", "--class", "cat"], 2, "Give --class or --objective"),
        (["--objective", "layer(first)", "--guide", "a.png"], 2, "Give --guide or --objective"),
        (["--objective", "layer(first)", "--minus", "first"], 2, "Give --minus or --objective"),
        (["--class", "unicorn"], 2, "No class 'unicorn'"),
        (["--class", ""], 2, "one line of text"),
        (["--minus", "frist"], 2, "No layer 'frist' in tiny. Did you mean 'first'"),
        (["--minus", "first=much"], 2, "Cannot read the weight 'much' in --minus first=much"),
        (["--guide", "far/flower.png", "-l", "first:2"], 2, "A guide leads whole layers"),
        (["--guide", "nowhere.png"], 3, "There is no file nowhere.png"),
        (["--guide", "far"], 3, "There is no file far"),
        (["--objective", 'masked(first, "gone.png#0123456789ab")'], 3, "There is no gone.png with the hash"),
        (["--objective", 'direction(second, "far/mask.png")'], 3, "holds no vector"),
        (["--objective", 'direction(first, "far/v.npy")'], 2, "first has 8 channels; this direction has 12"),
        (["--objective", "diversity(first)"], 2, "here is only one"),
        (["--relu", "leaky"], 2, "leaky"),
        (["-m", "tiny", "-m", "other", "--weights", "mine.safetensors"], 2, "--weights is for one network"),
        (["--tile", "96", "--class", "cat"], 2, "cannot be seen in tiles"),
    ],
)
def test_mistakes_are_one_line_and_a_code(words: list[str], code: int, message: str, command: Any) -> None:
    done = command("run", "photo.png", "-o", "d.png", *words, *FAST)
    assert done.code == code
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not Path("d.png").exists()


EVERYTHING = (
    'masked(guide(second, "far/flower.png"), "far/mask.png", 0.1) + direction(second, "far/v.npy", 2)'
    " + other/second:1 + caricature(first) - distance() - 0.1*total_variation()"
)


def test_a_picture_with_files_and_two_networks_is_made_again_bit_for_bit(command: Any) -> None:
    assert command("run", "photo.png", "-o", "made.png", "--objective", EVERYTHING, *FAST).code == 0
    assert "far" not in (read_recipe("made.png") or "")
    assert "other" in command("info", "made.png").out
    gone = command("rerun", "made.png", "-q")
    assert gone.code == 3
    assert "There is no flower.png with the hash" in gone.err
    for name in ("flower.png", "mask.png", "v.npy"):
        shutil.move(f"far/{name}", name)
    done = command("rerun", "made.png")
    assert done.code == 0
    assert "the same pixels, bit for bit" in done.err


def test_files_lie_beside_the_input_too(command: Any) -> None:
    words = ("--objective", 'masked(guide(second, "far/flower.png"), "far/mask.png")')
    assert command("run", "photo.png", "-o", "made.png", *words, *FAST).code == 0
    shutil.move("photo.png", "far/photo.png")
    done = command("rerun", "made.png", "--input", "far/photo.png")
    assert (done.code, "bit for bit" in done.err) == (0, True)


@pytest.mark.parametrize(
    "name", ["../far/flower.png", "/etc/passwd", "flower.png", "far/flower.png#0123456789ab"]
)
def test_a_strangers_recipe_opens_no_path(name: str, command: Any) -> None:
    assert command("run", "photo.png", "-o", "made.png", "-l", "first", *FAST).code == 0
    recipe = json.loads(read_recipe("made.png") or "")
    recipe["plan"]["objective"] = f"guide(first, {json.dumps(name)})"
    write_picture(Path("evil.png"), read_picture("made.png").pixels, recipe=json.dumps(recipe))
    done = command("rerun", "evil.png")
    assert done.code == 3
    assert "without a hash; it is not opened" in done.err


def test_no_file_is_opened_as_a_second_network(command: Any) -> None:
    assert command("run", "photo.png", "-o", "made.png", "-m", "tiny", "-m", "other", *FAST).code == 0
    recipe = json.loads(read_recipe("made.png") or "")
    assert [record["name"] for record in recipe["networks"]] == ["other"]
    recipe["networks"][0]["name"] = "../evil.pth"
    write_picture(Path("evil.png"), read_picture("made.png").pixels, recipe=json.dumps(recipe))
    done = command("rerun", "evil.png")
    assert (done.code, "names a file as its network" in done.err) == (3, True)


def test_the_default_name_tells_what_was_climbed(command: Any) -> None:
    done = command("run", "photo.png", "--class", "cat", "-l", "first", *FAST)
    assert done.out == "outputs/photo_tiny_class-2+first.png\n"


def test_a_goal_in_words() -> None:
    assert Goal().text() == ""
    assert not Goal().said
    assert Goal(["a.b:3=2"], minus=["c"]).text() == "2.0*channel(a.b, 3) - layer(c)"
    assert Goal(guides=['a "b".png']).text(["x"]) == 'guide(x, "a \\"b\\".png")'
    assert objective_text(["a=0.5"], None) == "0.5*layer(a)"
    assert objective_text(None, None) is None
    with pytest.raises(UsageError, match="not both"):
        Goal(["a"], "layer(a)")
