"""Figures of networks: the forward pass, counting, knobs, and a boundary with the neurons that make it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.figures.theme import VERMILION
from deepdream.lecture.backpropagation import BackpropTrace
from deepdream.lecture.counting import Hyperparameter, ParameterCount
from deepdream.lecture.datasets import Dataset
from deepdream.lecture.mlp import MLP
from deepdream.lecture.plots.network_diagram import Diagram, draw_network
from deepdream.lecture.plots.neurons_plots import scatter_classes
from deepdream.lecture.training import TrainingHistory

__all__ = [
    "draw_curves",
    "draw_map",
    "panels",
    "plain_ticks",
    "plane_grid",
    "plot_backprop",
    "plot_count",
    "plot_forward",
    "plot_hyperparameters",
    "plot_knobs",
    "plot_mlp",
]

_LINES = "The lines are weights: orange, solid: positive; blue, dashed: negative; the wider, the larger."


@drawn
def plot_forward(model: MLP, x: Sequence[float], *, theme: Theme = Theme.LIGHT) -> Figure:
    """The network with its weights on the lines and the activations of one input in the circles."""
    with torch.no_grad():
        states = model.trace([list(x)])
    texts = [
        [f"{value:.3g}" for value in x],
        *([f"{a:.3g}" for a in state.a[0].tolist()] for state in states),
    ]
    return _diagram(
        model,
        texts,
        "Forward: one input on its way",
        f"In the circles the activations for one input. {_LINES} Each circle is the activation of its "
        "weighted sum: that is all a network computes.",
        theme,
    )


@drawn
def plot_backprop(
    model: MLP, x: Sequence[float], trace: BackpropTrace, *, theme: Theme = Theme.LIGHT
) -> Figure:
    """The network with activations (first line in each circle) and deltas (second line)."""
    texts = [[f"{value:.3g}" for value in x]]
    for layer in trace.layers:
        pairs = zip(layer.a[0].tolist(), layer.delta[0].tolist(), strict=True)
        texts.append([f"{a:.3f}\n{delta:+.1e}" for a, delta in pairs])
    return _diagram(
        model,
        texts,
        f"Backward: cost {trace.cost:.6f}",
        f"In each circle the activation (above) and delta = dC/dz (below). {_LINES} Activations "
        "flow to the right, deltas to the left. The gradient of a weight is the delta at its right end times the "
        "activation at its left end.",
        theme,
    )


def _diagram(model: MLP, texts: Any, title: str, caption: str, theme: Theme) -> Figure:
    rows = max(map(len, texts))
    canvas, axes = new_figure(title=title, size=(11, min(9.0, 2.2 + 1.6 * rows)), theme=theme)
    weights = [layer.weight.detach().numpy() for layer in model.linear]
    biases = [layer.bias.detach().numpy() for layer in model.linear]
    few = sum(w.size for w in weights) <= 20
    draw_network(axes[0, 0], Diagram(model.sizes, weights, texts, biases if few else (), few), theme)
    name = "-".join(map(str, model.sizes))
    return Figure(canvas, caption, f"Diagram of a {name} network with numbers.", {"texts": texts}, theme)


@drawn
def plot_knobs(*, theme: Theme = Theme.LIGHT) -> Figure:
    """sigmoid(w x + b) for several weights, and for several biases."""
    canvas, axes = new_figure(1, 2, title="What w and b do to one neuron", size=(12, 5.6), theme=theme)
    x = torch.linspace(-4, 4, 401, dtype=torch.float64)
    styles = ("-", "--", "-.", ":")
    for w, style in zip((0.5, 1, 3, -3), styles, strict=True):
        axes[0, 0].plot(x, torch.sigmoid(w * x), style, label=f"w = {w:g}")
    for b, style in zip((-6, -3, 0, 6), styles, strict=True):
        axes[0, 1].plot(x, torch.sigmoid(3 * x + b), style, label=f"b = {b:g}")
        axes[0, 1].plot(-b / 3, 0.5, "o", color=theme.ink, markersize=7)
    label(axes[0, 0], "x", "a = σ(w x + b)", "weight: how sharply (b = 0)")
    label(axes[0, 1], "x", "a = σ(w x + b)", "bias: where (w = 3)")
    for panel in axes[0]:
        panel.legend(loc="center left")
    return Figure(
        canvas,
        "One sigmoid neuron with one input. Left: the weight sets how sharply it switches, and its sign in "
        "which direction. Right: the bias shifts the switching point to x = −b/w (dots); it does not "
        "weight anything.",
        "Two panels of sigmoid curves: steeper with larger w, shifted with b.",
        {"weights": [0.5, 1, 3, -3], "biases": [-6, -3, 0, 6]},
        theme,
    )


@drawn
def plot_count(sizes: Sequence[int], count: ParameterCount, *, theme: Theme = Theme.LIGHT) -> Figure:
    """The network, and under each gap between layers the formula that counts its parameters."""
    canvas, axes = new_figure(
        title=f"{'-'.join(map(str, sizes))}: {count.total:,} parameters", size=(11, 7), theme=theme
    )
    draw_network(axes[0, 0], Diagram(sizes), theme)
    bottom = axes[0, 0].get_ylim()[0]
    for i, layer in enumerate(count.layers):
        words = layer.formula.replace("x", "×")
        axes[0, 0].text(2.2 * i + 1.1, bottom - 0.25, f"{words}\n= {layer.total:,}", ha="center", va="top")
    axes[0, 0].set_ylim(bottom - 1.3, None)
    return Figure(
        canvas,
        "A fully connected network; below each pair of layers, inputs × outputs weights plus one bias per "
        "output. These are the numbers that training has to find.",
        f"Network diagram with counts; {count.total} parameters in all.",
        {"total": count.total},
        theme,
    )


@drawn
def plot_hyperparameters(rows: Sequence[Hyperparameter], *, theme: Theme = Theme.LIGHT) -> Figure:
    """The exercise's table: architecture green, training red, and both in words."""
    canvas, axes = new_figure(
        title="How many hyperparameters?", size=(12, 0.62 * len(rows) + 1.4), theme=theme
    )
    panel = axes[0, 0]
    panel.axis("off")
    panel.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -1.1))
    colors = {"architecture": theme.colors[2], "training": VERMILION}
    for x, name in zip((0.0, 0.155, 0.45, 0.515), ("role", "choice", "how many", "which"), strict=True):
        panel.text(x, -0.85, name, weight="bold", ha="center" if name == "how many" else "left", va="center")
    for y, row in enumerate(rows):
        color = colors.get(row.role, theme.ink)
        panel.text(
            0,
            y,
            row.role.replace("fixed by the data", "fixed by data"),
            color=color,
            weight="bold",
            va="center",
        )
        panel.text(0.155, y, row.name, va="center")
        panel.text(0.45, y, str(row.count), va="center", ha="center")
        panel.text(0.515, y, row.note, va="center", size=11, wrap=True)
        panel.axhline(y + 0.5, color=theme.faint, linewidth=1)
    total = sum(row.count for row in rows)
    return Figure(
        canvas,
        f"What has to be chosen before training: {total} choices in all. Green rows shape the network "
        "(architecture), red rows the search for its parameters (training). The parameters themselves are "
        "learned and not in this table.",
        f"Table of {len(rows)} kinds of hyperparameters.",
        {"total": total},
        theme,
    )


def plane_grid(table: Dataset, points: int = 80) -> tuple[Any, Any, torch.Tensor]:
    """Two axes that cover the first two columns, and all their pairs as inputs (points², 2)."""
    low, high = table.X[:, :2].min(0), table.X[:, :2].max(0)
    edge = 0.15 * (high - low)
    x, y = (np.linspace(low[i] - edge[i], high[i] + edge[i], points) for i in (0, 1))
    return x, y, torch.tensor(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))


def draw_map(
    axes: Axes,
    edges: tuple[Any, Any],
    values: Any,
    theme: Theme,
    *,
    limits: tuple[float, float],
    alpha: float = 1.0,
) -> Any:
    """What a neuron says over the plane, as an image behind everything; ``values`` is (y, x)."""
    x, y = edges
    return axes.imshow(
        values, origin="lower", extent=(x[0], x[-1], y[0], y[-1]), aspect="auto", cmap=theme.diverging,
        vmin=limits[0], vmax=limits[1], alpha=alpha, interpolation="bilinear", zorder=0,
    )  # fmt: skip


def plain_ticks(axes: Axes) -> None:
    """0.02 instead of 2 × 10⁻² on a log axis: quicker to read, and to draw."""
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="minor", labelsize=12)


def draw_curves(axes: Axes, history: TrainingHistory) -> None:
    """Loss against epoch, with the validation loss if there is one, on a log axis."""
    numbers = [epoch.number for epoch in history.epochs]
    axes.semilogy(numbers, [epoch.loss for epoch in history.epochs], label="training")
    if history.epochs[0].val_loss is not None:
        axes.semilogy(
            numbers, [epoch.val_loss or np.nan for epoch in history.epochs], "--", label="validation"
        )
        axes.axvline(history.best.number, color="gray", linestyle=":", linewidth=2)
        axes.legend()
    last = history.epochs[-1]
    reached = last.accuracy if last.val_accuracy is None else last.val_accuracy
    label(axes, "epoch", "loss (log scale)", f"accuracy {reached:.3f}")
    plain_ticks(axes)


@drawn
def plot_mlp(table: Dataset, model: MLP, history: TrainingHistory, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Boundary (for two features), the maps of the first hidden layer's neurons, and the curves."""
    if table.about.endswith("samples of digits"):
        return _plot_image_mlp(table, model, history, theme)
    flat = table.X.shape[1] == 2
    shown = min(4, model.sizes[1]) if flat and len(model.sizes) > 2 else 0
    canvas, plane, curves, small = panels(f"{model} learns", shown, flat, theme)
    if flat:
        _draw_boundary(plane, table, model, theme)
    draw_curves(curves, history)
    x, y, inputs = plane_grid(table, 50)
    for j, panel in enumerate(small):
        with torch.no_grad():
            hidden = model.trace(inputs)[0].a[:, j]
        reach = float(hidden.abs().max())
        draw_map(panel, (x, y), hidden.reshape(50, 50).numpy(), theme, limits=(-reach, reach))
        panel.set(xticks=[], yticks=[], title=f"hidden neuron {j + 1}")
    last = history.epochs[-1]
    maps = "; below: what the first hidden neurons say" if shown else ""
    left = f"Left: {table.about}, and what the network says in between{maps}. Right: loss" if flat else "Loss"
    dotted = ", with the lowest validation loss dotted" if last.val_loss is not None else ""
    return Figure(
        canvas,
        f"{left} against epoch{dotted}. When validation rises while training falls, the network "
        "learns its samples by heart.",
        f"Training curves of {model}; final accuracy {last.accuracy:.3f}.",
        {"epochs": [epoch._asdict() for epoch in history.epochs]},
        theme,
    )


def _plot_image_mlp(table: Dataset, model: MLP, history: TrainingHistory, theme: Theme) -> Figure:
    """The curves, and the weights of the first neurons laid out as the pixels that they weigh."""
    weights = model.linear[0].weight.detach().numpy()[:12]
    rows = math.ceil(math.sqrt(len(weights) * 3 / 4))
    columns = math.ceil(len(weights) / rows)
    canvas, axes = new_figure(rows, 2 * columns, title=f"{model} learns digits", size=(12, 6), theme=theme)
    for panel in axes[:, :columns].flat:
        panel.remove()
    draw_curves(canvas.add_subplot(axes[0, 0].get_gridspec()[:, :columns]), history)
    reach = float(np.abs(weights).max())
    for j, panel in enumerate(axes[:, columns:].flat):
        panel.axis("off")
        if j < len(weights):
            panel.imshow(weights[j].reshape(8, 8), cmap=theme.diverging, vmin=-reach, vmax=reach)
            panel.set_title(f"neuron {j + 1}", fontsize=13)
    last = history.epochs[-1]
    return Figure(
        canvas,
        f"Left: loss against epoch on {table.about}. Right: the weights of the first neurons, each at the "
        "place of its pixel; orange pixels speak for the neuron, blue ones against it, faint ones are hardly "
        "heard. It shows what a first layer looks for: strokes and gaps, not digits.",
        f"Training curves of {model}; final accuracy {last.accuracy:.3f}; pictures of weights, 8 by 8.",
        {"epochs": [epoch._asdict() for epoch in history.epochs]},
        theme,
    )


def panels(title: str, shown: int, flat: bool, theme: Theme) -> tuple[Any, Any, Any, list[Any]]:
    """The canvas, a panel for the plane (if there is one), one for the curves, and ``shown`` small ones."""
    if not shown:
        canvas, axes = new_figure(1, 2 if flat else 1, title=title, size=(12, 6), theme=theme)
        return canvas, axes[0, 0], axes[0, -1], []
    canvas, axes = new_figure(2, 4, title=title, size=(11, 7.6), theme=theme)
    grid = axes[0, 0].get_gridspec()
    grid.set_height_ratios([2.3, 1])
    for panel in [*axes[0], *axes[1, shown:]]:
        panel.remove()
    return canvas, canvas.add_subplot(grid[0, :2]), canvas.add_subplot(grid[0, 2:]), list(axes[1, :shown])


def _draw_boundary(axes: Axes, table: Dataset, model: MLP, theme: Theme) -> None:
    x, y, inputs = plane_grid(table)
    with torch.no_grad():
        output = model(inputs)
    if output.shape[1] == 1:
        image = output[:, 0].reshape(len(y), len(x)).numpy()
        draw_map(axes, (x, y), image, theme, limits=(0, 1), alpha=0.6)
        axes.contour(x, y, image, levels=[0.5], colors=[theme.ink])
    else:
        number = output.argmax(1).reshape(len(y), len(x)).numpy()
        axes.contour(x, y, number, levels=np.arange(output.shape[1]) + 0.5, colors=[theme.ink])
    scatter_classes(axes, table, theme, size=45)
    label(axes, table.features[0], table.features[1])
    axes.grid(False)
    axes.legend(title="class", loc="upper right")
