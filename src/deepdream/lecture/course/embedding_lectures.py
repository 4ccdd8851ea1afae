"""The lesson about embeddings: many dimensions on a flat sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UsageError
from deepdream.lecture.course.lesson import (
    Argument,
    LessonAnswer,
    Option,
    Progress,
    TextTable,
    lesson,
    without_progress,
)

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme
    from deepdream.lecture.embedding import Embedding
    from deepdream.lecture.tiles import Tiles

DIGITS = 1797  # how many scikit-learn has


@lesson(
    "embed",
    "PCA and t-SNE of digits, or of what a network sees.",
    place=72,
    notes="Sixty-four or a thousand dimensions on a flat sheet. Read the scores over each panel before the "
    "shapes. Raw pixels of photographs form no groups; the features of a network do.",
    slide="t-SNE is in the title of the deck and on none of its slides. In the lab's grid the seed changed with "
    "every cell and the second grid's titles were stale: here one seed serves all panels and each title "
    "says its own settings.",
)
def embed(
    what: Annotated[
        str, Argument("What to embed: digits, tiles (of ./images), or a folder of pictures.")
    ] = "digits",
    layer: Annotated[
        str | None, Option("Pictures: the layer of the network. The default is the last one with positions.")
    ] = None,
    model: Annotated[str, Option("Pictures: the network.")] = "efficientnet_lite0",
    grid: Annotated[
        list[str] | None, Option("Settings to compare, such as perplexity=3,10,30,50. May be given twice.")
    ] = None,
    samples: Annotated[
        int, Option("Digits: how many. The default is all, or fewer for more than 4 sheets.")
    ] = 0,
    seed: int = 0,
    progress: Progress = without_progress,
) -> LessonAnswer:
    """PCA, and t-SNE for every setting of the grid (perplexity, early_exaggeration, learning_rate)."""
    from deepdream.lecture.embedding import CAUTIONS, grid_settings
    from deepdream.lecture.tiles import cut_tiles

    axes = _axes(grid or [])
    count = len(grid_settings(axes))
    remarks, pictures = [], None
    if what == "digits":
        raw, y = _digits(samples, count)
        features, names = raw, tuple("0123456789")
        if not samples and len(raw) < DIGITS:
            remarks = [
                f"{count} sheets: the first {len(raw)} digits. Use --samples {DIGITS} for all of them."
            ]
    else:
        tiles = cut_tiles("images" if what == "tiles" else what, seed=seed)
        raw, y, names, pictures = tiles.raw, tiles.labels, tiles.names, tiles.pixels
        features = _tile_features(tiles, model, layer, progress)
    sheets = list(
        progress(_sheets(raw, features, axes, seed), total=count + 1 + (pictures is not None), title="t-SNE")
    )

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.embedding_plots import plot_embeddings

        columns = len(next(reversed(axes.values()))) if len(axes) > 1 else 3
        return plot_embeddings(sheets, y, names=names, columns=columns, pictures=pictures, theme=theme)

    rows = _sheet_rows(raw, features, y, sheets)
    keys = ("sheet", "1-NN", "trustworthiness", "KL")
    return LessonAnswer(
        {
            "n": len(y),
            "seed": seed,
            "sheets": [dict(zip(keys, r, strict=True)) for r in rows],
            "cautions": list(CAUTIONS),
        },
        tables=[TextTable(keys, rows, f"{len(y)} points, {len(names)} kinds, seed {seed}")],
        plot=plot,
        remarks=remarks,
        closing="Five cautions:\n" + "\n".join(f"  {i}. {c}" for i, c in enumerate(CAUTIONS, start=1)),
    )


def _sheet_rows(
    raw: Any, features: Any, y: Any, sheets: Sequence[tuple[str, Embedding]]
) -> list[tuple[str, float, float | None, float | None]]:
    """Name, 1-NN score, trustworthiness, KL: first of the spaces themselves, then of the sheets."""
    from deepdream.lecture.embedding import nearest_neighbor_score

    spaces = [("raw pixels, no sheet", raw)]
    if features is not raw:
        spaces.append(("network features, no sheet", features))
    rows: list[tuple[str, float, float | None, float | None]]
    rows = [(name, nearest_neighbor_score(points, y), None, None) for name, points in spaces]
    return rows + [(name, sheet.knn(y), sheet.trustworthiness, sheet.kl) for name, sheet in sheets]


def _axes(given: Sequence[str]) -> dict[str, list[float]]:
    """``["perplexity=5,30"]`` as ``{"perplexity": [5, 30]}``; none given means perplexity 30."""
    axes: dict[str, list[float]] = {}
    # Text such as perplexity=5,30; each may name another setting.
    for text in given:
        name, _, values = text.partition("=")
        try:
            axes[name.strip()] = [float(value) for value in values.split(",")]
        except ValueError:
            raise UsageError(f"--grid {text}: write it as perplexity=3,10,30,50.") from None
    return axes or {"perplexity": [30.0]}


def _digits(samples: int, sheets: int) -> tuple[Any, Any]:
    """Pixels (n, 64) and digits (n,); by default as many as ``sheets`` embeddings can do within a minute."""
    from sklearn.datasets import load_digits

    if samples < 0 or samples > DIGITS:
        raise UsageError(f"--samples must be between 1 and {DIGITS}; got {samples}.")
    X, y = load_digits(return_X_y=True)
    count = samples or (DIGITS if sheets <= 4 else max(200, 2500 // sheets))
    return X[:count], y[:count]


def _tile_features(tiles: Tiles, model: str, layer: str | None, progress: Progress) -> Any:
    """What the network makes of each tile, (tiles, channels)."""
    import numpy as np

    from deepdream.lecture.tiles import BATCH, pooled_features
    from deepdream.models import load_model

    batches = pooled_features(tiles, load_model(model), layer)
    return np.concatenate(list(progress(batches, total=-(-len(tiles.labels) // BATCH), title="network")))


def _sheets(
    raw: Any, features: Any, axes: dict[str, list[float]], seed: int
) -> Iterator[tuple[str, Embedding]]:
    from deepdream.lecture import embedding

    for sheet in embedding.embedding_grid(features, axes, seed=seed):
        words = ", ".join(f"{name.replace('_', ' ')} {sheet.settings[name]:g}" for name in axes)
        yield f"t-SNE, {words}", sheet
    if raw is not features:
        # Raw pixels are laid out once only, for comparison.
        first = {name: values[:1] for name, values in axes.items()}
        yield "t-SNE of raw pixels", next(embedding.embedding_grid(raw, first, seed=seed))
    yield (
        "PCA" if raw is features else "PCA of network features",
        embedding.embed(features, method="pca", seed=seed),
    )
