"""Figures of how a network is built: forward and backward pass, weight and bias, counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.figures.theme import VERMILION
from deepdream.lecture.backpropagation import BackpropTrace
from deepdream.lecture.counting import Hyperparameter, ParameterCount
from deepdream.lecture.mlp import MLP
from deepdream.lecture.plots.network_diagram import Diagram, draw_network

__all__ = ["plot_backprop", "plot_count", "plot_forward", "plot_hyperparameters", "plot_knobs"]

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
    # More numbers than this could not be read.
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
    # The colors of the slide, green and red; the role also stands there in words, for the color-blind.
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
