"""Every lesson from the first neuron to training as a command: what it prints, draws and refuses; its page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from deepdream.cli.lecture_command import lecture_app
from deepdream.errors import DeepDreamError, OutputError, UnknownNameError, UsageError
from deepdream.lecture.course import find_lesson, lessons
from deepdream.lecture.course.lesson import PARTS

# The shortest useful call of each lesson, and a word it prints.
CALLS = {
    "losses": (["losses"], "cross-entropy"),
    "distances": (["distances"], "Chebyshev"),
    "neuron": (["neuron", "--solve", "AND"], "any theta in (2, 3], canonical 3"),
    "perceptron": (["perceptron"], "18 mistakes in 9 epochs; the bound (R/γ)² is 51"),
    "activations": (["activations"], "softmax"),
    "xor": (["xor", "--starts", "20"], "not linearly separable"),
    "mlp": (["mlp", "--epochs", "40"], "150 to learn, 50 to validate"),
    "forward": (["forward", "3", "4", "1"], "W (4, 3): z = W a + b"),
    "weight-and-bias": (["weight-and-bias"], "switches at"),
    "count": (["count", "3", "4", "1"], "21 parameters"),
    "hyperparameters": (["hyperparameters", "3", "4", "3", "1"], "Learned parameters: 35"),
    "descent": (["descent"], "This is all that DeepDream does"),
    "smoothness": (["smoothness"], "sigmoid(z)"),
    "backprop": (["backprop"], "Cost after it (lr 0.5): 0.2910277737"),
    "chain-rule": (["chain-rule"], "-0.5898"),
    "check-gradients": (["check-gradients"], "WRONG"),
    "vanishing": (["vanishing"], "sigmoid, nielsen"),
    "collapse": (["collapse"], "is one layer"),
    "play": (["play", "--epochs", "30", "--frames", "3"], "accuracy"),
}


def run(*words: str) -> Any:
    result = CliRunner().invoke(lecture_app(), [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*words: str) -> DeepDreamError:
    with pytest.raises(DeepDreamError) as error:
        run(*words)
    return error.value


@pytest.mark.parametrize("name", CALLS)
def test_a_lesson_prints_dumps_and_draws(name: str, tmp_path: Path) -> None:
    words, expected = CALLS[name]
    printed = run(*words, "-o", tmp_path / "plot.png")
    assert printed.exit_code == 0
    assert expected in printed.stdout
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width >= 1000
        colors = picture.convert("RGB").resize((200, 120)).getcolors(24_000)
        assert colors is not None
        assert len(colors) > 20
    dumped = json.loads(run(*words, "--json", "--notes").stdout)
    lesson = find_lesson(name)
    assert (dumped["schema"], dumped["lesson"]) == (1, name)
    assert dumped["notes"] == lesson.notes
    assert len(dumped) > 3


@pytest.mark.parametrize("name", ["perceptron", "neuron", "play", "backprop"])
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    words = CALLS[name][0]
    assert run(*words, "--seed", "5", "--json").stdout == run(*words, "--seed", "5", "--json").stdout


def test_the_seed_reaches_the_network() -> None:
    first, other = (run("forward", "2", "3", "1", "--seed", seed, "--json").stdout for seed in (0, 1))
    assert first != other


def test_the_list_is_in_the_decks_order() -> None:
    listed = run().stdout
    assert max(map(len, listed.splitlines())) <= 80
    names = re.findall(r"^  (\S+)", listed, re.MULTILINE)
    assert names == [lesson.name for lesson in lessons()]
    assert list(PARTS) == re.findall(r"^(\S.*)", listed, re.MULTILINE)
    assert set(CALLS) <= set(names)
    assert names.index("neuron") < names.index("perceptron") < names.index("mlp") < names.index("backprop")
    dumped = json.loads(run("--json").stdout)
    assert [row["name"] for row in dumped["lessons"]] == names


def test_every_lesson_is_a_command_with_notes() -> None:
    commands = {command.name for command in lecture_app().registered_commands}
    assert commands == {lesson.name for lesson in lessons()}
    assert all(len(lesson.notes) > 60 and lesson.line.strip().endswith((".", "?")) for lesson in lessons())
    with pytest.raises(UnknownNameError, match=r"Did you mean 'backprop'.*deepdream lecture"):
        find_lesson("bakprop")


def test_notes_name_the_slides_error() -> None:
    text = run("forward", "3", "4", "1", "--notes").stdout
    assert "On the slide:" in text
    assert "there is no x4" in text


def test_svg_and_dark(tmp_path: Path) -> None:
    run("activations", "sigmoid", "--dark", "-o", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "<desc>" in text
    assert "#14171c" in text.lower()


def test_the_perceptron_moves(tmp_path: Path) -> None:
    run("perceptron", "--data", "or", "-o", tmp_path / "p.gif")
    with Image.open(tmp_path / "p.gif") as picture:
        assert picture.n_frames == 9  # one per mistake


def test_the_training_moves_and_ends_at_its_end(tmp_path: Path) -> None:
    run("mlp", "--animate", "--epochs", "50", "-o", tmp_path / "m.webp")
    with Image.open(tmp_path / "m.webp") as picture:
        assert picture.n_frames == 26  # 0, 2, 4 ... 50
    dumped = json.loads(run("play", "--epochs", "60", "--frames", "8", "--json").stdout)
    assert [epoch["number"] for epoch in dumped["epochs"]][-2:] == [56, 60]


def test_what_stands_still_can_be_a_gif(tmp_path: Path) -> None:
    run("smoothness", "-o", tmp_path / "s.gif")
    with Image.open(tmp_path / "s.gif") as picture:
        assert picture.n_frames == 1
        assert picture.width >= 1000


def test_a_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    error = refused("losses", "-o", path)
    assert isinstance(error, OutputError)
    assert "--overwrite" in str(error)
    assert path.read_bytes() == b"mine"
    run("losses", "-o", path, "--overwrite")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_ones_own_data(tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    path.write_text("kind,weight,height\n" + "cat,4,25\ndog,20,60\n" * 6)
    numbers = json.loads(run("perceptron", "--data", path, "--target", "kind", "--json").stdout)
    assert numbers["separable"]
    assert "Two classes" in str(refused("perceptron", "--data", _write(tmp_path, "a,b\n1,x\n2,x\n")))
    assert "'red' is not a number" in str(refused("mlp", "--data", _write(tmp_path, "a,b\nred,x\n2,y\n")))
    points = "x,y\n" + "".join(f"{i},{2 * i + 1}\n" for i in range(8))
    numbers = json.loads(
        run("descent", "--data", _write(tmp_path, points), "--steps", "400", "--json").stdout
    )
    assert numbers["paths"]["0.5 × critical"]["slope"] == pytest.approx(2, abs=0.05)


def _write(folder: Path, text: str) -> Path:
    (folder / "own.csv").write_text(text)
    return folder / "own.csv"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["losses", "--true", "1,0", "--pred", "1"], "--true has 2 values and --pred 1"),
        (["losses", "--true", "one"], "--true wants numbers with commas"),
        (["distances", "--from", "95,0"], "latitude from -90 to 90"),
        (["neuron", "--inhibitory", "9"], "Inhibitory inputs"),
        (["neuron", "--inputs", "5", "-o", "x.png"], "draws nothing"),
        (["perceptron", "--data", "iris", "--positive", "setos"], "Did you mean 'setosa'"),
        (["forward", "3", "4", "1", "--x", "1,2"], "--x has 2 values"),
        (["forward", "3", "1", "--index-convention", "up"], "out-in or in-out"),
        (["count", "3", "1", "--cnn", "lenet5"], "one of the three"),
        (["mlp", "--data", "iris", "--animate"], "--animate needs two columns"),
        (["mlp", "--hidden", "4,0"], "--hidden wants whole numbers"),
        (["mlp", "--activation", "rely"], "Did you mean 'relu'"),
        (["mlp", "--loss", "quadratik"], "Did you mean 'quadratic'"),
        (["backprop", "--example", "mazu"], "Did you mean 'mazur'"),
        (["play", "--html", "page.txt"], "ends in .html"),
        (["descent", "--view", "spce"], "Did you mean 'space'"),
        (["descent", "--model", "mpl"], "No model 'mpl'"),
        (["xor", "--activation", "rely"], "Did you mean 'relu'"),
        (["losses", "-o", "plot.jpeg"], "end it in .png"),
        (["losses", "--true", "nan"], "--true wants numbers with commas"),
        (["neuron", "--theta", "inf"], "--theta must be a finite number"),
    ],
)
def test_what_is_refused_and_how(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refused(*words)
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert not list(tmp_path.iterdir())


def test_what_explodes_is_null_in_json() -> None:
    exploded = json.loads(run("descent", "--lr", "100", "--steps", "2000", "--json").stdout)["paths"]
    assert [path["loss"] for path in exploded.values()] == [None]
    unsolved = json.loads(run("xor", "--activation", "tanh", "--lr", "50", "--json").stdout)
    assert (unsolved["solved"], unsolved["median_sweeps"]) == (0, None)
    assert "0 times: not with these settings" in run("xor", "--activation", "tanh", "--lr", "50").stdout


def test_what_takes_longer_than_its_epochs_is_not_called_endless() -> None:
    assert (
        "It will end, but not within --epochs" in run("perceptron", "--data", "wine", "--epochs", "20").stdout
    )
    assert "It never ends" in run("perceptron", "--data", "xor", "--epochs", "20").stdout


def test_other_ways_to_ask() -> None:
    assert "no theta" in run("neuron", "--solve", "xor").stdout
    assert "NOT linearly separable" in run("perceptron", "--data", "xor").stdout
    assert "61706 parameters" in run("count", "--cnn", "lenet5").stdout
    assert "W (3, 4): z = a W + b" in run("forward", "3", "4", "1", "--index-convention", "in-out").stdout
    assert "softmax" in run("mlp", "--data", "iris", "--epochs", "5").stdout
    assert "backward, layer 1" in run("backprop", "--example", "random", "--pause").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["descent", "--view", "space"],
        ["descent", "--view", "climb"],
        ["descent", "--model", "mlp"],
        pytest.param(["descent", "--model", "mlp", "--view", "space"], marks=pytest.mark.slow),
        ["mlp", "--data", "digits", "--epochs", "2"],
    ],
    ids=["space", "climb", "mlp", "mlp-space", "digits"],
)
def test_other_plots(words: list[str], tmp_path: Path) -> None:
    assert run(*words, "-o", tmp_path / "plot.png", "--dark").exit_code == 0
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width >= 1000
        assert "learning rate" in str(picture.info) or "loss" in str(picture.info)


def test_a_network_is_saved_and_goes_on(tmp_path: Path) -> None:
    run("mlp", "--epochs", "30", "--save-state", tmp_path / "net.json")
    assert isinstance(refused("mlp", "--save-state", tmp_path / "net.json"), OutputError)
    further = json.loads(run("mlp", "--epochs", "1", "--load-state", tmp_path / "net.json", "--json").stdout)
    straight = json.loads(run("mlp", "--epochs", "30", "--json").stdout)
    assert further["epochs"][0]["loss"] == pytest.approx(straight["epochs"][-1]["loss"])
    assert "takes 2 inputs" in str(refused("mlp", "--data", "iris", "--load-state", tmp_path / "net.json"))


@pytest.mark.weights
def test_the_pretrained_network_is_counted() -> None:
    assert "4652008 parameters" in run("count", "--model", "efficientnet_lite0").stdout


def test_the_terminal_shows_the_plane() -> None:
    picture = run(*CALLS["play"][0]).stdout
    assert any("\u2801" <= letter <= "\u28ff" for letter in picture)
    assert "o" in picture
    assert "x" in picture


def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    run("play", "--epochs", "60", "--frames", "4", "--html", path)
    return path


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = page(tmp_path).read_text()
    assert "http" not in text
    assert "src=" not in text
    assert text.count('type="range"') == 5
    numbers = json.loads(text.partition("const N = ")[2].partition(";\n")[0])
    assert [state["epoch"] for state in numbers["states"]] == [0, 15, 30, 45, 60]
    assert isinstance(refused("play", "--html", tmp_path / "page.html"), OutputError)


def dom_of(page: Path, profile: Path) -> str:
    """The page after its script ran."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command = [browser, *flags, "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


MOVES = """<script>
for (const [id, value] of [["state", 0], ["t", 1], ["w1", -5], ["b", 5]]) {
  $(id).value = value; $(id).dispatchEvent(new Event("input", { bubbles: true })); }
</script></body>"""


@pytest.mark.browser
def test_the_page_runs_in_a_browser(tmp_path: Path) -> None:
    dom = dom_of(page(tmp_path), tmp_path / "profile")
    assert "epoch 60: loss" in dom  # written by the script, so it ran to its end
    assert "<circle" in dom
    assert "accuracy 0." in dom or "accuracy 1." in dom


@pytest.mark.browser
def test_the_sliders_move_the_page(tmp_path: Path) -> None:
    moved = tmp_path / "moved.html"
    moved.write_text(page(tmp_path).read_text().replace("</body>", MOVES))
    dom = dom_of(moved, tmp_path / "profile")
    assert "epoch 0: loss" in dom
    assert "z = -5 x₁ + 1 x₂ + 5" in dom
    assert '<td id="tp">0</td>' in dom  # at a threshold of 1 nothing is called 1
