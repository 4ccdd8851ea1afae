"""The lessons about what a network does and why: ``ladder``, ``wrong-reasons``, ``fool``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.lessons.lesson_output import DecidedBy, add_lesson, read
from deepdream.cli.options import NetworkChoice
from deepdream.cli.picture_options import Photo, SeedOption

if TYPE_CHECKING:
    from deepdream.lessons import Exhibit
    from deepdream.lessons.exhibit import Tell


def ladder(*, image: Photo, seed: SeedOption = 0, choice: NetworkChoice, tell: Tell) -> Exhibit:
    """Follow one idea from the perceptron to the dream: the gradient with respect to the input.

    A perceptron, a multilayer perceptron and a small network are trained on digits on the way; every gradient is
    checked against finite differences.

    Example: deepdream ladder images/cat.jpg -o ladder.png
    """
    from deepdream.lessons import ladder

    return ladder(choice.load(), read(image), seed=seed, tell=tell)


def wrong_reasons(
    *,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="A method to try. May be repeated. The default is all methods."),
    ] = None,
    seed: SeedOption = 0,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Train a network that is right for the wrong reason, and test which explanations reveal it.

    Two networks learn two digits; one of them from pictures in which one digit always carries a mark. Neither a
    picture nor a pretrained network is needed.

    Example: deepdream wrong-reasons -o wrong-reasons.png
    """
    from deepdream.lessons import wrong_reasons

    return wrong_reasons(method or (), seed=seed, decided_by=decided_by, tell=tell)


def fool(
    *,
    image: Photo,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="The largest change of a value, in steps of 1/255.")
    ] = 2.0,
    method: Annotated[
        str, typer.Option("--method", help="The method that explains both pictures.")
    ] = "grad-cam",
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    tell: Tell,
) -> Exhibit:
    """Change the prediction by a change that is hard to see, and explain both pictures.

    Examples: deepdream fool images/cat.jpg -o fooled.png | deepdream fool images/cat.jpg --epsilon 0.5 --json
    """
    from deepdream.attribution import find_method
    from deepdream.lessons import fool

    find_method(method)
    picture = read(image)
    network = choice.load()
    return fool(network, picture, epsilon=epsilon / 255, method=method, decided_by=decided_by, tell=tell)


def register(app: typer.Typer) -> None:
    """Add the lessons of this file to ``app``."""
    add_lesson(app, "ladder", ladder)
    add_lesson(app, "wrong-reasons", wrong_reasons)
    add_lesson(app, "fool", fool)
