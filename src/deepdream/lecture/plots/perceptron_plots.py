"""The figure of the perceptron: its line after each mistake, and the number of mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from deepdream.errors import UsageError
from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.lecture.datasets import Dataset
from deepdream.lecture.perceptron import MistakeBound, Perceptron
from deepdream.lecture.plots.plane_drawing import scatter_classes

__all__ = ["plot_perceptron"]


@drawn
def plot_perceptron(
    dataset: Dataset, model: Perceptron, bound: MistakeBound, *, theme: Theme = Theme.LIGHT, frames: int = 40
) -> Animation:
    """The line after each mistake, its weight vector, and the count of mistakes beside the bound."""
    if dataset.X.shape[1] < 2:
        raise UsageError("The plot needs two columns of numbers; these data have one.")
    title = "The perceptron learns from its mistakes"
    canvas, ((plane, count),) = new_figure(1, 2, title=title, size=(12, 6), theme=theme)
    scatter_classes(plane, dataset, theme, size=130)
    label(plane, dataset.features[0], dataset.features[1])
    low, high = dataset.X[:, :2].min(0), dataset.X[:, :2].max(0)
    margin, others = 0.35 * (high - low).max(), dataset.X[:, 2:].mean(0)
    cut = f" (all {dataset.X.shape[1]} columns count; the others stand at their mean)" if len(others) else ""
    plane.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    count.legend(*plane.get_legend_handles_labels(), loc="lower right", title="class, left")
    line, arrow, ring = _moving_parts(plane, theme)
    epochs = [update.epoch for update in model.updates_]
    (curve,) = count.plot([], [], "o-", markersize=4)
    label(count, "epoch (pass through all samples)", "mistakes so far")
    height = float(model.mistakes_)
    if bound.bound < 12 * model.mistakes_:  # a bound far above the curve would flatten it
        height = bound.bound
        count.axhline(height, color=theme.positive, linestyle="--")
        count.text(0, height, f"bound (R/γ)² = {height:.0f}", va="bottom", color=theme.positive)
    count.set(xlim=(0, max(epochs) + 1), ylim=(0, 1.15 * height))
    # Evenly spaced mistakes: an animation of thousands of frames would be neither watched nor small.
    chosen = np.unique(np.linspace(0, model.mistakes_ - 1, min(frames, model.mistakes_)).astype(int))

    def update(frame: int) -> None:
        step = model.updates_[chosen[frame]]
        offset = step.bias + step.weights[2:] @ others  # the columns that are not drawn stand at their mean
        _place_line(line, arrow, step.weights, offset, (low - margin, high + margin))
        ring.set_data(*dataset.X[step.sample, :2, None])
        count_now = chosen[frame] + 1
        curve.set_data(epochs[:count_now], range(1, count_now + 1))
        plane.set_title(f"mistake {count_now}, epoch {step.epoch}")

    update(len(chosen) - 1)
    endless = (
        "it never ends: no line separates these classes" if bound.margin == 0 else "it has not ended yet"
    )
    state = "no mistakes remain" if model.converged_ else endless
    figure = Figure(
        canvas,
        f"Left: {dataset.about}, with the line w·x + b = 0 after a mistake (ringed) and the weights w normal "
        f"to it{cut}. Right: mistakes counted, and Novikoff's bound if there is one in sight. After "
        f"{model.mistakes_} mistakes in {model.epochs_} epochs {state}. It shows that learning here means "
        "turning the line toward the sample that was wrong.",
        f"Scatter plot with a separating line and a curve of mistakes reaching {model.mistakes_}.",
        {"mistakes": model.mistakes_, "epochs": model.epochs_, "bound": bound.bound},
        theme,
    )
    moving = (line, arrow, *plane.collections, ring, curve, plane.title)
    return Animation(figure, update, len(chosen), frames_per_second=3, moving=lambda: moving)


def _moving_parts(plane: Axes, theme: Theme) -> tuple[Any, Any, Any]:
    """The line, the arrow of the weights, and the ring around the sample of the mistake; placed by ``update``."""
    (line,) = plane.plot([], [], color=theme.ink, label="boundary")
    arrow: Any = plane.annotate(
        "", (0, 0), (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 3, "color": theme.colors[2]}
    )
    arrow.arrow_patch.set_clip_box(plane.bbox)  # a long arrow would run over the other panel
    (ring,) = plane.plot([], [], "o", markersize=24, fillstyle="none", color=theme.ink, markeredgewidth=2.5)
    return line, arrow, ring


def _place_line(line: Any, arrow: Any, w: Any, b: float, limits: tuple[Any, Any]) -> None:
    if not np.any(w[:2]):  # zero weights have no line: XOR returns to them again and again
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
