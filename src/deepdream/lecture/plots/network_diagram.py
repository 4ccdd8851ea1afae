"""A network as circles and lines: weights by color and width, activations and deltas inside the circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from deepdream.figures import Theme

__all__ = ["Diagram", "draw_network"]

MAX_NODES = 8


@dataclass(frozen=True)
class Diagram:
    """What to write into a network: lines in each neuron (per layer, per neuron), weights on the edges."""

    sizes: Sequence[int]
    weights: Sequence[Any] = ()
    texts: Sequence[Sequence[str]] = ()
    biases: Sequence[Any] = ()
    edge_labels: bool = False


def draw_network(axes: Axes, diagram: Diagram, theme: Theme) -> None:
    """Draw into ``axes``; layers wider than 8 neurons are shown by their first and last ones."""
    # Of a wide layer the first four and the last three; -1 stands for those left out.
    neurons = [[*range(n)] if n <= MAX_NODES else [*range(4), -1, *range(n - 3, n)] for n in diagram.sizes]
    positions = [
        {j: (float(2.2 * layer), (len(nodes) - 1) / 2 - i) for i, j in enumerate(nodes)}
        for layer, nodes in enumerate(neurons)
    ]
    # Widths are relative to the largest weight of the whole network, so that layers can be compared.
    largest = max((float(np.abs(w).max()) for w in diagram.weights), default=1.0) or 1.0
    for layer in range(len(diagram.sizes) - 1):
        _draw_edges(axes, diagram, layer, positions, largest, theme)
    for layer, nodes in enumerate(positions):
        _draw_nodes(axes, diagram, layer, nodes, theme)
    height = max(len(nodes) for nodes in neurons)
    axes.set_xlim(-0.75, 2.2 * (len(diagram.sizes) - 1) + 0.75)
    axes.set_ylim(-height / 2 - 0.45, height / 2 + 0.1)
    axes.set_aspect("equal")
    axes.axis("off")


def _draw_edges(
    axes: Axes, diagram: Diagram, layer: int, positions: list[dict[int, Any]], largest: float, theme: Theme
) -> None:
    matrix = np.asarray(diagram.weights[layer]) if diagram.weights else None
    for i, start in positions[layer].items():
        for j, end in positions[layer + 1].items():
            if i < 0 or j < 0:
                continue
            w = 1.0 if matrix is None else float(matrix[j, i])
            color = theme.faint if matrix is None else (theme.positive if w > 0 else theme.negative)
            width = 1.2 if matrix is None else 0.4 + 4.5 * abs(w) / largest
            style = "-" if w > 0 else (0, (4, 1.2))  # so that color is not the only sign of the sign
            axes.plot(*zip(start, end, strict=True), color=color, linewidth=width, linestyle=style, zorder=1)
            if diagram.edge_labels:
                share = 0.3 if (i + j) % 2 else 0.68  # in turn near either end, where lines cross least
                x, y = (start[k] + share * (end[k] - start[k]) for k in (0, 1))
                angle = float(np.degrees(np.arctan2(end[1] - start[1], end[0] - start[0])))
                box = {"facecolor": theme.paper, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
                axes.text(
                    x, y, f"{w:.3g}", rotation=angle, ha="center", va="center", size=11, bbox=box, zorder=2
                )


def _draw_nodes(axes: Axes, diagram: Diagram, layer: int, nodes: dict[int, Any], theme: Theme) -> None:
    letter = "x" if layer == 0 else ("y" if layer == len(diagram.sizes) - 1 else "h")
    for j, (x, y) in nodes.items():
        if j < 0:
            axes.text(x, y, f"⋮ {diagram.sizes[layer] - 7} more", ha="center", va="center", size=13)
            continue
        axes.add_patch(Circle((x, y), 0.4, facecolor=theme.paper, edgecolor=theme.ink, linewidth=2, zorder=3))
        text = diagram.texts[layer][j] if diagram.texts else f"${letter}_{{{j + 1}}}$"
        size = 18 if not diagram.texts else (13 if text.count("\n") < 2 else 10.5)
        axes.text(x, y, text, ha="center", va="center", size=size, zorder=4)
        if layer and diagram.biases:
            axes.text(
                x, y - 0.52, f"b={float(diagram.biases[layer - 1][j]):.3g}", ha="center", va="center", size=11
            )
