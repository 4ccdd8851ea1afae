"""Figures of the first part: losses, distances, neuron, perceptron, activations, XOR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from deepdream.errors import UsageError
from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.lecture import distances, xor
from deepdream.lecture.datasets import Dataset
from deepdream.lecture.neuron import McCullochPittsNeuron, signs
from deepdream.lecture.perceptron import MistakeBound, Perceptron

__all__ = [
    "plot_activations",
    "plot_distances",
    "plot_losses",
    "plot_neuron",
    "plot_perceptron",
    "plot_xor",
    "scatter_classes",
]

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def scatter_classes(axes: Axes, table: Dataset, theme: Theme, *, size: float = 90.0) -> None:
    """The samples in the plane of the first two columns: each class its color and its marker."""
    for number, name in enumerate(table.classes):
        points = table.X[table.y == number]
        axes.scatter(
            points[:, 0], points[:, 1], s=size, marker=MARKERS[number % 10],
            color=theme.colors[number % 7], edgecolor=theme.paper, linewidth=1, label=name, zorder=3,
        )  # fmt: skip


@drawn
def plot_losses(*, theme: Theme = Theme.LIGHT) -> Figure:
    """Four losses: three against the error, cross-entropy against the probability of the right class."""
    canvas, axes = new_figure(1, 2, title="How wrong? Four losses", theme=theme)
    error, a = np.linspace(-2, 2, 201), np.linspace(0.01, 1, 200)
    left, right = axes[0]
    left.plot(error, np.abs(error), label="L1:  |error|")
    left.plot(error, error**2, "--", label="squared:  error²")
    left.plot(error, error**2 / 2, ":", label="quadratic:  ½ error²")
    label(left, "error = prediction − target", "loss")
    left.set_ylim(-0.1, 6)
    left.legend(loc="upper center")
    right.plot(a, -np.log(a), label="cross-entropy:  −ln a", color=theme.colors[3])
    right.plot(a, (1 - a) ** 2 / 2, ":", label="quadratic:  ½ (1 − a)²", color=theme.colors[2])
    label(right, "a = predicted probability of the truth", "loss")
    right.legend()
    return Figure(
        canvas,
        "Left: losses against the error of one output. Right: losses against the probability given to the "
        "true class. Why it matters: the squared error weighs large errors more than L1 does, and "
        "cross-entropy grows without limit for a confident mistake, so its slope never dies.",
        "Two panels of loss curves. L1 is a V, squared error a parabola; cross-entropy is steep at zero.",
        {"error": error.tolist()},
        theme,
    )


@drawn
def plot_distances(a: frozenset[str], b: frozenset[str], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Unit balls of Minkowski's distance, Jaccard's two sets, and the great circle beside its bad formula."""
    canvas, axes = new_figure(1, 3, title="What is near? Three distances", size=(12.5, 5.4), theme=theme)
    for p, style in zip((0.5, 1, 2, 4, math.inf), ("-", "--", "-", "-.", ":"), strict=True):
        ball = distances.unit_ball(p)
        axes[0, 0].plot(*ball.T, style, label=f"p = {'∞' if math.isinf(p) else p:}")
    label(axes[0, 0], "x₁", "x₂", "Minkowski: distance 1")
    axes[0, 0].set_aspect("equal")
    axes[0, 0].legend(loc="center", fontsize=12)
    _draw_sets(axes[0, 1], a, b, theme)
    _draw_great_circle(axes[0, 2])
    return Figure(
        canvas,
        "Left: all points at distance 1 from the origin; only for p ≥ 1 is it convex, and the distance a "
        "metric. Middle: Jaccard similarity is the share of the union that is common. Right: for near points "
        "the textbook's arccos formula loses everything to rounding, the haversine formula nothing.",
        "Three panels: unit balls for five values of p; a Venn diagram; relative error of two formulas.",
        {"jaccard": distances.jaccard_similarity(a, b)},
        theme,
    )


def _draw_sets(axes: Axes, a: frozenset[str], b: frozenset[str], theme: Theme) -> None:
    for x, color, name in ((-0.45, theme.negative, "A"), (0.45, theme.positive, "B")):
        axes.add_patch(Circle((x, 0), 0.8, facecolor=color, alpha=0.35, edgecolor=color, linewidth=3))
        axes.text(1.9 * x, 0.95, name, size=22, ha="center")
    for x, part in ((-0.85, a - b), (0.0, a & b), (0.85, b - a)):
        axes.text(x, 0, "\n".join(sorted(part)[:7]), ha="center", va="center", size=13)
    axes.set_title(f"Jaccard: {len(a & b)} / {len(a | b)} = {distances.jaccard_similarity(a, b):.3g}")
    axes.set(xlim=(-1.4, 1.4), ylim=(-1.2, 1.25), aspect="equal")
    axes.axis("off")


def _draw_great_circle(axes: Axes) -> None:
    degrees = np.logspace(-10, 1, 60)
    exact = np.radians(degrees) * distances.EARTH_RADIUS_KM  # along the equator the arc is the angle
    for name, formula, style in (
        ("arccos", distances.great_circle_arccos, "o-"),
        ("haversine", distances.great_circle, "s-"),
    ):
        found = np.array([formula((0, 0), (0, d)) for d in degrees])
        axes.loglog(
            exact * 1000, np.maximum(np.abs(found / exact - 1), 1e-17), style, markersize=5, label=name
        )
    label(axes, "true distance (m)", "relative error", "Great circle")
    axes.legend()


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
        _draw_square(panel, neuron.threshold, excitatory, theme)
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


def _draw_square(axes: Axes, threshold: float, excitatory: Any, theme: Theme) -> None:
    label(axes, "x₁", "x₂")
    axes.set(xlim=(-0.4, 1.5), ylim=(-0.4, 1.5), xticks=(0, 1), yticks=(0, 1), aspect="equal")
    if excitatory.all():
        ends = np.array([-1.0, 3.0])
        axes.plot(ends, threshold - ends, color=theme.ink, label="sum = threshold")


def _draw_cube(axes: Any, table: Any, threshold: float, excitatory: Any, theme: Theme) -> None:
    corners = table[:, :-1]
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
                if -1e-9 <= point[axis] <= 1 + 1e-9:
                    cut.append(point)
    if len(cut) < 3:
        return []
    middle = np.mean(cut, axis=0)
    u = np.cross(normal, [0.3, 0.5, 0.8])
    v = np.cross(normal, u)
    return sorted(cut, key=lambda p: math.atan2((p - middle) @ v, (p - middle) @ u))


@drawn
def plot_perceptron(
    table: Dataset, model: Perceptron, bound: MistakeBound, *, theme: Theme = Theme.LIGHT, frames: int = 40
) -> Animation:
    """The line after each mistake, its weight vector, and the count of mistakes beside the bound."""
    if table.X.shape[1] < 2:
        raise UsageError("The plot needs two columns of numbers; these data have one.")
    canvas, axes = new_figure(
        1, 2, title="The perceptron learns from its mistakes", size=(12, 6), theme=theme
    )
    plane, count = axes[0]
    scatter_classes(plane, table, theme, size=130)
    label(plane, table.features[0], table.features[1])
    low, high = table.X[:, :2].min(0), table.X[:, :2].max(0)
    margin, others = 0.35 * (high - low).max(), table.X[:, 2:].mean(0)
    cut = f" (all {table.X.shape[1]} columns count; the others stand at their mean)" if len(others) else ""
    plane.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    count.legend(*plane.get_legend_handles_labels(), loc="lower right", title="class, left")
    (line,) = plane.plot([], [], color=theme.ink, label="boundary")
    arrow = plane.annotate(
        "", (0, 0), (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 3, "color": theme.colors[2]}
    )
    arrow.arrow_patch.set_clip_box(plane.bbox)
    (ring,) = plane.plot([], [], "o", markersize=24, fillstyle="none", color=theme.ink, markeredgewidth=2.5)
    steps = np.arange(1, model.mistakes_ + 1)
    epochs = [update.epoch for update in model.updates_]
    (curve,) = count.plot([], [], "o-", markersize=4)
    label(count, "epoch (pass through all samples)", "mistakes so far")
    count.set(xlim=(0, max(epochs) + 1), ylim=(0, _draw_bound(count, model.mistakes_, bound.bound, theme)))
    chosen = np.unique(np.linspace(0, model.mistakes_ - 1, min(frames, model.mistakes_)).astype(int))

    def update(frame: int) -> None:
        step = model.updates_[chosen[frame]]
        height = step.bias + step.weights[2:] @ others
        _place_line(line, arrow, step.weights, height, (low - margin, high + margin))
        ring.set_data(*table.X[step.sample, :2, None])
        seen = chosen[frame] + 1
        curve.set_data(epochs[:seen], steps[:seen])
        plane.set_title(f"mistake {seen}, epoch {step.epoch}")

    update(len(chosen) - 1)
    endless = "it never ends: no line separates these classes" if bound.margin == 0 else "it is not done yet"
    state = "no mistakes remain" if model.converged_ else endless
    figure = Figure(
        canvas,
        f"Left: {table.about}, with the line w·x + b = 0 after a mistake (ringed) and the weights w normal "
        f"to it{cut}. Right: mistakes counted, and Novikoff's bound if there is one in sight. After "
        f"{model.mistakes_} mistakes in {model.epochs_} epochs {state}. It shows that learning here means "
        "turning the line toward what was misjudged.",
        f"Scatter plot with a separating line and a curve of mistakes reaching {model.mistakes_}.",
        {"mistakes": model.mistakes_, "epochs": model.epochs_, "bound": bound.bound},
        theme,
    )
    moving = (line, arrow, *plane.collections, ring, curve, plane.title)
    return Animation(figure, update, len(chosen), frames_per_second=3, moving=lambda: moving)


def _draw_bound(axes: Axes, mistakes: int, bound: float, theme: Theme) -> float:
    """Draw Novikoff's bound if it is in sight; how high the axis must reach."""
    if not bound < 12 * mistakes:
        return mistakes * 1.15
    axes.axhline(bound, color=theme.positive, linestyle="--")
    axes.text(0, bound, f"bound (R/γ)² = {bound:.0f}", va="bottom", color=theme.positive)
    return bound * 1.15


def _place_line(line: Any, arrow: Any, w: Any, b: float, limits: tuple[Any, Any]) -> None:
    if not np.any(w[:2]):
        line.set_data([], [])
        arrow.set_visible(False)
        return
    foot = -b * w[:2] / (w[:2] @ w[:2])
    along = np.array([-w[1], w[0]]) / np.linalg.norm(w[:2])
    reach = 3 * np.abs(np.array(limits)).max() + np.linalg.norm(foot)
    line.set_data(*np.column_stack([foot - reach * along, foot + reach * along]))
    middle = (limits[0] + limits[1]) / 2
    base = foot + along * ((middle - foot) @ along)
    tip = base + 0.28 * (limits[1] - limits[0]).max() * w[:2] / np.linalg.norm(w[:2])
    arrow.set_visible(bool(np.all((limits[0] <= base) & (base <= limits[1]))))
    arrow.xy, arrow.xyann = tuple(tip), tuple(base)


@drawn
def plot_activations(names: Sequence[str], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Each activation with its derivative."""
    import torch

    from deepdream.lecture.activations import find_activation

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
    """XOR three times: no line does it, the best line says 0.5, two hidden lines do it."""
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
        "Middle: the best line by least squares says 0.5 everywhere. Right: between two lines (OR, but not "
        "AND) the output is 1: one hidden layer of two neurons suffices.",
        "Three panels with the corners of a square; diagonal corners share a class.",
        {"least_squares": xor.least_squares_outputs().tolist()},
        theme,
    )
