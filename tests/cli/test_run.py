"""``deepdream run``: what goes in, what comes out, and what is said on which stream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import save

from deepdream.batch.task import NetworkSpec
from deepdream.images import read_picture, read_recipe
from deepdream.models import Model

LOAD = NetworkSpec._load
FAST = ("--octaves", "1", "--steps", "1")


@pytest.fixture(autouse=True)
def quick(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small network instead of the embedded one, in an empty folder."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)


# What comes out.


def test_the_recipe_inside(command: Any) -> None:
    source = save("photo.jpg")
    command("run", source, "-o", "d.png", "--seed", "4", "--decided-by", "Ada", *FAST)
    recipe = json.loads(read_recipe("d.png") or "")
    assert recipe["plan"]["seed"] == 4
    assert recipe["input"]["name"] == "photo.jpg"
    assert recipe["decided_by"] == "Ada"
    assert str(Path.cwd()) not in json.dumps(recipe)
    command("run", source, "-o", "bare.png", "--no-metadata", *FAST)
    assert read_recipe("bare.png") is None


def test_sixteen_bits(command: Any) -> None:
    save("photo.png")
    assert command("run", "photo.png", "-o", "d.png", "--bits", "16", *FAST).code == 0
    levels = np.unique((read_picture("d.png").pixels * 65535).round())
    assert len(levels) > 1000


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, (36, 40)), ("20", (18, 20)), ("80", (72, 80)), ("30x50", (50, 30)), ("30X50", (50, 30))],
)
def test_sizes(size: str | None, expected: tuple[int, int], command: Any) -> None:
    save("photo.png")
    words = [] if size is None else ["--size", size]
    assert command("run", "photo.png", "-o", "d.png", *words, *FAST).code == 0
    assert read_picture("d.png").pixels.shape[:2] == expected


@pytest.mark.parametrize("size", ["", "0", "big", "10x", "1e3", "9" * 5000])
def test_sizes_that_make_no_sense(size: str, command: Any) -> None:
    save("photo.png")
    if size:
        done = command("run", "photo.png", "-o", "d.png", "--size", size, *FAST)
        assert done.code == 2
        assert "Cannot read the size" in done.err


@pytest.mark.parametrize("source", ["photo.png", "noise"])
def test_a_size_beyond_the_limit_is_no_memory_bomb(source: str, command: Any) -> None:
    save("photo.png")
    done = command("run", source, "-o", "d.png", "--size", "200000", *FAST)
    assert done.code == 2
    assert "--size 200000 would be" in done.err
    assert "--max-pixels" in done.err


def test_noise_is_square_or_as_asked_and_seeded(command: Any) -> None:
    for name, words in {
        "a": ["--size", "40"],
        "b": ["--size", "40"],
        "c": ["--size", "40", "--seed", "1"],
    }.items():
        assert command("run", "noise", "-o", f"{name}.png", *words, *FAST).code == 0
    pixels = {name: read_picture(f"{name}.png").pixels for name in "abc"}
    assert pixels["a"].shape == (40, 40, 3)
    assert (pixels["a"] == pixels["b"]).all()
    assert not (pixels["a"] == pixels["c"]).all()
    command("run", "noise", "-o", "d.png", "--size", "60x30", *FAST)
    assert read_picture("d.png").pixels.shape == (30, 60, 3)


def test_the_same_command_gives_the_same_bytes(command: Any) -> None:
    save("photo.png")
    for name in ("a.png", "b.png"):
        command("run", "photo.png", "-o", name, "--steps", "2", "--octaves", "2")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_layers_and_weights_are_climbed(command: Any) -> None:
    save("photo.png")
    done = command("run", "photo.png", "--dry-run", "--json", "-l", "first", "-l", "second=-0.5")
    assert json.loads(done.out)["plans"][0]["objective"] == "layer(first) - 0.5*layer(second)"
    done = command("run", "photo.png", "--dry-run", "--json", "--objective", "2*channel(second, 3)")
    assert json.loads(done.out)["plans"][0]["objective"] == "2.0*channel(second, 3)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--layer", "secnd"],
            "No layer 'secnd' in tiny. Did you mean 'second'? `deepdream layers tiny` lists all.",
        ),
        (
            ["--layer", "second=high"],
            "Cannot read the weight 'high' in --layer second=high. Example: blocks.4=0.5",
        ),
        (["--layer", "second=nan"], "Cannot read the objective"),
        (["--layer", "second=1e999"], "Cannot read the objective"),
        (["--layer", "second", "--objective", "layer(first)"], "Give --layer or --objective, not both."),
        (["--preset", "clasic"], "No preset 'clasic'. Did you mean 'classic'?"),
        (["--objective", "chanel(second, 3)"], "No objective 'chanel'. Did you mean 'channel'?"),
        (["--objective", "channel(second, 99)"], "second has channels 0 to 11; there is no channel 99."),
        (["--objective", "logit(7)"], "The network has classes 0 to 4; there is no class 7."),
        (["--steps", "0"], "steps must lie between 1 and 10000, not 0."),
        (["--strength", "nan"], "strength must lie between 0 and 1, not nan."),
        (["--octave-scale", "1"], "octave_scale must lie between 1.01 and 4, not 1.0."),
    ],
)
def test_wrong_words_are_answered_in_one_line_with_code_2(
    words: list[str], message: str, command: Any
) -> None:
    save("photo.png")
    done = command("run", "photo.png", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert message in done.err


# Pictures of every kind.


def test_alpha_is_kept(command: Any) -> None:
    save("photo.png", mode="RGBA")
    command("run", "photo.png", "-o", "d.png", *FAST)
    before, after = (np.asarray(Image.open(name)) for name in ("photo.png", "d.png"))
    assert after.shape == before.shape
    assert (after[..., 3] == before[..., 3]).all()


def test_a_rotated_photo_is_dreamed_upright(command: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save("photo.jpg", (40, 20), exif=exif, quality=100)
    command("run", "photo.jpg", "-o", "d.png", "--strength", "0", *FAST)
    with Image.open("photo.jpg") as stored, Image.open("d.png") as dreamed:
        assert dreamed.size == (20, 40)
        upright = np.asarray(stored.transpose(Image.Transpose.ROTATE_270).convert("RGB")).astype(int)
        assert np.abs(upright - np.asarray(dreamed)).mean() < 2
        assert dreamed.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA"])
def test_other_modes(mode: str, command: Any) -> None:
    name = "photo.tif" if mode == "CMYK" else "photo.png"
    save(name, mode=mode)
    assert command("run", name, "-o", "d.png", *FAST).code == 0
    assert read_picture("d.png").pixels.shape == (36, 40, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (20000, 3), (3, 20000)])
def test_strange_sizes(size: tuple[int, int], command: Any) -> None:
    save("strip.png", size)
    done = command("run", "strip.png", "-o", "d.png", "--json", *FAST)
    assert done.code == 0
    (result,) = json.loads(done.out)["results"]
    assert (result["width"], result["height"]) == size
    assert len(result["before"]) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda good: good[: len(good) // 2], "damaged or cut short"),
        (lambda good: b"", "empty"),
        (lambda good: b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (lambda good: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (lambda good: bytes(500), "photo.jpg"),
    ],
)
def test_a_bad_picture_is_one_line_and_code_3(
    content: Callable[[bytes], bytes], reason: str, command: Any
) -> None:
    path = save("photo.jpg")
    path.write_bytes(content(path.read_bytes()))
    done = command("run", "photo.jpg", "-o", "d.png", *FAST)
    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1
    assert reason in done.err
    assert not Path("d.png").exists()


def test_a_bomb_is_refused_by_its_header(command: Any) -> None:
    Image.new("1", (20000, 20000)).save("bomb.png")
    done = command("run", "bomb.png", "-o", "d.png", *FAST)
    assert done.code == 3
    assert "400,000,000 pixels, more than the limit of 64,000,000 pixels" in done.err


# Streams.


def test_stdout_is_data_and_stderr_is_for_people(command: Any) -> None:
    save("photo.png", mode="RGBA")
    done = command(
        "run", "photo.png", "-o", "d.png", "--octaves", "2", "--octave-scale", "1.05", "--steps", "2"
    )
    assert done.out == "d.png\n"
    lines = done.err.splitlines()
    assert lines[0] == "photo.png: transparent pixels laid on white"
    assert lines[1].startswith("photo.png: octave 1/2 (38x34) step 2/2, activation ")
    assert lines[2].startswith("photo.png: octave 2/2 (40x36) step 2/2, activation ")
    assert lines[2].endswith("0 s left")
    assert len(lines) == 3
    assert "\x1b" not in done.err + done.out


def test_quiet_says_nothing_but_the_result_and_errors(command: Any) -> None:
    save("photo.png", mode="RGBA")
    done = command("run", "photo.png", "-o", "d.png", "--quiet", *FAST)
    assert (done.out, done.err) == ("d.png\n", "")
    assert command("run", "lost.png", "-q", *FAST).err.startswith("deepdream: There is no file lost.png")


def test_json_says_everything_about_a_picture(command: Any) -> None:
    save("photo.png")
    done = command("run", "photo.png", "-o", "d.png", "--json", *FAST)
    document = json.loads(done.out)
    assert list(document) == ["schema", "results", "skipped", "failed", "left"]
    (result,) = document["results"]
    assert (result["input"], result["output"]) == ("photo.png", "d.png")
    assert result["octaves"] == [[36, 40]]
    assert set(result["measures"]) == {
        "strength", "high_frequency_share", "checkerboard", "chroma_share", "newly_clipped", "ssim",
    }  # fmt: skip
    assert [set(row) for row in result["after"]] == [{"index", "label", "probability"}] * 5
    assert sum(row["probability"] for row in result["before"]) == pytest.approx(1, abs=1e-4)
    assert document["failed"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["lost.png"], 3),
        (["photo.png", "-l", "zzz"], 2),
        (["photo.png", "-o", "photo.png"], 7),
        (["lost.png", "lost2.png"], 6),
        (["photo.png", "--preset", "zzz"], 2),
        (["empty"], 3),
    ],
)
def test_json_is_json_under_every_failure(words: list[str], code: int, command: Any) -> None:
    save("photo.png")
    Path("empty").mkdir()
    done = command("run", *words, "--json", *FAST)
    assert done.code == code
    document = json.loads(done.out)
    assert document["schema"] == 1
    assert document.get("error") or document["failed"][0]["error"]


def test_one_bad_picture_does_not_spoil_the_rest(command: Any) -> None:
    save("in/a.png")
    save("in/c.png")
    Path("in/b.png").write_bytes(b"no picture")
    done = command("run", "in", "-o", "out", "--json", *FAST)
    assert done.code == 6
    document = json.loads(done.out)
    assert [Path(result["input"]).name for result in document["results"]] == ["a.png", "c.png"]
    assert [failure["input"] for failure in document["failed"]] == ["in/b.png"]
    assert "1 of 3 inputs failed" in done.err
    assert len(list(Path("out").iterdir())) == 2


def test_skipped_pictures_stand_in_the_json(command: Any) -> None:
    save("photo.png")
    save("d.png")
    done = command("run", "photo.png", "-o", "d.png", "--json", "--skip-existing", *FAST)
    document = json.loads(done.out)
    assert (document["results"], document["left"]) == ([], 0)
    assert document["skipped"] == [{"input": "photo.png", "output": "d.png"}]


def test_a_dry_run_says_all_and_writes_nothing(command: Any) -> None:
    save("photo.png", (90, 70))
    before = sorted(Path().rglob("*"))
    done = command("run", "photo.png", "--dry-run", "--octaves", "6", "--steps", "3", "-l", "second")
    assert done.code == 0
    lines = done.out.splitlines()
    assert re.fullmatch(r"  takes about \d+\.\d GB of memory and \d+(\.\d)? s", lines.pop(2))
    assert lines == [
        "photo.png -> outputs/photo_tiny_second.png",
        "  climbs layer(second), preset balanced, 9 gradients at 46x36 64x50 90x70",
        "  3 octaves are left out: they would be too small for the layer",
    ]
    plan = json.loads(command("run", "photo.png", "--dry-run", "--json", "-l", "second", "--seed", "9").out)[
        "plans"
    ][0]
    assert plan["plan"]["seed"] == 9
    assert plan["octaves"][-1] == [70, 90]
    assert plan["estimate"]["bytes"] > max(octave["bytes"] for octave in plan["estimate"]["octaves"])
    assert plan["estimate"]["seconds"] > 0
    assert plan["estimate"]["octaves"][-1]["tiles"] == 1
    assert sorted(Path().rglob("*")) == before


def test_where_memory_is_short_the_tile_is_said_and_kept_in_the_recipe(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdream.dreaming import estimating

    monkeypatch.setattr(estimating, "free_memory", lambda _: 1000)
    save("photo.png", (300, 280))
    words = ("run", "photo.png", "-l", "second", "-o", "d.png", *FAST)
    assert "300x280 (5 tiles)" in command(*words, "--dry-run").out
    assert "in tiles of 256 pixels" in command(*words).err
    recipe = read_recipe("d.png")
    assert recipe is not None
    assert json.loads(recipe)["plan"]["tile"] == 256
    monkeypatch.setattr(estimating, "free_memory", lambda _: 10**12)
    assert "in tiles of" not in command(*words, "--tile", "256", "--overwrite").err
    again = read_picture("d.png").pixels
    monkeypatch.setattr(estimating, "free_memory", lambda _: 1000)
    command(*words, "--overwrite")
    assert np.array_equal(again, read_picture("d.png").pixels)


def test_a_dry_run_finds_what_the_run_would_refuse(command: Any) -> None:
    assert command("run", "lost.png", "--dry-run").code == 3
    save("photo.png")
    save("d.png")
    assert command("run", "photo.png", "-o", "d.png", "--dry-run").code == 7


def test_help_says_every_default_once_and_starts_with_examples(command: Any) -> None:
    text = command("run", "--help").out
    assert text.index("deepdream run photo.jpg") < text.index("--layer")
    assert "Preset balanced: 0.09." in " ".join(text.split())
    assert "--decided-by" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.weights
def test_the_embedded_network_is_the_default(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NetworkSpec, "_load", LOAD)
    done = command("run", "noise", "--size", "64", "--dry-run", "--json")
    (plan,) = json.loads(done.out)["plans"]
    assert plan["objective"] == "layer(blocks.4)"
    assert plan["output"] == "outputs/noise_efficientnet_lite0_blocks.4.png"


def test_any_setting_can_be_said_with_set(command: Any, tmp_path: Path) -> None:
    done = command(
        "run",
        "noise",
        "--size",
        "48",
        "--set",
        "parameterization=laplacian",
        "--set",
        "octaves=1",
        "--dry-run",
        "--json",
    )
    plan = json.loads(done.out)["plans"][0]["plan"]
    assert (plan["parameterization"], plan["octaves"]) == ("laplacian", 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "stepps=3"), "Did you mean 'steps'"),
        (("--set", "steps=x"), "takes int"),
        (("--set", "steps=3", "--steps", "4"), "once for each setting"),
        (("--set", "preset=classic"), "--preset"),
        (("--set", "objective=layer(second)"), "--objective"),
        (("--set", "steps"), "once for each setting"),
    ],
)
def test_settings_that_cannot_be_said_with_set(words: tuple[str, ...], message: str, command: Any) -> None:
    done = command("run", "noise", "--size", "48", *words)
    assert done.code == 2
    assert message in done.err
