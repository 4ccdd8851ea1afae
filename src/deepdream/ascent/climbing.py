"""One gradient of an objective with respect to a picture, seen through random transforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent import replaying
from deepdream.ascent.algebra import Objective
from deepdream.ascent.conditioning import conditioning_of
from deepdream.ascent.references import NetworkReader, References
from deepdream.ascent.term_inputs import Reference, TermInputs
from deepdream.ascent.terms import KINDS, Term
from deepdream.ascent.tiling import Box, Rolled, Tiling, tiled_gradient
from deepdream.ascent.transforms import Change, draw_all, draw_offset, parse_transforms
from deepdream.ascent.transparency import on_random_ground
from deepdream.models.rectifiers import redirected_gradients
from deepdream.plan import Plan

#: A term whose size is below this is dead: nothing of its layer responds, and it has nothing to say.
_DEAD = 1e-12
_ENOUGH = 512 * 512  # pixels


def measure_gradient(
    network: NetworkReader,
    goals: Objective | Sequence[Objective],
    image: Tensor,
    plan: Plan,
    rng: torch.Generator,
    *,
    tiling: Tiling | None = None,
    references: References = MappingProxyType({}),
    show: Callable[[Tensor], Tensor] | None = None,
    shrunk: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """d score / d image (B, C, H, W), and the score (a scalar tensor), through one draw of the plan's transforms.

    A picture of four channels, the last its opacity, is seen on a random ground.

    Of G objectives each is scored by its own B / G neighboring pictures of the batch, so that every picture climbs
    for itself, and the scores are (G,); ``plan.batch`` pictures go through the network at a time.

    With a ``tiling`` the picture is seen tile by tile. ``references`` holds what the objective is compared with,
    at the size of ``image``; what lies under the picture is rolled and scaled as it is. Where ``image`` holds other
    numbers, each pixel's in its place, ``show`` makes the picture of any part of it. Where memory runs out and the
    tiles become smaller, ``shrunk`` is told their core.
    """
    show = show or _detached
    down, right = draw_offset(plan.jitter, image.shape[-2], image.shape[-1], rng)
    changed = bool(plan.zoom or plan.transforms or plan.alpha)
    if tiling is not None and not changed:  # a large picture has no room for a rolled copy
        rolled = Rolled(image, down, right, show)
        return _gradient_and_score(network, goals, plan, references, rolled, rng, tiling, shrunk)
    seen = _rolled(show(image), down, right)
    with torch.enable_grad():
        free = seen.requires_grad_() if changed else seen
        shown = on_random_ground(free, rng) if plan.alpha else free
        zoomed = _zoomed(shown, plan.zoom, rng)
        change = draw_all(parse_transforms(plan.transforms), zoomed.shape[-2], zoomed.shape[-1], rng)
        view = change(zoomed)
    references = {
        reference: _alike(reference, value, (down, right), zoomed, change)
        for reference, value in references.items()
    }
    gradient, score = _gradient_and_score(
        network, goals, plan, references, Rolled(view.detach()), rng, tiling, shrunk
    )
    if changed:
        (gradient,) = torch.autograd.grad(view, free, gradient)
    return _rolled(gradient, -down, -right), score


def _detached(image: Tensor) -> Tensor:
    return image.detach()


def _gradient_and_score(
    network: NetworkReader,
    goals: Objective | Sequence[Objective],
    plan: Plan,
    references: References,
    view: Rolled,
    rng: torch.Generator,
    tiling: Tiling | None,
    shrunk: Callable[[int], None] | None,
) -> tuple[Tensor, Tensor]:
    """The gradient of one objective and its score, or those of several, each with its share of the pictures."""
    if isinstance(goals, Objective):
        return _Scorer(network, goals, plan, references, shrunk).gradient_of(view, rng, tiling)
    scorers = _scorers(network, goals, plan, references, len(view.whole), shrunk)
    return _gradient_of_each(scorers, view, rng, tiling)


def _scorers(
    network: NetworkReader,
    goals: Sequence[Objective],
    plan: Plan,
    references: References,
    count: int,
    shrunk: Callable[[int], None] | None,
) -> list[_Scorer]:
    """One for each of the objectives, by whose share of ``count`` pictures it is scored."""
    share = count // len(goals)
    scorers = []
    for i, goal in enumerate(goals):
        own = {reference: references[reference] for reference in goal.references}
        pictures = slice(i * share, (i + 1) * share)
        scorers.append(_Scorer(network, goal, plan, _those_of(own, pictures, count), shrunk))
    return scorers


def _those_of(references: References, pictures: slice, count: int) -> References:
    """What lies under some pictures of a batch of ``count``; what all of them share stays."""
    return {n: v[pictures] if n.lies_under and len(v) == count else v for n, v in references.items()}


def _gradient_of_each(
    scorers: Sequence[_Scorer], view: Rolled, rng: torch.Generator, tiling: Tiling | None
) -> tuple[Tensor, Tensor]:
    """The gradient of a batch and the scores of its objectives, as many pictures at a time as the plan says.

    Where pictures are cut into tiles, or objectives have different numbers of terms that are to be balanced, the
    pictures of one objective at a time.
    """
    share = len(view.whole) // len(scorers)
    kinds = {(scorer.balanced, len(scorer.objective.terms)) for scorer in scorers}
    alone = tiling is not None or (len(kinds) > 1 and any(balanced for balanced, _ in kinds))
    step = 1 if alone else max(1, scorers[0].plan.batch // share)
    state, parts = rng.get_state(), []
    for first in range(0, len(scorers), step):
        rng.set_state(state)  # a picture meets the same chance whatever its neighbors climb
        some = scorers[first : first + step]
        part = view.pictures(slice(first * share, (first + len(some)) * share))
        if len(some) > 1:
            parts.append(_gradient_together(some, part.whole))
        else:
            gradient, score = some[0].gradient_of(part, rng, tiling)
            parts.append((gradient, score[None]))
    if len(parts) == 1:  # a large picture has no room for a copy
        return parts[0]
    return torch.cat([gradient for gradient, _ in parts]), torch.cat([score for _, score in parts])


def _gradient_together(scorers: Sequence[_Scorer], view: Tensor) -> tuple[Tensor, Tensor]:
    """One pass for several objectives, each scored by its share of the pictures; as ``gradient`` of each by itself."""
    layers = tuple(dict.fromkeys(name for scorer in scorers for name in scorer.objective.layers))
    image = view.detach().requires_grad_()
    activations = scorers[0].activations(image, layers)
    share, scored = len(view) // len(scorers), []
    with torch.enable_grad():
        # Cut by torch.split, whose way back is one copy of the batch and not one for every part.
        parts = {name: torch.split(value, share) for name, value in activations.items()}
        for i, (scorer, own) in enumerate(zip(scorers, torch.split(image, share), strict=True)):
            scored.append(scorer.scores({name: parts[name][i] for name in scorer.objective.layers}, own))
    scores = torch.stack([_total(scores) for scores in scored])
    if not scorers[0].balanced:
        return _gradient(_sum_of([_weighted_sum(scores) for scores in scored]), image), scores
    gradient = torch.zeros_like(view)
    for place in reversed(range(len(scored[0]))):
        pulled = _gradient(_sum_of([scores[place][1] for scores in scored]), image, again=place > 0)
        for scorer, own, part in zip(
            scorers, torch.split(gradient, share), torch.split(pulled, share), strict=True
        ):
            weight, term = scorer.objective.terms[place]
            own += weight * part / _size(part, term)
    return gradient, scores


def _sum_of(scores: Sequence[Tensor]) -> Tensor:
    """One score whose gradient at each picture is that of its own."""
    with torch.enable_grad():
        return torch.stack(list(scores)).sum()


def _alike(
    reference: Reference, value: Tensor, offset: tuple[int, int], zoomed: Tensor, change: Change
) -> Tensor:
    """What lies under the picture, rolled and scaled as ``zoomed`` was, and then changed as it."""
    if not reference.lies_under:
        return value
    return change(_fitted(torch.roll(value, offset, dims=(2, 3)), list(zoomed.shape[-2:])))


@dataclass(frozen=True, eq=False)
class _Scorer:
    """A network that looks at views of a picture, for an objective."""

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
            return _gradient(_weighted_sum(scores), inputs.image), _total(scores)
        gradient = torch.zeros_like(view)
        for left, (weight, score) in enumerate(reversed(scores)):
            term = self.objective.terms[-1 - left][1]
            part = _gradient(score, inputs.image, again=left < len(scores) - 1)
            gradient += weight * part / _size(part, term)
        return gradient, _total(scores)

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

        def part(box: Box, fit: Callable[[Tensor], Tensor] = _detached) -> tuple[Tensor, References]:
            below = {reference: fit(value.of(box)) for reference, value in under.items()}
            return fit(view.of(box)), {**self.references, **below}

        sizes: Sequence[float | Tensor] = [1.0] * len(self.objective.terms)
        if self.balanced:
            sizes = self._sizes(*part(Box(0, height, 0, width), _shrunk))

        def gradient_of(box: Box) -> tuple[Tensor, Tensor]:
            inputs, scores = self._scored(*part(box))
            shared = [
                (weight * self._share(term, inputs.image, view.whole) / size, score)
                for (_, term), (weight, score), size in zip(self.objective.terms, scores, sizes, strict=True)
            ]
            return _gradient(_weighted_sum(shared), inputs.image), _total(scores)

        return tiled_gradient(view, tiling, rng, gradient_of, shrunk=self.shrunk)

    def _scored(self, image: Tensor, references: References) -> tuple[TermInputs, list[tuple[float, Tensor]]]:
        """What the terms look at, and their weights and scores, which can be differentiated in its image."""
        image = image.detach().requires_grad_()
        activations = self.activations(image, self.objective.layers)
        with torch.enable_grad():
            inputs = TermInputs(activations, image, self.plan.reduction, self._answers(references))
            return inputs, self.objective.scores(inputs)

    def activations(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """The outputs of ``layers``, which can be differentiated in the image."""
        rectifiers = redirected_gradients() if self.plan.relu == "redirected" else nullcontext()
        with torch.enable_grad(), rectifiers:
            return replaying.activations(self.network, image, layers) if layers else {}

    def scores(self, activations: dict[str, Tensor], image: Tensor) -> list[tuple[float, Tensor]]:
        """The weights and scores of the terms, where the network has looked already."""
        return self.objective.scores(
            TermInputs(activations, image, self.plan.reduction, self._answers(self.references))
        )

    def _answers(self, references: References) -> References:
        """Activations in place of the pictures of which they are wanted."""
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
            1.0 if KINDS[term.kind].penalty else _size(_gradient(score, inputs.image, again=True), term)
            for (_, score), (_, term) in zip(scores, self.objective.terms, strict=True)
        ]

    def _share(self, term: Term, tile: Tensor, view: Tensor) -> float:
        """The share of the whole picture's positions that lie in a tile."""
        if self.plan.reduction == "half-sum" or KINDS[term.kind].spread == "sum":
            return 1.0
        (height, width), (rows, columns) = view.shape[-2:], tile.shape[-2:]
        if not term.layers:
            return rows * columns / (height * width)
        name = term.layers[0]
        return self.network.positions(name, rows, columns) / self.network.positions(name, height, width)


def _gradient(total: Tensor, image: Tensor, *, again: bool = False) -> Tensor:
    """d total / d image; zero where the picture has no part in it, as in the variation of a single pixel.

    With ``again`` the graph is kept, for another score of the same pass.
    """
    if not total.requires_grad:
        return torch.zeros_like(image)
    (gradient,) = torch.autograd.grad(total, image, retain_graph=again, allow_unused=True)
    return torch.zeros_like(image) if gradient is None else gradient


def _size(gradient: Tensor, term: Term) -> float | Tensor:
    """What a term is divided by beside others: so that its weight is how far it moves a typical pixel.

    The root mean square of its gradient times the number of pixel values. A penalty, a mean over these values, is
    left in its own units: the better it is met, the less it shall push.
    """
    if KINDS[term.kind].penalty:
        return 1.0
    size = gradient.square().mean().sqrt() * gradient.numel()
    return torch.where(size > _DEAD, size, torch.ones_like(size))


def _shrunk(stack: Tensor) -> Tensor:
    """A picture and what lies under it, at no more pixels than are needed to see how terms compare."""
    factor = math.sqrt(_ENOUGH / (stack.shape[-2] * stack.shape[-1]))
    if factor >= 1:
        return stack
    return _fitted(stack, [max(1, round(side * factor)) for side in stack.shape[-2:]])


def _total(scores: list[tuple[float, Tensor]]) -> Tensor:
    return torch.stack([weight * score.detach() for weight, score in scores]).sum()


def _weighted_sum(scores: Sequence[tuple[float | Tensor, Tensor]]) -> Tensor:
    return torch.stack([weight * score for weight, score in scores]).sum()


def _rolled(image: Tensor, down: int, right: int) -> Tensor:
    """``torch.roll`` in one pass over the picture where it takes two; plane by plane."""
    height, width = image.shape[-2:]
    down, right = down % height, right % width
    rolled = torch.empty_like(image, memory_format=torch.contiguous_format)
    for rows, to_rows in _halves(height, down):
        for columns, to_columns in _halves(width, right):
            rolled[..., to_rows, to_columns] = image[..., rows, columns]
    return rolled


def _halves(side: int, offset: int) -> list[tuple[slice, slice]]:
    """What stays on this side of the end and what comes in again at the beginning: from where, to where."""
    return [
        (slice(0, side - offset), slice(offset, side)),
        (slice(side - offset, side), slice(0, offset)),
    ]


def _zoomed(image: Tensor, zoom: float, rng: torch.Generator) -> Tensor:
    if zoom == 0:
        return image
    factor = 1 + zoom * (2 * float(torch.rand((), generator=rng)) - 1)
    return _fitted(image, [max(1, round(side * factor)) for side in image.shape[-2:]])


def _fitted(image: Tensor, size: list[int]) -> Tensor:
    if list(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
