"""The playground as an animation: boundary, hidden neurons and loss, state by state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepdream.figures import Animation, Figure, Theme, drawn, label
from deepdream.lecture.datasets import Dataset
from deepdream.lecture.play import Play
from deepdream.lecture.plots.networks_plots import draw_map, panels, plain_ticks, plane_grid
from deepdream.lecture.plots.neurons_plots import scatter_classes

__all__ = ["animate_training"]

POINTS = 60


@drawn
def animate_training(play: Play, *, theme: Theme = Theme.LIGHT) -> Animation:
    """One frame per kept state."""
    table, model = play.table, play.model
    shown = min(4, model.sizes[1]) if len(model.sizes) > 2 else 0
    canvas, plane, curve, small = panels(f"{model} learns", shown, True, theme)
    x, y, inputs = plane_grid(table, POINTS)
    blank = np.zeros((POINTS, POINTS))
    images = [draw_map(plane, (x, y), blank, theme, limits=(0, 1), alpha=0.6)]
    for j, panel in enumerate(small):
        images.append(draw_map(panel, (x, y), blank, theme, limits=(-1, 1)))
        panel.set(xticks=[], yticks=[], title=f"hidden neuron {j + 1}")
    _draw_samples(plane, table, theme)
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
        maps = [states[-1].a[:, 0], *states[0].a.T[:shown]]
        for image, values in zip(images, maps, strict=True):
            image.set_data(values.reshape(POINTS, POINTS).numpy())
        while contours:
            contours.pop().remove()
        grid = maps[0].reshape(POINTS, POINTS).numpy()
        if grid.min() < 0.5 < grid.max():
            contours.append(plane.contour(x, y, grid, levels=[0.5], colors=[theme.ink]))
        trail.set_data(numbers[: epoch + 1], losses[: epoch + 1])
        state = play.history.epochs[epoch]
        plane.set_title(f"epoch {epoch}: accuracy {state.accuracy:.2f}")

    last = len(play.history.snapshots) - 1
    update(last)
    figure = Figure(
        canvas,
        f"Left: {table.about}, and what the network says in between (line: 0.5). Right: the loss so far. "
        "Below: what the first hidden neurons say. It shows how the soft lines of single neurons combine "
        "to a region.",
        f"Animation of {model} learning; accuracy {play.history.epochs[-1].accuracy:.2f} at the end.",
        {"epochs": [epoch._asdict() for epoch in play.history.epochs]},
        theme,
    )
    in_front = (*samples, plane.get_legend(), plane.title, *plane.spines.values(), trail)
    return Animation(
        figure, update, last + 1, frames_per_second=6, moving=lambda: (*images, *contours, *in_front)
    )


def _draw_samples(plane: Any, table: Dataset, theme: Theme) -> None:
    scatter_classes(plane, table, theme, size=45)
    plane.legend(loc="upper right", title="class")
    label(plane, table.features[0], table.features[1])
    plane.grid(False)
