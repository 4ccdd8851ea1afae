"""The score of an objective for views of a picture, and its gradient: of a whole view, or tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent import replaying
from deepdream.ascent.algebra import Objective
from deepdream.ascent.conditioning import conditioning_of
from deepdream.ascent.references import NetworkReader, References
from deepdream.ascent.term_inputs import TermInputs
from deepdream.ascent.terms import KINDS, Term
from deepdream.ascent.tiling import Box, Rolled, Tiling, tiled_gradient
from deepdream.models.rectifiers import redirected_gradients
from deepdream.plan import Plan

#: A term whose gradient is smaller than this is left as it is: dividing by it would amplify rounding errors.
_DEAD = 1e-12
#: Pixels of the picture on which the sizes of terms are measured: they only need to be compared.
_ENOUGH = 512 * 512


def detached(image: Tensor) -> Tensor:
    return image.detach()


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores views of a picture by the activations of a network, and gives the gradient of the score."""

    network: NetworkReader
    objective: Objective
    plan: Plan
    references: References
    shrunk: Callable[[int], None] | None = None

    def gradient_of(self, view: Rolled, rng: torch.Generator, tiling: Tiling | None) -> tuple[Tensor, Tensor]:
        """The gradient of a view, whole or in tiles, and its score."""
        return self.gradient(view.whole) if tiling is None else self.gradient_in_tiles(view, rng, tiling)

    def gradient(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of a whole view, and its score."""
        inputs, scores = self._scored(view, self.references)
        if not self.balanced:
            return gradient_of_total(weighted_sum(scores), inputs.image), total_of(scores)
        gradient = torch.zeros_like(view)
        # One backward pass per term, since each is divided by its own size; the last one frees the graph.
        for index, (weight, score) in enumerate(reversed(scores)):
            term = self.objective.terms[-1 - index][1]
            part = gradient_of_total(score, inputs.image, again=index < len(scores) - 1)
            gradient += weight * part / term_size(part, term)
        return gradient, total_of(scores)

    def gradient_in_tiles(self, view: Rolled, rng: torch.Generator, tiling: Tiling) -> tuple[Tensor, Tensor]:
        """As ``gradient``, a tile at a time; the gradient lies as ``view.whole`` does, unrolled.

        A term is a mean over positions, so a tile's part in the whole picture's gradient is its gradient times
        its share of the positions; a sum needs no share. Several terms are balanced by their sizes in the whole
        picture, which are measured on a smaller one where it is large.
        """
        height, width = view.whole.shape[-2:]
        under = {
            reference: Rolled(value.to(view.whole).expand(len(view.whole), -1, -1, -1), view.down, view.right)
            for reference, value in self.references.items()
            if reference.lies_under
        }

        def part(box: Box, fit: Callable[[Tensor], Tensor] = detached) -> tuple[Tensor, References]:
            below = {reference: fit(value.of(box)) for reference, value in under.items()}
            return fit(view.of(box)), {**self.references, **below}

        sizes: Sequence[float | Tensor] = [1.0] * len(self.objective.terms)
        if self.balanced:
            sizes = self._sizes(*part(Box(0, height, 0, width), _small_copy))

        def gradient_of(box: Box) -> tuple[Tensor, Tensor]:
            inputs, scores = self._scored(*part(box))
            shared = [
                (weight * self._share(term, inputs.image, view.whole) / size, score)
                for (_, term), (weight, score), size in zip(self.objective.terms, scores, sizes, strict=True)
            ]
            return gradient_of_total(weighted_sum(shared), inputs.image), total_of(scores)

        return tiled_gradient(view, tiling, rng, gradient_of, shrunk=self.shrunk)

    def _scored(self, image: Tensor, references: References) -> tuple[TermInputs, list[tuple[float, Tensor]]]:
        """The inputs of the terms, and their weights and scores, which can be differentiated in the inputs' image."""
        image = image.detach().requires_grad_()
        activations = self.activations(image, self.objective.layers)
        with torch.enable_grad():
            inputs = TermInputs(
                activations, image, self.plan.reduction, self._activations_of_pictures(references)
            )
            return inputs, self.objective.scores(inputs)

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """The outputs of ``layers``, which can be differentiated in the image."""
        # Rectifiers are redirected only around the pass: the network itself is never changed.
        rectifiers = redirected_gradients() if self.plan.relu == "redirected" else nullcontext()
        with torch.enable_grad(), rectifiers:
            return replaying.activations(self.network, image, layers) if layers else {}

    def scores(self, activations: dict[str, Tensor], image: Tensor) -> list[tuple[float, Tensor]]:
        """The weights and scores of the terms, from activations that were computed already."""
        return self.objective.scores(
            TermInputs(
                activations, image, self.plan.reduction, self._activations_of_pictures(self.references)
            )
        )

    def _activations_of_pictures(self, references: References) -> References:
        """``references`` with the activations of each picture that is compared at a layer in its place."""
        with torch.no_grad():
            return {
                reference: self.network.activations(value, (reference.layer,))[reference.layer]
                if reference.role == "picture" and reference.layer
                else value
                for reference, value in references.items()
            }

    @property
    def balanced(self) -> bool:
        """Whether the terms are brought to the same size before they are summed."""
        return len(self.objective.terms) > 1 and conditioning_of(self.plan).per_layer

    def _sizes(self, image: Tensor, references: References) -> list[float | Tensor]:
        """The size of every term in a whole picture."""
        inputs, scores = self._scored(image, references)
        return [
            1.0
            if KINDS[term.kind].penalty
            else term_size(gradient_of_total(score, inputs.image, again=True), term)
            for (_, score), (_, term) in zip(scores, self.objective.terms, strict=True)
        ]

    def _share(self, term: Term, tile: Tensor, view: Tensor) -> float:
        """The share of the whole picture's positions that lie in a tile."""
        if self.plan.reduction == "half-sum" or KINDS[term.kind].spread == "sum":
            return 1.0
        (height, width), (rows, columns) = view.shape[-2:], tile.shape[-2:]
        # A penalty reads the pixels themselves, and not positions of a layer.
        if not term.layers:
            return rows * columns / (height * width)
        name = term.layers[0]
        return self.network.positions(name, rows, columns) / self.network.positions(name, height, width)


def gradient_of_total(total: Tensor, image: Tensor, *, again: bool = False) -> Tensor:
    """d total / d image; zero where the picture has no part in it, as in the variation of a single pixel.

    With ``again`` the graph is kept, for another score of the same pass.
    """
    if not total.requires_grad:
        return torch.zeros_like(image)
    (gradient,) = torch.autograd.grad(total, image, retain_graph=again, allow_unused=True)
    return torch.zeros_like(image) if gradient is None else gradient


def term_size(gradient: Tensor, term: Term) -> float | Tensor:
    """What a term is divided by beside others: so that its weight is how far it moves a typical pixel.

    The root mean square of its gradient times the number of pixel values. A penalty, a mean over these values, is
    left in its own units: the better it is met, the less it must push.
    """
    if KINDS[term.kind].penalty:
        return 1.0
    size = gradient.square().mean().sqrt() * gradient.numel()
    return torch.where(size > _DEAD, size, torch.ones_like(size))


def _small_copy(stack: Tensor) -> Tensor:
    """A picture and what lies under it, at no more pixels than are needed to see how terms compare."""
    factor = math.sqrt(_ENOUGH / (stack.shape[-2] * stack.shape[-1]))
    if factor >= 1:
        return stack
    return resized_to(stack, [max(1, round(side * factor)) for side in stack.shape[-2:]])


def total_of(scores: list[tuple[float, Tensor]]) -> Tensor:
    return torch.stack([weight * score.detach() for weight, score in scores]).sum()


def weighted_sum(scores: Sequence[tuple[float | Tensor, Tensor]]) -> Tensor:
    return torch.stack([weight * score for weight, score in scores]).sum()


def resized_to(image: Tensor, size: list[int]) -> Tensor:
    if list(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
