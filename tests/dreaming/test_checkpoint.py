"""A dream put aside and gone on with: the same bits; and files that are not what they seem."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepdream.dreaming.checkpoint import OutputOptions, read_checkpoint, write_checkpoint
from deepdream.dreaming.loop import dream
from deepdream.dreaming.rendering import to_the_end
from deepdream.dreaming.result import begin
from deepdream.dreaming.state import State
from deepdream.errors import PictureError
from deepdream.images import Picture, write_picture
from deepdream.models import Model
from deepdream.plan import PRESETS, plan_for

SHORT = {"objective": "layer(second)", "steps": 3, "octaves": 2}


@pytest.fixture
def picture() -> Picture:
    rng = np.random.default_rng(0)
    pixels = rng.random((64, 80, 3), dtype=np.float32) * 0.5 + 0.25
    return Picture(pixels, np.tile(np.linspace(0, 1, 80, dtype=np.float32), (64, 1)), "a.png", "ab" * 32)


@pytest.fixture
def kept(tiny_model: Model, picture: Picture, tmp_path: Path) -> Path:
    ongoing = begin(tiny_model, picture, plan_for("natural", **SHORT))
    state = ongoing.state
    step = next(dream(tiny_model, state.plan, state=state))
    write_checkpoint(
        tmp_path / "d.png.state",
        replace(ongoing, state=step.state),
        OutputOptions(metadata=False, checkpoint_every=7),
    )
    return tmp_path / "d.png.state"


@pytest.mark.parametrize(
    ("preset", "changed"),
    [(preset, {"start": "noise"} if preset == "maco" else {}) for preset in PRESETS]
    + [("natural", {"parameterization": name}) for name in ("laplacian", "shared")]
    + [("natural", {"parameterization": "cppn", "start": "noise"})],
)
def test_a_dream_continues_bit_for_bit_from_any_step(
    preset: str, changed: dict[str, Any], tiny_model: Model, picture: Picture, tmp_path: Path
) -> None:
    ongoing = begin(tiny_model, picture, plan_for(preset, **SHORT, **changed))
    state = ongoing.state
    whole = to_the_end(tiny_model, ongoing)
    states = [step.state for step in dream(tiny_model, state.plan, state=state)]
    for number, stopped in enumerate([state, *states[:-1]]):
        path = tmp_path / f"{number}.state"
        write_checkpoint(path, replace(ongoing, state=stopped))
        again, _ = read_checkpoint(path)
        resumed = to_the_end(tiny_model, again)
        assert resumed.pixels.tobytes() == whole.pixels.tobytes()
        assert resumed.recipe == whole.recipe
        assert resumed.alpha is not None
        np.testing.assert_array_equal(resumed.alpha, picture.alpha)


def test_every_field_of_the_state_is_kept(kept: Path, tiny_model: Model, picture: Picture) -> None:
    ongoing = begin(tiny_model, picture, plan_for("natural", **SHORT, calm=0.5))
    state = ongoing.state
    state = next(dream(tiny_model, state.plan, state=state)).state
    write_checkpoint(kept, replace(ongoing, state=state), OutputOptions(metadata=False, checkpoint_every=7))
    back, options = read_checkpoint(kept)
    assert (options.metadata, options.checkpoint_every) == (False, 7)
    for entry in dataclasses.fields(State):
        if entry.name == "references":  # made again, see below
            continue
        one, two = getattr(state, entry.name), getattr(back.state, entry.name)
        ones, twos = (value if isinstance(value, tuple) else (value,) for value in (one, two))
        assert len(ones) == len(twos), entry.name
        for mine, its in zip(ones, twos, strict=True):
            assert torch.equal(mine, its) if isinstance(mine, Tensor) else mine == its, entry.name


def test_a_dream_with_files_goes_on_without_them_bit_for_bit(
    tiny_model: Model, picture: Picture, tmp_path: Path
) -> None:
    guide, mask = tmp_path / "guide.one.png", tmp_path / "mask.png"
    write_picture(guide, picture.pixels[:40, ::-1])
    write_picture(mask, np.tile(np.linspace(0, 1, 80, dtype=np.float32)[:, None], (64, 1, 3)))
    text = f'masked(guide(second, "{guide}"), "{mask}", 0.1) + neuron(first, 2) + caricature(second) - distance()'
    ongoing = begin(tiny_model, picture, plan_for(**{**SHORT, "objective": text}))
    state = ongoing.state
    whole = to_the_end(tiny_model, ongoing)
    states = [step.state for step in dream(tiny_model, state.plan, state=state)]
    for path in (guide, mask):
        path.unlink()
    for number, stopped in enumerate([state, *states[:-1]]):
        path = tmp_path / f"{number}.state"
        write_checkpoint(path, replace(ongoing, state=stopped))
        again, _ = read_checkpoint(path)
        assert set(again.state.files) == set(state.files)
        assert to_the_end(tiny_model, again).pixels.tobytes() == whole.pixels.tobytes()


def _change(path: Path, change: Any) -> None:
    """The file with other numbers or tensors in it."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        numbers = json.loads(file.metadata()["deepdream"])
    change(tensors, numbers)
    save_file(tensors, path, metadata={"deepdream": json.dumps(numbers)})


@pytest.mark.parametrize(
    "change",
    [
        lambda t, n: n.update(schema=99),
        lambda t, n: n.update(recipe="{}"),
        lambda t, n: n["state"].update(step=50),
        lambda t, n: n["state"].update(octave=-1),
        lambda t, n: t.update(pace=torch.zeros(1)),
        lambda t, n: n["state"].update(unknown=1),
        lambda t, n: n.update(octaves=[[1, 1, 1]]),
        lambda t, n: n.update(octaves=[["a", 1, 1]]),
        lambda t, n: n.pop("every"),
        lambda t, n: t.pop("parameters"),
        lambda t, n: t.pop("rng_state"),
        lambda t, n: t.update(parameters=torch.zeros(1, 3, 5, 5)),
        lambda t, n: t.update(rng=torch.zeros(7, dtype=torch.uint8)),
        lambda t, n: t.update(source=torch.zeros(1, 3, 9, 9)),
        lambda t, n: t.update({"moments.0": torch.zeros(2)}),
        lambda t, n: t.update(alpha=torch.zeros(2, 2)),
        lambda t, n: t.update(emphasis=torch.zeros(1, 1, 2, 2)),
    ],
)
def test_a_strangers_file_is_refused_in_one_line(change: Any, kept: Path) -> None:
    _change(kept, change)
    with pytest.raises(
        PictureError, match=r"d\.png\.state (is cut off or damaged|cannot be resumed)"
    ) as seen:
        read_checkpoint(kept)
    assert "\n" not in str(seen.value)


@pytest.mark.parametrize("length", [0, 5, 100, 3000, -1])
def test_a_file_that_was_cut_off_is_refused(length: int, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:length])
    with pytest.raises(PictureError, match=r"cut off or damaged|cannot be resumed"):
        read_checkpoint(kept)


def test_a_dream_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="nothing was interrupted there"):
        read_checkpoint(tmp_path / "d.png.state")


def test_an_older_state_survives_a_failure(kept: Path, tiny_model: Model, picture: Picture) -> None:
    before = kept.read_bytes()
    waiting, _ = read_checkpoint(kept)
    broken = replace(waiting, state=replace(waiting.state, octave=float("nan")))
    with pytest.raises(ValueError):
        write_checkpoint(kept, broken)
    assert kept.read_bytes() == before
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
