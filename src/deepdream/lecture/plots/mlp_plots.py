"""Figures of a network that learns: its boundary, its hidden neurons, its curves, still and moving."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.lecture.datasets import Dataset
from deepdream.lecture.mlp import MLP
from deepdream.lecture.play import Play
from deepdream.lecture.plots.plane_drawing import draw_map, plain_ticks, plane_grid, scatter_classes
from deepdream.lecture.training import TrainingHistory

__all__ = ["POINTS", "animate_training", "draw_curves", "panels", "plot_mlp"]

POINTS = 60


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
def plot_mlp(dataset: Dataset, model: MLP, history: TrainingHistory, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Boundary (for two features), the maps of the first hidden layer's neurons, and the curves."""
    if dataset.about.endswith("samples of digits"):
        return _plot_image_mlp(dataset, model, history, theme)
    flat = dataset.X.shape[1] == 2
    hidden = min(4, model.sizes[1]) if flat and len(model.sizes) > 2 else 0
    canvas, plane, curves, small = panels(f"{model} learns", hidden, flat, theme)
    if flat:
        _draw_boundary(plane, dataset, model, theme)
    draw_curves(curves, history)
    x, y, inputs = plane_grid(dataset, 50)
    for j, panel in enumerate(small):
        with torch.no_grad():
            activation = model.trace(inputs)[0].a[:, j]
        reach = float(activation.abs().max())
        draw_map(panel, (x, y), activation.reshape(50, 50).numpy(), theme, limits=(-reach, reach))
        panel.set(xticks=[], yticks=[], title=f"hidden neuron {j + 1}")
    last = history.epochs[-1]
    maps = "; below: the output of the first hidden neurons" if hidden else ""
    what = f"Left: {dataset.about}, and the output of the network{maps}. Right: loss" if flat else "Loss"
    dotted = ", with the lowest validation loss dotted" if last.val_loss is not None else ""
    return Figure(
        canvas,
        f"{what} against epoch{dotted}. When validation rises while training falls, the network "
        "learns its samples by heart.",
        f"Training curves of {model}; final accuracy {last.accuracy:.3f}.",
        {"epochs": [epoch._asdict() for epoch in history.epochs]},
        theme,
    )


def _plot_image_mlp(dataset: Dataset, model: MLP, history: TrainingHistory, theme: Theme) -> Figure:
    """The curves, and the weights of the first neurons laid out as the pixels that they weigh."""
    # Twelve neurons fit beside the curves; more would be too small to see.
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
        f"Left: loss against epoch on {dataset.about}. Right: the weights of the first neurons, each at the "
        "place of its pixel; orange pixels raise the neuron, blue ones lower it, faint ones hardly "
        "matter. It shows what a first layer looks for: strokes and gaps, not digits.",
        f"Training curves of {model}; final accuracy {last.accuracy:.3f}; pictures of weights, 8 by 8.",
        {"epochs": [epoch._asdict() for epoch in history.epochs]},
        theme,
    )


def panels(title: str, hidden: int, flat: bool, theme: Theme) -> tuple[Any, Any, Any, list[Any]]:
    """The canvas, a panel for the plane (if there is one), one for the curves, and ``hidden`` small ones."""
    if not hidden:
        canvas, axes = new_figure(1, 2 if flat else 1, title=title, size=(12, 6), theme=theme)
        return canvas, axes[0, 0], axes[0, -1], []
    canvas, axes = new_figure(2, 4, title=title, size=(11, 7.6), theme=theme)
    grid = axes[0, 0].get_gridspec()
    grid.set_height_ratios([2.3, 1])
    for panel in [*axes[0], *axes[1, hidden:]]:
        panel.remove()
    return canvas, canvas.add_subplot(grid[0, :2]), canvas.add_subplot(grid[0, 2:]), list(axes[1, :hidden])


def _draw_boundary(axes: Axes, dataset: Dataset, model: MLP, theme: Theme) -> None:
    x, y, inputs = plane_grid(dataset)
    with torch.no_grad():
        output = model(inputs)
    if output.shape[1] == 1:
        image = output[:, 0].reshape(len(y), len(x)).numpy()
        draw_map(axes, (x, y), image, theme, limits=(0, 1), alpha=0.6)
        axes.contour(x, y, image, levels=[0.5], colors=[theme.ink])
    else:
        number = output.argmax(1).reshape(len(y), len(x)).numpy()
        axes.contour(x, y, number, levels=np.arange(output.shape[1]) + 0.5, colors=[theme.ink])
    _draw_samples(axes, dataset, theme)


def _draw_samples(axes: Axes, dataset: Dataset, theme: Theme) -> None:
    scatter_classes(axes, dataset, theme, size=45)
    label(axes, dataset.features[0], dataset.features[1])
    axes.grid(False)  # grid lines would be mistaken for the boundary
    axes.legend(title="class", loc="upper right")


@drawn
def animate_training(play: Play, *, theme: Theme = Theme.LIGHT) -> Animation:
    """The boundary, the hidden neurons and the loss, one frame for each saved state."""
    dataset, model = play.dataset, play.model
    hidden = min(4, model.sizes[1]) if len(model.sizes) > 2 else 0
    canvas, plane, curve, small = panels(f"{model} learns", hidden, True, theme)
    x, y, inputs = plane_grid(dataset, POINTS)
    blank = np.zeros((POINTS, POINTS))
    images = [draw_map(plane, (x, y), blank, theme, limits=(0, 1), alpha=0.6)]
    for j, panel in enumerate(small):
        images.append(draw_map(panel, (x, y), blank, theme, limits=(-1, 1)))
        panel.set(xticks=[], yticks=[], title=f"hidden neuron {j + 1}")
    _draw_samples(plane, dataset, theme)
    samples = tuple(plane.collections)
    numbers, losses = zip(*[(epoch.number, epoch.loss) for epoch in play.history.epochs], strict=True)
    curve.semilogy(numbers, losses, color=theme.faint)
    (trail,) = curve.plot([], [], color=theme.positive)
    label(curve, "epoch", "loss (log scale)")
    plain_ticks(curve)
    contours: list[Any] = []

    def update(frame: int) -> None:
        epoch, weights = play.history.snapshots[frame]
        model.load_state_dict(weights)
        with torch.no_grad():
            states = model.trace(inputs)
        maps = [states[-1].a[:, 0], *states[0].a.T[:hidden]]
        for image, values in zip(images, maps, strict=True):
            image.set_data(values.reshape(POINTS, POINTS).numpy())
        while contours:  # matplotlib cannot move a contour, it has to be drawn anew
            contours.pop().remove()
        grid = maps[0].reshape(POINTS, POINTS).numpy()
        if grid.min() < 0.5 < grid.max():  # without a boundary, contour() warns
            contours.append(plane.contour(x, y, grid, levels=[0.5], colors=[theme.ink]))
        trail.set_data(numbers[: epoch + 1], losses[: epoch + 1])
        plane.set_title(f"epoch {epoch}: accuracy {play.history.epochs[epoch].accuracy:.2f}")

    count = len(play.history.snapshots)
    update(count - 1)
    figure = Figure(
        canvas,
        f"Left: {dataset.about}, and the output of the network (line: 0.5). Right: the loss so far. "
        "Below: the output of the first hidden neurons. It shows how the soft lines of single neurons combine "
        "to a region.",
        f"Animation of {model} learning; accuracy {play.history.epochs[-1].accuracy:.2f} at the end.",
        {"epochs": [epoch._asdict() for epoch in play.history.epochs]},
        theme,
    )
    # What lies over the moving maps must be drawn again with them.
    in_front = (*samples, plane.get_legend(), plane.title, *plane.spines.values(), trail)
    return Animation(
        figure, update, count, frames_per_second=6, moving=lambda: (*images, *contours, *in_front)
    )
