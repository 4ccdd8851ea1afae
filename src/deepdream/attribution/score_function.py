"""What is to be explained, and the only door through which a method asks the network."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Layer, Model
from deepdream.tensors import generator

Baseline = Literal["black", "mean", "blur", "noise", "white"]

#: Pictures of 224 x 224 in one pass.
CHUNK = 8


@dataclass
class Cost:
    """Pictures pushed through the network, and gradients pulled back."""

    forwards: int = 0
    backwards: int = 0


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """One picture and one question to one network.

    Attributes:
        model: In float32.
        image: (1, 3, H, W), RGB in [0, 1], on the model's device.
        layer_name: What the user asked for; ``layer`` is what it means.
        baseline_name: The same for ``baseline``.
        used: Which of the shared options (layer, baseline, seed) a method has looked at.
        deadline: By ``time.perf_counter``; a method that samples stops there with what it has.
    """

    model: Model
    image: Tensor
    target: int
    against: int | None = None
    layer_name: str = "auto"
    baseline_name: str = "black"
    seed: int = 0
    cost: Cost = field(default_factory=Cost)
    used: set[str] = field(default_factory=set)
    deadline: float | None = None

    @property
    def late(self) -> bool:
        """Whether the time is spent."""
        return self.deadline is not None and time.perf_counter() >= self.deadline

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        height, width = self.image.shape[-2:]
        return height, width

    @property
    def chunk(self) -> int:
        """How many pictures fit into one pass: 8 of 224 x 224 pixels."""
        height, width = self.size
        return max(1, min(64, CHUNK * 224 * 224 // (height * width)))

    @property
    def baseline(self) -> Tensor:
        """(1, 3, H, W): the picture that shows nothing."""
        self.used.add("baseline")
        return make_baseline(self.image, self.baseline_name, self.seed)

    @property
    def layer(self) -> Layer:
        """The spatial layer that is read."""
        self.used.add("layer")
        return find_layer(self.model, self.layer_name)

    def generator(self) -> torch.Generator:
        """A fresh generator, seeded by the user's seed."""
        self.used.add("seed")
        return generator(self.seed)

    def of_logits(self, logits: Tensor) -> Tensor:
        """(B, classes) -> (B,): the target's logit, minus the other's."""
        scores = logits[:, self.target]
        return scores if self.against is None else scores - logits[:, self.against]

    def score(self, images: Tensor) -> Tensor:
        """The scores (B,) of pictures (B, 3, H, W), differentiable, in one pass."""
        self.cost.forwards += len(images)
        return self.count_backward(self.of_logits(self.model(images)))

    def count_backward(self, scores: Tensor) -> Tensor:
        """``scores``, which will be counted when a gradient is pulled through them."""
        if scores.requires_grad:
            scores.register_hook(self._count)  # type: ignore[no-untyped-call]
        return scores

    def _count(self, gradient: Tensor) -> None:
        self.cost.backwards += gradient.numel()

    def scores(self, images: Tensor) -> Tensor:
        """The scores (B,) of many pictures, chunk by chunk, without gradients."""
        with torch.no_grad():
            return torch.cat([self.score(part) for part in self._chunks(images)])

    def gradients(self, images: Tensor) -> Tensor:
        """The gradient of each picture's score, (B, 3, H, W), chunk by chunk."""
        parts = [self._gradient(part) for part in self._chunks(images)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _chunks(self, images: Tensor) -> list[Tensor]:
        return [images[start : start + self.chunk] for start in range(0, len(images), self.chunk)]

    def _gradient(self, images: Tensor) -> Tensor:
        with torch.enable_grad():
            images = images.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.score(images).sum(), images)
        return gradient

    def masked_scores_of(
        self, count: int, masks: Callable[[int, int], Tensor], baseline: Tensor, *, may_stop: bool = False
    ) -> Tensor:
        """Scores of the picture where a mask is 1, of ``baseline`` where it is 0.

        ``masks(start, stop)`` makes (stop - start, 1, H, W) of the ``count`` masks, chunk by chunk.

        With ``may_stop`` there are fewer scores than masks where the time is spent, but one chunk at least.
        """
        found: list[Tensor] = []
        for start in range(0, count, self.chunk):
            if may_stop and found and self.late:
                break
            mask = masks(start, min(start + self.chunk, count)).to(self.image)
            found.append(self.scores(baseline.lerp(self.image, mask)))
        return torch.cat(found)

    @cached_property
    def image_score(self) -> float:
        """The score of the picture itself (not counted as a cost of the method)."""
        return self.score_of(self.image)

    def score_of(self, image: Tensor) -> float:
        """The score of one picture as a number, not counted."""
        with torch.no_grad():
            return float(self.of_logits(self.model(image)))


def make_baseline(image: Tensor, name: str, seed: int = 0) -> Tensor:
    """(1, 3, H, W): black, white, the picture's mean color, its blur, or uniform noise.

    Raises:
        UnknownNameError: another name.
    """
    if name == "black":
        return torch.zeros_like(image)
    if name == "white":
        return torch.ones_like(image)
    if name == "mean":
        return image.mean(dim=(-2, -1), keepdim=True).expand_as(image).clone()
    if name == "blur":
        return blur(image, sigma=max(image.shape[-2:]) / 12)
    if name == "noise":
        return torch.rand(image.shape, generator=generator(seed)).to(image)
    raise UnknownNameError("baseline", name, get_args(Baseline))


def blur(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur with the edges repeated; ``sigma`` in pixels, 0 gives the picture back."""
    if sigma <= 0:
        return image.clone()
    height, width = image.shape[-2:]
    return _blur_rows(_blur_rows(image, sigma, height).mT, sigma, width).mT


def _blur_rows(image: Tensor, sigma: float, size: int) -> Tensor:
    # One dense matrix along an axis: exact at every sigma, also beyond the picture's size.
    radius = max(1, round(4 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    places = torch.arange(size, device=image.device)[:, None] + offsets.long()[None]
    matrix = torch.zeros(size, size, dtype=image.dtype, device=image.device)
    matrix.scatter_add_(1, places.clamp(0, size - 1), (weights / weights.sum()).expand(size, -1))
    return matrix @ image


def find_layer(model: Model, name: str) -> Layer:
    """The spatial layer ``name``; ``auto`` is the last one with more than one position.

    Raises:
        UnknownNameError: no such layer.
        UsageError: a layer whose output is not (B, C, h, w) with h, w > 1, or no such layer for ``auto``.
    """
    if name == "auto":
        return _last_spatial(model)
    layer = model.layer(name)
    if not layer.spatial:
        raise UsageError(
            f"Layer {name!r} of {model.name} has no space to map: its output is not (B, C, h, w) with h or w "
            f"above 1. The last that has is {_last_spatial(model).name!r}; `deepdream layers` lists all."
        )
    return layer


def _last_spatial(model: Model) -> Layer:
    spatial = [layer for layer in model.layers.values() if layer.spatial]
    if not spatial:
        raise UsageError(f"{model.name} has no layer with a spatial output.")
    return max(spatial, key=lambda layer: layer.depth)


def in_float32(model: Model) -> Model:
    """The model itself, or a float32 copy of one whose weights have another type (made once)."""
    floating = {p.dtype for p in model.module.parameters() if p.is_floating_point()}
    if floating <= {torch.float32}:
        return model
    if model not in _COPIES:
        _COPIES[model] = replace(model, module=copy.deepcopy(model.module).float())
    return _COPIES[model]


_COPIES: WeakKeyDictionary[Model, Model] = WeakKeyDictionary()


def frozen_copy(network: nn.Module) -> nn.Module:
    """A copy for evaluation in which nothing is trained and nothing is written in place."""
    twin = copy.deepcopy(network).eval().requires_grad_(False)
    for part in twin.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    return twin.to(memory_format=torch.channels_last)


def enlarge(values: Tensor, size: tuple[int, int]) -> Tensor:
    """(h, w) -> (H, W), bilinear."""
    if tuple(values.shape) == size:
        return values
    return F.interpolate(values[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
