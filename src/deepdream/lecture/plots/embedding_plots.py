"""Sheets of points: PCA and t-SNE with their scores, as marks or as the tiles themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from deepdream.figures import YELLOW, Figure, Theme, drawn, new_figure
from deepdream.lecture.embedding import CAUTIONS, Embedding
from deepdream.lecture.plots.plane_drawing import MARKERS

__all__ = ["plot_embeddings"]


@drawn
def plot_embeddings(
    sheets: Sequence[tuple[str, Embedding]],
    y: NDArray[np.int64],
    *,
    names: Sequence[str],
    columns: int = 3,
    pictures: NDArray[np.float32] | None = None,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One panel per sheet, titled with its settings and scores; the first shows the pictures, if given."""
    columns = min(columns, len(sheets))
    rows = -(-len(sheets) // columns)
    # With ten kinds the marks are the digits themselves and need no legend.
    legend = int(len(names) != 10)  # ten kinds: the marks are the digits themselves
    canvas, axes = new_figure(
        rows + legend, columns, title="Many dimensions on a flat sheet",
        size=(5.6 * columns + 1, 5.8 * rows + 1 + 0.8 * legend), theme=theme,
    )  # fmt: skip
    axes[0, 0].get_gridspec().set_height_ratios([1] * rows + [0.1] * legend)
    for chart in axes.flat[len(sheets) :]:
        chart.axis("off")
    for chart, (title, sheet) in zip(axes.flat, sheets, strict=False):
        _panel(chart, title, sheet, y, theme)
    if pictures is not None:
        for position, picture in zip(sheets[0][1].xy, pictures, strict=True):
            small = OffsetImage(picture[::4, ::4], zoom=0.9)
            axes[0, 0].add_artist(AnnotationBbox(small, tuple(position), frameon=False))
    if legend:
        _legend(axes, names)
    return Figure(
        canvas,
        caption="What: "
        + f"{len(y)} points; 1-NN: is the nearest point on the sheet of the same kind; trust: are "
        "neighbors on the sheet neighbors in the original space. Axes have no unit. Why: "
        + " ".join(CAUTIONS),
        alt="; ".join(f"{title}: {_scores(sheet, y)}" for title, sheet in sheets),
        numbers={
            "sheets": [
                {"title": t, "knn": s.knn(y), "trustworthiness": s.trustworthiness, "kl": s.kl}
                for t, s in sheets
            ]
        },
        theme=theme,
    )


def _scores(sheet: Embedding, y: NDArray[np.int64]) -> str:
    kl = "" if sheet.kl is None else f"   KL {sheet.kl:.2f}"
    return f"1-NN {sheet.knn(y):.3f}   trust {sheet.trustworthiness:.3f}{kl}"


def _panel(axes: Axes, title: str, sheet: Embedding, y: NDArray[np.int64], theme: Theme) -> None:
    kinds = np.unique(y)
    # Yellow fades on white paper.
    colors = [color for color in theme.colors if color != YELLOW or theme is Theme.DARK]
    for kind in kinds:
        axes.plot(
            *sheet.xy[y == kind].T,
            marker=f"${kind}$" if len(kinds) == 10 else MARKERS[kind % len(MARKERS)],  # ten kinds are digits
            linestyle="none",
            markersize=10 if len(kinds) == 10 else 8,
            alpha=0.8,
            color=colors[kind % len(colors)],
            markeredgewidth=0,
        )
    axes.set_title(f"{title}\n{_scores(sheet, y)}", fontsize=13)
    axes.set_xlabel("first axis")
    axes.set_ylabel("second axis")
    axes.set(xticks=[], yticks=[])


def _legend(axes: NDArray[np.object_], names: Sequence[str]) -> None:
    below: Axes = axes[-1, 0]
    handles = axes[0, 0].lines[: len(names)]
    legend = below.legend(handles, names, loc="center left", ncols=min(len(names), 8), markerscale=1.6)
    legend.set_in_layout(False)  # it may reach over the columns
