"""Figures of descent: loss surfaces with paths, flat or in space, and the same function climbing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.lecture.descent import Climb, DescentPath, line_loss
from deepdream.lecture.plots.plane_drawing import plain_ticks
from deepdream.lecture.surface import WeightSlice

__all__ = ["plot_climb", "plot_descent", "plot_in_space", "plot_network_descent"]

Floats = NDArray[np.float64]
Heights = Callable[[Floats], Floats]  # positions (n, 2) in, heights (n,) out


@drawn
def plot_descent(
    x: Any, y: Any, paths: Mapping[str, DescentPath], *, frames: int = 30, theme: Theme = Theme.LIGHT
) -> Animation:
    """The loss over slope and intercept, a path per learning rate, and the fitted line of the first path."""
    canvas, axes = new_figure(1, 2, title="Gradient descent on the loss of a line", size=(12, 6), theme=theme)
    surface, fit = axes[0]
    low, high = _corners([path.points for path in paths.values()])
    slopes, intercepts = (np.linspace(low[i], high[i], 90) for i in (0, 1))
    grid = torch.tensor(np.stack(np.meshgrid(slopes, intercepts), -1).reshape(-1, 1, 2))
    height = line_loss(x, y)(grid).reshape(90, 90)
    surface.contourf(slopes, intercepts, height, levels=18, cmap=theme.sequential, alpha=0.85)
    surface.contour(slopes, intercepts, height, levels=18, colors=[theme.paper], linewidths=0.6)
    label(surface, "slope", "intercept", "loss surface (a paraboloid)")
    surface.grid(False)
    lines, dots = [], []
    for i, name in enumerate(paths):
        color = _path_colors(theme)[i % 5]
        lines += surface.plot(
            [], [], f"{'os^Dv'[i % 5]}-", markersize=6, linewidth=2, color=color, label=name
        )
        dots += surface.plot([], [], "*", markersize=18, color=color, markeredgecolor=theme.ink)
    surface.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    fit.plot(x, y, "o", color=theme.negative)
    fit.legend(handles=lines, loc="upper left", title="learning rate", fontsize=12)
    (guess,) = fit.plot([], [], color=theme.positive)
    label(fit, "x", "y", "")
    first = next(iter(paths))
    ends = np.array([np.min(x), np.max(x)])
    chosen = np.unique(np.linspace(0, len(paths[first].points) - 1, frames).astype(int))

    def update(frame: int) -> None:
        step = chosen[frame]
        for line, dot, path in zip(lines, dots, paths.values(), strict=True):
            line.set_data(*path.points[: step + 1].T)
            dot.set_data(*path.points[min(step, len(path.points) - 1), :, None])
        slope, intercept = paths[first].points[step]
        guess.set_data(ends, slope * ends + intercept)
        fit.set_title(f"step {step}: y = {slope:.2f} x + {intercept:.2f}")

    update(len(chosen) - 1)
    figure = Figure(
        canvas,
        "Left: the mean squared error as a surface over slope and intercept, dark where it is low, with "
        "the path of descent for each learning rate (star: where it is now). Right: the line of the first "
        "path. It shows that training is walking downhill, and that too long a step climbs.",
        f"Contour map with {len(paths)} descent paths, and a line fitted to points.",
        {name: path.values[np.isfinite(path.values)].tolist()[:200] for name, path in paths.items()},
        theme,
    )
    moving = (*lines, *dots, guess, fit.title)
    return Animation(figure, update, len(chosen), frames_per_second=6, moving=lambda: moving)


def _corners(shadows: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The lower and the upper corner of a window on these paths, but not on explosions."""
    start, near = shadows[0][0], np.vstack(shadows)
    # The median length, so that one path that diverges does not set the scale for all.
    usual = float(np.median([np.abs(shadow - start).max() for shadow in shadows]))
    near = near[np.abs(near - start).max(1) < 6 * max(1.0, usual)]
    edge = 0.12 * (near.max(0) - near.min(0)) + 1e-6
    low: Floats = near.min(0) - edge
    high: Floats = near.max(0) + edge
    return low, high


def _mesh(heights: Heights, shadows: Sequence[Floats], points: int = 45) -> tuple[Any, Any, Any]:
    low, high = _corners(shadows)
    x, y = (np.linspace(low[i], high[i], points) for i in (0, 1))
    return x, y, heights(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)).reshape(points, points)


def _path_colors(theme: Theme) -> tuple[str, ...]:
    return (theme.positive, theme.ink, theme.colors[4], theme.colors[2], theme.colors[5])


@drawn
def plot_network_descent(
    heights: Heights, paths: Mapping[str, DescentPath], plane: WeightSlice, *, theme: Theme = Theme.LIGHT
) -> Figure:
    """The loss of a network over a plane through its weights, with the paths' shadows, and the curves."""
    title = "Gradient descent on the loss of a network"
    canvas, axes = new_figure(1, 2, title=title, size=(12, 6), theme=theme)
    surface, curves = axes[0]
    shadows = [plane.flatten(path.points) for path in paths.values()]
    x, y, z = _mesh(lambda positions: heights(plane.lift(positions)), shadows)
    surface.contourf(x, y, z, levels=18, cmap=theme.sequential, alpha=0.85)
    surface.contour(x, y, z, levels=18, colors=[theme.paper], linewidths=0.6)
    for (name, path), shadow, color in zip(paths.items(), shadows, _path_colors(theme), strict=False):
        surface.plot(*shadow.T, color=color, label=name)
        surface.plot(*shadow[-1:].T, "*", markersize=18, color=color, markeredgecolor=theme.ink)
        curves.semilogy(path.values, color=color, label=name)
    surface.plot(*shadows[0][:1].T, "o", color=theme.ink, markersize=11)
    surface.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    label(surface, "first direction", "second direction", f"a slice of {plane.origin.size} dimensions")
    surface.grid(False)
    label(curves, "step", "loss (log scale)", "the loss on each path")
    plain_ticks(curves)
    curves.legend(title="learning rate")
    return Figure(
        canvas,
        f"Left: the loss over the plane in which the paths spread most (principal directions of the "
        f"{plane.origin.size} weights and biases; {plane.share:.0%} of the spread lies in it), dark where it "
        "is low; dot: the start, stars: the ends. It is a slice: paths run above and below it. Right: the "
        "loss itself. The rate decides how far and where one gets from the same start.",
        f"Contour map with {len(paths)} paths from one start, and a loss curve for each.",
        {name: path.values.tolist() for name, path in paths.items()},
        theme,
    )


@drawn
def plot_in_space(
    heights: Heights,
    paths: Mapping[str, DescentPath],
    shadows: Sequence[Floats],
    *,
    names: tuple[str, str],
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """The loss as a surface in space, with the paths on it."""
    canvas, axes = new_figure(title="Descent on a loss surface", size=(10, 7.5), theme=theme)
    canvas.delaxes(axes[0, 0])
    panel: Any = canvas.add_subplot(projection="3d", computed_zorder=False)
    x, y, z = _mesh(heights, shadows)
    # Paths are drawn after the surface and slightly above it; matplotlib cannot sort them by depth.
    panel.plot_surface(
        *np.meshgrid(x, y), z, cmap=theme.sequential, alpha=0.75, linewidth=0, rstride=1, cstride=1
    )
    for name, shadow, color in zip(paths, shadows, _path_colors(theme), strict=False):
        inside = np.all((shadow >= [x[0], y[0]]) & (shadow <= [x[-1], y[-1]]), axis=1)
        # A path ends where it leaves the window: beyond it, the surface is not drawn.
        stop = len(shadow) if inside.all() else max(1, int(np.argmin(inside)))
        ground = heights(shadow[:stop])
        panel.plot(
            *shadow[:stop].T, ground + 0.01 * np.ptp(z), "o-", markersize=4, color=color, label=name, zorder=5
        )
    panel.set_xlabel(names[0], labelpad=12)
    panel.set_ylabel(names[1], labelpad=12)
    panel.set_zlabel("loss", labelpad=10)
    for axis in (panel.xaxis, panel.yaxis, panel.zaxis):
        axis.set_pane_color(theme.paper)
    panel.view_init(elev=38, azim=-62)
    panel.legend(title="learning rate", loc="upper left", bbox_to_anchor=(-0.12, 1.0))
    return Figure(
        canvas,
        "The loss as a landscape over two parameters, with the path of descent for each learning rate, as "
        "long as it stays in the picture. Each step goes against the slope; it does not look around.",
        f"A surface in space with {len(paths)} paths that go down.",
        {name: path.values[np.isfinite(path.values)].tolist()[:200] for name, path in paths.items()},
        theme,
    )


@drawn
def plot_climb(climb: Climb, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Two panels: the weights went down the loss; now the input goes up one neuron."""
    canvas, axes = new_figure(1, 2, title="The same function, downward and upward", size=(12, 6), theme=theme)
    down, up = axes[0]
    down.semilogy(climb.training.values, color=theme.negative)
    label(down, "step", "loss (log scale)", "down: the weights move, the data stay")
    plain_ticks(down)
    x, y, z = _mesh(climb.heights, [np.array([[-1.0, -1.0], [1.0, 1.0]])])
    shades = up.contourf(x, y, z, levels=18, cmap=theme.sequential, alpha=0.85)
    canvas.colorbar(shades, ax=up, label="sum z of the output neuron")
    up.plot(*climb.path.points.T, "o-", markersize=5, color=theme.positive)
    up.plot(*climb.path.points[-1:].T, "*", markersize=20, color=theme.positive, markeredgecolor=theme.ink)
    label(up, "x₁", "x₂", "up: the input moves, the weights stay")
    up.grid(False)
    return Figure(
        canvas,
        "One function, gradient_descent, twice. Left: it minimizes the loss, and the weights learn. Right: "
        "with maximize=True it moves the input of the trained network so that one neuron's sum grows (star: "
        "the end). This is all that DeepDream does; there the input is a picture.",
        "A falling loss curve; a map of a neuron's sum with a path that climbs it.",
        {"loss": climb.training.values.tolist(), "z": climb.path.values.tolist()},
        theme,
    )
