"""The number that is explained, as a function of the picture, with a count of what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.attribution.baselines import make_baseline
from deepdream.attribution.network_copies import in_float32
from deepdream.attribution.question import Question
from deepdream.attribution.score_layers import find_layer
from deepdream.errors import UsageError
from deepdream.models import Layer, Model
from deepdream.tensors import generator

#: Pictures of 224 x 224 in one pass.
CHUNK = 8


@dataclass
class Cost:
    """Pictures pushed through the network, and gradients pulled back."""

    forwards: int = 0
    backwards: int = 0


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """The target's logit (minus the other's) as a function of the picture: the only way a method runs the network.

    Attributes:
        model: In float32.
        image: (1, 3, H, W), RGB in [0, 1], on the model's device.
        target, against: Indexes of the classes of ``question``.
        used: Which of layer, baseline and seed a method has read, for the record of its options.
        deadline: By ``time.perf_counter``; a method that samples stops there with the samples it has.
    """

    model: Model
    image: Tensor
    target: int
    against: int | None = None
    question: Question = field(default_factory=Question)
    cost: Cost = field(default_factory=Cost)
    used: set[str] = field(default_factory=set)
    deadline: float | None = None

    @classmethod
    def of(cls, model: Model, image: Tensor, question: Question | None = None) -> ScoreFunction:
        """The score function of a question about a picture (1, 3, H, W).

        Raises:
            UnknownNameError: no such class.
            UsageError: the picture has another shape or type, or the class is compared with itself.
        """
        question = question or Question()
        channels = model.channels if model.channels != 1 else 3
        shapes = ((1, model.channels), (1, channels))
        if image.dim() != 4 or image.shape[:2] not in shapes or not image.is_floating_point():
            raise UsageError(
                f"A picture to explain is one float tensor (1, {channels}, H, W) in [0, 1], not {image.dtype} "
                f"{tuple(image.shape)}."
            )
        # Lower precision would make the gradients of deep networks zero or infinite.
        model, image = in_float32(model), image.detach().float()
        target, against = classes_of(model, image, question)
        return cls(model, image.to(model.device), target, against, question)

    def uncounted(self) -> ScoreFunction:
        """The same function with a cost of its own and without a deadline, for measurements beside a method."""
        return replace(self, cost=Cost(), used=set(), deadline=None)

    @property
    def late(self) -> bool:
        """Whether the deadline is over."""
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
        """(1, 3, H, W): the reference image that stands for absence."""
        self.used.add("baseline")
        return make_baseline(self.image, self.question.baseline, self.question.seed)

    @property
    def layer(self) -> Layer:
        """The spatial layer that is read."""
        self.used.add("layer")
        return find_layer(self.model, self.question.layer)

    def generator(self) -> torch.Generator:
        """A fresh random generator, seeded by the question's seed."""
        self.used.add("seed")
        return generator(self.question.seed)

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

        def count(gradient: Tensor) -> None:
            self.cost.backwards += gradient.numel()

        if scores.requires_grad:
            scores.register_hook(count)  # type: ignore[no-untyped-call]
        return scores

    def scores(self, images: Tensor) -> Tensor:
        """The scores (B,) of many pictures, chunk by chunk, without gradients."""
        with torch.no_grad():
            return torch.cat([self.score(part) for part in torch.split(images, self.chunk)])

    def gradients(self, images: Tensor) -> Tensor:
        """The gradient of each picture's score, (B, 3, H, W), chunk by chunk."""
        gradients: list[Tensor] = []
        for part in torch.split(images, self.chunk):
            with torch.enable_grad():
                part = part.detach().requires_grad_()
                # The scores are independent, so the gradient of their sum is the gradient of each.
                gradients += torch.autograd.grad(self.score(part).sum(), part)
        # Concatenating a single part would copy it.
        return gradients[0] if len(gradients) == 1 else torch.cat(gradients)

    def masked_scores_of(
        self, count: int, masks: Callable[[int, int], Tensor], baseline: Tensor, *, may_stop: bool = False
    ) -> Tensor:
        """Scores of the picture where a mask is 1, of ``baseline`` where it is 0.

        Args:
            masks: ``masks(start, stop)`` makes (stop - start, 1, H, W) of the ``count`` masks, chunk by chunk, so
                that never all of them are in memory.
            may_stop: Return fewer scores than masks where the deadline is over, but one chunk at least.
        """
        scores: list[Tensor] = []
        for start in range(0, count, self.chunk):
            if may_stop and scores and self.late:
                break
            mask = masks(start, min(start + self.chunk, count)).to(self.image)
            scores.append(self.scores(baseline.lerp(self.image, mask)))
        return torch.cat(scores)

    @cached_property
    def image_score(self) -> float:
        """The score of the picture itself (not counted as a cost of the method)."""
        return self.score_of(self.image)

    def score_of(self, image: Tensor) -> float:
        """The score of one picture as a number, not counted."""
        with torch.no_grad():
            return float(self.of_logits(self.model(image)))


def classes_of(model: Model, image: Tensor, question: Question) -> tuple[int, int | None]:
    """The indexes of the question's classes; without a target the class with the highest score is looked up.

    Raises:
        UnknownNameError: no such class.
        UsageError: the class is compared with itself.
    """
    if question.target is None:
        with torch.no_grad():
            target = int(model(image.to(model.device))[0].argmax())
    else:
        target = model.find_class(str(question.target))
    against = None if question.against is None else model.find_class(str(question.against))
    if against == target:
        raise UsageError(f"{model.label(target)!r} cannot be compared with itself; choose another class.")
    return target, against


def enlarge(values: Tensor, size: tuple[int, int]) -> Tensor:
    """(h, w) -> (H, W), bilinear."""
    if tuple(values.shape) == size:
        return values
    return F.interpolate(values[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
