"""A finished dream: its picture, its alpha, its preset; and what happens when there is no room for it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from deepdream.ascent.parameterizations import parameterization_for
from deepdream.dreaming import begin, dream, finish, render
from deepdream.dreaming.result import full_size
from deepdream.dreaming.source_pictures import fit_picture, noise_picture, parse_size
from deepdream.errors import DeepDreamError, MemoryExhaustedError, UsageError
from deepdream.images import Picture, read_picture, read_recipe
from deepdream.models import Model
from deepdream.plan import PRESETS, Plan, plan_for
from deepdream.provenance import read_recipe_text
from deepdream.tensors import root_mean_square

OF_PICTURES = [name for name in PRESETS if parameterization_for(plan_for(name)).exact]

PLAN = Plan(objective="layer(second)", steps=2, octaves=3, octave_scale=1.3)


@pytest.fixture
def picture(photo: Tensor) -> Picture:
    pixels = photo[0].permute(1, 2, 0).contiguous().numpy()
    alpha = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    return Picture(pixels, alpha, "blobs.png", "ab" * 32)


def test_the_recipe_says_what_was_done(tiny_model: Model, picture: Picture) -> None:
    dreamed = render(tiny_model, picture, PLAN, size="60x50", decided_by="Ada", value_range="minmax")
    recipe = dreamed.recipe
    assert (recipe.width, recipe.height, recipe.finished, recipe.decided_by) == (60, 50, True, "Ada")
    assert recipe.input == {
        "name": "blobs.png",
        "sha256": "ab" * 32,
        "width": 64,
        "height": 48,
        "range": "minmax",
    }
    assert recipe.octaves == ((38, 46), (50, 60))
    assert recipe.threads == torch.get_num_threads()
    assert recipe.measures == dreamed.measures.to_dict()
    assert recipe.plan == PLAN
    assert read_recipe_text(recipe.to_text()) == recipe


@pytest.mark.parametrize(
    ("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 16), (".webp", 8), (".jpg", 8)]
)
def test_a_saved_dream_holds_its_recipe_and_its_bits(
    suffix: str, bits: int, tiny_model: Model, picture: Picture, tmp_path: Path
) -> None:
    dreamed = render(tiny_model, picture, PLAN)
    path = tmp_path / f"dream{suffix}"
    dreamed.save(path, bits=bits)
    text = read_recipe(path)
    assert text is not None
    assert read_recipe_text(text) == replace(dreamed.recipe, bits=bits)
    back = read_picture(path)
    if suffix not in (".jpg", ".webp"):
        assert back.alpha is not None
        np.testing.assert_allclose(back.alpha, picture.alpha, atol=0.6 / (2**bits - 1))


def test_a_dream_without_metadata_says_nothing(tiny_model: Model, picture: Picture, tmp_path: Path) -> None:
    render(tiny_model, picture, PLAN).save(tmp_path / "dream.png", metadata=False)
    assert read_recipe(tmp_path / "dream.png") is None


def test_a_dream_shows_itself_in_a_notebook(tiny_model: Model, picture: Picture) -> None:
    with Image.open(io.BytesIO(render(tiny_model, picture, PLAN)._repr_png_())) as shown:
        assert shown.size == (64, 48)


def test_a_loop_over_the_steps_is_what_render_does_and_may_end_early(
    tiny_model: Model, picture: Picture
) -> None:
    ongoing, numbers = begin(tiny_model, picture, PLAN), []
    for step in dream(tiny_model, ongoing.state.plan, state=ongoing.state):
        ongoing = ongoing.after(step)
        numbers.append(step.number)
        if step.number == 1:
            stopped = finish(tiny_model, ongoing)
    assert numbers == list(range(1, step.total + 1))
    whole = finish(tiny_model, ongoing)
    assert whole.recipe.finished
    assert (whole.pixels == render(tiny_model, picture, PLAN).pixels).all()
    assert not stopped.recipe.finished
    assert stopped.pixels.shape == picture.pixels.shape


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_an_interrupted_dream_stands_on_the_sharp_original(
    preset: str, tiny_model: Model, photo: Tensor
) -> None:
    """What was dreamed at a small octave is added to the full-size picture, which stays sharp."""
    board = ((torch.arange(96)[:, None] + torch.arange(120)) % 2).float() * 0.2 + 0.4
    image = board.expand(1, 3, 96, 120).contiguous()
    plan = plan_for(preset, objective="layer(second)", steps=2, octaves=2, octave_scale=2.0)
    first = next(dream(tiny_model, plan, image)).state
    full = full_size(first)
    assert full.shape == image.shape
    assert float(full.diff(dim=3).abs().mean()) > 0.8 * 0.2  # the board's own contrast
    assert root_mean_square(full - image) > 1e-4


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you"
        ),
    ],
)
def test_running_out_of_memory_has_its_own_error(
    error: BaseException, tiny_model: Model, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Model, "activations", fail)
    plan = Plan(objective="-total_variation() + layer(second)")
    monkeypatch.setattr(Model, "minimum_size", lambda *_: 1)
    with pytest.raises(
        MemoryExhaustedError, match=r"Not enough memory for 64x48 pixels\. Choose a smaller --size\."
    ):
        render(tiny_model, picture, plan)


def test_another_runtime_error_is_not_taken_for_it(
    tiny_model: Model, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(Model, "minimum_size", lambda *_: 1)
    tiny_model.layers  # noqa: B018 - probed before the failure is planted
    monkeypatch.setattr(Model, "activations", fail)
    with pytest.raises(RuntimeError, match="something else"):
        render(tiny_model, picture, PLAN)


def test_a_network_that_gives_nan_is_an_error_and_no_picture(picture: Picture) -> None:
    class Poisoned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x * float("nan")).mean((2, 3))

    with pytest.raises(DeepDreamError, match="left the range of numbers"):
        render(
            Model.wrap(Poisoned(), input_size=32), picture, Plan(objective="layer(conv)", steps=1, octaves=1)
        )


# Sizes.


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("64", (48, 64)),
        ("32", (24, 32)),
        ("128", (96, 128)),
        ("10x20", (20, 10)),
        ("10X20", (20, 10)),
        ("1", (1, 1)),
    ],
)
def test_sizes_are_read(size: str, expected: tuple[int, int]) -> None:
    assert parse_size(size, 48, 64) == expected


@pytest.mark.parametrize(
    "size", ["", "0", "-5", "x", "10x", "x10", "1x2x3", "ten", "1.5", "0x5", "9" * 5000, "1 0"]
)
def test_sizes_that_cannot_be_read(size: str) -> None:
    with pytest.raises(UsageError, match="Cannot read the size"):
        parse_size(size, 48, 64)


def test_fitting_keeps_name_hash_and_alpha(picture: Picture) -> None:
    fitted = fit_picture(picture, "32")
    assert fitted.pixels.shape == (24, 32, 3)
    assert fitted.alpha is not None
    assert fitted.alpha.shape == (24, 32)
    assert (fitted.name, fitted.sha256) == (picture.name, picture.sha256)
    np.testing.assert_allclose(fitted.alpha[:, 16].mean(), 0.5, atol=0.03)
    assert fit_picture(picture, None) is picture
    assert fit_picture(picture, "64x48") is picture


def test_noise_is_the_seeds_and_nearly_gray() -> None:
    one, same, other = (noise_picture(40, 50, seed) for seed in (1, 1, 2))
    assert one.pixels.tobytes() == same.pixels.tobytes()
    assert one.sha256 == same.sha256 != other.sha256
    assert one.pixels.shape == (40, 50, 3)
    assert 0.45 <= one.pixels.min() < one.pixels.max() <= 0.55
    assert one.pixels.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.03)


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (7, 2001), (33, 35)])
def test_odd_sizes_and_strips_keep_their_alpha_at_16_bits(
    size: tuple[int, int], tiny_model: Model, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    pixels, alpha = rng.random((*size, 3), dtype=np.float32), rng.random(size, dtype=np.float32)
    dreamed = render(tiny_model, Picture(pixels, alpha, "strip.png", "ab" * 32), PLAN)
    dreamed.save(tmp_path / "dream.png", bits=16)
    back = read_picture(tmp_path / "dream.png")
    assert back.pixels.shape == (*size, 3)
    np.testing.assert_allclose(back.alpha, alpha, atol=0.6 / 65535)
    assert all(np.isfinite(value) for value in dreamed.measures.to_dict().values())
