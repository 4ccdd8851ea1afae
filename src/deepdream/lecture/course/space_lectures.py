"""Lessons about feature space: numbers or classes, clusters, left or right."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Annotated

from deepdream.errors import UsageError
from deepdream.lecture.course.lesson import (
    LessonAnswer,
    Option,
    TextTable,
    lesson,
)
from deepdream.lecture.course.lesson_options import (
    Data,
    Target,
)

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme


@lesson(
    "regression-vs-classification",
    "The same digits, predicted as a number and as ten classes.",
    place=3,
    notes="One network gives the digit as a number, one gives ten probabilities. Rounding the number is far "
    "worse: for the regressor 3 lies between 2 and 4, so where it is unsure between two digits, it "
    "gives one that is neither. If the digits are renamed at random, the classifier stays as accurate.",
    slide="'Regression (classification with infinitely small classes)': classification has no order of its "
    "classes and uses another loss.",
)
def regression_vs_classification(seed: int = 0) -> LessonAnswer:
    """Trains two networks on the digits: 64-30-1 (squared error, rounded) and 64-30-10 (softmax)."""
    from deepdream.lecture.regression import compare_regression_and_classification

    ways = compare_regression_and_classification(seed=seed)

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.regression_plots import plot_regression_and_classification

        return plot_regression_and_classification(ways, seed=seed, theme=theme)

    rows = [
        ("regression, rounded", f"{ways.regression:.3f}", f"{ways.renamed_regression:.3f}"),
        ("classification", f"{ways.classification:.3f}", f"{ways.renamed_classification:.3f}"),
    ]
    scores = ("regression", "classification", "renamed_regression", "renamed_classification")
    return LessonAnswer(
        {name: getattr(ways, name) for name in (*scores, "mean_absolute_error")},
        tables=[TextTable(("predicted as", "accuracy", "after renaming the digits at random"), rows)],
        plot=plot,
        closing=f"The regressor is off by {ways.mean_absolute_error:.2f} in the mean. It assumes an order "
        "that digits do not have.",
    )


@lesson(
    "clusters",
    "Points without and with labels: inertia, silhouette.",
    place=4,
    notes="Unsupervised: all features are known for all observations, and we look for structure. Supervised: "
    "one feature, the target, is unknown for some. Inertia always falls with more clusters, so it cannot "
    "choose k; the silhouette can help.",
    slide="'Intra-cluster variance / inter cluster distance' reads as a ratio: they are two criteria. 'One "
    "feature cannot be observed for the rest' means the target.",
)
def clusters(
    data: Data = "iris",
    target: Target = None,
    k: Annotated[int, Option("Number of clusters to show.", "--clusters", short="-k")] = 3,
    seed: int = 0,
) -> LessonAnswer:
    """Data: iris, wine, breast_cancer, digits, a toy set (gauss, circle, ...), or a CSV file."""
    from deepdream.lecture.clusters import cluster
    from deepdream.lecture.datasets import find_data

    dataset = find_data(data, seed=seed, target=target).standardized()
    # Standardized above: otherwise the column with the largest unit would decide alone.
    chosen = cluster(dataset.X, k, seed=seed)
    # From 2 upward: the silhouette of a single cluster is not defined.
    clusterings = [
        cluster(dataset.X, each, seed=seed) for each in range(2, min(max(9, k + 1), len(dataset.X)))
    ]

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.clusters_plots import plot_clusters

        names, classes = dataset.features, dataset.classes
        return plot_clusters(
            dataset.X, dataset.y, clusterings, chosen=chosen, features=names, classes=classes, theme=theme
        )

    rows = [(c.k, c.inertia, c.between, c.silhouette, c.agreement(dataset.y)) for c in clusterings]
    columns = ("k", "inertia (intra-cluster)", "between clusters", "silhouette", "agreement with labels")
    return LessonAnswer(
        {"data": dataset.about, "rows": [dict(zip(columns, row, strict=True)) for row in rows]},
        tables=[TextTable(columns, rows, f"{dataset.about}, standardized; k-means")],
        plot=plot,
        closing="Inertia always falls as k grows; the silhouette need not. Agreement (adjusted Rand) "
        "uses the labels, k-means does not.",
    )


@lesson(
    "left-right",
    "The newspaper's left and right of July 1958, simulated.",
    place=25,
    notes="A retina of 20 x 20 cells sees a mark on its left or right. The rule adds or subtracts the "
    "picture, and only on a mistake. The learned weights can be drawn: negative on the left, positive "
    "on the right. Most runs need more than 50 attempts: how many depends on what is shown.",
    slide="'After 50 attempts' is the newspaper's count, with stimuli that were not published with it; this is "
    "a simulation with random marks. Two fixed cards would need at most two mistakes.",
)
def left_right(
    trials: Annotated[int, Option("Number of attempts in a run.")] = 500,
    runs: Annotated[int, Option("Number of runs for the rates.")] = 100,
    seed: int = 0,
) -> LessonAnswer:
    """Teaches a perceptron with a retina of 20 x 20 cells the side of a mark of 4 x 4 cells."""
    from deepdream.lecture.left_right import learn_left_right, left_right_runs

    if runs < 1:
        raise UsageError(f"--runs must be at least 1; got {runs}.")
    run = learn_left_right(trials, seed=seed)
    # A hundred runs, because the number of attempts varies a lot with the random marks.
    others = list(left_right_runs(runs, trials=trials, seed=seed))
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
