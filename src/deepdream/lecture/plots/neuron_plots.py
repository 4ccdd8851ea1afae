"""Figures of one neuron: the cube of its inputs, its activation, and XOR, which it cannot do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Polygon
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture import xor
from deepdream.lecture.activations import find_activation
from deepdream.lecture.neuron import McCullochPittsNeuron, signs

__all__ = ["plot_activations", "plot_neuron", "plot_xor"]


@drawn
def plot_neuron(neuron: McCullochPittsNeuron, n: int, *, theme: Theme = Theme.LIGHT) -> Figure:
    """The Boolean square or cube: which corners fire, and the line or plane Σx = θ that cuts them off."""
    title = f"A McCulloch-Pitts neuron with threshold {neuron.threshold:g}"
    canvas, axes = new_figure(title=title, size=(10, 7), theme=theme)
    table = np.array(neuron.truth_table(n))
    excitatory = np.array([i not in neuron.inhibitory for i in range(n)], float)
    if n == 3:
        canvas.delaxes(axes[0, 0])
        panel: Any = canvas.add_subplot(projection="3d")
        _draw_cube(panel, table, neuron.threshold, excitatory, theme)
    else:
        panel = axes[0, 0]
        label(panel, "x₁", "x₂")
        panel.set(xlim=(-0.4, 1.5), ylim=(-0.4, 1.5), xticks=(0, 1), yticks=(0, 1), aspect="equal")
        if excitatory.all():  # an inhibitory input vetoes, which no line can draw
            ends = np.array([-1.0, 3.0])
            panel.plot(ends, neuron.threshold - ends, color=theme.ink, label="sum = threshold")
    _scatter_corners(panel, table, theme)
    panel.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))
    plane = "plane" if n == 3 else "line"
    return Figure(
        canvas,
        f"All {2**n} inputs of {n} Boolean values as corners, marked by the output; the {plane} is "
        f"sum = {neuron.threshold:g}. The neuron fires on or beyond the {plane}: it is a linear classifier, "
        "and moving the threshold turns OR into AND.",
        f"Corners of a {'cube' if n == 3 else 'square'}; {int(table[:, -1].sum())} of {2**n} fire.",
        {"truth_table": table.tolist(), "threshold": neuron.threshold},
        theme,
    )


def _scatter_corners(panel: Any, table: Any, theme: Theme) -> None:
    for output, color, marker, name in (
        (0, theme.negative, "o", "0: silent"),
        (1, theme.positive, "s", "1: fires"),
    ):
        rows = table[table[:, -1] == output]
        panel.scatter(
            *rows[:, :-1].T, color=color, marker=marker, s=320, label=name, edgecolor=theme.ink, zorder=5
        )
        for row in rows:
            name = "".join(map(str, row[:-1]))
            panel.text(*(row[:-1] + 0.07), name, size=14)


def _draw_cube(axes: Any, table: Any, threshold: float, excitatory: Any, theme: Theme) -> None:
    corners = table[:, :-1]
    # Two corners share an edge if they differ in one input.
    for i, start in enumerate(corners):
        for end in corners[i + 1 :]:
            if np.abs(start - end).sum() == 1:
                axes.plot(*np.column_stack([start, end]), color=theme.faint, linewidth=2)
    section = _plane_in_cube(threshold, excitatory)
    if len(section) >= 3:
        axes.add_collection3d(Poly3DCollection([section], facecolor=theme.colors[2], alpha=0.35))
    for set_label, name in ((axes.set_xlabel, "x₁"), (axes.set_ylabel, "x₂"), (axes.set_zlabel, "x₃")):
        set_label(name)
    axes.set(xticks=(0, 1), yticks=(0, 1), zticks=(0, 1))
    axes.view_init(elev=18, azim=-22)  # so that the plane is not seen edge-on
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(theme.paper)


def _plane_in_cube(threshold: float, normal: Any) -> list[Any]:
    """The corners, in order, of where the plane ``normal·x = threshold`` cuts the unit cube."""
    cut = []
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for values in ((0, 0), (0, 1), (1, 0), (1, 1)):
            point = np.zeros(3)
            point[others] = values
            if normal[axis]:
                point[axis] = threshold - normal @ point
                # The tolerance keeps corners that lie exactly on the plane.
                if -1e-9 <= point[axis] <= 1 + 1e-9:
                    cut.append(point)
    if len(cut) < 3:
        return []
    middle = np.mean(cut, axis=0)
    # Any vector that is not parallel to the normal gives two axes of the plane, to sort the corners around it.
    u = np.cross(normal, [0.3, 0.5, 0.8])
    v = np.cross(normal, u)
    return sorted(cut, key=lambda p: math.atan2((p - middle) @ v, (p - middle) @ u))


@drawn
def plot_activations(names: Sequence[str], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Each activation with its derivative."""

    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    canvas, axes = new_figure(
        rows,
        columns,
        title="Activations and their derivatives",
        size=(4 * columns + 0.3, 3.7 * rows + 0.6),
        theme=theme,
    )
    z = torch.linspace(-4, 4, 401, dtype=torch.float64)
    for panel, name in zip(axes.flat, names, strict=False):
        f = find_activation(name)
        softmax = name == "softmax"
        entering = torch.stack([z, torch.zeros_like(z)], 1) if softmax else z[:, None]
        panel.plot(z, f(entering)[:, 0], label="a = f(z)")
        panel.plot(z, f.prime(entering)[:, 0], "--", label="f ′(z)")
        label(panel, "z₁ (with z₂ = 0)" if softmax else "z", "", f"{name}\n{f.formula}")
    for panel in list(axes.flat)[len(names) :]:
        panel.axis("off")
    axes.flat[0].legend(loc="upper left", fontsize=12)
    return Figure(
        canvas,
        "Solid: what a neuron gives for the weighted sum z. Dashed: its derivative, all that learning "
        "sees. The step has none; the sigmoid's is at most 0.25 and dies for large |z|; ReLU's is 0 or 1.",
        f"Panels with curves of {', '.join(names)} and their derivatives.",
        {"names": list(names)},
        theme,
    )


@drawn
def plot_xor(*, theme: Theme = Theme.LIGHT) -> Figure:
    """XOR three times: no line does it, the best line gives 0.5, two hidden lines do it."""
    canvas, axes = new_figure(1, 3, title="XOR: not linearly separable", size=(12, 5.2), theme=theme)
    X, y = xor.XOR_INPUTS, signs(xor.XOR_TARGETS)
    for panel, title in zip(
        axes[0],
        ("one line: always a mistake", "least squares: 0.5 for all", "two lines: solved"),
        strict=True,
    ):
        for s, color, marker in ((-1, theme.negative, "o"), (1, theme.positive, "s")):
            panel.scatter(*X[y == s].T, color=color, marker=marker, s=350, edgecolor=theme.ink, zorder=3)
        label(panel, "x₁", "x₂", title)
        panel.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xticks=(0, 1), yticks=(0, 1), aspect="equal")
    ends = np.array([-1.0, 2.0])
    for offset, style in ((0.5, "-"), (1.5, "--")):
        axes[0, 0].plot(ends, offset - ends, style, color=theme.ink)
        axes[0, 2].plot(ends, offset - ends, color=theme.ink)
    axes[0, 0].plot(ends, ends * 0 + 0.5, ":", color=theme.ink)
    for point, output in zip(X, xor.least_squares_outputs(), strict=True):
        axes[0, 1].text(*(point + 0.1), f"{output:.1f}", size=17)
    band = [(-1.5, 2), (2, -1.5), (2, -0.5), (-0.5, 2)]
    axes[0, 2].add_patch(Polygon(band, facecolor=theme.positive, alpha=0.2))
    axes[0, 2].text(-0.45, -0.4, "h₁ = OR", size=14)
    axes[0, 2].text(0.8, 1.33, "h₂ = AND", size=14)
    return Figure(
        canvas,
        "The four inputs of XOR, squares where it is 1. Left: every line has a corner on the wrong side. "
        "Middle: the best line by least squares gives 0.5 everywhere. Right: between two lines (OR, but not "
        "AND) the output is 1: one hidden layer of two neurons suffices.",
        "Three panels with the corners of a square; diagonal corners share a class.",
        {"least_squares": xor.least_squares_outputs().tolist()},
        theme,
    )
