"""The lessons that dream: ``trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.goals import objective_text
from deepdream.cli.lessons.showing import add_lesson, load, read
from deepdream.cli.options import LayerOption, RecipeOption
from deepdream.cli.scene import Photo

if TYPE_CHECKING:
    from deepdream.lessons import Exhibit
    from deepdream.lessons.exhibit import Tell

Objective = Annotated[
    str | None,
    typer.Option("--objective", help="What to climb, such as channel(blocks.4, 17) or logit(162)."),
]
Side = Annotated[str, typer.Option("--size", help="Longer side in pixels, or WIDTHxHEIGHT.")]


def trace(
    *,
    image: Photo,
    layer: LayerOption = None,
    objective: Objective = None,
    recipe: RecipeOption = "balanced",
    strength: Annotated[
        float | None, typer.Option("--strength", help="Root-mean-square change of the dream.")
    ] = None,
    size: Side = "320",
    seed: int,
    model: str,
    weights: str | None,
    device: str,
    decided_by: str,
    tell: Tell,
) -> Exhibit:
    """Follow a dream step by step: what it does to the prediction. Are there animals in it, and why?

    With -o trace.webp (or .gif) the picture moves beside its curves.

    Examples: deepdream trace images/pagoda.jpg -o trace.png | deepdream trace images/cat.jpg -l blocks.3 -o t.webp
    """
    from deepdream.lessons import trace
    from deepdream.plan import plan_for

    picture = read(image)
    climbed = objective_text(layer, objective)
    plan = plan_for(recipe, objective=climbed, strength=strength, seed=seed)
    network = load(model, weights, device)
    return trace(network, picture, plan, size=size, decided_by=decided_by, tell=tell)


def register(app: typer.Typer) -> None:
    """Add the lessons of this file to ``app``."""
    add_lesson(app, "trace", trace, moves=True)
