"""Commands about decisions: the threshold, the odds, the measured trade-off, the readable tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.lecture.progress import progress
from deepdream.cli.lecture.showing import Data, LessonAnswer, Target, TextTable, add_lesson
from deepdream.cli.terminal import say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.figures import Animation, Figure, Theme
    from deepdream.lecture.decision import BestThreshold, Confusion
    from deepdream.lecture.scores import Scores
    from deepdream.lecture.tradeoff import TradeoffPoint

SCORED = ("breast_cancer", "digit_pairs")
MEASURED = ("breast_cancer", "wine", "iris", "digits", "diabetes")


def threshold(
    data: Data = "breast_cancer",
    target: Target = None,
    positive: Annotated[str | None, typer.Option(help="CSV: the class that counts as positive.")] = None,
    groups: Annotated[
        str | None, typer.Option(help="CSV: count errors for each value of this column.")
    ] = None,
    cost_fn: Annotated[float, typer.Option(help="What a miss costs.")] = 10.0,
    cost_fp: Annotated[float, typer.Option(help="What a false alarm costs.")] = 1.0,
    at: Annotated[
        float | None, typer.Option(help="The threshold you choose (default: the cheapest).")
    ] = None,
    decided_by: Annotated[str, typer.Option(help="Who answers for it; stands in the record.")] = "",
    sweep: Annotated[bool, typer.Option("--sweep", help="Draw the moving threshold (GIF, WebP).")] = False,
    seed: int = 0,
) -> LessonAnswer:
    """Data: breast_cancer, digit_pairs (matching as in face recognition, without faces), or a CSV file."""
    from deepdream.lecture.decision import area_under_roc, best_threshold

    scores = _scores(data, target, positive, groups, seed)
    best = best_threshold(scores.y_true, scores.score, cost_fp=cost_fp, cost_fn=cost_fn)
    chosen = at if at is not None else (best.theory if scores.calibrated else best.empirical)
    record = {
        "data": scores.about,
        "positive": scores.positive,
        "cost of a miss": cost_fn,
        "cost of a false alarm": cost_fp,
        "threshold": chosen,
        "decided by": decided_by or "nobody has signed (--decided-by NAME)",
    }

    def plot(theme: Theme) -> Figure | Animation:
        from deepdream.lecture.plots.decision_plots import plot_sweep, plot_threshold

        return plot_sweep(scores, theme=theme) if sweep else plot_threshold(scores, best, chosen, theme=theme)

    area = area_under_roc(scores.y_true, scores.score)
    tables, numbers = _threshold_tables(scores, best, chosen)
    return LessonAnswer(
        {"record": record, "best": asdict(best), "area_under_roc": area, **numbers},
        text=f"{scores.about}\nPositive is '{scores.positive}'. Area under the ROC curve {area:.4f}.",
        tables=[
            *tables,
            TextTable(
                ("record", "value"),
                [(k, f"{v:.4g}" if isinstance(v, float) else v) for k, v in record.items()],
            ),
        ],
        plot=plot,
        closing=_advice(scores, best),
    )


def _scores(data: str, target: str | None, positive: str | None, groups: str | None, seed: int) -> Scores:
    from deepdream.lecture.scores import breast_cancer_scores, csv_scores, digit_pair_scores

    if data in SCORED:
        if target or positive or groups:
            raise UsageError(f"--target, --positive and --groups are for CSV files; '{data}' is none.")
        return breast_cancer_scores(seed) if data == "breast_cancer" else digit_pair_scores(seed)
    if not _is_file(data):
        raise UnknownNameError("data set", data, SCORED)
    return csv_scores(data, target=target, positive=positive, groups=groups, seed=seed)


def _is_file(data: str) -> bool:
    return data.lower().endswith((".csv", ".tsv", ".txt")) or Path(data).is_file()


def _threshold_tables(
    scores: Scores, best: BestThreshold, chosen: float
) -> tuple[list[TextTable], dict[str, Any]]:
    from deepdream.lecture.decision import threshold_table

    stops = (0.01, 0.1, 0.5, 0.9) if scores.calibrated else (0.0, 0.25, 0.5, 0.75)
    where = sorted(
        {*stops, best.theory, best.empirical, chosen}
        if scores.calibrated
        else {*stops, best.empirical, chosen}
    )
    rows = threshold_table(scores.y_true, scores.score, where)
    tables = [_counts(rows, best, "t", "The four counts at several thresholds t")]
    numbers: dict[str, Any] = {"table": [asdict(row) for row in rows]}
    if scores.groups:
        parts = threshold_table(scores.y_true, scores.score, [chosen], groups=scores.groups)
        tables.append(_counts(parts, best, "group", f"By group, at the threshold {chosen:.4g}"))
        numbers["groups"] = [asdict(row) for row in parts]
    return tables, numbers


def _counts(rows: Sequence[Confusion], best: BestThreshold, first: str, title: str) -> TextTable:
    """A row per threshold (``first`` is "t") or per group, narrow enough for 80 columns."""
    columns = (first, "TP", "FP", "FN", "TN", "TPR", "FPR", "miss rate", "precision", "accuracy", "cost")
    cells = [
        (f"{r.threshold:.4g}" if first == "t" else r.group, r.tp, r.fp, r.fn, r.tn,
         *(_share(rate) for rate in (r.tpr, r.fpr, r.fnr, r.precision, r.accuracy)),
         r.cost(cost_fp=best.cost_fp, cost_fn=best.cost_fn))
        for r in rows
    ]  # fmt: skip
    return TextTable(columns, cells, title)


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3f}"


def _advice(scores: Scores, best: BestThreshold) -> str:
    cheapest = f"Cheapest on these samples: t = {best.empirical:.4g}, cost {best.cost_at_empirical:g}"
    if not scores.calibrated:
        return f"{cheapest}. The score is a similarity, no probability: the theory does not apply to it."
    ratio = f"{best.cost_fp:g} / ({best.cost_fp:g} + {best.cost_fn:g})"
    return (
        f"Theory for calibrated scores: t* = {ratio} = {best.theory:.4f}, cost {best.cost_at_theory:g}; "
        f"at .5 the cost is {best.cost_at_half:g}. {cheapest}; chosen on the samples it is judged on, so "
        "optimistic."
    )


def odds(
    fmr: Annotated[float, typer.Option(help="False match rate of one comparison, 0 to 1.")] = 1e-6,
    gallery: Annotated[int, typer.Option(help="How many people are enrolled.")] = 49_000_000,
    searches: Annotated[int, typer.Option(help="How many people are searched.")] = 1,
) -> LessonAnswer:
    """Expected false matches = FMR x gallery x searches, for people who are not in the gallery."""
    from deepdream.lecture.decision import identification_odds

    found = identification_odds(fmr, gallery, searches=searches)

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.decision_plots import plot_odds

        return plot_odds(fmr, gallery, searches=searches, theme=theme)

    rows = [
        ("false match rate of one comparison", f"{fmr:g}"),
        ("comparisons", f"{found.comparisons:,}"),
        ("expected false matches", f"{found.expected_false_matches:.4g}"),
        ("chance of at least one", f"{found.chance_of_any:.4g}"),
    ]
    return LessonAnswer(
        asdict(found), tables=[TextTable(("one search against all", "value"), rows)], plot=plot
    )


def tradeoff(
    data: Data = "breast_cancer",
    target: Target = None,
    x: Annotated[str, typer.Option(help="numbers (a reader must hold) or features (used).")] = "numbers",
    seed: int = 0,
) -> LessonAnswer:
    """Data: breast_cancer, wine, iris, digits, diabetes (regression), or a CSV file. Takes up to a minute."""
    from deepdream.lecture.tradeoff import measure_tradeoff, ties_with_best, usual_models

    if x not in ("numbers", "features"):
        raise UnknownNameError("axis", x, ("numbers", "features"))
    X, y, about, task = _measurable(data, target)
    models = usual_models(y, task=task, seed=seed)
    if task == "classification" and "boosting" not in models:
        say("More than 3 classes: boosting is left out, it would take minutes.")
    measured = measure_tradeoff(X, y, models=models, task=task, seed=seed)
    rows = list(progress(measured, total=len(models), title="cross-validating"))
    best = ties_with_best(rows)
    score = "accuracy" if task == "classification" else "R²"

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.tradeoff_plots import plot_tradeoff

        axis: Any = x
        return plot_tradeoff(rows, about=about, x=axis, score=score, theme=theme)

    return LessonAnswer(
        {"data": about, "score": score, "rows": [asdict(row) for row in rows], "ties_with_best": best},
        tables=[_tradeoff_grid(rows, best, score, about)],
        plot=plot,
        closing="The slide claims that accuracy rises as models get harder to follow. Here these tie "
        f"with the best, within one standard deviation: {'; '.join(best)}.",
    )


def _tradeoff_grid(rows: Sequence[TradeoffPoint], best: Sequence[str], score: str, about: str) -> TextTable:
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
    from deepdream.lecture.datasets import bundled, load_table

    if _is_file(data):
        table = load_table(data, target)
    elif data not in MEASURED:
        raise UnknownNameError("data set", data, MEASURED)
    elif target is not None:
        raise UsageError(f"--target names a column of a CSV file; '{data}' is none.")
    elif data == "diabetes":
        from sklearn.datasets import load_diabetes

        X, y = load_diabetes(return_X_y=True)
        return X, y, "442 samples of diabetes", "regression"
    else:
        table = bundled(data)
    return table.X, table.y, table.about, "classification"


def tree(
    data: Data = "breast_cancer",
    target: Target = None,
    depth: Annotated[int, typer.Option(help="Questions in a row; 0 means no limit.")] = 2,
    seed: int = 0,
) -> LessonAnswer:
    """Data: breast_cancer, wine, iris, digits, or a CSV file."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.tree import grow_tree

    if depth < 0:
        raise UsageError(f"--depth must be 1 or more, or 0 for no limit; got {depth}.")
    table = find_data(data, seed=seed, target=target)
    grown = grow_tree(
        table.X, table.y, features=table.features, classes=table.classes, depth=depth or None, seed=seed
    )

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.tree_plots import plot_tree

        return plot_tree(grown, about=table.about, theme=theme)

    size = {"nodes": grown.nodes, "leaves": grown.leaves, "depth": grown.depth}
    return LessonAnswer(
        {**size, "accuracy": grown.accuracy, "spread": grown.spread, "text": grown.text},
        text=grown.text.rstrip(),
        tables=[
            TextTable(
                ("nodes", "leaves", "depth", "accuracy", "sd"),
                [(*size.values(), grown.accuracy, grown.spread)],
            )
        ],
        plot=plot,
    )


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    add_lesson(app, "tradeoff", tradeoff)
    add_lesson(app, "tree", tree)
    add_lesson(app, "threshold", threshold)
    add_lesson(app, "odds", odds)
