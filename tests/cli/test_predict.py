"""The command ``predict``: streams, exit codes, JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepdream.cli.main import app
from deepdream.errors import DeepDreamError

IMAGES = Path(__file__).parents[2] / "images"

pytestmark = pytest.mark.weights


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["predict", *map(str, words)])
    if isinstance(result.exception, DeepDreamError):
        return result.exception.exit_code, result.stdout, result.stderr + str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_json_has_exactly_the_promised_form() -> None:
    code, out, _ = run(IMAGES / "cat.jpg", "--top", "2", "--json")
    document = json.loads(out)
    assert code == 0
    assert list(document) == ["schema", "results", "skipped", "failed", "left"]
    assert document["schema"] == 1
    (result,) = document["results"]
    assert list(result) == ["input", "kind", "top"]
    assert result["kind"] == "softmax"
    assert result["input"] == str(IMAGES / "cat.jpg")
    assert [list(row) for row in result["top"]] == [["index", "label", "probability"]] * 2
    assert "cat" in result["top"][0]["label"] or result["top"][0]["label"] == "tabby"
    assert 1 > result["top"][0]["probability"] > result["top"][1]["probability"] > 0


def test_prediction_is_that_of_timms_network_and_transforms() -> None:
    timm = pytest.importorskip("timm")
    import torch
    from PIL import Image

    from deepdream.models import load_model

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    network.load_state_dict(load_model(device="cpu").module.state_dict())
    transform = timm.data.create_transform(
        (3, 224, 224), mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", crop_pct=0.875
    )
    with torch.no_grad(), Image.open(IMAGES / "pagoda.jpg") as picture:
        chances = network(transform(picture.convert("RGB"))[None]).softmax(1)[0]
    rows = json.loads(run(IMAGES / "pagoda.jpg", "--json", "--top", "3")[1])["results"][0]["top"]
    assert rows[0]["index"] == int(chances.argmax())
    for row in rows:  # Pillow rounds to bytes after resizing, we do not
        assert row["probability"] == pytest.approx(float(chances[row["index"]]), abs=0.02)


def test_a_table_for_people(tmp_path: Path) -> None:
    path = tmp_path / ("long name " * 15 + "[red].jpg")
    shutil.copy(IMAGES / "pagoda.jpg", path)
    code, out, _ = run(path, "--top", "3")
    assert code == 0
    assert out.splitlines()[0] == str(path)  # whole, however narrow the table
    assert len(out.splitlines()) == 5
    assert "%" in out


def test_folders_and_many_files_and_a_bad_one_among_them(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(IMAGES / "cat.jpg", folder / "b.jpg")
    (folder / "a.jpg").write_text("<html>")
    (folder / "notes.txt").write_text("not a picture")
    code, out, err = run(folder, IMAGES / "rocket.jpg", "--json", "--top", "1")
    assert code == 6
    assert [Path(r["input"]).name for r in json.loads(out)["results"]] == ["b.jpg", "rocket.jpg"]
    (failed,) = json.loads(out)["failed"]
    assert Path(failed["input"]).name == "a.jpg"
    assert failed["error"] in err
    assert "1 of 3 inputs failed; the first is" in err.splitlines()[-1]


def test_one_bad_picture_alone_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>")
    for path in (tmp_path / "a.jpg", tmp_path / "missing.png"):
        code, out, err = run(path, "--json")
        assert code == 3
        document = json.loads(out)
        assert document["results"] == []
        assert [Path(entry["input"]).name for entry in document["failed"]] == [path.name]
        assert path.name in err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(empty)[0] == 3


def test_own_weights_and_random_weights(tmp_path: Path) -> None:
    import torch
    from torchvision.models import squeezenet1_1

    torch.save(squeezenet1_1(num_classes=3).state_dict(), tmp_path / "mine.pth")
    code, out, _ = run(
        IMAGES / "cat.jpg", "--model", "squeezenet1_1", "--weights", tmp_path / "mine.pth", "--json"
    )
    assert code == 0
    assert {row["label"] for row in json.loads(out)["results"][0]["top"]} == {"class 0", "class 1", "class 2"}
    first, again = (
        run(IMAGES / "cat.jpg", "--model", "squeezenet1_1", "--weights", "random:2")[1] for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--model", "nothing_like_it"], 2, "`deepdream models` lists all"),
        (["--device", "cuda:77"], 2, "There are: auto, cpu"),
        (["--weights", "nowhere.pth"], 4, "No such file"),
        (["--model", "googlenet", "--offline"], 4, "deepdream models fetch googlenet"),
        (["--top", "0"], 2, "--top"),
    ],
)
def test_what_is_wrong_has_its_exit_code(
    words: list[str], code: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPDREAM_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found, out, err = run(IMAGES / "cat.jpg", *words)
    assert (found, out) == (code, "")
    assert text in err
