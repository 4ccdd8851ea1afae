"""``deepdream explain`` on many pictures: the table, names, failures, and going on after any end."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.attribution import explain
from deepdream.batch import fed_picture
from deepdream.batch.explanations import ExplainTask
from deepdream.batch.outputs import Existing, unique_stems
from deepdream.batch.table import Table
from deepdream.errors import OutputError
from deepdream.images import read_picture
from deepdream.models import Model

SALIENCY = ("--method", "saliency", "-o", "out")
NUMBERS = (*SALIENCY, "--format", "none")


def make(path: str, seed: int = 0, size: tuple[int, int] = (60, 44)) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    Image.fromarray(chance.integers(20, 230, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return Path(path)


@pytest.fixture(autouse=True)
def folder(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures in ``in``, and the small network under every name."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate("abcd"):
        make(f"in/{name}.png", place)
    return tmp_path


def rows(path: str = "out/explanations.csv") -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def stems(found: list[dict[str, str]]) -> str:
    return "".join(Path(row["picture"]).stem for row in found)


def test_each_row_is_what_explain_says_of_the_picture(command: Any, tiny_model: Model) -> None:
    done = command("explain", "in", *SALIENCY)
    assert done.code == 0
    found = rows()
    assert stems(found) == "abcd"
    for row in found:
        picture = read_picture(row["picture"])
        alone = explain(tiny_model, tiny_model.crop(picture.tensor()), "saliency")
        top, label, chance = tiny_model.classify(picture.tensor())[0][0]
        assert (int(row["target"]), row["class"], row["predicted"]) == (top, label, label)
        assert float(row["score"]) == pytest.approx(alone.score, rel=1e-5)
        assert float(row["probability"]) == pytest.approx(chance, rel=1e-5)
        assert (row["method"], row["sha256"], row["error"]) == ("saliency", picture.sha256, "")
        assert read_picture(f"out/{row['file']}").width > 500
    assert done.out.splitlines() == [f"out/{row['file']}" for row in found] + ["out/explanations.csv"]
    assert "4 done, 0 failed" in done.err


def test_methods_that_promise_a_sum_say_how_well_they_keep_it(command: Any) -> None:
    done = command("explain", "in", "--method", "integrated-gradients", "-o", "out", "--format", "none")
    errors = [float(row["completeness_error"]) for row in rows()]
    assert max(errors) < 0.01
    assert f"completeness error: median {np.median(errors):.2%}, largest {max(errors):.2%}." in done.err


def test_warnings_stand_in_the_table(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    explain = ExplainTask.explain

    def warned(self: ExplainTask, fed: Any) -> Any:
        for explanation in explain(self, fed):
            yield replace(explanation, notes=("steep", "odd")) if fed.source.stem == "b" else explanation

    monkeypatch.setattr(ExplainTask, "explain", warned)
    assert "1 of 4 explanations have a warning." in command("explain", "in", *NUMBERS).err
    assert [row["warnings"] for row in rows()] == ["", "steep; odd", "", ""]


def test_the_record_says_how_the_table_was_made(command: Any) -> None:
    command("explain", "in", *NUMBERS, "--seed", "3")
    record = json.loads(Path("out/explanations.json").read_text())["record"]
    assert record["plan"]["method"] == "saliency"
    assert record["seed"] == 3
    assert record["networks"][0]["name"] == "tiny"
    assert command("record", "out/explanations.json").out.startswith("explanations.json: a table\n")


@pytest.mark.parametrize(
    ("form", "style", "found"),
    [("npy", "side-by-side", (64, 64)), ("npz", "side-by-side", (64, 64)), ("png", "mask", (44, 60, 3))],
)
def test_raw_numbers_and_masks(form: str, style: str, found: tuple[int, ...], command: Any) -> None:
    assert command("explain", "in/a.png", "in/b.png", *SALIENCY, "--format", form, "--style", style).code == 0
    path = f"out/a_tiny_saliency.{form}"
    if form == "png":
        assert read_picture(path).pixels.shape == found
    else:
        values = np.load(path)
        assert (values if form == "npy" else values["saliency"]).shape == found
    assert len(list(Path("out").iterdir())) == 4


def test_a_broken_picture_does_not_stop_the_others(command: Any) -> None:
    Path("in/b.png").write_bytes(Path("in/b.png").read_bytes()[:700])
    Path("in/c.png").write_bytes(b"")
    done = command("explain", "in", *NUMBERS)
    assert done.code == 6
    assert "deepdream: in/b.png: b.png is damaged or cut short" in done.err
    assert "2 done, 2 failed" in done.err
    assert done.err.splitlines()[-1] == "deepdream: 2 of 4 inputs failed; the first is in/b.png."
    found = rows()
    assert stems(found) == "abcd"
    assert [bool(row["error"]) for row in found] == [False, True, True, False]
    make("in/b.png", 1)
    done = command("explain", "in", *NUMBERS, "--skip-existing")
    assert done.code == 6
    assert "1 done, 2 were done before, 1 failed" in done.err
    assert stems([row for row in rows() if not row["error"]]) == "adb"
    assert stems([row for row in rows() if row["error"]]) == "c"


def test_what_is_asked_of_a_picture_may_not_apply_to_it(command: Any, tiny_model: Model) -> None:
    top = tiny_model.classify(read_picture("in/a.png").tensor())[0][0][0]
    make("in/d.png", 0)
    same = sum(tiny_model.classify(read_picture(f"in/{n}.png").tensor())[0][0][0] == top for n in "abcd")
    done = command("explain", "in", *NUMBERS, "--against", str(top))
    assert done.code == 6
    assert [row["error"].endswith("choose another class.") for row in rows()].count(True) == same


def test_empty_folders_patterns_and_single_pictures(command: Any) -> None:
    Path("empty").mkdir()
    assert command("explain", "empty", *SALIENCY).code == 3
    assert command("explain", "in/*.jpg", *SALIENCY).code == 3
    assert not Path("out").exists()
    assert command("explain", "in/[ab].png", *NUMBERS).code == 0
    assert stems(rows()) == "ab"
    Path("one").mkdir()
    Path("one/x.png").write_bytes(b"no picture")
    done = command("explain", "one", "-o", "alone", "--method", "saliency")
    assert done.code == 3
    assert rows("alone/explanations.csv")[0]["error"]


def test_what_would_fail_on_every_picture_fails_before_the_first(command: Any) -> None:
    for words, text in (
        (("--method", "salience"), "No method 'salience'"),
        (("--target", "99"), "No class 99 in tiny"),
        (("--against", "99"), "No class 99 in tiny"),
        (("--target", "1", "--against", "1"), "compared with itself"),
        (("--method", "grad-cam", "--layer", "nose"), "No layer 'nose'"),
        (("--method", "grad-cam", "--layer", "head"), "has no positions to map"),
        (("--baseline", "gray"), "No baseline 'gray'"),
        (("--method", "saliency", "--steps", "4"), "saliency has no option 'steps'"),
        (("--format", "jpg"), "No format 'jpg'"),
        (("--style", "mask", "--format", "npy"), "A mask is a PNG"),
        (("--method", "all", "--format", "npy"), "One .npy file holds one map"),
        (("--overwrite", "--skip-existing"), "Choose one of --overwrite"),
    ):
        done = command("explain", "in", *words, "-o", "out")
        assert (done.code, Path("out").exists()) == (2, False), words
        assert text in done.err
    assert "--format is for many pictures" in command("explain", "in/a.png", "--format", "npy").err
    done = command("explain", "in", "-o", "in")
    assert (done.code, len(list(Path("in").iterdir()))) == (7, 4)


def test_nothing_is_replaced_unasked(command: Any) -> None:
    assert command("explain", "in", *SALIENCY).code == 0
    before = Path("out/explanations.csv").read_bytes()
    done = command("explain", "in", *SALIENCY)
    assert done.code == 7
    assert "Continue it with --skip-existing" in done.err
    Path("out/explanations.csv").unlink()
    assert command("explain", "in", *SALIENCY).code == 7
    assert command("explain", "in", *SALIENCY, "--overwrite").code == 0
    assert len(Path("out/explanations.csv").read_bytes().splitlines()) == len(before.splitlines())
    Path("file").write_text("x")
    assert command("explain", "in", "--method", "saliency", "-o", "file").code == 7


def test_a_table_goes_on_only_with_the_same_settings(command: Any, tiny_model: Model) -> None:
    command("explain", "in/a.png", "in/b.png", *NUMBERS)
    for words, text in (
        (("--method", "input-x-gradient"), "another method (saliency, not input-x-gradient)"),
        (("--target", "1"), "another target (None, not 1)"),
        (("--seed", "9"), "another seed (0, not 9)"),
    ):
        done = command("explain", "in", *NUMBERS, *words, "--skip-existing")
        assert done.code == 7
        assert text in done.err
    tiny_model.weights = tiny_model.weights.__class__("another", "0" * 64)
    assert "another network, or other weights" in command("explain", "in", *NUMBERS, "--skip-existing").err
    assert stems(rows()) == "ab"


def test_a_folder_that_has_grown(command: Any) -> None:
    """New pictures may have names that would now be others'; what is done stays what it was."""
    assert command("explain", "in", *SALIENCY).code == 0
    before = {path.name: path.read_bytes() for path in Path("out").glob("*.png")}
    make("in/a.jpg", 7)
    make("in/sub.png", 8)
    done = command("explain", "in", *SALIENCY, "--skip-existing")
    assert "2 done, 4 were done before" in done.err
    assert {name: Path(f"out/{name}").read_bytes() for name in before} == before
    assert len({row["file"] for row in rows()}) == 6


def test_a_new_picture_that_would_have_the_name_of_one_that_is_done(command: Any) -> None:
    make("in/a.jpg", 7)
    assert command("explain", "in", *SALIENCY).code == 0
    before = Path("out/a-png_tiny_saliency.png").read_bytes()
    Path("in/a.jpg").unlink()
    make("in/a-png.bmp", 8)
    assert command("explain", "in", *SALIENCY, "--skip-existing").code == 0
    assert Path("out/a-png_tiny_saliency.png").read_bytes() == before
    assert rows()[-1]["file"] == "a-png_tiny_saliency_2.png"


def test_json_is_one_document_with_a_result_for_each(command: Any) -> None:
    Path("in/c.png").write_bytes(b"")
    done = command("explain", "in", "--method", "saliency", "--json", "-q")
    document = json.loads(done.out)
    assert done.code == 6
    assert [Path(entry["input"]).stem for entry in document["results"]] == ["a", "b", "d"]
    assert document["failed"][0]["input"] == "in/c.png"
    assert (document["explanations"], document["with_warnings"], document["left"]) == (3, 0, 0)
    assert not Path("explanations").exists()
    done = command("explain", "in", *NUMBERS, "--json", "--skip-existing")
    assert len(json.loads(done.out)["results"]) == 3
    done = command("explain", "in", *NUMBERS, "--json", "--skip-existing")
    assert [len(json.loads(done.out)[key]) for key in ("results", "skipped", "failed")] == [0, 3, 1]
    assert command("explain", "in", "--json", "--skip-existing").code == 2


def test_json_is_whole_when_a_run_ends_badly(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OutputError("Cannot write out/explanations.csv: No space left on device.")

    monkeypatch.setattr(Table, "add", full)
    done = command("explain", "in", *NUMBERS, "--json")
    document = json.loads(done.out)
    assert (done.code, document["exit_code"], document["results"]) == (7, 7, [])


@pytest.mark.slow
def test_the_panel_of_all_methods_has_a_row_for_each(command: Any) -> None:
    done = command("explain", "in/a.png", "in/b.png", "--method", "all", "--budget", "2s", "-o", "out")
    assert done.code == 0
    found = rows()
    assert len({row["method"] for row in found}) * 2 == len(found) > 40
    assert {row["file"] for row in found} == {"a_tiny_all.png", "b_tiny_all.png"}


# Names.


def test_names_do_not_collide() -> None:
    paths = ["x/a.jpg", "x/a.png", "x/a-png.gif", "x/A.webp", "y/b.jpg", "z/b.jpg", "z/c.jpg", "z/a-jpg.bmp"]
    names = unique_stems([Path(path) for path in paths])
    assert len({name.casefold() for name in names.values()}) == len(paths)
    assert names[Path("z/c.jpg")] == "c"
    assert names[Path("y/b.jpg")] == "y-b-jpg"
    long = [Path(f"{'ä' * 120}{n}.jpg") for n in range(3)]
    assert len(set(unique_stems(long).values())) == 3
    assert max(len(name.encode()) for name in unique_stems(long).values()) < 130


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_name_that_is_no_text(command: Any) -> None:
    os.rename(b"in/a.png", b"in/\xff\xfe.png")
    done = command("explain", "in", *NUMBERS, "--json")
    assert done.code == 0
    assert len(json.loads(done.out)["results"]) == 4
    assert command("explain", "in", *SALIENCY, "--overwrite").code == 0
    assert rows()[-1]["picture"] == "in/\\xff\\xfe.png"
    assert "4 were done before" in command("explain", "in", *SALIENCY, "--skip-existing").err


# Interrupted.


def test_a_signal_lets_the_picture_come_to_its_end(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explain = ExplainTask.__call__

    def struck(self: ExplainTask, group: tuple[str, ...]) -> Any:
        if Path(group[0]).stem == "b":
            os.kill(os.getpid(), signal.SIGINT)
        return explain(self, group)

    monkeypatch.setattr(ExplainTask, "__call__", struck)
    done = command("explain", "in", *SALIENCY)
    assert done.code == 130
    assert done.err.splitlines()[-1] == (
        "deepdream: stopped; 2 of 4 inputs are left. Continue with the same command and --skip-existing."
    )
    assert "stopping; what is done is kept. A second signal stops at once." in done.err
    assert stems(rows()) == "ab"
    monkeypatch.setattr(ExplainTask, "__call__", explain)
    assert command("explain", "in", *SALIENCY, "--skip-existing").code == 0
    whole = rows()
    command("explain", "in", "--method", "saliency", "-o", "whole")
    for one, other in zip(whole, rows("whole/explanations.csv"), strict=True):
        assert {**one, "seconds": ""} == {**other, "seconds": ""}
        assert Path(f"out/{one['file']}").read_bytes() == Path(f"whole/{one['file']}").read_bytes()


def test_a_second_signal_stops_at_once_and_nothing_is_lost(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    explain = ExplainTask.__call__

    def struck(self: ExplainTask, group: tuple[str, ...]) -> Any:
        for _ in range(2 if Path(group[0]).stem == "c" else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return explain(self, group)

    monkeypatch.setattr(ExplainTask, "__call__", struck)
    done = command("explain", "in", *SALIENCY, "--json")
    assert done.code == 130
    document = json.loads(done.out)
    assert (len(document["results"]), document["error"], document["exit_code"]) == (2, "stopped", 130)
    assert stems(rows()) == "ab"
    monkeypatch.setattr(ExplainTask, "__call__", explain)
    assert command("explain", "in", *SALIENCY, "--skip-existing").code == 0
    assert stems(rows()) == "abcd"


@pytest.mark.parametrize("cut", [1, 5, 60, 200, 260])
def test_a_table_that_was_cut_within_a_line(cut: int, command: Any) -> None:
    command("explain", "in", *NUMBERS)
    whole = Path("out/explanations.csv").read_bytes()
    Path("out/explanations.csv").write_bytes(whole[:-cut])
    assert command("explain", "in", *NUMBERS, "--skip-existing").code == 0
    assert sorted(stems(rows())) == list("abcd")
    assert all(row["sha256"] and row["score"] for row in rows())


def test_no_row_of_a_picture_is_left_alone_by_a_cut(folder: Path) -> None:
    table = Table(Path("t.csv"), ("method",))
    table.begin({"plan": {}}, Existing.REFUSE)
    with table:
        table.add([{"picture": "a", "method": n} for n in "xyz"])
        table.add([{"picture": "b", "method": n} for n in "xyz"])
    Path("t.csv").write_bytes(Path("t.csv").read_bytes()[:-2])
    again = Table(Path("t.csv"), ("method",))
    again.begin({"plan": {}}, Existing.SKIP)
    assert again.done == {"a"}
    other = Table(Path("t.csv"), ("method", "more"))
    with pytest.raises(OutputError, match="another table"):
        other.begin({"plan": {}}, Existing.SKIP)


NETWORK = """
import torch, time
def build():
    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = torch.nn.Conv2d(3, 4, 3, 2), torch.nn.Linear(4, 3)
        def forward(self, x):
            time.sleep(0.01)
            return self.head(self.conv(x).relu().mean((2, 3)))
    return Slow()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_real_run_stopped_and_gone_on_with_is_the_whole_run(number: signal.Signals) -> None:
    Path("net.py").write_text(NETWORK)
    for seed in range(30):
        make(f"many/{seed:02}.png", seed, (24, 24))
    words = [sys.executable, "-m", "deepdream", "explain", "many", "--model", "net.py:build", *NUMBERS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*words[:-4], "-o", "whole", "--format", "none"], check=True, env=environment)
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    table = Path("out/explanations.csv")
    while not (table.exists() and table.read_bytes().count(b"\n") > 5) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert 4 < len(rows()) < 30
    subprocess.run([*words, "--skip-existing"], check=True, env=environment)
    columns = ("picture", "target", "score", "probability")
    assert [[row[c] for c in columns] for row in rows()] == [
        [row[c] for c in columns] for row in rows("whole/explanations.csv")
    ]


def test_nothing_is_held_of_a_picture_that_is_done(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand pictures only the numbers of a row may stay."""
    import gc
    import weakref

    from deepdream.images import Picture

    made: list[Any] = []
    of = fed_picture.FedPicture.of

    def noting(path: Path, picture: Picture, network: Model) -> Any:
        gc.collect()
        assert sum(one() is not None for one in made) <= 1
        scene = of(path, picture, network)
        made.append(weakref.ref(scene.image))
        return scene

    monkeypatch.setattr(fed_picture.FedPicture, "of", noting)
    assert command("explain", "in", *SALIENCY).code == 0
    assert len(made) == 4
