"""The lessons about what a network does and why: ``ladder``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from deepdream.cli.attribution import Photo
from deepdream.cli.lessons.showing import add_lesson, load, read

if TYPE_CHECKING:
    from deepdream.lessons import Exhibit
    from deepdream.lessons.exhibit import Tell


def ladder(*, image: Photo, seed: int, model: str, weights: str | None, device: str, tell: Tell) -> Exhibit:
    """Climb from the perceptron to the dream: one idea, the gradient with respect to the input.

    A perceptron, a multilayer perceptron and a small network are trained on digits on the way; every gradient is
    checked against finite differences.

    Example: deepdream ladder images/cat.jpg -o ladder.png
    """
    from deepdream.lessons import ladder

    return ladder(load(model, weights, device), read(image), seed=seed, tell=tell)


def register(app: typer.Typer) -> None:
    """Add the lessons of this file to ``app``."""
    add_lesson(app, "ladder", ladder)
