"""Lessons about decisions: from a score to a threshold, and from a small rate to many errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.errors import UnknownNameError, UsageError
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
    from deepdream.figures import Animation, Figure, Theme
    from deepdream.lecture.decision import BestThreshold, Confusion
    from deepdream.lecture.scores import Scores

UNSIGNED = "no name given (--decided-by NAME)"
SCORED = ("breast_cancer", "digit_pairs")


@lesson(
    "threshold",
    "Who sets the threshold? Counts, costs, ROC, DET, groups.",
    place=65,
    notes="Ask the audience for a threshold before you show the costs. If a miss costs ten times a false "
    "alarm, a calibrated score should be cut at 1/11, not at 1/2. Then write down who decided: "
    "--decided-by.",
    slide="'FR returns a probabilistic result': it returns a similarity score, usually not calibrated, so the "
    "theory of costs does not apply to it as it stands (--data digit_pairs shows one).",
)
def threshold(
    data: Data = "breast_cancer",
    target: Target = None,
    positive: Annotated[str | None, Option("CSV files: the class that counts as positive.")] = None,
    groups: Annotated[
        str | None, Option("CSV files: count the errors for each value of this column.")
    ] = None,
    cost_fn: Annotated[float, Option("Cost of a miss (a false negative).")] = 10.0,
    cost_fp: Annotated[float, Option("Cost of a false alarm (a false positive).")] = 1.0,
    at: Annotated[
        float | None, Option("The threshold to use. The default is the one of least expected cost.")
    ] = None,
    decided_by: Annotated[str, Option("Name of the person who chose the threshold, for the record.")] = "",
    sweep: Annotated[bool, Option("Draw a moving threshold, for GIF and WebP files.")] = False,
    seed: int = 0,
) -> LessonAnswer:
    """Data: breast_cancer, digit_pairs (matching as in face recognition, without faces), or a CSV file."""
    from deepdream.lecture.decision import area_under_roc, best_threshold

    scores = _scores(data, target, positive, groups, seed)
    best = best_threshold(scores.y_true, scores.score, cost_fp=cost_fp, cost_fn=cost_fn)
    # Without a choice: by theory where the score is a probability, otherwise the cheapest on these samples.
    chosen = at if at is not None else (best.theory if scores.calibrated else best.empirical)
    record = {
        "data": scores.about,
        "positive": scores.positive,
        "cost of a miss": cost_fn,
        "cost of a false alarm": cost_fp,
        "threshold": chosen,
        "decided by": decided_by or None,
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
                [(k, f"{v:.4g}" if isinstance(v, float) else v or UNSIGNED) for k, v in record.items()],
            ),
        ],
        plot=plot,
        closing=_advice(scores, best),
    )


def _scores(data: str, target: str | None, positive: str | None, groups: str | None, seed: int) -> Scores:
    from deepdream.lecture.datasets import is_table_file
    from deepdream.lecture.scores import breast_cancer_scores, csv_scores, digit_pair_scores

    if data in SCORED:
        if target or positive or groups:
            raise UsageError(f"--target, --positive and --groups are for CSV files; '{data}' is not one.")
        return breast_cancer_scores(seed) if data == "breast_cancer" else digit_pair_scores(seed)
    if not is_table_file(data):
        raise UnknownNameError("data set", data, SCORED)
    return csv_scores(data, target=target, positive=positive, groups=groups, seed=seed)


def _threshold_tables(
    scores: Scores, best: BestThreshold, chosen: float
) -> tuple[list[TextTable], dict[str, Any]]:
    from deepdream.lecture.decision import threshold_table

    thresholds = {best.empirical, chosen}
    # The theory holds for probabilities only; a similarity has no threshold by theory.
    thresholds |= {0.01, 0.1, 0.5, 0.9, best.theory} if scores.calibrated else {0.0, 0.25, 0.5, 0.75}
    rows = threshold_table(scores.y_true, scores.score, sorted(thresholds))
    tables = [_counts(rows, best, "t", "The four counts at several thresholds t")]
    numbers: dict[str, Any] = {"table": [asdict(row) for row in rows]}
    if scores.groups:
        # One threshold for all groups: the lesson is that their errors differ all the same.
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
        return f"{cheapest}. The score is a similarity and not a probability, so the theory does not apply to it."
    ratio = f"{best.cost_fp:g} / ({best.cost_fp:g} + {best.cost_fn:g})"
    return (
        f"Theory for calibrated scores: t* = {ratio} = {best.theory:.4f}, cost {best.cost_at_theory:g}; "
        f"at .5 the cost is {best.cost_at_half:g}. {cheapest}; chosen on the samples it is judged on, so "
        "optimistic."
    )


@lesson(
    "odds",
    "A small error rate times a large gallery.",
    place=65.5,
    notes="One comparison in a million goes wrong. A gallery has 49 million faces. Ask for the number before "
    "you press enter: 49 people who did nothing.",
    slide="The slide speaks of one T/F match (1:1); a search compares with everybody (1:N), and the expected "
    "false matches are N times the rate.",
)
def odds(
    fmr: Annotated[float, Option("False match rate of one comparison, 0 to 1.")] = 1e-6,
    gallery: Annotated[int, Option("Number of people in the gallery.")] = 49_000_000,
    searches: Annotated[int, Option("Number of people who are searched.")] = 1,
) -> LessonAnswer:
    """Expected false matches = FMR x gallery x searches, for people who are not in the gallery."""
    from deepdream.lecture.identification import identification_odds

    result = identification_odds(fmr, gallery, searches=searches)

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.decision_plots import plot_odds

        return plot_odds(fmr, gallery, searches=searches, theme=theme)

    rows = [
        ("false match rate of one comparison", f"{fmr:g}"),
        ("comparisons", f"{result.comparisons:,}"),
        ("expected false matches", f"{result.expected_false_matches:.4g}"),
        ("probability of at least one", f"{result.probability_of_any:.4g}"),
    ]
    return LessonAnswer(
        asdict(result), tables=[TextTable(("one search against all", "value"), rows)], plot=plot
    )
