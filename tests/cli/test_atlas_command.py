"""``deepdream atlas``: a grid of one picture, an atlas of a folder, as a picture and a page; stopped and gone on."""

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
from deepdream.pages import policy

IMAGES = Path(__file__).parents[2] / "images"
TINY = ("--layer", "second", "--cell", "32", "--steps", "2", "--grid", "3", "-q")


@pytest.fixture
def beside_photos(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use_network(tiny_model)
    Path("in").mkdir()
    chance = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(chance.integers(0, 255, (48, 64, 3), np.uint8)).save(f"in/{name}.png")


@pytest.mark.usefixtures("beside_photos")
def test_a_grid_of_one_picture(command: Any) -> None:
    done = command("atlas", "in/a.png", *TINY, "-o", "g.png", "--page", "g.html", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["layer"], told["rows"], told["columns"], len(told["cells"])) == ("second", 2, 3, 6)
    assert read_picture("g.png").width > 500
    assert json.loads(read_recipe("g.png") or "")["kind"] == "atlas"
    assert "atlas" in command("info", "g.png").out
    assert Path("g.html").read_text("utf-8").count('class="sources"') == 6
    assert policy() in Path("g.html").read_text("utf-8").replace("&#x27;", "'")
    assert sorted(path.name for path in Path().iterdir()) == ["g.html", "g.png", "in"]


@pytest.mark.usefixtures("beside_photos")
def test_an_atlas_of_a_folder_with_a_bad_picture(command: Any) -> None:
    Path("in/c.png").write_bytes(b"no picture")
    words = ("atlas", "in", *TINY, "--samples", "60", "-o", "a.png", "--page", "a.html", "--json")
    done = command(*words)
    assert done.code == 6
    assert "1 of 3 inputs failed" in done.err
    told = json.loads(done.out)
    assert sum(cell["count"] for cell in told["cells"]) <= 40
    assert [entry["input"] for entry in told["failed"]] == ["in/c.png"]
    page = Path("a.html").read_text("utf-8")
    assert page.count('class="about-cell"') == len(told["cells"])
    assert page.count("<img") == page.count(" alt=")
    assert "from crops seen as" in page
    assert "http" not in page.replace("http-equiv", "")
    first = Path("a.png").read_bytes()
    assert command(*words).code == 7
    assert command(*words, "--overwrite").code == 6
    assert Path("a.png").read_bytes() == first


@pytest.mark.usefixtures("beside_photos")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["in", "--layer", "secund"], 2, "No layer 'secund' in tiny. Did you mean 'second'"),
        (["in", "--layer", "head"], 2, "head has no places"),
        (["in/a.png", "--layer", "head"], 2, "head has no places"),
        (["lost.png"], 3, "There is no file lost.png"),
        (["cut.png"], 3, "cut.png"),
        (["in", "--page", "a.png"], 2, "--page is an HTML file"),
        (["in", "-o", "in/a.png"], 7, "in/a.png exists"),
        (["in", "-o", "a.txt"], 2, "Cannot write pictures as '.txt'"),
        (["in", "--grid", "1"], 2, "--grid"),
    ],
)
def test_wrong_words(words: list[str], code: int, message: str, command: Any) -> None:
    Path("cut.png").write_bytes(Path("in/a.png").read_bytes()[:300])
    done = command("atlas", *words, "-q")
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert sorted(path.name for path in Path().iterdir()) == ["cut.png", "in"]


@pytest.mark.usefixtures("beside_photos")
@pytest.mark.parametrize(("mode", "size"), [("RGBA", (40, 30)), ("I;16", (40, 30)), ("L", (3, 3))])
def test_odd_pictures(mode: str, size: tuple[int, int], command: Any) -> None:
    picture = Image.new(mode, size, 90)
    exif = picture.getexif()
    exif[0x0112] = 6  # lies on its side
    picture.save("odd.png", exif=exif)
    told = json.loads(command("atlas", "odd.png", *TINY, "-o", "g.png", "--json").out)
    assert (told["rows"], told["columns"]) == ((3, 2) if size == (40, 30) else (3, 3))
    Path("odd").mkdir()
    Path("odd.png").rename("odd/odd.png")
    done = command("atlas", "odd", *TINY, "--samples", "20", "-o", "a.png")
    assert done.code == 0, done.err
    assert command("atlas", "odd/odd.png", "--max-pixels", "5", "-q").code == 3


@pytest.mark.usefixtures("beside_photos")
def test_a_dry_run_says_cells_and_seconds(command: Any) -> None:
    done = command("atlas", "in", *TINY, "--samples", "60", "--dry-run")
    assert done.code == 0
    assert "2 pictures, second: 9 cells at most" in done.out
    assert "60 activations from 4 crops" in done.out
    told = json.loads(command("atlas", "in/a.png", *TINY, "--dry-run", "--json").out)
    assert (told["cells"], told["crops"]) == (6, 0)
    assert told["seconds"] >= 0
    assert not Path("outputs").exists()


@pytest.mark.usefixtures("beside_photos")
def test_ctrl_c_keeps_cells_and_the_same_command_goes_on(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdream.dreaming import directions

    words = ("atlas", "in/a.png", *TINY, "--batch", "2", "-o", "g.png")
    assert command(*words).code == 0
    whole = Path("g.png").read_bytes()
    Path("g.png").unlink()
    batches, resumed = list[int](), list[bool]()
    dream_directions = directions.dream_directions

    def stopping(network: Any, layer: str, vectors: Any, **more: Any) -> Any:
        batches.append(len(vectors))
        if len(batches) == 4 and not resumed:  # the estimate makes two
            os.kill(os.getpid(), signal.SIGINT)
        return dream_directions(network, layer, vectors, **more)

    monkeypatch.setattr(directions, "dream_directions", stopping)
    done = command(*words)
    assert done.code == 130
    assert "1 of 3 batches of cells are stored in g.png.atlas-state" in done.err
    assert sorted(path.name for path in Path().iterdir()) == ["g.png.atlas-state", "in"]
    batches.clear()
    resumed.append(True)
    done = command(*words)
    assert done.code == 0, done.err
    assert batches == [2] * 4  # the estimate's two, and the two batches that were left
    assert Path("g.png").read_bytes() == whole
    assert sorted(path.name for path in Path().iterdir()) == ["g.png", "in"]


@pytest.mark.usefixtures("beside_photos")
def test_ctrl_c_keeps_the_activations_of_pictures(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdream.dreaming import activation_samples

    words = ("atlas", "in", *TINY, "--samples", "60", "-o", "a.png")
    assert command(*words).code == 0
    whole = Path("a.png").read_bytes()
    Path("a.png").unlink()
    sample_picture, names = activation_samples.sample_picture, list[str]()

    def stopping(network: Any, picture: Any, *rest: Any, **more: Any) -> Any:
        names.append(picture.name)
        if len(names) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return sample_picture(network, picture, *rest, **more)

    monkeypatch.setattr(activation_samples, "sample_picture", stopping)
    done = command(*words)
    assert done.code == 130
    assert "the activations of 1 of 2 pictures are stored in a.png.atlas-state" in done.err
    assert command(*words).code == 0
    assert names == ["a.png", "b.png"]
    assert Path("a.png").read_bytes() == whole
    before = Path("a.png").stat().st_mtime_ns
    assert command(*words, "--skip-existing").code == 0
    assert Path("a.png").stat().st_mtime_ns == before


@pytest.mark.weights
def test_the_shipped_pictures_at_the_last_layer_name_their_classes(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (
        "--layer",
        "act2",
        "--cell",
        "48",
        "--steps",
        "1",
        "--grid",
        "3",
        "--samples",
        "40",
        "--json",
        "-q",
    )
    done = command("atlas", IMAGES, *words, "-o", "a.png", "--page", "a.html")
    assert done.code == 0, done.err
    cells = json.loads(done.out)["cells"]
    assert all(len(cell["classes"]) == 3 for cell in cells)
    assert "supports" in Path("a.html").read_text("utf-8")
