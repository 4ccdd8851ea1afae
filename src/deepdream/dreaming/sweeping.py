"""A sweep: one picture dreamed again and again with one or two settings varied, each cell with its own recipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdream.dreaming.axes import Variation
from deepdream.dreaming.fitting import objective_of
from deepdream.dreaming.loop import Step
from deepdream.dreaming.result import begin, render
from deepdream.errors import DeepDreamError, OutputError, PictureError
from deepdream.images import Picture, read_picture, read_recipe, unlaid, write_picture
from deepdream.models import Model
from deepdream.provenance import Recipe, read_recipe_text


@dataclass(frozen=True, eq=False)
class Swept:
    """A cell that is done: its picture and recipe, or why there is none.

    Attributes:
        pixels: float32 (H, W, 3) in [0, 1]; None where it failed.
        recipe: What made exactly this cell.
        kept: Whether it was there before and only read.
    """

    variation: Variation
    pixels: NDArray[np.float32] | None = None
    alpha: NDArray[np.float32] | None = None
    recipe: Recipe | None = None
    error: DeepDreamError | None = None
    seconds: float = 0.0
    kept: bool = False

    def save(self, path: Path) -> None:
        """Write the cell as a picture of its own, with its own recipe inside. Raises OutputError."""
        assert self.pixels is not None
        assert self.recipe is not None
        write_picture(path, self.pixels, alpha=self.alpha, recipe=self.recipe.to_text())


def sweep(
    cells: Iterable[Variation],
    *,
    network: Callable[[str], Model],
    picture: Callable[[Variation], Picture],
    kept: Callable[[Variation], Path | None] = lambda _: None,
    watch: Callable[[Variation, Step], bool | None] = lambda _, __: None,
    places: Sequence[Path] = (),
) -> Iterator[Swept]:
    """Dream every cell; one that fails does not stop the rest. Ends early where ``watch`` returns True.

    Args:
        network: The network of a name.
        picture: What a cell starts from (noise depends on its seed).
        kept: Where a cell was finished before, or None; such a cell is read and not dreamed again.
        places: Where files that a plan names are looked for.

    Raises:
        OutputError: a kept picture was made in another way than its cell asks for.
    """
    for cell in cells:
        began = time.monotonic()
        try:
            model, source, path = network(cell.model), picture(cell), kept(cell)
            done = _read(cell, path, model, source, places) if path else None
            done = done or _dreamed(cell, model, source, watch, places)
        except OutputError:
            raise
        except DeepDreamError as error:
            done = Swept(cell, error=error)
        if done is None:
            return
        yield done if done.kept else _timed(done, time.monotonic() - began)


def _timed(done: Swept, seconds: float) -> Swept:
    return Swept(done.variation, done.pixels, done.alpha, done.recipe, done.error, seconds)


def _dreamed(
    cell: Variation,
    model: Model,
    source: Picture,
    watch: Callable[[Variation, Step], bool | None],
    places: Sequence[Path],
) -> Swept | None:
    """The cell's dream; None where it was stopped."""
    made = render(
        model, source, cell.plan, size=cell.size, watch=lambda step: watch(cell, step), places=places
    )
    return Swept(cell, made.pixels, made.alpha, made.recipe) if made.recipe.finished else None


def _read(cell: Variation, path: Path, model: Model, source: Picture, places: Sequence[Path]) -> Swept:
    picture, text = read_picture(path), read_recipe(path)
    try:
        recipe = read_recipe_text(text or "")
    except PictureError:
        recipe = None
    if recipe is None or not _is_of(recipe, cell, model, source, places):
        raise OutputError(f"{path} was made with other settings. Use --overwrite, or another folder.")
    alpha = picture.alpha
    pixels = picture.pixels if alpha is None else unlaid(picture.pixels, alpha)
    return Swept(cell, pixels, alpha, recipe, kept=True)


def _is_of(recipe: Recipe, cell: Variation, model: Model, source: Picture, places: Sequence[Path]) -> bool:
    """Whether ``recipe`` is what the cell would come out with."""
    dream = begin(model, source, cell.plan, size=cell.size, places=places)
    asked = dream.recipe
    return recipe.finished and (
        (recipe.input["sha256"], recipe.model["sha256"], recipe.width, recipe.height, recipe.plan)
        == (asked.input["sha256"], asked.model["sha256"], asked.width, asked.height, dream.state.plan)
    )


def check_layers(cells: Iterable[Variation], network: Callable[[str], Model]) -> None:
    """Raises UnknownNameError for a layer that none of the sweep's networks has."""
    cells = list(cells)
    for text in dict.fromkeys(cell.plan.objective for cell in cells):
        refusals = [_refusal(cell, network(cell.model)) for cell in cells if cell.plan.objective == text]
        if all(refusals):
            raise refusals[0]  # type: ignore[misc]


def _refusal(cell: Variation, model: Model) -> DeepDreamError | None:
    try:
        objective_of(cell.plan, model)
    except DeepDreamError as error:
        return error
    return None
