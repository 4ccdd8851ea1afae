"""``deepdream run`` on many pictures: batches, and each picture's own file, record, failure and checkpoint."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.dreaming import batched, loop, result
from deepdream.images import read_picture, read_recipe
from deepdream.models import Model

FAST = ("--octaves", "1", "--steps", "3", "-l", "second")


@pytest.fixture(autouse=True)
def folder(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures of one size and one of another, in ``in``."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for place, name in enumerate("abcd"):
        size = (40, 36) if name != "c" else (44, 36)
        chance = np.random.default_rng(place)
        Image.fromarray(chance.integers(40, 200, (size[1], size[0], 3), dtype=np.uint8)).save(
            f"in/{name}.png"
        )
    return tmp_path


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each batch had."""
    seen: list[int] = []
    begin = batched.dream_batched

    def watched(model: Model, states: Any) -> Any:
        seen.append(len(states))
        return begin(model, states)

    monkeypatch.setattr(batched, "dream_batched", watched)
    return seen


def made(name: str, folder: str = "out") -> Path:
    return Path(folder) / f"{name}_tiny_second.png"


def same(one: Path, other: Path) -> bool:
    """Whether two pictures are the same but for the rounding of a batch."""
    first, second = (read_picture(path).pixels for path in (one, other))
    return first.shape == second.shape and bool(np.abs(first - second).max() < 3 / 255)


def test_pictures_of_one_size_are_made_together_as_each_is_alone(command: Any, batches: list[int]) -> None:
    done = command("run", "in", "-o", "out", "--json", *FAST)
    assert done.code == 0
    assert batches == [3]
    command("run", "in", "-o", "alone", "--batch", "1", *FAST)
    assert batches == [3]
    results = json.loads(done.out)["results"]
    assert sorted(Path(entry["input"]).stem for entry in results) == ["a", "b", "c", "d"]
    assert [entry["batch_size"] for entry in results] == [3, 3, 3, 1]
    for stem in "abcd":
        assert same(made(stem), made(stem, "alone"))
        recipe, other = (json.loads(read_recipe(made(stem, where)) or "") for where in ("out", "alone"))
        assert recipe.pop("batch_size") == (1 if stem == "c" else 3)
        assert other.pop("batch_size") == 1
        assert recipe.pop("plan") == {**other.pop("plan"), "batch": 8}
        for name in ("measures", "before", "after", "score", "gains"):
            first, second = recipe.pop(name), other.pop(name)
            assert str(first)[:6] == str(second)[:6]
            if name == "measures":
                assert first == pytest.approx(second, rel=0.01)
        assert recipe == other
        assert recipe["input"]["name"] == made(stem).name[0] + ".png"


def test_a_picture_of_a_batch_is_made_again_from_its_recipe(command: Any) -> None:
    command("run", "in", "-o", "out", *FAST)
    done = command("rerun", made("b"), "--input", "in/b.png")
    assert done.code == 0
    assert (
        "the same pixels, bit for bit" in done.err
        or "the pixels differ (it was dreamed in a batch" in done.err
    )
    assert same(made("b"), made("b").with_stem(f"{made('b').stem}_again"))
    assert "together with 2 others" in command("info", made("b")).out


@pytest.mark.parametrize(("batch", "sizes"), [("2", [2]), ("auto", [3]), ("64", [3])])
def test_how_many_at_once(batch: str, sizes: list[int], command: Any, batches: list[int]) -> None:
    assert command("run", "in", "-o", "out", "--batch", batch, *FAST).code == 0
    assert batches == sizes
    assert len(list(Path("out").iterdir())) == 4


@pytest.mark.parametrize("batch", ["0", "-1", "many", "1025", "2.5"])
def test_a_batch_that_is_none(batch: str, command: Any) -> None:
    done = command("run", "in", "--batch", batch, *FAST)
    assert done.code == 2
    assert done.err == f"deepdream: --batch is auto or a number from 1 to 1024, not '{batch}'.\n"


def test_a_picture_that_cannot_be_read_does_not_end_the_batch(command: Any, batches: list[int]) -> None:
    Path("in/b.png").write_bytes(b"no picture")
    done = command("run", "in", "-o", "out", "--json", *FAST)
    assert done.code == 6
    assert batches == [2]
    document = json.loads(done.out)
    assert sorted(Path(entry["input"]).stem for entry in document["results"]) == ["a", "c", "d"]
    assert [Path(entry["input"]).stem for entry in document["failed"]] == ["b"]
    assert "deepdream: in/b.png:" in done.err


def test_a_picture_that_goes_bad_fails_alone(
    command: Any, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second picture of every batch, and whoever is as large as it, has no finite score."""
    advance, bad = loop.advance, read_picture("in/b.png").tensor()

    def advanced(model: Model, state: Any) -> Any:
        after = advance(model, state)
        for place, source in enumerate(state.source):
            if source.shape == bad[0].shape and (source == bad[0]).all():
                after.score[place] = float("nan")
        return after

    monkeypatch.setattr(loop, "advance", advanced)
    done = command("run", "in", "-o", "out", "--json", *FAST)
    assert done.code == 6
    document = json.loads(done.out)
    assert sorted(Path(entry["input"]).stem for entry in document["results"]) == ["a", "c", "d"]
    assert [entry["error"][:37] for entry in document["failed"]] == ["The dream left the range of numbers ("]
    assert not made("b").exists()


def test_a_batch_that_fails_as_one_is_dreamed_one_by_one(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish_all = result.finish_all

    def failing(model: Model, drafts: Any, state: Any) -> Any:
        if len(drafts) > 1:
            raise MemoryError
        return finish_all(model, drafts, state)

    monkeypatch.setattr(result, "finish_all", failing)
    done = command("run", "in", "-o", "out", *FAST)
    assert (done.code, len(done.out.splitlines())) == (0, 4)


def stop_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    advance, count = loop.advance, [0]

    def advanced(*words: Any) -> Any:
        count[0] += 1
        if count[0] == number:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(*words)

    monkeypatch.setattr(loop, "advance", advanced)


def test_an_interruption_loses_nothing_that_was_finished(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("run", "in", "-o", "whole", *FAST)
    with monkeypatch.context() as patch:
        stop_at(5, patch)  # the first batch is done after three steps
        done = command("run", "in", "-o", "out", "--batch", "2", "--checkpoint-every", "100", *FAST)
    assert done.code == 130
    assert sorted(Path("out").glob("*second.png")) == [made("a"), made("b")]
    assert command("resume", "out").code == 0
    command("run", "in", "-o", "out", "--skip-existing", *FAST)
    for name in "abcd":
        assert same(made(name), made(name, "whole"))


def test_a_batch_interrupted_in_its_midst_saves_every_picture_so_far(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("run", "in", "-o", "whole", *FAST)
    Path("in/c.png").unlink()
    with monkeypatch.context() as patch:
        stop_at(2, patch)
        done = command("run", "in", "-o", "out", "--json", "--checkpoint-every", "1", *FAST)
    states, partial = sorted(Path("out").glob("*.state")), sorted(Path("out").glob("*_partial.png"))
    assert done.code == 130
    assert [path.name for path in states] == [f"{made(name).name}.state" for name in "abd"]
    assert len(partial) == 3
    assert sorted(json.loads(done.out)["partial"]) == [str(path) for path in partial]
    assert f"stopped; the picture so far is in {partial[0]} and 2 more like it." in done.err
    assert "Continue with `deepdream resume out`." in done.err
    assert command("resume", "out").code == 0
    for name in "abd":
        assert same(made(name), made(name, "whole"))


def test_a_signal_in_the_last_step_finishes_the_batch_and_begins_no_other(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in/c.png").unlink()
    stop_at(3, monkeypatch)
    done = command("run", "in", "-o", "out", "--json", "--batch", "2", *FAST)
    assert done.code == 130
    assert "stopped; 1 of 3 inputs are left." in done.err
    document = json.loads(done.out)
    assert [Path(entry["input"]).stem for entry in document["results"]] == ["a", "b"]
    assert document["failed"] == []
    assert sorted(Path("out").iterdir()) == [made("a"), made("b")]
