"""What the network said, how sure it was, and whether it says the same of nearly the same picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.checks import CheckContext
from deepdream.models import Model
from deepdream.tensors import generator

TOP = 5
CROP = 0.9
NOISES = (0.02, 0.05)
DRAWS = 3
#: The trials that are made however slow the network is.
FIRST = ("mirrored", "cropped, center", "noise of 5%, 1")


@dataclass(frozen=True)
class TopClass:
    """One class of the answer."""

    index: int
    label: str
    logit: float
    probability: float


@dataclass(frozen=True)
class PredictionSummary:
    """The first classes, and how sure the network is.

    Attributes:
        target: The class that the page explains; ``probability`` is its own.
        margin: The first probability minus the second.
        entropy: Of all probabilities, in bits, 0 where they are not those of one choice; ``classes`` is how many.
    """

    top: tuple[TopClass, ...]
    target: int
    label: str
    probability: float
    margin: float
    entropy: float
    classes: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def predict(model: Model, image: Tensor, target: str | None = None) -> PredictionSummary:
    """The answer to a picture as fed, (1, 3, H, W). Raises UnknownNameError for a class that is not there."""
    with torch.no_grad():
        logits = model(image)[0].double().cpu()
    chances = model.answers(logits)
    values, indexes = chances.topk(min(TOP, len(chances)))
    top = tuple(
        TopClass(i, model.label(i), float(logits[i]), p)
        for i, p in zip(indexes.tolist(), values.tolist(), strict=True)
    )
    index = top[0].index if target is None else model.find_class(target)
    return PredictionSummary(
        top=top,
        target=index,
        label=model.label(index),
        probability=float(chances[index]),
        margin=top[0].probability - (top[1].probability if len(top) > 1 else 0.0),
        entropy=(
            float(torch.special.entr(chances).sum()) / math.log(2) if model.output_kind == "softmax" else 0.0
        ),
        classes=len(chances),
    )


@dataclass(frozen=True)
class ChangedPicture:
    """A changed picture: what was changed, what the network says then, the class's probability then."""

    change: str
    index: int
    label: str
    probability: float
    kept: bool


@dataclass(frozen=True)
class Stability:
    """The answers to slightly changed pictures; ``kept`` counts those with the same first class, or yes or no."""

    trials: tuple[ChangedPicture, ...]

    @property
    def kept(self) -> int:
        """Trials in which the first class stayed the first."""
        return sum(trial.kept for trial in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"kept": self.kept, "of": len(self.trials), "trials": [asdict(trial) for trial in self.trials]}


def stability_of(context: CheckContext, *, most: int | None = None) -> Stability:
    """Flip, five crops, noise: does the first class stay? ``most`` trials at most, and one of each kind at least."""
    changes = dict(_changed(context.image, context.seed))
    if most is not None and most < len(changes):
        names = sorted(changes, key=lambda name: name not in FIRST)[: max(most, len(FIRST))]
        changes = {name: image for name, image in changes.items() if name in names}
    chances = context.distributions(torch.cat([context.image, *changes.values()]))
    trials = [_trial(context, name, row, chances[0]) for name, row in zip(changes, chances[1:], strict=True)]
    return Stability(tuple(trials))


def _trial(context: CheckContext, change: str, chances: Tensor, before: Tensor) -> ChangedPicture:
    index, own = int(chances.argmax()), float(chances[context.target])
    kept = index == int(before.argmax())
    if (
        context.model.output_kind == "sigmoid"
    ):  # no label excludes another: the answer is the label's own yes or no
        kept = (own > 0.5) == (float(before[context.target]) > 0.5)
    return ChangedPicture(change, index, context.model.label(index), own, kept)


def _changed(image: Tensor, seed: int) -> Iterator[tuple[str, Tensor]]:
    yield "mirrored", image.flip(-1)
    height, width = image.shape[-2:]
    rows, columns = round(CROP * height), round(CROP * width)
    corners = {
        "top left": (0, 0),
        "top right": (0, width - columns),
        "bottom left": (height - rows, 0),
        "bottom right": (height - rows, width - columns),
        "center": ((height - rows) // 2, (width - columns) // 2),
    }
    for name, (top, left) in corners.items():
        part = image[..., top : top + rows, left : left + columns]
        yield f"cropped, {name}", _resized(part, height, width)
    source = generator(seed)
    for sigma in NOISES:
        for draw in range(DRAWS):
            noise = torch.randn(image.shape, generator=source).to(image)
            yield f"noise of {sigma:.0%}, {draw + 1}", (image + sigma * noise).clamp(0, 1)


def _resized(part: Tensor, height: int, width: int) -> Tensor:
    resized = F.interpolate(part, size=(height, width), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1)
