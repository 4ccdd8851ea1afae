"""Commands for networks: forward pass, counting, training one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.input_output_files import check_free
from deepdream.cli.lecture.neurons import numbers_of
from deepdream.cli.lecture.showing import Data, LessonAnswer, Seed, Target, TextTable, add_lesson, plots
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.figures import Theme
    from deepdream.lecture.datasets import Dataset
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.training import History

Sizes = Annotated[
    list[int], typer.Argument(help="Neurons per layer, inputs first: 3 4 1.", metavar="SIZES...")
]
Hidden = Annotated[str, typer.Option("--hidden", help="Neurons of the hidden layers, with commas.")]
Activation = Annotated[str, typer.Option("--activation", help="Of the hidden neurons.")]
Init = Annotated[str, typer.Option("--init", help="nielsen, normal, xavier, kaiming, uniform or zeros.")]
Loss = Annotated[str, typer.Option("--loss", help="quadratic, [binary-]cross-entropy, l1 or squared-error.")]
Rate = Annotated[float, typer.Option("--lr", min=0, help="Learning rate.")]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Passes through the samples.")]


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    for name, command in (
        ("mlp", mlp),
        ("forward", forward),
        ("weight-and-bias", weight_and_bias),
        ("count", count),
        ("hyperparameters", hyperparameters),
    ):
        add_lesson(app, name, command)


def hidden_sizes(text: str) -> list[int]:
    """``"4,2"`` as [4, 2]. Raises UsageError."""
    sizes = numbers_of(text, "--hidden")
    if any(size < 1 or size != int(size) for size in sizes):
        raise UsageError(f"--hidden wants whole numbers from 1 up, as in 4,2; not {text!r}.")
    return [int(size) for size in sizes]


def mlp(
    data: Data = "circle",
    target: Target = None,
    hidden: Hidden = "4",
    activation: Activation = "tanh",
    loss: Loss = "cross-entropy",
    optimizer: Annotated[str, typer.Option("--optimizer", help="sgd, adam or rmsprop.")] = "sgd",
    lr: Rate = 0.5,
    momentum: Annotated[float, typer.Option("--momentum", min=0, max=0.999)] = 0.9,
    batch: Annotated[int, typer.Option("--batch", min=0, help="Samples per step; 0 means all.")] = 0,
    epochs: Epochs = 200,
    val: Annotated[float, typer.Option("--val", min=0, max=0.9, help="Share kept for validation.")] = 0.25,
    init: Init = "xavier",
    animate: Annotated[
        bool, typer.Option("--animate", help="Draw the training, frame by frame (GIF, WebP).")
    ] = False,
    save: Annotated[Path | None, typer.Option("--save-state", help="Write the network (JSON).")] = None,
    load: Annotated[Path | None, typer.Option("--load-state", help="Go on from a saved network.")] = None,
    seed: Seed = 0,
    overwrite: bool = False,
) -> LessonAnswer:
    """Curves; for two features the boundary and the hidden neurons, for digits the first layer's weights."""
    from deepdream.lecture.datasets import find_data, one_hot
    from deepdream.lecture.mlp import MLP
    from deepdream.lecture.saving import load_network, save_network
    from deepdream.lecture.training import TrainingSettings, fit

    table = find_data(data, seed=seed, target=target).standardized()
    targets = one_hot(table.y, len(table.classes))
    output = "sigmoid" if targets.shape[1] == 1 or loss != "cross-entropy" else "softmax"
    sizes = [table.X.shape[1], *hidden_sizes(hidden), targets.shape[1]]
    check_free(save, overwrite=overwrite)
    if animate and (sizes[0], sizes[-1]) != (2, 1):
        raise UsageError(f"--animate needs two columns of numbers and two classes; {table.about} has others.")
    model = load_network(load) if load else MLP(sizes, activation, output=output, init=init, seed=seed)
    settings = TrainingSettings(loss, optimizer, lr, momentum, 0.0, batch or None, epochs, seed)
    seen, kept = _split(len(table.X), val, seed)
    validation = (table.X[kept], targets[kept]) if len(kept) else None
    history = fit(
        model, table.X[seen], targets[seen], settings, val=validation, snapshot_every=max(1, epochs // 24)
    )
    chosen = sorted({0, 1, epochs // 4, epochs // 2, 3 * epochs // 4, history.best.number, epochs})
    best = history.best
    if save is not None:
        save_network(model, save)
    draw = _moving if animate else _still
    return LessonAnswer(
        {
            "sizes": list(model.sizes),
            "epochs": [epoch._asdict() for epoch in history.epochs],
            "best_epoch": best.number,
        },
        text=f"{model} on {table.about} (standardized); {len(seen)} to learn, {len(kept)} to validate.",
        tables=[TextTable(best._fields, [history.epochs[number] for number in chosen])],
        closing=_overfitting(history) if len(kept) else "",
        plot=lambda theme: draw(table, model, history, theme),
    )


def _still(table: Dataset, model: MLP, history: History, theme: Theme) -> Any:
    return plots("networks").plot_mlp(table, model, history, theme=theme)


def _moving(table: Dataset, model: MLP, history: History, theme: Theme) -> Any:
    from deepdream.lecture.play import Play

    return plots("play").animate_training(Play(table, model, history), theme=theme)


def _split(n: int, share: float, seed: int) -> tuple[Any, Any]:
    import numpy as np

    order = np.random.default_rng(seed).permutation(n)
    kept = round(share * n) if n >= 8 else 0  # the four samples of a gate are all needed
    return order[kept:], order[:kept]


def _overfitting(history: Any) -> str:
    best, last = history.best, history.epochs[-1]
    if last.val_loss <= 1.05 * best.val_loss:
        return f"No sign of overfitting: validation is lowest at epoch {best.number} and stays there."
    return (
        f"It overfits: validation loss is lowest at epoch {best.number} ({best.val_loss:.4g}) and "
        f"{last.val_loss:.4g} at the end, while the training loss falls to {last.loss:.4g}."
    )


def forward(
    sizes: Sizes,
    x: Annotated[str, typer.Option("--x", help="The input; default: 1,0,1,0 ...")] = "",
    activation: Activation = "sigmoid",
    convention: Annotated[
        str, typer.Option("--index-convention", help="How weights are numbered: out-in or in-out.")
    ] = "out-in",
    init: Init = "nielsen",
    seed: Seed = 0,
) -> LessonAnswer:
    """Every neuron's equation with its numbers, then the same with matrices and shapes."""
    import torch

    from deepdream.lecture.mlp import MLP

    if convention not in ("out-in", "in-out"):
        raise UsageError(f"--index-convention is out-in or in-out, not {convention!r}.")
    model = MLP(sizes, activation, init=init, seed=seed)
    values = numbers_of(x, "--x") or [float((i + 1) % 2) for i in range(sizes[0])]
    if len(values) != sizes[0]:
        raise UsageError(f"--x has {len(values)} values; the network {model} takes {sizes[0]}.")
    with torch.no_grad():
        states = model.trace([values])
    rows = []
    for number, (layer, state) in enumerate(zip(model.linear, states, strict=True), start=1):
        n_out, n_in = layer.weight.shape
        shape = (
            f"W ({n_out}, {n_in}): z = W a + b"
            if convention == "out-in"
            else f"W ({n_in}, {n_out}): z = a W + b"
        )
        rows.append((number, shape, _list(state.z[0]), _list(state.a[0])))
    return LessonAnswer(
        {
            "x": values,
            "weights": [layer.weight.tolist() for layer in model.linear],
            "layers": [{"z": state.z[0].tolist(), "a": state.a[0].tolist()} for state in states],
        },
        text=f"{model}, input {values}\n\n{model.equations()}",
        tables=[TextTable(("layer", f"shape ({convention})", "z", "a"), rows)],
        plot=lambda theme: plots("networks").plot_forward(model, values, theme=theme),
    )


def _list(values: Any) -> str:
    return ", ".join(f"{value:.4f}" for value in values.tolist()[:8]) + (", ..." if len(values) > 8 else "")


def weight_and_bias() -> LessonAnswer:
    """sigmoid(w x + b): where it switches, and how sharply."""
    pairs = [(w, b) for w in (0.5, 1.0, 3.0) for b in (-3.0, 0.0, 3.0)]
    rows = [(w, b, 0.0 - b / w, w / 4) for w, b in pairs]
    return LessonAnswer(
        {"rows": [dict(zip(("w", "b", "switches_at", "steepness"), row, strict=True)) for row in rows]},
        tables=[TextTable(("w", "b", "switches at x = -b/w", "steepness there, w/4"), rows)],
        plot=lambda theme: plots("networks").plot_knobs(theme=theme),
    )


def count(
    sizes: Annotated[
        list[int] | None, typer.Argument(help="Neurons per layer, inputs first: 3 4 1.", metavar="[SIZES]...")
    ] = None,
    cnn: Annotated[str, typer.Option("--cnn", help="A convolutional network: lenet5.")] = "",
    model: Annotated[str, typer.Option("--model", help="A pretrained network, as for dreaming.")] = "",
) -> LessonAnswer:
    """Layer by layer, with the formula."""
    from deepdream.lecture.counting import count_parameters

    if sum(map(bool, (sizes, cnn, model))) > 1:
        raise UsageError("Give SIZES, --cnn or --model: one of the three.")
    if model:
        from deepdream.models import load_model

        counted: Any = count_parameters(load_model(model).module)
    else:
        counted = count_parameters(cnn or sizes or [3, 4, 3, 1])
    rows = [(layer.name, layer.formula, layer.weights, layer.biases, layer.total) for layer in counted.layers]
    drawn = None if cnn or model else (sizes or [3, 4, 3, 1])
    return LessonAnswer(
        {
            "total": counted.total,
            "layers": [{"name": row[0], "weights": row[2], "biases": row[3]} for row in rows],
        },
        tables=[TextTable(("layer", "inputs x outputs + biases", "weights", "biases", "sum"), rows)],
        closing=f"{counted.total} parameters.",
        plot=(lambda theme: plots("networks").plot_count(drawn, counted, theme=theme)) if drawn else None,
    )


def hyperparameters(
    sizes: Sizes,
    optimizer: Annotated[
        str, typer.Option("--optimizer", help="Any of torch's: SGD, Adam, RMSprop ...")
    ] = "Adam",
    connectivity: Annotated[str, typer.Option("--connectivity", help="full, or free: any mask.")] = "full",
) -> LessonAnswer:
    """The exercise's table: what is chosen, what the data fix, and what is learned."""
    from deepdream.lecture.counting import count_parameters, hyperparameter_table

    learned = count_parameters(sizes).total
    rows = hyperparameter_table(sizes, optimizer, connectivity=connectivity)
    total = sum(row.count for row in rows)
    free = sum(row.count for row in hyperparameter_table(sizes, optimizer, connectivity="free"))
    full = sum(row.count for row in hyperparameter_table(sizes, optimizer))
    return LessonAnswer(
        {"rows": [vars(row) for row in rows], "total": total, "learned": learned},
        tables=[
            TextTable(("role", "choice", "how many", "which"), [tuple(vars(row).values()) for row in rows])
        ],
        closing=f"Hyperparameters: {full} fully connected, {free} if every connection is a choice. "
        f"Learned parameters: {learned}.",
        plot=lambda theme: plots("networks").plot_hyperparameters(rows, theme=theme),
    )
