"""The command ``visualize``: one picture or a sheet, made from noise, each with its own recipe."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.cli.visual_targets import read_numbers
from deepdream.dreaming import loop
from deepdream.errors import UsageError
from deepdream.images import on_checkers, read_picture, read_recipe, unlaid, write_picture
from deepdream.models import Model
from deepdream.plan import parse_magnitudes

FAST = ("--size", "40", "--steps", "3")


@pytest.fixture(autouse=True)
def network(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    return tiny_model


def test_one_channel_is_one_picture_that_can_be_made_again(command: Any) -> None:
    done = command("visualize", "second:3", *FAST, "-o", "v.png", "-q")
    assert (done.code, done.out) == (0, "v.png\n")
    recipe = json.loads(read_recipe(Path("v.png")) or "")
    assert recipe["plan"]["objective"] == "channel(second, 3)"
    assert recipe["plan"]["start"] == "noise"
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_the_channels_of_a_layer_are_a_sheet_and_cells_with_recipes_of_their_own(command: Any) -> None:
    done = command(
        "visualize", "second", "--channels", "0-2,4", *FAST, "-o", "s.png", "--cells", "c", "--json", "-q"
    )
    assert done.code == 0
    results = json.loads(done.out)["results"]
    assert [entry["input"] for entry in results] == ["second:0", "second:1", "second:2", "second:4"]
    for entry in results:
        with Image.open(entry["output"]) as cell:
            assert cell.size == (40, 40)
        assert json.loads(read_recipe(Path(entry["output"])) or "")["plan"]["objective"] == entry["objective"]
    with Image.open("s.png") as sheet:
        assert sheet.width > 4 * 40


def test_a_cell_can_be_made_again(command: Any) -> None:
    command("visualize", "second:1", "first:2", *FAST, "-o", "s.png", "--cells", "c", "-q")
    cell = next(Path("c").glob("00_*.png"))
    done = command("rerun", str(cell), "-q", "--json")
    assert json.loads(done.out)["results"][0]["differences"] == []
    with Image.open(cell) as before, Image.open(cell.with_stem(f"{cell.stem}_again")) as after:
        pairs = zip(before.tobytes(), after.tobytes(), strict=True)
        # In a batch the convolutions may round otherwise; a level or two, not another picture.
        assert max(abs(one - other) for one, other in pairs) <= 8


def test_signs_and_diversity(command: Any) -> None:
    done = command(
        "visualize", "second:1", "--both", "--diversity", "2", *FAST, "-o", "s.png", "--json", "-q"
    )
    assert done.code == 0, done.err
    assert read_picture("s.png").width > 4 * 40
    results = json.loads(done.out)["results"]
    assert [entry["input"] for entry in results] == [
        f"{sign}second:1, picture {number}" for sign in ("", "−") for number in (1, 2)
    ]
    assert [entry["output"] for entry in results] == [None] * 4
    assert results[0]["objective"] == "channel(second, 1) + diversity(second)"
    assert results[2]["objective"].startswith("-channel(second, 1)")


def test_a_class_and_an_objective(command: Any) -> None:
    done = command(
        "visualize", "class:3", "layer(first) - 0.1*total_variation()", *FAST, "--dry-run", "--json"
    )
    (plan,) = json.loads(done.out)["plans"]
    assert plan["objective"] == "logit(3); layer(first) - 0.1*total_variation()"
    assert plan["output"].startswith("outputs/visualize_")
    assert plan["estimate"]["seconds"] > 0
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Say what to visualize"),
        ("secnd:1", "Did you mean 'second'"),
        ("second:99999", "there is no channel 99999"),
        ("second --channels 5-2", "Cannot read the channels"),
        ("second --negative --both", "Choose one of"),
        ("second --preset balanced", "--preset is one of lucid"),
        ("second --size 100000", "more than 4096"),
        ("second --size 0", "Cannot read the size"),
        ("second:0 second:1 --checkpoint-every 2", "--cells"),
        ("second:0 --diversity 65", "more than 64"),
        ("layer(second", "is not complete"),
    ],
)
def test_wrong_words_end_with_2_in_one_line(line: str, words: str, command: Any) -> None:
    done = command("visualize", *line.split())
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err


def test_an_output_that_exists_is_refused(command: Any) -> None:
    Path("v.png").write_text("mine")
    assert command("visualize", "second:3", *FAST, "-o", "v.png").code == 7
    assert Path("v.png").read_text() == "mine"


def test_numbers_are_read() -> None:
    assert read_numbers("0-2, 7,1") == [0, 1, 2, 7]
    with pytest.raises(UsageError):
        read_numbers("a")


def test_transforms_are_part_of_the_recipe_and_made_again(command: Any) -> None:
    words = ("--transforms", "pad(4) + jitter(3) + rotate(-9, 9)")
    done = command("visualize", "second:3", *words, *FAST, "-o", "v.png", "-q")
    assert done.code == 0
    assert json.loads(read_recipe(Path("v.png")) or "")["plan"]["transforms"] == words[1]
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_transforms_that_do_not_exist_are_answered_before_anything_is_made(command: Any) -> None:
    done = command("visualize", "second:3", "--transforms", "padd(4)", *FAST, "-o", "v.png")
    assert (done.code, done.out) == (2, "")
    assert "No transform 'padd'. Did you mean 'pad'?" in done.err
    assert not Path("v.png").exists()


# Transparent pictures.


@pytest.mark.parametrize("bits", ["8", "16"])
def test_a_transparent_picture_is_rgba_tells_its_opacity_and_is_made_again(bits: str, command: Any) -> None:
    words = ("second:3", "--alpha", *FAST, "-o", "a.png", "--bits", bits, "--json", "-q")
    done = command("visualize", *words)
    assert done.code == 0, done.err
    measures = json.loads(done.out)["results"][0]["measures"]
    alpha = read_picture("a.png").alpha
    assert alpha is not None
    assert measures["mean_alpha"] == pytest.approx(float(alpha.mean()), abs=0.005)
    with Image.open("a.png") as file:
        assert file.mode == "RGBA"
    recipe = json.loads(read_recipe(Path("a.png")) or "")
    assert (recipe["plan"]["alpha"], recipe["bits"]) == (True, int(bits))
    assert "mean_alpha=" in command("info", "a.png").out
    done = command("rerun", "a.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_another_opacity_is_another_picture_to_rerun(command: Any) -> None:
    command("visualize", "second:3", "--alpha", *FAST, "-o", "a.png", "-q")
    made = read_picture("a.png")
    assert made.alpha is not None
    write_picture("a.png", made.pixels, alpha=made.alpha * 0.9, recipe=read_recipe(Path("a.png")))
    assert json.loads(command("rerun", "a.png", "-q", "--json").out)["results"][0]["same_pixels"] is False


def test_a_sheet_shows_transparent_pictures_on_checkers_and_keeps_them_transparent(command: Any) -> None:
    words = ("second", "--channels", "0-1", "--alpha", "--alpha-weight", "9", "--rate", "0.4")
    done = command("visualize", *words, *FAST, "-o", "s.jpg", "--cells", "c", "-q")
    assert done.code == 0, done.err
    assert read_picture("s.jpg").alpha is None
    assert all(read_picture(cell).alpha is not None for cell in Path("c").iterdir())


def test_ctrl_c_keeps_the_sheet_so_far(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    advance, count = loop.advance, [0]

    def stopping(*words: Any) -> Any:
        count[0] += 1
        if count[0] == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(*words)

    monkeypatch.setattr(loop, "advance", stopping)
    words = ("second", "--channels", "0-2", "--size", "40", "--steps", "9")
    done = command("visualize", *words, "-o", "s.png", "--cells", "c", "-q", "--json")
    assert done.code == 130
    assert "3 of 3 inputs are left. What is done is in s_partial.png." in done.err
    assert json.loads(done.out)["output"] == "s_partial.png"
    assert read_picture("s_partial.png").width > 3 * 40
    assert sorted(path.name for path in Path("c").iterdir()) == [
        f"{number:02d}_second-{number}_partial.png" for number in range(3)
    ]
    assert count[0] == 3


def test_checkers_are_two_grays_where_nothing_is_opaque() -> None:
    pixels, alpha = np.zeros((32, 48, 3), np.float32), np.zeros((32, 48), np.float32)
    shown = on_checkers(pixels, alpha)
    assert len(np.unique(shown)) == 2
    assert shown[0, 0, 0] != shown[0, 2, 0]
    assert not on_checkers(pixels, alpha + 1).any()
    half = on_checkers(pixels, alpha + 0.5)
    np.testing.assert_allclose(half, shown / 2, atol=1e-6)
    laid = pixels * 0.25 + 0.75  # on white, as a file is read
    np.testing.assert_allclose(unlaid(laid, alpha + 0.25), pixels, atol=1e-5)
    assert (unlaid(pixels + 1, alpha) == 1).all()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("second:3 --alpha -o a.jpg", ".jpg holds no transparency"),
        ("second:3 --alpha --set blend=0.5", "has no original"),
        ("second:3 --alpha --set strength=0.1", "cannot scale its change afterwards"),
        ("second:3 --alpha --set alpha=no", "once for each setting"),
        ("second:3 --alpha-weight 11", "alpha_weight must lie between"),
        ("second:3 --set start=picture", "a visualization starts from noise"),
        ("second:3 --set objective=layer(first)", "stands before the options"),
        ("second:3 --bits 12", "--bits is 8 or 16"),
        ("second:3 --magnitudes p.png", "--magnitudes is for --preset maco"),
        ("second:3 --preset maco --set magnitudes=1", "Cannot read the magnitudes '1'"),
    ],
)
def test_what_cannot_be_transparent_or_set_is_one_line(line: str, words: str, command: Any) -> None:
    done = command("visualize", *line.split())
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err


def test_any_setting_reaches_a_visualization(command: Any) -> None:
    words = ("second:3", *FAST, "--set", "parameterization=laplacian", "--set", "decorrelated=no")
    assert command("visualize", *words, "-o", "v.png", "-q").code == 0
    plan = json.loads(read_recipe(Path("v.png")) or "")["plan"]
    assert (plan["parameterization"], plan["decorrelated"]) == ("laplacian", False)
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True


def test_magnitudes_of_one_s_own_pictures_go_into_the_recipe(command: Any) -> None:
    chance = np.random.default_rng(0)
    Path("own").mkdir()
    for name in ("a.png", "b.png"):
        write_picture(Path("own") / name, chance.random((260, 300, 3), dtype=np.float32))
    words = ("second:3", "--preset", "maco", "--set", "transforms=crops(2, 0.5, 0.9, 40)", *FAST)
    done = command("visualize", *words, "--magnitudes", "own", "-o", "v.png", "-q")
    assert done.code == 0, done.err
    plan = json.loads(read_recipe(Path("v.png")) or "")["plan"]
    assert (
        max(parse_magnitudes(plan["magnitudes"]).exponents) < 0.5
    )  # white noise has no slope; photographs 1
    for path in Path("own").iterdir():
        path.unlink()
    done = command("rerun", "v.png", "-q", "--json")
    assert json.loads(done.out)["results"][0]["same_pixels"] is True
    assert command("visualize", *words, "--magnitudes", "own", "-o", "w.png", "-q").code == 3
