"""The gradient of an objective with respect to a picture, taken through random transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from deepdream.ascent.algebra import Objective
from deepdream.ascent.random_changes import Change, draw_offset
from deepdream.ascent.references import NetworkReader, References
from deepdream.ascent.scorer import (
    Scorer,
    detached,
    gradient_of_total,
    resized_to,
    term_size,
    total_of,
    weighted_sum,
)
from deepdream.ascent.term_inputs import Reference
from deepdream.ascent.tiling import Rolled, Tiling
from deepdream.ascent.transforms import draw_all, parse_transforms
from deepdream.ascent.transparency import on_random_ground
from deepdream.plan import Plan


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

    A picture of four channels, the last its opacity, is laid on a random background.

    Of G objectives each is scored by its own B / G neighboring pictures of the batch, so that every picture is
    optimized by itself, and the scores are (G,); ``plan.batch`` pictures go through the network at a time.

    With a ``tiling`` the gradient is computed tile by tile. ``references`` holds what the objective is compared with,
    at the size of ``image``; what lies under the picture is rolled and scaled as it is. Where ``image`` holds other
    numbers, each pixel's in its place, ``show`` makes the picture of any part of it. Where memory runs out and the
    tiles become smaller, ``shrunk`` receives their core.
    """
    show = show or detached
    down, right = draw_offset(plan.jitter, image.shape[-2], image.shape[-1], rng)
    changed = bool(plan.zoom or plan.transforms or plan.alpha)
    if tiling is not None and not changed:  # a large picture leaves no memory for a rolled copy
        view = Rolled(image, down, right, show)
        return _gradient_and_score(network, goals, plan, references, view, rng, tiling, shrunk)
    rolled = _rolled(show(image), down, right)
    with torch.enable_grad():
        free = rolled.requires_grad_() if changed else rolled
        opaque = on_random_ground(free, rng) if plan.alpha else free
        zoomed = _zoomed(opaque, plan.zoom, rng)
        change = draw_all(parse_transforms(plan.transforms), zoomed.shape[-2], zoomed.shape[-1], rng)
        changed_picture = change(zoomed)
    references = {
        reference: _aligned(reference, value, (down, right), zoomed, change)
        for reference, value in references.items()
    }
    gradient, score = _gradient_and_score(
        network, goals, plan, references, Rolled(changed_picture.detach()), rng, tiling, shrunk
    )
    if changed:
        (gradient,) = torch.autograd.grad(changed_picture, free, gradient)
    return _rolled(gradient, -down, -right), score


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
        return Scorer(network, goals, plan, references, shrunk).gradient_of(view, rng, tiling)
    scorers = _scorers(network, goals, plan, references, len(view.whole), shrunk)
    return _gradient_of_each(scorers, view, rng, tiling)


def _scorers(
    network: NetworkReader,
    goals: Sequence[Objective],
    plan: Plan,
    references: References,
    count: int,
    shrunk: Callable[[int], None] | None,
) -> list[Scorer]:
    """One for each of the objectives, by whose share of ``count`` pictures it is scored."""
    share = count // len(goals)
    scorers = []
    for i, goal in enumerate(goals):
        own = {}
        for reference in goal.references:
            value = references[reference]
            # One for every picture of the batch, or one that all of them share.
            each = reference.lies_under and len(value) == count
            own[reference] = value[i * share : (i + 1) * share] if each else value
        scorers.append(Scorer(network, goal, plan, own, shrunk))
    return scorers


def _gradient_of_each(
    scorers: Sequence[Scorer], view: Rolled, rng: torch.Generator, tiling: Tiling | None
) -> tuple[Tensor, Tensor]:
    """The gradient of a batch and the scores of its objectives, as many pictures at a time as the plan says.

    Where pictures are cut into tiles, or objectives have different numbers of terms that are to be balanced, the
    pictures of one objective at a time.
    """
    share = len(view.whole) // len(scorers)
    kinds = {(scorer.balanced, len(scorer.objective.terms)) for scorer in scorers}
    # Terms are balanced one by one over the whole batch, which needs the same number of terms everywhere.
    alone = tiling is not None or (len(kinds) > 1 and any(balanced for balanced, _ in kinds))
    step = 1 if alone else max(1, scorers[0].plan.batch // share)
    state, parts = rng.get_state(), []
    for first in range(0, len(scorers), step):
        rng.set_state(state)  # a picture gets the same random draws whatever its neighbors maximize
        some = scorers[first : first + step]
        part = view.pictures(slice(first * share, (first + len(some)) * share))
        if len(some) > 1:
            parts.append(_gradient_of_batch(some, part.whole))
        else:
            gradient, score = some[0].gradient_of(part, rng, tiling)
            parts.append((gradient, score[None]))
    if len(parts) == 1:  # a large picture leaves no memory for a copy
        return parts[0]
    return torch.cat([gradient for gradient, _ in parts]), torch.cat([score for _, score in parts])


def _gradient_of_batch(scorers: Sequence[Scorer], view: Tensor) -> tuple[Tensor, Tensor]:
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
    scores = torch.stack([total_of(scores) for scores in scored])
    if not scorers[0].balanced:
        return gradient_of_total(_sum_of([weighted_sum(scores) for scores in scored]), image), scores
    gradient = torch.zeros_like(view)
    # The last term first, so that the graph can be freed with the first one.
    for index in reversed(range(len(scored[0]))):
        pulled = gradient_of_total(_sum_of([scores[index][1] for scores in scored]), image, again=index > 0)
        for scorer, own, part in zip(
            scorers, torch.split(gradient, share), torch.split(pulled, share), strict=True
        ):
            weight, term = scorer.objective.terms[index]
            own += weight * part / term_size(part, term)
    return gradient, scores


def _sum_of(scores: Sequence[Tensor]) -> Tensor:
    """One score whose gradient at each picture is that of its own."""
    with torch.enable_grad():
        return torch.stack(list(scores)).sum()


def _aligned(
    reference: Reference, value: Tensor, offset: tuple[int, int], zoomed: Tensor, change: Change
) -> Tensor:
    """A reference of the picture, rolled, scaled as ``zoomed`` was, and then changed in the same way."""
    if not reference.lies_under:
        return value
    return change(resized_to(torch.roll(value, offset, dims=(2, 3)), list(zoomed.shape[-2:])))


def _rolled(image: Tensor, down: int, right: int) -> Tensor:
    """As ``torch.roll``, in one pass over the picture instead of two."""
    height, width = image.shape[-2:]
    down, right = down % height, right % width
    rolled = torch.empty_like(image, memory_format=torch.contiguous_format)
    for rows, to_rows in _halves(height, down):
        for columns, to_columns in _halves(width, right):
            rolled[..., to_rows, to_columns] = image[..., rows, columns]
    return rolled


def _halves(side: int, offset: int) -> list[tuple[slice, slice]]:
    """(from, to) of the part that stays before the end and of the part that enters again at the beginning."""
    return [
        (slice(0, side - offset), slice(offset, side)),
        (slice(side - offset, side), slice(0, offset)),
    ]


def _zoomed(image: Tensor, zoom: float, rng: torch.Generator) -> Tensor:
    if zoom == 0:
        return image
    factor = 1 + zoom * (2 * float(torch.rand((), generator=rng)) - 1)
    return resized_to(image, [max(1, round(side * factor)) for side in image.shape[-2:]])
