"""Wrong reasons: a network that is right because of a mark in the corner, and which explanations give it away.

Geirhos et al. 2020, Shortcut Learning in Deep Neural Networks, arXiv:2004.07780; the planted mark as in Adebayo et
al. 2020, Debugging Tests for Model Explanations, arXiv:2011.05429.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from deepdream.attribution import explain, find_method, methods
from deepdream.attribution.checks.localization import mass_inside
from deepdream.attribution.checks.maps import control_maps
from deepdream.errors import UsageError
from deepdream.lecture.datasets import bundled
from deepdream.lessons.exhibit import Tell, in_silence
from deepdream.lessons.small_networks import SmallCNN, accuracy, train_small
from deepdream.models import Model
from deepdream.tensors import generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Marked = Literal["as trained", "nobody", "the others"]

DIGITS = (3, 8)
SIDE, MARK = 32, 5
#: The mark and a rim of two pixels, for no map is finer than the layer it is read from.
RIM = 2
PICTURES = 4


@dataclass(frozen=True, eq=False)
class Shortcut:
    """Two networks of one architecture: the cheater, trained with a mark on one class, and the honest one.

    Attributes:
        cheater, honest: Models of 32 x 32 pictures; the honest one saw the mark on a random half of both classes.
        accuracies: Of (network, who is marked), on pictures that neither was trained on.
        images: (n, 3, 32, 32) unseen pictures of the second digit, marked.
        mask: (32, 32) bool, the mark and its rim.
    """

    cheater: Model
    honest: Model
    accuracies: dict[tuple[str, Marked], float]
    images: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Caught:
    """How much of a method's positive evidence lies on the mark, mean over pictures, for both networks.

    ``reveals``: in every picture the cheater's share is above every control and above the honest network's.
    """

    method: str
    cheater: float
    honest: float
    reveals: bool


def plant_shortcut(*, seed: int = 0) -> Shortcut:
    """Train both networks on two digits; a few seconds."""
    images, y = _digits()
    held_out = torch.arange(len(y)) % 4 == 0
    train, test = (images[~held_out], y[~held_out]), (images[held_out], y[held_out])
    coin = torch.rand(len(train[1]), generator=generator(seed)) < 0.5
    cheater = _trained(mark(train[0], train[1] == 1), train[1], seed, "cheater")
    honest = _trained(mark(train[0], coin), train[1], seed, "honest")
    accuracies: dict[tuple[str, Marked], float] = {
        (model.name, who): accuracy(model.module, mark(test[0], _marked(test[1], who)), test[1])
        for model in (cheater, honest)
        for who in ("as trained", "nobody", "the others")
    }
    eights = test[0][test[1] == 1][:PICTURES]
    return Shortcut(
        cheater, honest, accuracies, mark(eights, torch.ones(len(eights), dtype=torch.bool)), mark_mask()
    )


def _digits() -> tuple[Tensor, Tensor]:
    """(n, 3, 32, 32) float32 in [0, 1] and classes 0 or 1: two digits, enlarged, on a black frame."""
    table = bundled("digits")
    both = np.isin(table.y, DIGITS)
    small = torch.from_numpy(table.X[both]).float().view(-1, 1, 8, 8)
    large = small.repeat_interleave(3, dim=2).repeat_interleave(3, dim=3)
    edge = (SIDE - 24) // 2
    framed = torch.nn.functional.pad(large, (edge, edge, edge, edge))
    return framed.expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(
        (table.y[both] == DIGITS[1]).astype(np.int64)
    )


def mark(images: Tensor, whom: Tensor) -> Tensor:
    """A copy in which the pictures ``whom`` (n,) bool have a white square in the lower right corner."""
    marked = images.clone()
    marked[whom, :, -MARK:, -MARK:] = 1.0
    return marked


def mark_mask() -> Tensor:
    """(32, 32) bool: the mark and its rim."""
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[-MARK - RIM :, -MARK - RIM :] = True
    return mask


def _marked(y: Tensor, who: Marked) -> Tensor:
    return {"as trained": y == 1, "nobody": torch.zeros_like(y, dtype=torch.bool), "the others": y == 0}[who]


def _trained(images: Tensor, y: Tensor, seed: int, name: str) -> Model:
    network = train_small(SmallCNN(3, SIDE, 2, seed=seed), images, y)
    names = [str(digit) for digit in DIGITS]
    return Model.wrap(network, labels=names, name=name, input_size=SIDE, fixed=True)


def catch(
    planted: Shortcut, names: Sequence[str] = (), *, seed: int = 0, tell: Tell = in_silence
) -> Iterator[Caught]:
    """Every method's share of evidence on the mark (all methods, if none is named).

    One that does not apply to the networks is left out, and the answer says so.

    Raises:
        UnknownNameError: no such method.
    """
    for name in names:
        find_method(name)
    controls = [_largest_control(planted, image[None], seed) for image in planted.images]
    for name in names or methods():
        try:
            shares = {
                model.name: [_share(planted, model, image[None], name, seed) for image in planted.images]
                for model in (planted.cheater, planted.honest)
            }
        except UsageError as reason:
            tell(f"wrong reasons: {name} is left out: {reason}")
            continue
        yield _caught(name, shares["cheater"], shares["honest"], controls)


def _caught(name: str, cheater: list[float], honest: list[float], controls: list[float]) -> Caught:
    reveals = all(c > max(h, limit) for c, h, limit in zip(cheater, honest, controls, strict=True))
    return Caught(name, float(np.mean(cheater)), float(np.mean(honest)), reveals)


def _share(planted: Shortcut, model: Model, image: Tensor, method: str, seed: int) -> float:
    """Why the second digit and not the first: the share of what supports it that lies on the mark."""
    return mass_inside(explain(model, image, method, 1, against=0, seed=seed).heatmap, planted.mask)


def _largest_control(planted: Shortcut, image: Tensor, seed: int) -> float:
    return max(mass_inside(heatmap, planted.mask) for heatmap in control_maps(image, seed=seed).values())


def control_shares(planted: Shortcut, *, seed: int = 0) -> dict[str, float]:
    """The mean share on the mark of maps that know nothing of a network, and of an even map."""
    controls = [control_maps(image[None], seed=seed) for image in planted.images]
    shares = {
        name: float(np.mean([mass_inside(maps[name], planted.mask) for maps in controls]))
        for name in controls[0]
    }
    return {"even map": float(planted.mask.double().mean()), **shares}
