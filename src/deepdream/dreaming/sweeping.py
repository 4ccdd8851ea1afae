"""A sweep: one picture dreamed again and again with one or two settings varied, each cell with its own recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdream.dreaming.axes import Variation
from deepdream.dreaming.fitting import objective_of
from deepdream.dreaming.ongoing import Dream
from deepdream.errors import DeepDreamError, OutputError, PictureError
from deepdream.images import read_picture, read_recipe, unlaid
from deepdream.models import Model
from deepdream.provenance import Recipe, read_recipe_text


@dataclass(frozen=True, eq=False)
class CellResult:
    """A cell that is done: its picture and recipe, or why there is none.

    Attributes:
        pixels: float32 (H, W, 3) in [0, 1]; None where it failed.
        alpha: float32 (H, W) in [0, 1]; None where the picture is opaque.
        recipe: What made exactly this cell.
        error: One line; empty where there is a picture.
    """

    variation: Variation
    pixels: NDArray[np.float32] | None = None
    alpha: NDArray[np.float32] | None = None
    recipe: Recipe | None = None
    error: str = ""

    @classmethod
    def read(cls, variation: Variation, path: Path) -> CellResult:
        """The cell that was saved in ``path``. Raises PictureError."""
        picture, alpha = read_picture(path), None
        pixels = picture.pixels
        if picture.alpha is not None:
            # A reader lays a transparent picture over gray; what was saved is the color before that.
            alpha, pixels = picture.alpha, unlaid(picture.pixels, picture.alpha)
        return cls(variation, pixels, alpha, read_recipe_text(read_recipe(path) or ""))


def check_same_settings(path: Path, dream: Dream) -> None:
    """Raises OutputError where the picture in ``path`` is not what ``dream``, before its first step, would give."""
    planned = dream.recipe
    try:
        recipe = read_recipe_text(read_recipe(path) or "")
        same = recipe.finished and (
            (recipe.input["sha256"], recipe.model["sha256"], recipe.width, recipe.height, recipe.plan)
            == (
                planned.input["sha256"],
                planned.model["sha256"],
                planned.width,
                planned.height,
                dream.state.plan,
            )
        )
    except PictureError:
        same = False
    if not same:
        raise OutputError(f"{path} was made with other settings. Use --overwrite, or another folder.")


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
