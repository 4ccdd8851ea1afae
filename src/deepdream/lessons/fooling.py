"""Fool and unmask: a change too small to see, another answer, and the explanation before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdream.attribution import Explanation, explain
from deepdream.attribution.attacks import fgsm, pgd
from deepdream.attribution.checks.similarity import spearman
from deepdream.attribution.pictures import overlay
from deepdream.errors import UsageError
from deepdream.figures import Figure, Theme, drawn, new_figure, shortened
from deepdream.images import Picture
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.models import Model

#: Two attacks away from the class, one toward the least likely class (Kurakin et al. 2016, arXiv:1607.02533).
FAST, PROJECTED, TOWARD = "fast gradient sign", "projected gradient", "projected to the unlikeliest"
METHOD = "grad-cam"
NOTES = (
    "Show the three pictures without their titles and ask for the difference. The change follows the same gradient as "
    "saliency and the dream, with its sign only and within a box too small to see. Then compare the maps: an "
    "explanation explains what the network says, also when it is fooled; it is no lie detector. Caveat: the attack "
    "knows every weight of the network. This says nothing about how often such pictures meet a network by themselves."
)


@dataclass(frozen=True, eq=False)
class Fooled:
    """One attack on one picture.

    Attributes:
        image: (1, 3, H, W), the picture as fed, changed by the attack.
        target: The class it is now taken for.
        probability, kept: Of that class, and of the one before.
        largest_change: In any value, of the range 0 to 1.
        explanation: Of the class it is now taken for.
        similarity: Spearman correlation of that map with the one before.
    """

    attack: str
    image: Tensor
    target: int
    probability: float
    kept: float
    largest_change: float
    explanation: Explanation
    similarity: float


@dataclass(frozen=True, eq=False)
class Fooling:
    """A picture, what the network said of it and why, and every attack."""

    model: Model
    image: Tensor
    target: int
    probability: float
    explanation: Explanation
    attacks: tuple[Fooled, ...]


def fool_network(
    model: Model, picture: Picture, *, epsilon: float = 2 / 255, method: str = METHOD, tell: Tell = in_silence
) -> Fooling:
    """Attack a picture away from its first class, and toward the least likely one.

    Raises:
        UsageError: an epsilon outside (0, 1]; a method that does not apply.
        UnknownNameError: no such method.
    """
    if not 0 < epsilon <= 1:
        raise UsageError(f"The largest change lies between 0 and 1 of the full range, not {epsilon:g}.")
    if model.output_kind != "softmax":
        raise UsageError(
            f"{model.name} does not choose one of several classes: its kind is {model.output_kind}."
        )
    image = model.crop(picture.tensor().to(model.device))
    chances = _probabilities(model, image)
    target = int(chances.argmax())
    before = explain(model, image, method, target)
    entries = []
    attacks: dict[str, Callable[[], Tensor]] = {
        FAST: lambda: fgsm(model, image, target, epsilon=epsilon),
        PROJECTED: lambda: pgd(model, image, target, epsilon=epsilon),
        TOWARD: lambda: pgd(model, image, int(chances.argmin()), epsilon=epsilon, steps=20, toward=True),
    }
    for name, attack in attacks.items():
        tell(f"fool: {name}")
        entries.append(_fooled(name, model, image, attack(), before))
    return Fooling(model, image, target, float(chances[target]), before, tuple(entries))


@torch.no_grad()
def _probabilities(model: Model, image: Tensor) -> Tensor:
    return model.answers(model(image)[0]).cpu()


def _fooled(name: str, model: Model, image: Tensor, changed: Tensor, before: Explanation) -> Fooled:
    chances = _probabilities(model, changed)
    now = int(chances.argmax())
    after = explain(model, changed, before.method, now)
    return Fooled(
        attack=name,
        image=changed,
        target=now,
        probability=float(chances[now]),
        kept=float(chances[before.target]),
        largest_change=float((changed - image).abs().max()),
        explanation=after,
        similarity=spearman(before.heatmap, after.heatmap),
    )


def fool(
    model: Model,
    picture: Picture,
    *,
    epsilon: float = 2 / 255,
    method: str = METHOD,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: an adversarial picture, and its explanation before and after."""
    fooling = fool_network(model, picture, epsilon=epsilon, method=method, tell=tell)
    return Exhibit(
        name="fool",
        question="How little must change for another answer, and does the explanation tell?",
        answer=_answer(fooling),
        notes=NOTES,
        numbers=_numbers(fooling, epsilon),
        record=run_record(
            [model], picture, plan={"epsilon": epsilon, "method": method}, decided_by=decided_by
        ),
        draw=lambda theme: draw_fooling(fooling, theme=theme),
        tables=[_table(fooling)],
    )


@on_page("fool", "Fooled", 70, fool)
def _on_page(inputs: PageInputs) -> Exhibit:
    return fool(inputs.model, inputs.picture, decided_by=inputs.decided_by, tell=inputs.tell)


def _named(model: Model, target: int, probability: float) -> str:
    return f"“{shortened(model.label(target), 30)}” ({probability:.0%})"


def _answer(fooling: Fooling) -> str:
    words = [f"The network says {_named(fooling.model, fooling.target, fooling.probability)}."]
    for entry in fooling.attacks:
        fooled = entry.target != fooling.target
        words.append(
            f"After {entry.attack}, no value changed by more than {255 * entry.largest_change:.1f} of 255, "
            f"it says {_named(fooling.model, entry.target, entry.probability)}"
            f"{'' if fooled else ': not fooled'}; the map's rank correlation with the one before is "
            f"{entry.similarity:.2f}."
        )
    return " ".join(words)


def _numbers(fooling: Fooling, epsilon: float) -> dict[str, Any]:
    label = fooling.model.label(fooling.target)
    return {
        "model": fooling.model.name,
        "epsilon": epsilon,
        "method": fooling.explanation.method,
        "before": {"index": fooling.target, "label": label, "probability": fooling.probability},
        "attacks": [
            {
                "attack": entry.attack,
                "index": entry.target,
                "label": fooling.model.label(entry.target),
                "probability": entry.probability,
                "probability_of_the_first": entry.kept,
                "largest_change": entry.largest_change,
                "map_similarity": entry.similarity,
                "fooled": entry.target != fooling.target,
            }
            for entry in fooling.attacks
        ],
    }


def _table(fooling: Fooling) -> Grid:
    rows = [
        (e.attack, fooling.model.label(e.target), e.probability, e.kept, 255 * e.largest_change, e.similarity)
        for e in fooling.attacks
    ]
    columns = (
        "attack",
        "now",
        "probability",
        "of the first class",
        "largest change / 255",
        "maps' correlation",
    )
    return Grid("After the attacks", columns, rows)


CAPTION = (
    "What: a picture, the change that an attack made (times {factor:.0f}), the changed picture, and the {method} maps "
    "of what the network says before and after. Why: a change that nobody sees moves the answer; the map follows the "
    "new answer and explains it as calmly as the old one."
)


@drawn
def draw_fooling(fooling: Fooling, *, theme: Theme = Theme.LIGHT) -> Figure:
    """One row for each attack: before, the change, after, and the maps."""
    rows = len(fooling.attacks)
    canvas, axes = new_figure(
        rows, 5, title="Fooled, and explained all the same", size=(17.5, 1 + 3.8 * rows), theme=theme
    )
    factor = 0.5 / max(entry.largest_change for entry in fooling.attacks)
    for row, entry in zip(axes, fooling.attacks, strict=True):
        _row(row, fooling, entry, factor, theme)
    caption = CAPTION.format(factor=factor, method=fooling.explanation.method)
    return Figure(canvas, caption, _answer(fooling), {}, theme)


def _row(axes: Any, fooling: Fooling, entry: Fooled, factor: float, theme: Theme) -> None:
    label = fooling.model.label
    change = 0.5 + factor * (entry.image - fooling.image)
    panels = [
        (_pixels(fooling.image), f"{shortened(label(fooling.target))} {fooling.probability:.0%}"),
        (_pixels(change), f"change × {factor:.0f}"),
        (_pixels(entry.image), f"{shortened(label(entry.target))} {entry.probability:.0%}"),
        (overlay(fooling.explanation, fooling.image, theme), "why, before"),
        (overlay(entry.explanation, entry.image, theme), "why, after"),
    ]
    for axis, (pixels, title) in zip(axes, panels, strict=True):
        axis.imshow(pixels)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    axes[0].set_ylabel(entry.attack, fontsize=14, fontweight="bold")


def _pixels(image: Tensor) -> Any:
    return np.asarray(image[0].clamp(0, 1).permute(1, 2, 0).cpu())
