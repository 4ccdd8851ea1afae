"""The cells of a sweep: each is what its own recipe makes again, those in files are kept, a stopped one is dropped."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.batch import Failed, Finished, Skipped, Stopped, run
from deepdream.batch.sweeps import SweepTask
from deepdream.dreaming import CellResult, parse_axis, render, variations
from deepdream.dreaming.axes import Variation
from deepdream.dreaming.sheets import Sheet
from deepdream.errors import OutputError
from deepdream.images import read_picture
from deepdream.models import Model
from deepdream.provenance import read_sheet_text

FAST: Mapping[str, Any] = {"octaves": 1, "objective": "layer(second)"}


@pytest.fixture(autouse=True)
def beside_a_photo(
    use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use_network(tiny_model)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save("photo.png")


def task_of(cells: tuple[Variation, ...], *, keep: bool = False) -> SweepTask:
    outputs = {cell.label: f"{number}.png" for number, cell in enumerate(cells)}
    return SweepTask("photo.png", {cell.label: cell for cell in cells}, outputs, keep=keep)


def events_of(task: SweepTask, **options: Any) -> list[Any]:
    events = run(task, list(task.variations), **options)
    return [event for event in events if isinstance(event, (Finished, Failed, Skipped, Stopped))]


def test_the_task_pickles() -> None:
    task = task_of(variations(parse_axis("steps=1,2"), None, FAST))
    copy = pickle.loads(pickle.dumps(task))
    assert [cell.plan for cell in copy.variations.values()] == [
        cell.plan for cell in task.variations.values()
    ]


def test_every_cell_carries_its_own_recipe_and_not_its_neighbors(tiny_model: Model) -> None:
    cells = variations(parse_axis("steps=1,2"), parse_axis("strength=0.03,0.06"), FAST)
    task, picture = task_of(cells), read_picture("photo.png")
    assert all(isinstance(event, Finished) for event in events_of(task))
    for cell in cells:
        result = CellResult.read(cell, Path(task.outputs[cell.label]))
        assert result.recipe is not None
        assert (result.recipe.plan.steps, result.recipe.plan.strength) == tuple(cell.values.values())
        alone = render(tiny_model, picture, result.recipe.plan)  # the recipe makes this very cell again
        assert result.pixels is not None
        assert np.abs(alone.pixels - result.pixels).max() <= 0.5 / 255 + 1e-6
        assert result.recipe.measures == alone.measures.to_dict()


def test_a_cell_that_fails_does_not_stop_the_rest_and_says_why() -> None:
    x = parse_axis("size=x,48,40")
    cells = variations(x, None, {**FAST, "steps": 1})
    task = task_of(cells)
    failed, *done = events_of(task)
    assert "Cannot read the size 'x'" in failed.error
    assert all(isinstance(event, Finished) for event in done)
    results = [CellResult(cells[0], error=failed.error)]
    results += [CellResult.read(cell, Path(task.outputs[cell.label])) for cell in cells[1:]]
    sheet, picture = Sheet(x, None, FAST, cells), read_picture("photo.png")
    assert np.isfinite(sheet.draw(results, picture)).all()
    record = read_sheet_text(sheet.record(results, picture).to_text())
    assert record.axes == {"size": ["x", "48", "40"]}
    assert record.finished
    assert ["error" in cell for cell in record.cells] == [True, False, False]


def test_kept_cells_are_read_and_others_refused() -> None:
    cells = variations(parse_axis("steps=2"), None, FAST)
    events_of(task_of(cells))
    first = Path("0.png").read_bytes()
    assert [type(event) for event in events_of(task_of(cells, keep=True))] == [Skipped]
    assert Path("0.png").read_bytes() == first
    with pytest.raises(OutputError, match="was made with other settings"):
        events_of(task_of(variations(parse_axis("steps=3"), None, FAST), keep=True))
    Image.new("RGB", (64, 48), "red").save("photo.png")
    with pytest.raises(OutputError, match="was made with other settings"):
        events_of(task_of(cells, keep=True))


def test_the_objective_is_resolved_once_for_each_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdream.dreaming import fitting

    resolve, count = fitting.resolve, 0

    def counted(*words: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        return resolve(*words, **more)

    monkeypatch.setattr(fitting, "resolve", counted)
    task = task_of(variations(parse_axis("steps=2,3"), None, {**FAST, "octaves": 2}))
    assert all(isinstance(event, Finished) for event in events_of(task))
    assert count == 2


def test_a_stopped_cell_is_left_out() -> None:
    task, count = task_of(variations(parse_axis("steps=2,3,4"), None, FAST)), 0

    def stop() -> bool:
        nonlocal count
        count += 1
        return count >= 7  # in the second cell: each has Started, its steps, Finished

    first, stopped = events_of(task, stop=stop)
    assert isinstance(first, Finished)
    assert (stopped.remaining, stopped.outputs) == (2, ())
    assert [Path(f"{number}.png").exists() for number in range(3)] == [True, False, False]
