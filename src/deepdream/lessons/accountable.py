"""Accountability: a threshold makes a score a decision. Who chose it, what does it cost whom, what is on record?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deepdream.errors import UsageError
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.decision import Confusion, theoretical_threshold, threshold_table
from deepdream.lecture.scores import Scores, breast_cancer_scores
from deepdream.lessons.exhibit import Exhibit, Grid, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page

#: Who may look at it: what a false alarm costs, and what a miss.
VIEWS: tuple[tuple[str, float, float], ...] = (
    ("every error alike", 1, 1),
    ("a miss is 10 times worse", 1, 10),
    ("a miss is 50 times worse", 1, 50),
    ("a false alarm is 10 times worse", 10, 1),
)
CHOSEN = "yours"
NOTES = (
    "Nothing in the model changes from row to row, only one number that somebody chose. Ask who should choose it: "
    'the scientist, the clinic that pays for false alarms, the patient who pays for misses? Ask what "the computer '
    'decided" could still mean. Caveat: the costs here are invented; the scores are real, out of fold, of 569 '
    "tumors of one study. Then run `deepdream record` on any output of this toolkit: has somebody signed?"
)


@dataclass(frozen=True)
class View:
    """One way to weigh the errors, the threshold that follows from it, and what happens there."""

    name: str
    cost_fp: float
    cost_fn: float
    counts: Confusion

    def to_dict(self) -> dict[str, Any]:
        return {
            "view": self.name,
            "cost_of_a_false_alarm": self.cost_fp,
            "cost_of_a_miss": self.cost_fn,
            **asdict(self.counts),
        }


def views_of(scores: Scores) -> tuple[View, ...]:
    """Every view's threshold c_fp / (c_fp + c_fn) and the four counts there (Elkan 2001, for calibrated scores)."""
    views = []
    for name, fp, fn in VIEWS:
        at = theoretical_threshold(cost_fp=fp, cost_fn=fn)
        views.append(View(name, fp, fn, threshold_table(scores.y_true, scores.score, [at])[0]))
    return tuple(views)


def accountability(
    *, at: float | None = None, decided_by: str = "", seed: int = 0, scores: Scores | None = None
) -> Exhibit:
    """The lesson: one set of scores, several people's thresholds, and a record that asks for a name.

    Raises:
        UsageError: a threshold outside [0, 1].
    """
    if at is not None and not 0 <= at <= 1:
        raise UsageError(f"The scores are probabilities: a threshold lies between 0 and 1, not {at:g}.")
    scores = scores or breast_cancer_scores(seed)
    views = views_of(scores)
    chosen = 0.5 if at is None else at
    counts = threshold_table(scores.y_true, scores.score, [chosen])[0]
    record = run_record(
        seed=seed,
        plan={"costs": "c_fp / (c_fp + c_fn)"},
        data=scores.about,
        threshold=chosen,
        decided_by=decided_by,
    ) | {"preprocessing": "every column standardized within its fold"}
    rows = [(name, _said(record.get(key))) for name, key in RECORDED.items()]
    return Exhibit(
        name="accountability",
        question="Who chose the threshold, and what does it cost whom?",
        answer=_answer(scores, views, counts, at, decided_by),
        notes=NOTES,
        numbers={"chosen": asdict(counts), "views": [view.to_dict() for view in views]},
        record=record,
        draw=lambda theme: draw_accountability(scores, views, counts, decided_by, theme=theme),
        tables=[_table(views, counts, scores), Grid("What the record says", ("question", "answer"), rows)],
    )


@on_page("accountability", "Accountability", 80, accountability)
def _on_page(inputs: PageInputs) -> Exhibit:
    inputs.tell("accountability: thresholds on real scores")
    return accountability(decided_by=inputs.decided_by, seed=inputs.seed)


def _answer(
    scores: Scores, views: Sequence[View], counts: Confusion, at: float | None, decided_by: str
) -> str:
    misses = [view.counts.fn for view in views]
    alarms = [view.counts.fp for view in views]
    chosen = "a default that nobody chose" if at is None else "chosen by hand"
    return (
        f"The same {len(scores.y_true)} scores: depending on the cost of each error, {min(misses)} to "
        f"{max(misses)} {scores.positive} cases are missed and {min(alarms)} to {max(alarms)} people are alarmed for "
        f"nothing. At {counts.threshold:g} ({chosen}) {counts.fn} are missed and {counts.fp} alarmed. "
        + (f"{decided_by} answers for it." if decided_by else "Nobody has signed for it (--decided-by NAME).")
    )


def _table(views: Sequence[View], counts: Confusion, scores: Scores) -> Grid:
    rows = [(v.name, v.counts.threshold, v.counts.fn, v.counts.fp, v.counts.tp, v.counts.tn) for v in views]
    rows.append((CHOSEN, counts.threshold, counts.fn, counts.fp, counts.tp, counts.tn))
    columns = (
        "who weighs the errors how",
        "threshold",
        "missed",
        "false alarms",
        "found",
        "rightly left alone",
    )
    return Grid(f"What the threshold costs ({scores.positive} or {scores.negative})", columns, rows)


RECORDED = {
    "scores of what, by what": "data",
    "threshold": "threshold",
    "program": "tool",
    "seed": "seed",
    "versions": "versions",
    "who decided": "decided_by",
}


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "MISSING" if value in (None, "") else str(value)


CAPTION = (
    "What: the scores of {n} real cases ({about}) with the threshold that each way of weighing errors asks for, and "
    "the errors it makes there. Why: the model is the same in every row; the threshold is a decision, and decisions "
    "have authors. {signed}"
)


@drawn
def draw_accountability(
    scores: Scores,
    views: Sequence[View],
    counts: Confusion,
    decided_by: str,
    *,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """The scores with every threshold, and the errors of each."""
    canvas, axes = new_figure(
        1, 2, title="Who chose the threshold, and what does it cost whom?", size=(16, 6.6), theme=theme
    )
    _histograms(axes[0][0], scores, views, counts, theme)
    _errors(axes[0][1], views, counts, scores, theme)
    signed = f"Decided by {decided_by}." if decided_by else "Nobody has signed for this one."
    caption = CAPTION.format(n=len(scores.y_true), about=scores.about, signed=signed)
    alt = _answer(scores, views, counts, counts.threshold, decided_by)
    return Figure(canvas, caption, alt, {}, theme)


def _histograms(place: Any, scores: Scores, views: Sequence[View], counts: Confusion, theme: Theme) -> None:
    bins = np.linspace(0, 1, 41)
    for value, name, color in ((1, scores.positive, theme.positive), (0, scores.negative, theme.negative)):
        place.hist(scores.score[scores.y_true == value], bins, color=color, alpha=0.75, label=name)
    for number, view in enumerate(views, 1):
        place.axvline(view.counts.threshold, color=theme.ink, linewidth=1.5, linestyle="--")
        place.text(view.counts.threshold, 420 + 130 * (number % 2), f" {number}", fontweight="bold")
    place.axvline(
        counts.threshold,
        color=theme.colors[2],
        linewidth=4,
        alpha=0.6,
        label=f"{CHOSEN}: {counts.threshold:g}",
    )
    place.set_yscale("symlog", linthresh=1)
    place.set_ylim(0, 1200)
    place.legend(loc=(0.27, 0.58))
    label(place, "score: probability of the positive class", "cases", "one set of scores")


def _errors(place: Any, views: Sequence[View], counts: Confusion, scores: Scores, theme: Theme) -> None:
    names = [f"{number}: {view.name}" for number, view in enumerate(views, 1)] + [CHOSEN]
    rows = [view.counts for view in views] + [counts]
    heights = np.arange(len(rows))
    bars = (
        (-0.2, [row.fn for row in rows], theme.positive, f"{scores.positive}, missed"),
        (0.2, [row.fp for row in rows], theme.negative, f"{scores.negative}, alarmed for nothing"),
    )
    for shift, values, color, name in bars:
        drawn_bars = place.barh(heights + shift, values, 0.38, color=color, label=name)
        place.bar_label(drawn_bars, padding=3)
    place.set_yticks(
        heights, [f"{name}\nt = {row.threshold:.3g}" for name, row in zip(names, rows, strict=True)]
    )
    place.set_ylim(len(rows) - 0.5, -1.6)
    place.set_xlim(0, 1.15 * max(max(values) for _, values, _, _ in bars))
    place.legend(loc="upper right")
    label(place, "people", "", "what each threshold costs")
