"""Does a concept, given by example pictures, support a class? Concept activation vectors (TCAV).

Kim et al. 2018, Interpretability Beyond Feature Attribution, arXiv:1711.11279.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepdream.attribution.hooks import layer_gradients
from deepdream.attribution.question import Question
from deepdream.attribution.score_function import ScoreFunction
from deepdream.errors import UsageError
from deepdream.models import Model
from deepdream.tensors import generator

#: Concept vectors fitted to random halves of the examples, and as many to shuffled labels.
RUNS = 20
FEWEST = 4


@dataclass(frozen=True, eq=False)
class ConceptScore:
    """How the score of one picture changes in the direction of a concept.

    Attributes:
        sensitivity: Mean slope of the score along the concept's unit vector, over ``RUNS`` fits.
        positive: Share of the fits whose slope is positive.
        control: Mean and standard deviation of the slope along vectors fitted to shuffled labels.
        accuracy: Of the fits on examples they have not seen; near 0.5 the layer does not represent the concept.
    """

    concept: str
    layer: str
    target: int
    label: str
    sensitivity: float
    positive: float
    control: tuple[float, float]
    accuracy: float
    examples: int
    counterexamples: int
    notes: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether the slope is beyond two standard deviations of the control."""
        mean, spread = self.control
        return abs(self.sensitivity - mean) > 2 * spread and self.accuracy > 0.6

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        names = ("concept", "layer", "target", "label", "sensitivity", "positive", "accuracy", "significant")
        mean, spread = self.control
        return {name: getattr(self, name) for name in (*names, "examples", "counterexamples")} | {
            "control": {"mean": mean, "standard_deviation": spread},
            "notes": list(self.notes),
        }


def explain_concept(
    model: Model,
    image: Tensor,
    examples: Sequence[Tensor],
    counterexamples: Sequence[Tensor] = (),
    target: int | str | None = None,
    *,
    concept: str = "concept",
    layer: str = "auto",
    seed: int = 0,
) -> ConceptScore:
    """The sensitivity of one picture's score to a concept; every picture is (1, 3, H, W) of the size to feed.

    Without ``counterexamples`` scrambled copies of the examples are used: the same colors and frequencies, no
    shapes. Deviation from the paper: activations are averaged over the positions of the layer, so that a
    dozen examples suffice, and one picture is explained, not a class of pictures.

    Raises:
        UsageError: fewer than 4 examples.
    """
    if len(examples) < FEWEST or 0 < len(counterexamples) < FEWEST:
        raise UsageError(f"A concept needs at least {FEWEST} pictures on each side, better 30 or more.")
    score_function = ScoreFunction.of(model, image, Question(target, layer=layer, seed=seed))
    random, where = generator(seed), score_function.layer
    others = list(counterexamples) or [scrambled(example, random) for example in examples]
    with torch.no_grad():
        # The model of the score function: in float32, whatever the network's own type.
        read = score_function.model.activations
        activations = [read(image, [where.name])[where.name] for image in (*examples, *others)]
    # (n, C): pooled over the positions, in float64 since the fit solves a nearly singular system.
    pooled = torch.cat([values.flatten(2).mean(dim=2) for values in activations]).double().cpu()
    sides = torch.tensor([1.0] * len(examples) + [-1.0] * len(others), dtype=torch.float64)
    _, gradient = layer_gradients(score_function, score_function.image, where)
    slope = gradient[0].flatten(1).sum(dim=1).double().cpu()
    fits = [concept_vector(pooled, sides, random) for _ in range(RUNS)]
    # The control of Kim et al.: vectors of the same examples that stand for nothing.
    controls = [
        concept_vector(pooled, sides[torch.randperm(len(sides), generator=random)], random) for _ in fits
    ]
    slopes = torch.stack([vector @ slope for vector, _ in fits])
    control = torch.stack([vector @ slope for vector, _ in controls])
    note = "compared with scrambled copies of the examples; give counterexamples"
    return ConceptScore(
        concept=concept,
        layer=where.name,
        target=score_function.target,
        label=score_function.model.label(score_function.target),
        sensitivity=float(slopes.mean()),
        positive=float((slopes > 0).double().mean()),
        control=(float(control.mean()), float(control.std())),
        accuracy=sum(accuracy for _, accuracy in fits) / RUNS,
        examples=len(examples),
        counterexamples=len(others),
        notes=() if counterexamples else (note,),
    )


def concept_vector(pooled: Tensor, sides: Tensor, random: torch.Generator) -> tuple[Tensor, float]:
    """A unit vector from the one side to the other, fitted to two thirds of the examples, and its accuracy on the rest.

    Ridge regression on centered activations ``pooled`` (n, C); ``sides`` (n,) is 1 or -1.
    """
    order = torch.randperm(len(pooled), generator=random)
    count = max(2, len(pooled) * 2 // 3)
    train, test = order[:count], order[count:]
    center, middle = pooled[train].mean(dim=0), sides[train].mean()
    x = pooled[train] - center
    # The dual form: as many unknowns as examples, not as channels.
    gram = x @ x.T
    strength = 1e-2 * gram.diagonal().mean().clamp(min=1e-12)
    vector = x.T @ torch.linalg.solve(
        gram + strength * torch.eye(count, dtype=x.dtype), sides[train] - middle
    )
    guesses = ((pooled[test] - center) @ vector + middle).sign()
    return vector / vector.norm().clamp(min=1e-12), float((guesses == sides[test]).double().mean())


def scrambled(image: Tensor, random: torch.Generator) -> Tensor:
    """The picture with the phases of noise: its colors and spatial frequencies without its shapes."""
    noise = torch.rand(image.shape[-2:], generator=random).to(image)
    turn = torch.exp(1j * torch.fft.rfft2(noise).angle())
    turn[0, 0] = 1  # the mean color stays
    picture: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * turn, s=image.shape[-2:])
    return picture.clamp(0, 1)
