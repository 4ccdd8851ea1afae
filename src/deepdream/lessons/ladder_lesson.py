"""The lesson on one idea: what a perceptron, saliency, a dream and training have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepdream.figures import Figure, Theme, drawn, new_figure
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.lessons.rungs import STEPS, Rung, climb_ladder

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.images import Picture
    from deepdream.models import Model

TITLE = "One idea: the gradient with respect to the input"


NOTES = (
    "Go from left to right and say each time: we ask how the score would change if the input changed a little. For the "
    "perceptron the answer is the weights themselves, and one picture explains every decision. From the second rung on "
    "the answer depends on the input. Saliency draws it, DeepDream follows it, training asks it of the weights. "
    "Caveat: the gradient is about small changes only; where it is large is not where the network 'looks', and a dream "
    "that follows it plainly is mostly fine noise. DeepDream adds octaves, jitter and smoothing to the same step."
)


def ladder(model: Model, picture: Picture, *, seed: int = 0, tell: Tell = in_silence) -> Exhibit:
    """The lesson: saliency, DeepDream and training are one idea."""
    rungs = climb_ladder(model, picture, seed=seed, tell=tell)
    return Exhibit(
        name="ladder",
        question="What do a perceptron's weights, a saliency map, a dream and training have in common?",
        answer=_answer(rungs),
        notes=NOTES,
        numbers={"steps": STEPS, "rungs": [rung.to_dict() for rung in rungs]},
        record=run_record([model], picture, seed=seed, data="scikit-learn digits, 1797 of 8 x 8 pixels"),
        draw=lambda theme: draw_ladder(rungs, theme=theme),
        tables=[_table(rungs)],
    )


@on_page("ladder", "Ladder", 50, ladder)
def _on_page(inputs: PageInputs) -> Exhibit:
    return ladder(inputs.model, inputs.picture, seed=inputs.seed, tell=inputs.tell)


def _answer(rungs: tuple[Rung, ...]) -> str:
    worst = max(rung.error for rung in rungs)
    return (
        f"At all {len(rungs)} rungs the same thing is computed: the gradient of a score. It agrees with finite "
        f"differences to {worst:.0e} of its length or better. {STEPS} steps along it raise the score everywhere: "
        + "; ".join(
            f"{rung.name.partition(':')[0]} {rung.score:.3g} to {rung.climbed_score:.3g}" for rung in rungs
        )
        + "."
    )


def _table(rungs: tuple[Rung, ...]) -> Grid:
    rows = [
        (rung.name, rung.formula, rung.score, rung.climbed_score, f"{rung.error:.0e}", rung.note)
        for rung in rungs
    ]
    columns = ("rung", "gradient", "score", f"after {STEPS} steps", "check", "notice")
    return Grid("The rungs; check: distance from finite differences", columns, rows)


CAPTION = (
    f"What: six scores, the input of each, the score's gradient in it (orange raises the score, blue lowers it) and "
    f"the input after {STEPS} plain steps along the gradient. Why: a saliency map, a dream and training are the same "
    "operation; only what may change differs. Every gradient was checked against finite differences."
)


@drawn
def draw_ladder(rungs: tuple[Rung, ...], *, theme: Theme = Theme.LIGHT) -> Figure:
    """One column a rung: the input, the gradient, the input after the climb."""
    canvas, axes = new_figure(3, len(rungs), title=TITLE, size=(3.1 * len(rungs), 10.6), theme=theme)
    for column, rung in enumerate(rungs):
        _column(axes[:, column], rung, theme)
    for row, name in enumerate(("what may change", "the gradient", f"after {STEPS} steps")):
        axes[row][0].set_ylabel(name, fontsize=17, fontweight="bold")
    alt = "Six columns from the perceptron to training; " + _answer(rungs)
    return Figure(canvas, CAPTION, alt, {}, theme)


def _column(axes: Any, rung: Rung, theme: Theme) -> None:
    head, _, question = rung.name.partition(": ")
    axes[0].set_title(f"{head}\n{question}\n{rung.formula}", fontsize=13)
    axes[1].set_title(f"score {rung.score:.3g}", fontsize=13)
    axes[2].set_title(f"score {rung.climbed_score:.3g}", fontsize=13)
    weights = rung.name.startswith("training")
    for axis, values in ((axes[0], rung.x), (axes[2], rung.climbed)):
        (_signed if weights else _plain)(axis, values, theme)
    _signed(axes[1], rung.gradient, theme)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)


def _plain(axis: Any, values: Tensor, _: Theme) -> None:
    if values.dim() == 2:
        axis.imshow(values.numpy(), cmap="gray", vmin=0, vmax=1)
    else:
        axis.imshow(values.clamp(0, 1).permute(1, 2, 0).cpu().numpy())


def _signed(axis: Any, values: Tensor, theme: Theme) -> None:
    flat = values if values.dim() == 2 else values.sum(dim=0)
    array = flat.cpu().numpy()
    limit = float(np.quantile(np.abs(array), 0.995)) or 1.0
    axis.imshow(array, cmap=theme.diverging, vmin=-limit, vmax=limit)
