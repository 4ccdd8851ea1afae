"""Commands about feature space: regression and classification, clusters, left and right, flat sheets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from deepdream.cli.lecture.progress import progress
from deepdream.cli.lecture.showing import Data, LessonAnswer, Target, TextTable, add_lesson
from deepdream.cli.options import DEFAULT_MODEL
from deepdream.cli.terminal import say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme
    from deepdream.lecture.embedding import Embedding


def regression_vs_classification(seed: int = 0) -> LessonAnswer:
    """Digits of scikit-learn; networks 64-30-1 (squared error, rounded) and 64-30-10 (softmax)."""
    from deepdream.lecture.regression import compare_two_ways

    ways = compare_two_ways(seed=seed)

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.regression_plots import plot_two_ways

        return plot_two_ways(ways, seed=seed, theme=theme)

    rows = [
        ("regression, rounded", f"{ways.regression:.3f}", f"{ways.renamed_regression:.3f}"),
        ("classification", f"{ways.classification:.3f}", f"{ways.renamed_classification:.3f}"),
    ]
    numbers = {
        name: getattr(ways, name)
        for name in (
            "regression",
            "classification",
            "renamed_regression",
            "renamed_classification",
            "mean_absolute_error",
        )
    }
    return LessonAnswer(
        numbers,
        tables=[TextTable(("asked as", "accuracy", "after renaming the digits at random"), rows)],
        plot=plot,
        closing=f"The regressor is off by {ways.mean_absolute_error:.2f} in the mean. It knows an order "
        "that digits do not have.",
    )


def clusters(
    data: Data = "iris",
    target: Target = None,
    k: Annotated[int, typer.Option("-k", "--clusters", help="How many clusters to show.")] = 3,
    seed: int = 0,
) -> LessonAnswer:
    """Data: iris, wine, breast_cancer, digits, a toy set (gauss, circle, ...), or a CSV file."""
    from deepdream.lecture.clusters import cluster
    from deepdream.lecture.datasets import find_data

    table = find_data(data, seed=seed, target=target).standardized()
    shown = cluster(table.X, k, seed=seed)
    found = [cluster(table.X, each, seed=seed) for each in range(2, min(max(9, k + 1), len(table.X)))]

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.clusters_plots import plot_clusters

        names, classes = table.features, table.classes
        return plot_clusters(
            table.X, table.y, found, shown=shown, features=names, classes=classes, theme=theme
        )

    rows = [(c.k, c.inertia, c.between, c.silhouette, c.agreement(table.y)) for c in found]
    columns = ("k", "inertia (intra-cluster)", "between clusters", "silhouette", "agreement with labels")
    return LessonAnswer(
        {"data": table.about, "rows": [dict(zip(columns, row, strict=True)) for row in rows]},
        tables=[TextTable(columns, rows, f"{table.about}, standardized; k-means")],
        plot=plot,
        closing="Inertia always falls as k grows; the silhouette need not. Agreement (adjusted Rand) "
        "uses the labels, k-means does not.",
    )


def left_right(
    trials: Annotated[int, typer.Option(help="Attempts in a run.")] = 500,
    runs: Annotated[int, typer.Option(help="Runs for the rates.")] = 100,
    seed: int = 0,
) -> LessonAnswer:
    """20 x 20 cells, a 4 x 4 mark, Rosenblatt's rule."""
    from deepdream.lecture.left_right import attempts, learn_left_right

    run = learn_left_right(trials, seed=seed)
    others = list(attempts(_at_least_one(runs), trials=trials, seed=seed))
    last = [other.last_mistake for other in others]

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.left_right_plots import plot_left_right

        return plot_left_right(run, others, seed=seed, theme=theme)

    numbers = {
        "mistakes": int(run.mistakes.sum()),
        "last_mistake": run.last_mistake,
        "median_last_mistake": float(statistics.median(last)),
        "done_by_50": sum(trial <= 50 for trial in last) / len(last),
    }
    rows = [
        (f"mistakes in {trials} attempts (this run)", numbers["mistakes"]),
        ("last mistake at attempt (this run)", run.last_mistake),
        (f"last mistake, median of {runs} runs", numbers["median_last_mistake"]),
        ("runs without a mistake after attempt 50", f"{numbers['done_by_50']:.0%}"),
    ]
    return LessonAnswer(
        numbers, tables=[TextTable(("a simulation, not the stimuli of 1958", "value"), rows)], plot=plot
    )


def _at_least_one(runs: int) -> int:
    if runs < 1:
        raise UsageError(f"--runs must be at least 1; got {runs}.")
    return runs


def embed(
    what: Annotated[
        str, typer.Argument(help="digits, tiles (of ./images), or a folder of pictures.")
    ] = "digits",
    layer: Annotated[
        str | None, typer.Option(help="Pictures: the network's layer (default: the last with places).")
    ] = None,
    model: Annotated[str, typer.Option(help="Pictures: the network.")] = DEFAULT_MODEL,
    grid: Annotated[
        list[str] | None, typer.Option(help="Such as perplexity=3,10,30,50; may be given twice.")
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Digits: how many (default: all, fewer for more than 4 sheets).")
    ] = 0,
    seed: int = 0,
) -> LessonAnswer:
    """PCA, and t-SNE for every setting of the grid (perplexity, early_exaggeration, learning_rate)."""
    from deepdream.lecture.embedding import CAUTIONS, grid_settings

    axes = _grid(grid or [])
    count = len(grid_settings(axes))
    raw, features, y, names, pictures = (
        (*_digits(samples, count), None) if what == "digits" else _tiles(what, model, layer, seed)
    )
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


def _grid(given: Sequence[str]) -> dict[str, list[float]]:
    """``["perplexity=5,30"]`` as ``{"perplexity": [5, 30]}``; none given means perplexity 30."""
    axes: dict[str, list[float]] = {}
    for text in given:
        name, _, values = text.partition("=")
        try:
            axes[name.strip()] = [float(value) for value in values.split(",")]
        except ValueError:
            raise UsageError(f"--grid {text}: write it as perplexity=3,10,30,50.") from None
    return axes or {"perplexity": [30.0]}


def _digits(samples: int, count: int) -> tuple[Any, Any, Any, list[str]]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    if samples < 0 or samples > len(X):
        raise UsageError(f"--samples must be between 1 and {len(X)}; got {samples}.")
    few = samples or (len(X) if count <= 4 else max(200, 2500 // count))
    if few < len(X) and not samples:
        say(f"{count} sheets: the first {few} digits, to stay under a minute; --samples {len(X)} takes all.")
    chosen = X[:few]
    return chosen, chosen, y[:few], [str(digit) for digit in range(10)]


def _tiles(what: str, model: str, layer: str | None, seed: int) -> tuple[Any, Any, Any, Sequence[str], Any]:
    from deepdream.lecture.tiles import BATCH, cut_tiles, pooled_features

    tiles = cut_tiles("images" if what == "tiles" else what, seed=seed)
    from deepdream.models import load_model

    batches = pooled_features(tiles, load_model(model), layer)
    features = np.concatenate(list(progress(batches, total=-(-len(tiles.labels) // BATCH), title="network")))
    return tiles.raw, features, tiles.labels, tiles.names, tiles.pixels


def _sheets(
    raw: Any, features: Any, axes: dict[str, list[float]], seed: int
) -> Iterator[tuple[str, Embedding]]:
    from deepdream.lecture.embedding import embed as lay_out
    from deepdream.lecture.embedding import embedding_grid

    for sheet in embedding_grid(features, axes, seed=seed):
        words = ", ".join(f"{name.replace('_', ' ')} {sheet.settings[name]:g}" for name in axes)
        yield f"t-SNE, {words}", sheet
    if raw is not features:
        first = {name: values[:1] for name, values in axes.items()}
        yield "t-SNE of raw pixels", next(embedding_grid(raw, first, seed=seed))
    yield "PCA" if raw is features else "PCA of network features", lay_out(features, method="pca", seed=seed)


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    add_lesson(app, "regression-vs-classification", regression_vs_classification)
    add_lesson(app, "clusters", clusters)
    add_lesson(app, "left-right", left_right)
    add_lesson(app, "embed", embed)
