"""A decision tree, drawn large enough to be read."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from deepdream.figures import Figure, Theme, drawn, new_figure
from deepdream.lecture.tree import ReadableTree

__all__ = ["plot_tree"]

DRAWN_DEPTH = 3  # deeper boxes could not be read


@drawn
def plot_tree(tree: ReadableTree, *, about: str, theme: Theme = Theme.LIGHT) -> Figure:
    """The questions from top to bottom; yes goes left, no goes right. Levels below the third are cut."""
    levels = min(tree.depth, DRAWN_DEPTH)
    canvas, axes = new_figure(
        1,
        1,
        title=f"A single tree: {about}",
        size=(max(10.0, 1 + 1.95 * 2**levels), 2.4 * (levels + 1)),
        theme=theme,
    )
    axes[0, 0].axis("off")
    axes[0, 0].set(xlim=(0, 1), ylim=(-levels - 0.45, 0.45))
    _draw(axes[0, 0], tree, 0, 0.5, level=0, theme=theme)
    cut = (
        ""
        if tree.depth <= DRAWN_DEPTH
        else f" Only the first {DRAWN_DEPTH} of {tree.depth} levels are drawn."
    )
    return Figure(
        canvas,
        caption=f"What: a decision tree with {tree.leaves} leaves, right in {tree.accuracy:.1%} ± "
        f"{tree.spread:.1%} of samples it has not seen.{cut} Why: a small tree can be read as sentences; "
        "that is the transparent end, and a full tree is not.",
        alt=tree.text,
        numbers={"nodes": tree.nodes, "leaves": tree.leaves, "depth": tree.depth, "accuracy": tree.accuracy},
        theme=theme,
    )


def _draw(axes: Axes, tree: ReadableTree, node: int, x: float, *, level: int, theme: Theme) -> None:
    inner: Any = tree.model.tree_
    leaf = inner.children_left[node] < 0
    if not leaf and level < DRAWN_DEPTH:
        for child, sign, word in (
            (inner.children_left[node], -1, "yes"),
            (inner.children_right[node], 1, "no"),
        ):
            # Each level has half the width of the one above, so that boxes never overlap.
            end = x + sign / 2 ** (level + 2)
            axes.plot([x, end], [-level, -level - 1], color=theme.faint, zorder=0)
            axes.text(
                (x + end) / 2,
                -level - 0.5,
                word,
                ha="center",
                va="center",
                bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 2},
            )
            _draw(axes, tree, child, end, level=level + 1, theme=theme)
    words, color = _words(tree, node, leaf, theme)
    style = {"boxstyle": "round,pad=0.5", "facecolor": theme.paper, "edgecolor": color, "linewidth": 3}
    axes.text(x, -level, words, ha="center", va="center", bbox=style, zorder=2)


def _words(tree: ReadableTree, node: int, leaf: bool, theme: Theme) -> tuple[str, str]:
    inner: Any = tree.model.tree_
    shares = inner.value[node][0] / inner.value[node][0].sum()
    winner = int(shares.argmax())
    count = f"{shares[winner]:.0%} {tree.classes[winner]}\nof {inner.n_node_samples[node]}"
    color = theme.colors[winner % len(theme.colors)]
    if leaf:
        return count, color
    return f"{tree.features[inner.feature[node]]}\n≤ {inner.threshold[node]:.4g} ?\n{count}", theme.faint
