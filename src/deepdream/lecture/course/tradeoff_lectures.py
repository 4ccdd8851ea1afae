"""Lessons about transparency: accuracy against complexity, and a model that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture.course.lesson import (
    LessonAnswer,
    Option,
    Progress,
    TextTable,
    lesson,
    without_progress,
)
from deepdream.lecture.course.lesson_options import (
    Data,
    Target,
)

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme
    from deepdream.lecture.tradeoff import TradeoffPoint

MEASURED = ("breast_cancer", "wine", "iris", "digits", "diabetes")


@lesson(
    "tradeoff",
    "Accuracy against transparency: the chart, measured.",
    place=57,
    notes="Count the numbers that a reader must hold in mind, cross-validate, draw error bars. On breast "
    "cancer and wine a linear model ties with the best; on digits a shallow tree fails and a kernel "
    "machine wins by little. Within one standard deviation there is no ranking.",
    slide="The slide's chart has no data: Rudin (2019) calls it a fictional depiction, taken from DARPA's "
    "announcement. 'Transparency is proportional to complexity' should read: it falls with complexity.",
)
def tradeoff(
    data: Data = "breast_cancer",
    target: Target = None,
    x: Annotated[
        str, Option("Horizontal axis: numbers (that a reader must hold) or features (that the model uses).")
    ] = "numbers",
    seed: int = 0,
    progress: Progress = without_progress,
) -> LessonAnswer:
    """Data: breast_cancer, wine, iris, digits, diabetes (regression), or a CSV file. Takes up to a minute."""
    from deepdream.lecture.tradeoff import measure_tradeoff, ties_with_best
    from deepdream.lecture.tradeoff_models import usual_models

    # Checked before the measurement, which takes up to a minute.
    if x not in ("numbers", "features"):
        raise UnknownNameError("axis", x, ("numbers", "features"))
    X, y, about, task = _measurable(data, target)
    models = usual_models(y, task=task, seed=seed)
    slow = task == "classification" and "boosting" not in models
    points = measure_tradeoff(X, y, models=models, task=task, seed=seed)
    # The models are measured one by one, so that the bar can move.
    rows = list(progress(points, total=len(models), title="cross-validating"))
    best = ties_with_best(rows)
    score = "accuracy" if task == "classification" else "R²"

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.tradeoff_plots import plot_tradeoff

        axis: Any = x
        return plot_tradeoff(rows, about=about, x=axis, score=score, theme=theme)

    return LessonAnswer(
        {"data": about, "score": score, "rows": [asdict(row) for row in rows], "ties_with_best": best},
        tables=[_tradeoff_table(rows, best, score, about)],
        plot=plot,
        remarks=["More than 3 classes: boosting is left out because it would take minutes."] if slow else [],
        closing="The slide claims that accuracy rises as models get harder to follow. Here these tie "
        f"with the best, within one standard deviation: {'; '.join(best)}.",
    )


def _tradeoff_table(rows: Sequence[TradeoffPoint], best: Sequence[str], score: str, about: str) -> TextTable:
    columns = (
        "model",
        score,
        "sd",
        "ties with best",
        "numbers to hold",
        "features used",
        "tree of depth 3 agrees",
    )
    cells = [
        (r.model, f"{r.score:.3f}", f"{r.spread:.3f}", "yes" if r.model in best else "", round(r.numbers),
         round(r.features), f"{r.fidelity:.3f}")
        for r in rows
    ]  # fmt: skip
    return TextTable(columns, cells, f"{about}, 5-fold cross-validation")


def _measurable(data: str, target: str | None) -> tuple[Any, Any, str, Any]:
    from deepdream.lecture.datasets import bundled, is_table_file, load_table

    if is_table_file(data):
        dataset = load_table(data, target)
    elif data not in MEASURED:
        raise UnknownNameError("data set", data, MEASURED)
    elif target is not None:
        raise UsageError(f"--target names a column of a CSV file; '{data}' is not one.")
    elif data == "diabetes":
        from sklearn.datasets import load_diabetes

        X, y = load_diabetes(return_X_y=True)
        return X, y, "442 samples of diabetes", "regression"
    else:
        dataset = bundled(data)
    return dataset.X, dataset.y, dataset.about, "classification"


@lesson(
    "tree",
    "A single tree: a model that can be read as sentences.",
    place=62,
    notes="Read the tree aloud from the top. Two questions decide most tumors. Then grow the full tree: 22 "
    "leaves, every training sample right, and hardly better on new ones.",
    slide="'A single tree model' is readable when it is small. A full tree is not, and a forest is a hundred of "
    "them.",
)
def tree(
    data: Data = "breast_cancer",
    target: Target = None,
    depth: Annotated[int, Option("Greatest number of questions in a row. 0 means no limit.")] = 2,
    seed: int = 0,
) -> LessonAnswer:
    """Data: breast_cancer, wine, iris, digits, or a CSV file."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.tree import grow_tree

    if depth < 0:
        raise UsageError(f"--depth must be 1 or more, or 0 for no limit; got {depth}.")
    dataset = find_data(data, seed=seed, target=target)
    # 0 on the command line is None here: no limit.
    result = grow_tree(
        dataset.X,
        dataset.y,
        features=dataset.features,
        classes=dataset.classes,
        depth=depth or None,
        seed=seed,
    )

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.tree_plots import plot_tree

        return plot_tree(result, about=dataset.about, theme=theme)

    size = {"nodes": result.nodes, "leaves": result.leaves, "depth": result.depth}
    return LessonAnswer(
        {**size, "accuracy": result.accuracy, "spread": result.spread, "text": result.text},
        text=result.text.rstrip(),
        tables=[
            TextTable(
                ("nodes", "leaves", "depth", "accuracy", "sd"),
                [(*size.values(), result.accuracy, result.spread)],
            )
        ],
        plot=plot,
    )
