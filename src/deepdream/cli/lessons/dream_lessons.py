"""The lessons that dream: ``trace``, ``hierarchy``, ``unit`` and ``reason``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.sources import expand_inputs
from deepdream.cli.lessons.lesson_output import DecidedBy, add_lesson, read
from deepdream.cli.options import LayerOption, NetworkChoice, PresetOption
from deepdream.cli.picture_options import Photo, SeedOption, TargetOption
from deepdream.cli.run_objective import objective_text

if TYPE_CHECKING:
    from deepdream.images import Picture
    from deepdream.lessons import Exhibit
    from deepdream.lessons.exhibit import Tell

Objective = Annotated[
    str | None,
    typer.Option("--objective", help="What to maximize, such as channel(blocks.4, 17) or logit(162)."),
]
Side = Annotated[str, typer.Option("--size", help="Longer side in pixels, or WIDTHxHEIGHT.")]


def trace(
    *,
    image: Photo,
    layer: LayerOption = None,
    objective: Objective = None,
    preset: PresetOption = "balanced",
    strength: Annotated[
        float | None, typer.Option("--strength", help="Root-mean-square change of the dream.")
    ] = None,
    size: Side = "320",
    seed: SeedOption = 0,
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Show step by step how a dream changes the prediction. Are there animals in it, and why?

    With -o trace.webp (or .gif) the result is an animation of the picture beside its curves.

    Examples: deepdream trace images/pagoda.jpg -o trace.png | deepdream trace images/cat.jpg -l blocks.3 -o t.webp
    """
    from deepdream.lessons import trace
    from deepdream.plan import plan_for

    picture = read(image)
    climbed = objective_text(layer, objective)
    plan = plan_for(preset or "balanced", objective=climbed, strength=strength, seed=seed)
    network = choice.load()
    return trace(network, picture, plan, size=size, decided_by=decided_by, tell=tell)


def hierarchy(
    *,
    image: Photo,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            "-l",
            help="A layer to show. May be repeated. The default is five layers from early to late.",
        ),
    ] = None,
    size: Side = "224",
    seed: SeedOption = 0,
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Draw one sheet from early to late layers: what they respond to, detect and dream in a picture.

    Examples: deepdream hierarchy images/cat.jpg -o sheet.png | deepdream hierarchy images/cat.jpg -l blocks.2
    """
    from deepdream.lessons import hierarchy

    picture = read(image)
    network = choice.load()
    return hierarchy(network, picture, layer or (), size=size, seed=seed, decided_by=decided_by, tell=tell)


def unit(
    *,
    unit: Annotated[str, typer.Argument(help="LAYER:CHANNEL, such as blocks.4:17.", show_default=False)],
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--images",
            help="Pictures or folders to search. Default: images/, or scikit-learn's two photographs.",
        ),
    ] = None,
    seed: SeedOption = 0,
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Show what one channel responds to, which pictures excite it, which classes use it, and how far to trust this.

    Examples: deepdream unit blocks.4:17 -o unit.png | deepdream unit blocks.4:17 --images photos/ --json
    """
    from deepdream.lessons import unit as portrait
    from deepdream.lessons.units import parse_unit

    parse_unit(unit)
    pictures = searched(images)
    network = choice.load()
    return portrait(network, unit, pictures, seed=seed, decided_by=decided_by, tell=tell)


def searched(images: list[str] | None) -> list[Picture]:
    """The pictures in which a unit is looked for."""
    if images:
        return [read(path) for path in expand_inputs(images)]
    folder = Path("images")
    if not folder.is_dir():
        import sklearn

        folder = Path(sklearn.__file__).parent / "datasets" / "images"
    return [read(path) for path in expand_inputs([str(folder)])]


def reason(
    *,
    image: Photo,
    target: TargetOption = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer", "-l", help="The layer whose channels are used. The default is the recommended layer."
        ),
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", help="A second network to show below the first.")
    ] = None,
    seed: SeedOption = 0,
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Dream the channels that contributed most to a prediction and the class itself, and explain that dream.

    Examples: deepdream reason images/cat.jpg -o reason.png | deepdream reason images/cat.jpg --compare resnet18
    """
    from deepdream.lessons import reason

    picture = read(image)
    networks = [choice.load()]
    networks += [NetworkChoice(compare, None, choice.device).load()] if compare else []
    return reason(networks, picture, target, layer=layer, seed=seed, decided_by=decided_by, tell=tell)


def register(app: typer.Typer) -> None:
    """Add the lessons of this file to ``app``."""
    add_lesson(app, "trace", trace, moves=True)
    add_lesson(app, "hierarchy", hierarchy)
    add_lesson(app, "unit", unit)
    add_lesson(app, "reason", reason)
