"""The command ``play``: training as an animation, in the terminal, or as a page."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.input_output_files import check_free
from deepdream.cli.lecture.networks import Activation, Epochs, Hidden, Loss, Rate, hidden_sizes
from deepdream.cli.lecture.showing import Data, LessonAnswer, Seed, Target, TextTable, add_lesson, plots
from deepdream.cli.terminal import say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.lecture.play import Play


def register(app: typer.Typer) -> None:
    """Add the lesson to ``app``."""
    add_lesson(app, "play", play)


def play(
    data: Data = "circle",
    target: Target = None,
    hidden: Hidden = "4,2",
    activation: Activation = "tanh",
    loss: Loss = "cross-entropy",
    lr: Rate = 0.1,
    epochs: Epochs = 200,
    frames: Annotated[int, typer.Option("--frames", min=2, max=200, help="States to keep.")] = 24,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write a page with sliders, for any browser.")
    ] = None,
    seed: Seed = 0,
    dark: bool = False,
    overwrite: bool = False,
) -> LessonAnswer:
    """In a terminal the plane is drawn while the network learns: dots where it says 1, o and x the "
    "samples."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.play import braille_picture, learn
    from deepdream.lecture.training import TrainingSettings

    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html wants a name that ends in .html, not {page.name!r}.")
    check_free(page, overwrite=overwrite)
    settings = TrainingSettings(loss=loss, lr=lr, epochs=epochs, seed=seed)
    table = find_data(data, seed=seed, target=target)
    played = learn(table, hidden_sizes(hidden), settings, activation=activation, frames=frames)
    if page is not None:
        _write_page(played, page, dark=dark)
    if sys.stdout.isatty():
        _show_live(played)
    last = played.history.epochs[-1]
    kept = [played.history.epochs[epoch] for epoch, _ in played.history.snapshots]
    return LessonAnswer(
        {"sizes": list(played.model.sizes), "epochs": [epoch._asdict() for epoch in kept]},
        text="" if sys.stdout.isatty() else "\n".join(braille_picture(played.model, played.table)),
        tables=[
            TextTable(("epoch", "loss", "accuracy"), [epoch[:3] for epoch in kept[:: max(1, len(kept) // 6)]])
        ],
        closing=f"{played.model}: accuracy {last.accuracy:.3f} after {last.number} epochs.",
        plot=lambda theme: plots("play").animate_training(played, theme=theme),
    )


def _write_page(played: Play, page: Path, *, dark: bool) -> None:
    from deepdream.lecture.playground_page import play_page
    from deepdream.provenance.files import write_text

    write_text(page, play_page(played, dark=dark))
    say(f"{page}: open it in a browser; it needs no server.")


def _show_live(played: Play) -> None:
    from rich.live import Live
    from rich.text import Text

    from deepdream.lecture.play import braille_picture

    with Live(auto_refresh=False) as live:
        for epoch, model in played.states():
            state = played.history.epochs[epoch]
            lines = braille_picture(model, played.table)
            words = f"epoch {epoch}: loss {state.loss:.4f}, accuracy {state.accuracy:.2f}"
            live.update(Text("\n".join([*lines, words])), refresh=True)
            time.sleep(0.1)
