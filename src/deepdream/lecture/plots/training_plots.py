"""Figures of training: smoothness, the chain rule, gradient checks, vanishing gradients, collapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.backpropagation import ChainGraph, GradientCheck
from deepdream.lecture.plots.plane_drawing import draw_map, plane_grid, scatter_classes

__all__ = ["plot_chain", "plot_check", "plot_collapse", "plot_smoothness", "plot_vanishing"]


@drawn
def plot_smoothness(*, theme: Theme = Theme.LIGHT) -> Figure:
    """A neuron's output against one of its weights: step beside sigmoid."""
    canvas, axes = new_figure(1, 2, title="Turn one weight: what happens to the output?", theme=theme)
    w = torch.linspace(-4, 4, 801, dtype=torch.float64)
    z = w * 1.5 - 1.0
    for panel, a, name in (
        (axes[0, 0], (z >= 0).double(), "step"),
        (axes[0, 1], torch.sigmoid(z), "sigmoid"),
    ):
        panel.plot(w, a, color=theme.negative)
        # One arrow far from the threshold and one across it: 100 points of the curve are a change of 1.
        for at in (-1.5, 1.0):
            i, k = int((at + 4) * 100), int((at + 5) * 100)
            panel.annotate(
                "", (float(w[k]), float(a[k])), (float(w[i]), float(a[i])),
                arrowprops={"arrowstyle": "-|>", "lw": 3, "color": theme.positive},
            )  # fmt: skip
            panel.plot(float(w[i]), float(a[i]), "o", color=theme.positive)
            panel.text(float(w[i]) - 0.3, float(a[i]) + 0.07, f"Δa = {float(a[k] - a[i]):.2f}", ha="right")
        label(panel, "weight w", "a = f(1.5 w − 1)", name)
        panel.set_ylim(-0.1, 1.2)
    return Figure(
        canvas,
        "The output of one neuron while one of its weights is turned by 1 (arrows). With a step, nothing "
        "happens until everything does: the slope is zero almost everywhere. With a sigmoid every small turn "
        "has a small effect, so a gradient can say where to go.",
        "Two panels: a step function and a sigmoid over the weight, with arrows for a change of 1.",
        {},
        theme,
    )


@drawn
def plot_chain(graph: ChainGraph, *, theme: Theme = Theme.LIGHT) -> Figure:
    """The neuron as boxes: values above, derivatives of the output below."""
    canvas, axes = new_figure(title="The chain rule on one neuron", size=(12, 7.5), theme=theme)
    panel = axes[0, 0]
    # As many rows as inputs, each with its weight, its value and their product.
    inputs = [name for name in graph.values if name[0] in "wx" and "*" not in name]
    count = len(inputs) // 2
    positions = {"z": (2.2, count - 0.5), "a": (3.3, count - 0.5), "b": (0.0, -1.2)}
    links = [("z", "a"), ("b", "z")]
    for i in range(count):
        top = 2.0 * (count - i) - 0.6
        positions |= {f"w{i}": (0.0, top), f"x{i}": (0.0, top - 1), f"w{i}*x{i}": (1.1, top - 0.5)}
        links += [(f"w{i}", f"w{i}*x{i}"), (f"x{i}", f"w{i}*x{i}"), (f"w{i}*x{i}", "z")]
    for start, end in links:
        panel.plot(
            *zip(positions[start], positions[end], strict=True), color=theme.faint, linewidth=3, zorder=1
        )
    for name, position in positions.items():
        _draw_box(panel, name, position, graph, theme)
    panel.set(xlim=(-0.5, 3.8), ylim=(-1.8, 2 * count))
    panel.axis("off")
    return Figure(
        canvas,
        "A neuron taken apart: in each box the value (going right) and, below it in orange, the derivative "
        "of the output with respect to it (coming back). A sum passes the derivative on; a product "
        "multiplies it by the other factor; the sigmoid by a(1 − a). Backpropagation is nothing more.",
        "Graph of a neuron with values and derivatives in boxes.",
        {"values": graph.values, "slopes": graph.slopes},
        theme,
    )


def _draw_box(axes: Axes, name: str, position: tuple[float, float], graph: ChainGraph, theme: Theme) -> None:
    x, y = position
    box = FancyBboxPatch(
        (x - 0.4, y - 0.4), 0.8, 0.8, boxstyle="round,pad=0.02", facecolor=theme.paper, edgecolor=theme.ink,
        linewidth=2, zorder=2,
    )  # fmt: skip
    axes.add_patch(box)
    title = {"z": "z = sum", "a": "a = σ(z)"}.get(name, name.replace("*", " · "))
    axes.text(x, y + 0.2, title, ha="center", va="center", size=13, zorder=3)
    axes.text(x, y - 0.03, f"{graph.values[name]:.4g}", ha="center", va="center", weight="bold", zorder=3)
    axes.text(
        x, y - 0.27, f"{graph.slopes[name]:.4f}", ha="center", va="center", color=theme.positive, zorder=3
    )


@drawn
def plot_check(checks: Mapping[str, GradientCheck], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Gradients by formula against finite differences: on the diagonal, the formula is right."""
    canvas, axes = new_figure(1, len(checks), title="Is the gradient right?", size=(12, 6.2), theme=theme)
    for panel, (name, check) in zip(axes[0], checks.items(), strict=True):
        differences, formula = (np.array([row[i] for row in check.rows]) for i in (2, 1))
        reach = 1.15 * float(np.abs([differences, formula]).max())
        panel.plot([-reach, reach], [-reach, reach], color=theme.faint)
        bad = np.array([row[3] > 1e-6 for row in check.rows])
        panel.plot(differences[~bad], formula[~bad], "o", color=theme.negative, label="agrees")
        if bad.any():
            panel.plot(
                differences[bad],
                formula[bad],
                "X",
                markersize=13,
                color=theme.positive,
                label="wrong",
            )
        label(
            panel,
            "by finite differences",
            "by formula",
            f"{name}\nworst relative error {check.worst:.1e}",
        )
        panel.legend(loc="upper left")
        panel.ticklabel_format(scilimits=(-2, 2))
        panel.locator_params(nbins=5)
    return Figure(
        canvas,
        "Every dot is one weight or bias: its gradient by the formula against its gradient by moving it a "
        "little up and down. On the diagonal the formula is right. A wrong line in the code shows at once, "
        "although the network with it still learns a little.",
        f"Scatter plots; worst relative errors {[f'{check.worst:.1e}' for check in checks.values()]}.",
        {name: check.worst for name, check in checks.items()},
        theme,
    )


@drawn
def plot_vanishing(norms: Mapping[str, Sequence[float]], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Norms of the gradients, layer by layer, on a log axis; one series per kind of network."""
    canvas, axes = new_figure(title="Vanishing gradients", theme=theme)
    for (name, values), style in zip(norms.items(), ("o-", "s--", "^:"), strict=False):
        axes[0, 0].semilogy(range(1, len(values) + 1), values, style, label=name, markersize=11)
    label(axes[0, 0], "layer (1 is next to the input)", "‖dC/dW‖ before training")
    axes[0, 0].legend()
    axes[0, 0].locator_params(axis="x", integer=True)
    return Figure(
        canvas,
        "The length of the gradient in each layer before training (sigmoid outputs, binary cross-entropy). "
        "In a deep sigmoid network the first layers hardly hear of the error, so they learn slowly; with "
        "ReLU and an initialization made for it the gradients stay level.",
        "Curves of gradient norms by layer; the sigmoid's falls toward the input.",
        {name: list(values) for name, values in norms.items()},
        theme,
    )


@drawn
def plot_collapse(dataset: Any, outputs: Mapping[str, Any], *, theme: Theme = Theme.LIGHT) -> Figure:
    """What networks with and without activations say over the plane: a plane, or a curve."""

    canvas, axes = new_figure(
        1, len(outputs), title="Without activations, layers collapse", size=(12, 5.8), theme=theme
    )
    x, y, inputs = plane_grid(dataset)
    for panel, (name, model) in zip(axes[0], outputs.items(), strict=True):
        with torch.no_grad():
            image = model(inputs).reshape(len(y), len(x)).numpy()
        draw_map(panel, (x, y), image, theme, limits=(0, 1), alpha=0.6)
        if image.max() - image.min() > 0.01:
            panel.contour(x, y, image, levels=[0.5], colors=[theme.ink])
        else:
            words = f"{image.mean():.2f} everywhere"
            panel.text((x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2, words, ha="center", size=18)
        scatter_classes(panel, dataset, theme, size=70)
        label(panel, dataset.features[0], dataset.features[1], name)
        panel.grid(False)
    return Figure(
        canvas,
        f"Data: {dataset.about}. The same layers, with the identity (they multiply to one matrix: a straight "
        "boundary at most) and with tanh between them (curved). 'Just linear models' holds only without the "
        "non-linearities.",
        "Panels with the outputs of networks over the plane and the samples.",
        {},
        theme,
    )
