"""The command ``check``: a table or JSON on stdout, everything else on stderr, mistakes in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from deepdream.attribution.checks import all_checks
from deepdream.cli import check_command as commands
from deepdream.cli import check_output
from deepdream.cli.picture_options import parse_seconds
from deepdream.errors import DeepDreamError, PictureError, UnknownNameError, UsageError
from deepdream.images import write_picture

CAT = Path(__file__).parents[2] / "images" / "cat.jpg"
QUICK = "degeneracy,complexity,sparseness"


def run(*words: str) -> tuple[int, str, str]:
    app = typer.Typer()
    commands.register(app)
    app.command()(lambda: None)  # a second command, so that the first keeps its name
    result = CliRunner().invoke(app, ["check", *words])
    if isinstance(result.exception, DeepDreamError):
        raise result.exception
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red square off the center, and its mask beside it."""
    folder = tmp_path_factory.mktemp("pictures")
    pixels = np.full((240, 300, 3), 0.4, np.float32)
    pixels[60:120, 180:240] = (0.9, 0.1, 0.1)
    mask = np.zeros_like(pixels)
    mask[60:120, 180:240] = 1
    write_picture(folder / "square.png", pixels)
    write_picture(folder / "mask.png", mask)
    return folder / "square.png"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("2m", 120), ("1.5h", 5400), ("45", 45), ("500ms", 0.5)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "3 days", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"No time .*: write it as 30s, 2m or 1h"):
        parse_seconds(text)


def test_names_come_with_options_or_commas() -> None:
    assert commands.names_of(["a, b", "c", "a", ""]) == ["a", "b", "c"]


def test_the_list_is_the_registry() -> None:
    code, out, _ = run("--list", "--json")
    assert code == 0
    assert [entry["name"] for entry in json.loads(out)["checks"]] == list(all_checks())
    assert "deletion" in run("--list")[1]


@pytest.mark.weights
def test_json_holds_every_number_and_progress_goes_elsewhere() -> None:
    code, out, err = run(
        str(CAT), "--method", "saliency", "--method", "input-x-gradient", "--checks", QUICK, "--json"
    )
    document = json.loads(out)
    assert code == 0
    assert [(r["check"], r["method"]) for r in document["results"]] == [
        (check, method) for check in QUICK.split(",") for method in ("saliency", "input-x-gradient")
    ]
    assert document["results"][0]["verdict"] == "identical to the gradient, by definition"
    assert set(document["results"][2]["controls"]["entropy"]) >= {"random_mean", "random_sd", "centered_blob"}
    assert document["agreement"]["names"] == ["saliency", "input-x-gradient"]
    assert "[6/6]" in err
    assert 0 < document["probability"] < 1


@pytest.mark.weights
def test_two_classes_are_compared() -> None:
    words = ("--method", "saliency", "--target", "tabby", "--checks", "degeneracy", "--json")
    code, out, err = run(str(CAT), "--against", "tiger cat", *words)
    document = json.loads(out)
    assert code == 0
    assert document["against"] == 282
    assert document["results"][0]["verdict"] == "identical to the gradient, by definition"
    assert "“tabby”, not “tiger cat”" in err
    with pytest.raises(UsageError, match="compared with itself"):
        run(str(CAT), "--against", "tabby", *words)


@pytest.mark.weights
def test_the_table_shows_the_controls(picture: Path) -> None:
    code, out, _ = run(
        *(str(picture), "--method", "saliency", "--checks", "mass-inside,pointing-game"),
        *("--mask", str(picture.with_name("mask.png")), "--target", "tabby"),
    )
    assert code == 0
    assert "random maps" in out
    assert "mass-inside" in out
    assert "±" in out


@pytest.mark.weights
def test_the_table_fits_into_a_narrow_terminal(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (str(picture), "--method", "saliency", "--method", "grad-cam", "--checks", f"{QUICK},mass-inside")
    wide = run(*words)[1]
    assert re.search(r"^· +sparseness +0\.\d{3} +0\.\d{3} ± .*sparser than every control", wide, re.M)
    monkeypatch.setattr(check_output, "width_of_output", lambda: 80)
    narrow = run(*words)[1]
    assert max(len(line) for line in narrow.splitlines()) <= 80
    assert re.search(
        r"^· sparseness +0\.\d{3} +0\.\d{3} ± [^\n]+\n    (not )?sparser than every", narrow, re.M
    )
    assert "  mass-inside\n    not made: it is not known where the object is (--mask)\n" in narrow


@pytest.mark.weights
def test_the_same_seed_gives_the_same_numbers(picture: Path) -> None:
    words = (str(picture), "--method", "saliency", "--checks", "sparseness", "--json", "--seed")
    first, again, other = (json.loads(run(*words, seed)[1])["results"] for seed in ("3", "3", "4"))
    for results in (first, again, other):
        results[0].pop("seconds")
    assert first == again
    assert first != other


@pytest.mark.weights
def test_mistakes_are_one_line(picture: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"No check 'deltion'\. Did you mean 'deletion'"):
        run(str(picture), "--checks", "deltion")
    with pytest.raises(UnknownNameError, match=r"No method 'salience'\. Did you mean 'saliency'"):
        run(str(picture), "--method", "salience")
    with pytest.raises(UsageError, match="Which picture"):
        run()
    with pytest.raises(PictureError):
        run("missing.jpg")
    with pytest.raises(UsageError, match="The mask is 451x300, the picture 300x240"):
        run(str(picture), "--mask", str(CAT))
    with pytest.raises(UsageError, match="No class 1000"):
        run(str(picture), "--target", "1000")


def test_a_wrong_method_is_told_before_a_network_is_loaded(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepdream.models.load_model", None)
    with pytest.raises(UnknownNameError, match="Did you mean 'grad-cam'"):
        run(str(picture), "--method", "gradcam")


def test_what_does_not_apply_is_said_once(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--model", "vit_b_16", "--weights", "random:1")
    with pytest.raises(UsageError, match="lrp does not apply to vit_b_16"):
        run(str(picture), "--method", "lrp", *words)
    assert "does not apply" not in capsys.readouterr().err
