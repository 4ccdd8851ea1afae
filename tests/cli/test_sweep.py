"""``deepdream sweep``: the sheet, the cells, exit codes, and going on after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.images import read_picture, read_recipe
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.provenance import read_recipe_text

FAST = ("--set", "octaves=1", "--set", "objective=layer(second)", "-q")


@pytest.fixture(autouse=True)
def beside_a_photo(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use_network(tiny_model)
    chance = np.random.default_rng(0)
    Image.fromarray(chance.integers(0, 255, (48, 64, 3), np.uint8)).save("photo.png")


def test_the_sheet_its_description_and_its_cells(command: Any) -> None:
    words = ("sweep", "photo.png", "--x", "steps=1,2", "--y", "strength=0.03,0.05", *FAST)
    done = command(*words, "--size", "40", "-o", "sheet.png", "--cells", "cells", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [cell["settings"] for cell in told["results"]] == [
        {"steps": steps, "strength": strength} for strength in (0.03, 0.05) for steps in (1, 2)
    ]
    for cell in told["results"]:
        recipe = read_recipe_text(read_recipe(cell["output"]) or "")
        assert {"steps": recipe.plan.steps, "strength": recipe.plan.strength} == cell["settings"]
        assert cell["measures"] == recipe.measures
    assert read_picture("sheet.png").width > 700
    shown = command("info", "sheet.png")
    assert "sweep of 4 cells" in shown.out
    assert "strength: 0.03, 0.05" in shown.out
    assert json.loads(command("info", "sheet.png", "--json").out)["kind"] == "sweep"
    for words in (("rerun", "sheet.png"), ("info", "sheet.png", "--preset")):
        refused = command(*words)
        assert refused.code == 3
        assert "sheet.png is a sheet of several dreams. Give one of its cells" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--x", "stepz=1"], 2, "Did you mean 'steps'"),
        (["--x", "steps=1", "--y", "steps=2"], 2, "steps is given twice"),
        (["--x", "steps=1", "--set", "colour=0.5"], 2, "Did you mean 'color'"),
        (["--x", "steps=1", "--set", "seed"], 2, "Cannot read --set 'seed'"),
        (["--x", "layer=secund,fist"], 2, "No layer 'secund'"),
        (["--x", "steps=0"], 2, "steps must lie between"),
        (["--x", "steps=1", "--skip-existing"], 2, "--skip-existing needs --cells"),
        (["--x", "steps=1", "-o", "photo.png"], 7, "photo.png exists"),
        (["--x", "steps=1", "-o", "s.txt"], 2, "Cannot write pictures as '.txt'"),
        (["--x", "size=huge", *FAST], 2, "Cannot read the size 'huge'"),
    ],
)
def test_wrong_words(words: list[str], code: int, message: str, command: Any) -> None:
    done = command("sweep", "photo.png", *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert sorted(path.name for path in Path().iterdir()) == ["photo.png"]


@pytest.mark.parametrize("kind", ["missing", "empty", "cut"])
def test_bad_pictures(kind: str, command: Any) -> None:
    content = Path("photo.png").read_bytes()
    if kind != "missing":
        Path("bad.png").write_bytes(b"" if kind == "empty" else content[:200])
    done = command("sweep", "bad.png", "--x", "steps=1", *FAST)
    assert done.code == 3
    assert "bad.png" in done.err


def test_a_cell_that_fails_shows_its_reason(command: Any) -> None:
    done = command(
        "sweep", "photo.png", "--x", "size=40,x", *FAST, "--set", "steps=1", "-o", "s.png", "--json"
    )
    assert done.code == 6
    assert "1 of 2 inputs failed" in done.err
    document = json.loads(done.out)
    assert [cell["input"] for cell in document["results"]] == ["size 40"]
    (failure,) = document["failed"]
    assert failure["input"] == "size x"
    assert "Cannot read the size 'x'" in failure["error"]
    assert "Cannot read the size 'x'" in (read_recipe("s.png") or "")


def test_ctrl_c_keeps_finished_cells_and_the_same_words_go_on(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdream.dreaming import loop

    words = ("sweep", "photo.png", "--x", "steps=1,2,3", *FAST, "--size", "40", "-o", "s.png", "--cells", "c")
    advance, count = loop.advance, [0]

    def stopping(*given: Any, **more: Any) -> Any:
        count[0] += 1
        if count[0] == 5:  # in the third cell
            os.kill(os.getpid(), signal.SIGINT)
        return advance(*given, **more)

    monkeypatch.setattr(loop, "advance", stopping)
    done = command(*words)
    assert done.code == 130
    assert (
        "1 of 3 inputs are left. What is done is in s_partial.png. Continue with the same command and --skip-existing."
        in done.err
    )
    assert sorted(path.name for path in Path("c").iterdir()) == ["photo_steps-1.png", "photo_steps-2.png"]
    assert "interrupted" in command("info", "s_partial.png").out
    assert command(*words).code == 7  # cells are there
    count[0] = 100
    done = command(*words, "--skip-existing", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [cell["input"] for cell in document["skipped"]] == ["steps 1", "steps 2"]
    assert [cell["input"] for cell in document["results"]] == ["steps 3"]
    assert count[0] == 103
    resumed = Path("s.png").read_bytes()
    command(*words[:-1], "whole", "--overwrite")
    assert Path("s.png").read_bytes() == resumed


def test_a_dry_run_does_nothing(command: Any) -> None:
    done = command("sweep", "photo.png", "--x", "steps=1,2", *FAST, "--dry-run", "--cells", "c")
    assert done.code == 0
    assert "2 cells -> outputs/photo_sweep_steps.png" in done.out
    assert "climbs layer(second), 1 octaves of 2 steps" in done.out
    assert [path.name for path in Path().iterdir()] == ["photo.png"]
    plans = json.loads(command("sweep", "photo.png", "--x", "steps=1,2", *FAST, "--dry-run", "--json").out)
    assert [plan["plan"]["steps"] for plan in plans["plans"]] == [1, 2]
    one, two = (plan["seconds"] for plan in plans["plans"])
    assert 0 < one < two == pytest.approx(2 * one)
    assert plans["seconds"] == pytest.approx(one + two)
    assert ", about " in done.out.splitlines()[0]


def test_a_dry_run_measures_once_what_takes_the_same_and_says_what_cannot_be_made(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdream.dreaming import estimating

    asked: list[str] = []
    measured = estimating.probe

    def probe(model: Model, plan: Plan, *rest: Any, **more: Any) -> Any:
        asked.append(plan.objective)
        return measured(model, plan, *rest, **more)

    monkeypatch.setattr(estimating, "probe", probe)
    words = ("--x", "layer=first,second", "--y", "strength=0.01,0.02,0.03", "--set", "octaves=1", "--dry-run")
    told = json.loads(command("sweep", "photo.png", *words, "--json").out)
    assert asked == ["layer(first)", "layer(second)"]
    assert all(plan["seconds"] > 0 for plan in told["plans"])
    done = command(
        "sweep", "photo.png", "--x", "objective=layer(second),logit(3)", "--set", "tile=40", "--dry-run"
    )
    assert done.code == 0
    assert "climbs logit(3), 5 octaves of 14 steps: logit(3) looks at the picture as a whole" in done.out


def test_noise_takes_its_seed_from_the_cell(command: Any) -> None:
    words = ("sweep", "noise", "--x", "seed=1,2", *FAST, "--set", "steps=1", "--size", "40x40", "-o", "n.png")
    done = command(*words, "--cells", "c", "--json")
    assert done.code == 0, done.err
    inputs = [read_recipe_text(read_recipe(p) or "").input["sha256"] for p in sorted(Path("c").iterdir())]
    assert len(set(inputs)) == 2


@pytest.mark.parametrize(
    ("mode", "size", "more"),
    [("RGBA", (40, 30), {}), ("I;16", (40, 30), {}), ("RGB", (40, 30), {"exif": 6}), ("L", (3, 3), {})],
)
def test_odd_pictures(mode: str, size: tuple[int, int], more: dict[str, int], command: Any) -> None:
    picture = Image.new(mode, size, 90)
    exif = picture.getexif()
    exif[0x0112] = more.get("exif", 1)
    picture.save("odd.png", exif=exif)
    done = command(
        "sweep", "odd.png", "--x", "steps=1,2", *FAST, "--size", "40", "-o", "s.png", "--cells", "c"
    )
    assert done.code == 0, done.err
    cells = [read_picture(path) for path in sorted(Path("c").iterdir())]
    assert {(cell.width, cell.height) for cell in cells} == {
        (30, 40) if more else (40, 30 if mode != "L" else 40)
    }
    assert all((cell.alpha is not None) == (mode == "RGBA") for cell in cells)


def test_a_huge_picture_is_refused_and_a_guide_is_found_again(command: Any) -> None:
    done = command("sweep", "photo.png", "--x", "steps=1", *FAST, "--max-pixels", "100")
    assert done.code == 3
    words = ("sweep", "photo.png", "--x", 'objective=guide(second, "photo.png"),layer(first)', "--size", "40")
    words = (*words, "--set", "steps=1", "--set", "octaves=1", "-q", "--cells", "c", "--json")
    done = command(*words, "-o", "a.png")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["results"]) == 2
    done = command(*words, "--skip-existing", "-o", "b.png")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["skipped"]) == 2


def test_transparent_cells_keep_their_alpha_and_stand_on_checkers(command: Any) -> None:
    words = ("sweep", "noise", "--x", "alpha_weight=0,2", "--size", "40", "--set", "objective=layer(second)",
             "--set", "preset=lucid", "--set", "start=noise", "--set", "alpha=yes", "--set", "steps=3",
             "--cells", "cells", "-q")  # fmt: skip
    done = command(*words, "-o", "one.png", "--json")
    assert done.code == 0, done.err
    cells = json.loads(done.out)["results"]
    assert all(read_picture(cell["output"]).alpha is not None for cell in cells)
    assert cells[0]["measures"]["mean_alpha"] >= cells[1]["measures"]["mean_alpha"]
    assert command(*words, "-o", "two.png", "--skip-existing").code == 0
    fresh, again = (read_picture(name).pixels for name in ("one.png", "two.png"))
    assert np.abs(fresh - again).max() <= 2 / 255  # the cells were rounded once
