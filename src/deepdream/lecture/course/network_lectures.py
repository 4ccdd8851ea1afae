"""Lessons in which a network learns: as curves, as an animation, in the terminal, as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UsageError
from deepdream.lecture.course.lesson import (
    LessonAnswer,
    Option,
    TextTable,
    lesson,
    numbers_of,
    plots,
)
from deepdream.lecture.course.lesson_options import (
    Activation,
    Data,
    Epochs,
    Hidden,
    Init,
    Loss,
    Momentum,
    Rate,
    Target,
)

if TYPE_CHECKING:
    from deepdream.figures import Theme


def hidden_sizes(text: str) -> list[int]:
    """``"4,2"`` as [4, 2]. Raises UsageError."""
    sizes = numbers_of(text, "--hidden")
    if any(size < 1 or size != int(size) for size in sizes):
        raise UsageError(f"--hidden wants whole numbers from 1 up, as in 4,2; not {text!r}.")
    return [int(size) for size in sizes]


@lesson(
    "mlp",
    "A network learns: boundary, hidden neurons, curves.",
    place=27,
    notes="Every hidden neuron divides the plane by one soft line; the output neuron combines them. Watch the "
    "validation curve: when it turns up while the training curve goes down, it memorizes its samples.",
    slide="'1970' is loose: Rosenblatt described multilayer perceptrons in 1962; what came in the 1970s and "
    "became known in 1986 is backpropagation.",
)
def mlp(
    data: Data = "circle",
    target: Target = None,
    hidden: Hidden = "4",
    activation: Activation = "tanh",
    loss: Loss = "cross-entropy",
    optimizer: Annotated[str, Option("Optimizer: sgd, adam or rmsprop.")] = "sgd",
    lr: Rate = 0.5,
    momentum: Momentum = 0.9,
    batch: Annotated[int, Option("Samples per step. 0 means all of them.", min=0)] = 0,
    epochs: Epochs = 200,
    val: Annotated[
        float, Option("Share of the samples that is used for validation only.", min=0, max=0.9)
    ] = 0.25,
    init: Init = "xavier",
    animate: Annotated[bool, Option("Draw the training frame by frame, for GIF and WebP files.")] = False,
    save: Annotated[
        Path | None, Option("Write the trained network to this JSON file.", "--save-state", writes=True)
    ] = None,
    load: Annotated[
        Path | None, Option("Continue from a network that --save-state wrote.", "--load-state")
    ] = None,
    seed: int = 0,
) -> LessonAnswer:
    """Draws the learning curves.

    Two features: also the boundary and the hidden neurons. Digits: also the weights of the first layer.
    """
    from deepdream.lecture.datasets import find_data, one_hot
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.saving import load_network, save_network
    from deepdream.lecture.training import TrainingSettings, fit

    dataset = find_data(data, seed=seed, target=target).standardized()
    targets = one_hot(dataset.y, len(dataset.classes))
    # Cross-entropy over several classes needs probabilities that add to 1.
    output = "sigmoid" if targets.shape[1] == 1 or loss != "cross-entropy" else "softmax"
    sizes = [dataset.X.shape[1], *hidden_sizes(hidden), targets.shape[1]]
    if animate and (sizes[0], sizes[-1]) != (2, 1):
        raise UsageError(
            f"--animate needs two columns of numbers and two classes; {dataset.about} has others."
        )
    model = load_network(load) if load else MLP(sizes, activation, output=output, init=init, seed=seed)
    settings = TrainingSettings(loss, optimizer, lr, momentum, 0.0, batch or None, epochs, seed)
    training, held_out = _split(len(dataset.X), val, seed)
    validation = (dataset.X[held_out], targets[held_out]) if len(held_out) else None
    history = fit(
        model,
        dataset.X[training],
        targets[training],
        settings,
        val=validation,
        snapshot_every=max(1, epochs // 24),
    )
    # A few epochs for the table; the JSON and the plot have all of them.
    chosen = sorted({0, 1, epochs // 4, epochs // 2, 3 * epochs // 4, history.best.number, epochs})
    best = history.best
    if save is not None:
        save_network(model, save)

    def plot(theme: Theme) -> Any:
        from deepdream.lecture.play import Play

        if animate:
            return plots("mlp").animate_training(Play(dataset, model, history), theme=theme)
        return plots("mlp").plot_mlp(dataset, model, history, theme=theme)

    return LessonAnswer(
        {
            "sizes": list(model.sizes),
            "epochs": [epoch._asdict() for epoch in history.epochs],
            "best_epoch": best.number,
        },
        text=f"{model} on {dataset.about} (standardized); {len(training)} to learn, {len(held_out)} to validate.",
        tables=[TextTable(best._fields, [history.epochs[number] for number in chosen])],
        closing=_overfitting(history) if len(held_out) else "",
        plot=plot,
    )


def _split(n: int, share: float, seed: int) -> tuple[Any, Any]:
    """The numbers of the samples to learn from, and of those for validation."""
    import numpy as np

    # Shuffled, because many tables are sorted by class.
    order = np.random.default_rng(seed).permutation(n)
    count = round(share * n) if n >= 8 else 0  # the four samples of a gate are all needed for learning
    return order[count:], order[:count]


def _overfitting(history: Any) -> str:
    best, last = history.best, history.epochs[-1]
    # Five percent above the minimum is noise of a small validation set.
    if last.val_loss <= 1.05 * best.val_loss:
        return f"No sign of overfitting: validation is lowest at epoch {best.number} and stays there."
    return (
        f"It overfits: validation loss is lowest at epoch {best.number} ({best.val_loss:.4g}) and "
        f"{last.val_loss:.4g} at the end, while the training loss falls to {last.loss:.4g}."
    )


@lesson(
    "play",
    "A network while it learns: an animation, and a page with sliders.",
    place=53.5,
    notes="The playground: choose the data and the hidden layers, watch the hidden neurons' lines combine. The "
    "page (--html) works without a server: sliders for a neuron, a threshold and the network's state.",
)
def play(
    data: Data = "circle",
    target: Target = None,
    hidden: Hidden = "4,2",
    activation: Activation = "tanh",
    loss: Loss = "cross-entropy",
    lr: Rate = 0.1,
    epochs: Epochs = 200,
    frames: Annotated[int, Option("Number of states that are shown.", min=2, max=200)] = 24,
    page: Annotated[
        Path | None,
        Option("Write a page with sliders, for any browser, to this file.", "--html", writes=True),
    ] = None,
    seed: int = 0,
    dark: bool = False,
) -> LessonAnswer:
    """In a terminal, the plane is drawn while the network learns.

    Dots are where the network gives 1; o and x are the samples.
    """
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.play import braille_picture, train_playground
    from deepdream.lecture.playground_page import play_page
    from deepdream.lecture.training import TrainingSettings
    from deepdream.provenance.files import write_text

    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html wants a name that ends in .html, not {page.name!r}.")
    settings = TrainingSettings(loss=loss, lr=lr, epochs=epochs, seed=seed)
    dataset = find_data(data, seed=seed, target=target)
    played = train_playground(dataset, hidden_sizes(hidden), settings, activation=activation, frames=frames)
    remarks = []
    if page is not None:
        write_text(page, play_page(played, dark=dark))
        remarks.append(f"{page}: open it in a browser; it needs no server.")
    last = played.history.epochs[-1]
    epochs_shown = [played.history.epochs[epoch] for epoch, _ in played.history.snapshots]

    def live() -> Iterator[str]:
        for epoch, model in played.states():
            state = played.history.epochs[epoch]
            caption = f"epoch {epoch}: loss {state.loss:.4f}, accuracy {state.accuracy:.2f}"
            yield "\n".join([*braille_picture(model, played.dataset), caption])

    return LessonAnswer(
        {"sizes": list(played.model.sizes), "epochs": [epoch._asdict() for epoch in epochs_shown]},
        text="\n".join(braille_picture(played.model, played.dataset)),
        tables=[
            TextTable(
                ("epoch", "loss", "accuracy"),
                [epoch[:3] for epoch in epochs_shown[:: max(1, len(epochs_shown) // 6)]],
            )
        ],
        closing=f"{played.model}: accuracy {last.accuracy:.3f} after {last.number} epochs.",
        remarks=remarks,
        live=live,
        plot=lambda theme: plots("mlp").animate_training(played, theme=theme),
    )
