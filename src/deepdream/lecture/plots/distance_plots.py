"""Figures of losses and distances."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture import distances

__all__ = ["plot_distances", "plot_losses"]


@drawn
def plot_losses(*, theme: Theme = Theme.LIGHT) -> Figure:
    """Four losses: three against the error, cross-entropy against the probability of the right class."""
    canvas, axes = new_figure(1, 2, title="How wrong? Four losses", theme=theme)
    error, a = np.linspace(-2, 2, 201), np.linspace(0.01, 1, 200)
    by_error, by_probability = axes[0]
    by_error.plot(error, np.abs(error), label="L1:  |error|")
    by_error.plot(error, error**2, "--", label="squared:  error²")
    by_error.plot(error, error**2 / 2, ":", label="quadratic:  ½ error²")
    label(by_error, "error = prediction − target", "loss")
    by_error.set_ylim(-0.1, 6)
    by_error.legend(loc="upper center")
    by_probability.plot(a, -np.log(a), label="cross-entropy:  −ln a", color=theme.colors[3])
    by_probability.plot(a, (1 - a) ** 2 / 2, ":", label="quadratic:  ½ (1 − a)²", color=theme.colors[2])
    label(by_probability, "a = predicted probability of the truth", "loss")
    by_probability.legend()
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
    # 0.5 is no metric: its ball is not convex, which is what the panel shows.
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
        results = np.array([formula((0, 0), (0, d)) for d in degrees])
        axes.loglog(
            # An error of exactly 0 has no place on a log axis.
            exact * 1000,
            np.maximum(np.abs(results / exact - 1), 1e-17),
            style,
            markersize=5,
            label=name,
        )
    label(axes, "true distance (m)", "relative error", "Great circle")
    axes.legend()
