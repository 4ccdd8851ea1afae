"""``deepdream layers``: the list, and the sheet of dreams."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.dreaming import loop
from deepdream.images import read_picture

IMAGES = Path(__file__).parents[2] / "images"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.weights
def test_the_list_is_in_order_with_the_recommended_layer_marked(command: Any) -> None:
    done = command("layers")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()[1:] if line.strip()]
    blocks = [name for name in names if name.startswith("blocks.")]
    assert blocks == [f"blocks.{i}" for i in range(7)]
    (row,) = (line for line in done.out.splitlines() if line.startswith("blocks.4 *"))
    assert "112" in row  # channels of tf_efficientnet_lite0's fifth stage
    assert "16" in row  # its stride
    assert "* the recommended layer" in done.err
    assert "--all lists them" in done.err


@pytest.mark.weights
def test_json_has_every_column(command: Any) -> None:
    done = command("layers", "--json", "--all")
    document = json.loads(done.out)
    assert (document["schema"], document["model"], document["recommended"]) == (
        1,
        "efficientnet_lite0",
        "blocks.4",
    )
    rows = {row["name"]: row for row in document["layers"]}
    assert len(rows) > 100
    assert {"kind", "channels", "stride", "receptive_field", "depth", "shows", "runs", "spatial"} <= set(
        rows["blocks.4"]
    )
    assert (rows["conv_stem"]["stride"], rows["conv_stem"]["receptive_field"]) == (2, 3)
    assert (rows["blocks.4"]["channels"], rows["blocks.4"]["stride"]) == (112, 16)
    depths = [row["depth"] for row in document["layers"]]
    assert depths == sorted(depths)
    assert done.err == ""


@pytest.mark.weights
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["efficientnet_lit0"], 2, "Did you mean 'efficientnet_lite0'"),
        (["--sheet", "lost.jpg"], 3, "There is no file lost.jpg"),
        (
            ["--sheet", "photo.png", "--layers", "block.4"],
            2,
            "No layer 'block.4' in efficientnet_lite0. Did you mean",
        ),
        (["--sheet", "photo.png", "-o", "sheet.txt"], 2, "Cannot write pictures as '.txt'"),
        (["--sheet", "photo.png", "-o", "photo.png"], 7, "photo.png exists. Use --overwrite"),
        (["--sheet", "photo.png", "--size", "x"], 2, "Cannot read the size"),
        (["--device", "cuda:77"], 2, "No device 'cuda:77' here"),
    ],
)
def test_wrong_words(words: list[str], code: int, message: str, command: Any) -> None:
    Image.new("RGB", (40, 40), "gray").save("photo.png")
    done = command("layers", *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.weights
def test_a_sheet_shows_the_picture_and_a_dream_for_each_layer(command: Any) -> None:
    done = command(
        "layers",
        "--sheet",
        IMAGES / "cat.jpg",
        "--size",
        "64",
        "--layers",
        "blocks.1, blocks.4",
        "-o",
        "s.png",
    )
    assert (done.code, done.out) == (0, "s.png\n")
    assert done.err.splitlines()[-1] == "cat.jpg, 2 layers: 2 done, 0 failed."
    sheet = read_picture("s.png").pixels
    cells = [tile for tile in _cells(sheet) if tile.std() > 0.1]
    assert len(cells) >= 3
    done = command(
        "layers", "--sheet", IMAGES / "cat.jpg", "--size", "64", "--layers", "blocks.0", "--json", "-q"
    )
    assert [layer["name"] for layer in json.loads(done.out)["layers"]] == ["blocks.0"]
    assert done.err == ""
    assert Path("outputs/cat_efficientnet_lite0_layers.png").is_file()


def _cells(sheet: np.ndarray) -> list[np.ndarray]:
    """The runs of columns that are not background, in the rows where pictures stand."""
    back = sheet[0, 0]
    filled = (np.abs(sheet - back).max(axis=2) > 0.05).mean(axis=0) > 0.2
    edges = np.flatnonzero(np.diff(np.concatenate(([False], filled, [False])).astype(int)))
    return [sheet[:, a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 30]


@pytest.mark.weights
def test_the_list_is_one_line_a_layer_in_a_pipe_and_fits_a_terminal(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = command("layers").out.splitlines()
    assert len(piped) == 1 + sum(1 for line in piped if "%" in line)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", command("layers").out).splitlines()
    assert max(map(len, shown)) <= 80
    assert len(shown) <= len(piped) + 3


@pytest.mark.weights
def test_ctrl_c_keeps_the_layers_that_are_done(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    advance, count = loop.advance, [0]

    def advanced(*words: Any) -> Any:
        count[0] += 1
        if count[0] == 20:  # a layer of so small a picture takes 14 steps
            os.kill(os.getpid(), signal.SIGINT)
        return advance(*words)

    monkeypatch.setattr(loop, "advance", advanced)
    words = (
        "layers",
        "efficientnet_lite0",
        "--sheet",
        IMAGES / "cat.jpg",
        "--size",
        "48",
        "--layers",
        "blocks.0,blocks.1,blocks.2",
    )
    done = command(*words, "-o", "s.png")
    assert done.code == 130
    assert "stopped; 2 of 3 inputs are left. What is done is in s_partial.png." in done.err
    assert Path("s_partial.png").exists()
    assert not Path("s.png").exists()
    count[0] = 100
    done = command(*words, "-o", "s.png", "--cells", "cells", "--json")
    assert [layer["input"] for layer in json.loads(done.out)["results"]] == [
        "blocks.0",
        "blocks.1",
        "blocks.2",
    ]
    done = command(*words, "-o", "again.png", "--cells", "cells", "--skip-existing", "--json")
    assert [layer["input"] for layer in json.loads(done.out)["skipped"]] == [
        "blocks.0",
        "blocks.1",
        "blocks.2",
    ]
    assert Path("again.png").read_bytes() == Path("s.png").read_bytes()
