"""What a dream did to the prediction, step by step, and that in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.ascent.objectives import TermInputs, parse_objective
from deepdream.dreaming import DreamResult, begin, dream, finish
from deepdream.dreaming.fitting import objective_of
from deepdream.dreaming.result import full_size
from deepdream.dreaming.source_pictures import fit_picture
from deepdream.images import Picture
from deepdream.lessons.animals import BY_CHANCE, Share, knows_animals, share_of_animals
from deepdream.lessons.exhibit import Tell, in_silence
from deepdream.models import Model
from deepdream.plan import Plan, plan_for
from deepdream.tensors import root_mean_square

#: The longer side at which a dream is traced: what is classified afterwards is smaller still.
SIZE = "320"


@dataclass(frozen=True, eq=False)
class Trace:
    """A dream as the network itself sees it, one row for the picture before it and one for each step.

    Attributes:
        model, plan: Who dreamed, and how.
        logits: (steps + 1, classes) float64, of the picture at full size, fed as ``Model.classify`` feeds it.
        activation: (steps + 1,), the dreamed objective of the picture at full size: comparable between octaves.
        distance: (steps + 1,), root-mean-square distance to the picture before, in [0, 1].
        octave: (steps + 1,), in which octave the step was made; 0 for the picture before.
        before, after: (1, 3, H, W) in [0, 1].
        channels: (2, C), mean activation of each channel of the dreamed layer, before and after.
        layer: The first layer of the objective.
        dreamed: The picture with its recipe.
        frames: A few pictures on the way, (3, h, w), with the row of each.
    """

    model: Model
    plan: Plan
    logits: Tensor
    activation: Tensor
    distance: Tensor
    octave: tuple[int, ...]
    before: Tensor
    after: Tensor
    channels: Tensor
    layer: str
    dreamed: DreamResult
    frames: tuple[tuple[int, Tensor], ...]

    @property
    def probabilities(self) -> Tensor:
        """(steps + 1, classes) float64: ``Model.answers`` of every row."""
        return self.model.answers(self.logits)

    def followed(self, top: int = 3) -> list[int]:
        """The ``top`` classes before and the ``top`` after, each once."""
        top = min(top, self.logits.shape[1])
        both = [*self.logits[0].topk(top).indices.tolist(), *self.logits[-1].topk(top).indices.tolist()]
        return list(dict.fromkeys(both))

    def animals(self, row: int) -> Share | None:
        """How much of the prediction is animals; None if the classes are not ImageNet's."""
        return share_of_animals(self.probabilities[row]) if knows_animals(self.model) else None

    def changed_channels(self, count: int = 6) -> list[int]:
        """The channels whose mean activation changed most, the largest change first."""
        return (
            (self.channels[1] - self.channels[0])
            .abs()
            .topk(min(count, self.channels.shape[1]))
            .indices.tolist()
        )

    @property
    def change(self) -> NDArray[np.float32]:
        """(H, W): the root-mean-square change of each pixel over its three colors."""
        return np.asarray((self.after - self.before)[0].square().mean(dim=0).sqrt().numpy())


def trace_dream(
    model: Model,
    picture: Picture,
    plan: Plan | None = None,
    *,
    size: str | None = SIZE,
    frames: int = 36,
    tell: Tell = in_silence,
) -> Trace:
    """Dream ``picture`` and look at it after every step as the network does.

    Raises:
        UsageError, UnknownNameError: settings that do not fit the network or the picture.
    """
    plan = plan or plan_for()
    plan = replace(plan, objective=str(objective_of(plan, model)))
    before = fit_picture(picture, size).tensor()
    recorder = _Recorder(model, plan, before)
    recorder.note(before, 0)
    ongoing = begin(model, picture, plan, size=size)
    for step in dream(model, ongoing.state.plan, state=ongoing.state):
        ongoing = ongoing.after(step)
        recorder.note(full_size(step.state).cpu(), step.octave)
        if step.state.step == step.state.size.steps:
            tell(f"trace: octave {step.octave} of {len(step.state.octaves)}")
    return recorder.trace(finish(model, ongoing), frames)


class _Recorder:
    """Remembers what the network says of each picture."""

    def __init__(self, model: Model, plan: Plan, before: Tensor) -> None:
        self.model, self.plan, self.before = model, plan, before
        self.objective = parse_objective(plan.objective)
        self.logits: list[Tensor] = []
        self.scores: list[float] = []
        self.images: list[Tensor] = []
        self.octaves: list[int] = []

    @torch.no_grad()
    def note(self, image: Tensor, octave: int) -> None:
        model, objective = self.model, self.objective
        self.logits.append(model(model.crop(image))[0].double().cpu())
        inputs = TermInputs(model.activations(image, objective.layers), image.to(model.device))
        self.scores.append(sum(float(weight * score) for weight, score in objective.scores(inputs)))
        self.images.append(image)
        self.octaves.append(octave)

    def trace(self, dreamed: DreamResult, frames: int) -> Trace:
        distance = [root_mean_square(image - self.before) for image in self.images]
        rows = np.unique(np.linspace(0, len(self.images) - 1, frames).round().astype(int)).tolist()
        layers = [name for name in self.objective.layers if name in self.model.layers]
        layer = layers[0] if layers else self.model.recommended_layer
        after = self.images[-1]
        return Trace(
            model=self.model,
            plan=self.plan,
            logits=torch.stack(self.logits),
            activation=torch.tensor(self.scores, dtype=torch.float64),
            distance=torch.tensor(distance, dtype=torch.float64),
            octave=tuple(self.octaves),
            before=self.before,
            after=after,
            channels=torch.stack([self._channels(image, layer) for image in (self.before, after)]),
            layer=layer,
            dreamed=dreamed,
            frames=tuple((row, self.images[row][0]) for row in rows),
        )

    @torch.no_grad()
    def _channels(self, image: Tensor, layer: str) -> Tensor:
        activation = self.model.activations(image, [layer])[layer][0].double().cpu()
        if activation.dim() == 2:  # tokens (N, C)
            return activation.mean(dim=0)
        return activation.flatten(1).mean(dim=1) if activation.dim() > 1 else activation


def answer_of(traced: Trace) -> str:
    """The trace in a few sentences."""
    first, last = (_top(traced, row) for row in (0, -1))
    words = [f"Before the dream the network says {first}; after it, {last}."]
    before, after = traced.animals(0), traced.animals(-1)
    if before is None or after is None:
        words.append("Its classes are not ImageNet's, so animals are not counted.")
    else:
        words.append(_about_animals(before, after))
    start = float(traced.activation[0])
    rise = float(traced.activation[-1]) / start if abs(start) > 1e-12 else None
    words.append(
        f"This was not the objective: the dream maximized {traced.plan.objective}"
        + (f", to {rise:.3g} times its value," if rise else "")
        + f" and moved the picture by {float(traced.distance[-1]):.3f} of the full range (root mean square)."
    )
    return " ".join(words)


def _about_animals(before: Share, after: Share) -> str:
    there = "Are there animals in it now? " + (
        "By the network's own word, yes" if after.animals > 0.5 else "Hardly"
    )
    return (
        f"{there}: the 398 animal classes had {before.animals:.0%} of the probability and have {after.animals:.0%} "
        f"(dogs {before.dogs:.0%}, now {after.dogs:.0%}); if every class were alike, animals would have "
        f"{BY_CHANCE.animals:.0%}."
    )


def _top(traced: Trace, row: int) -> str:
    index = int(traced.logits[row].argmax())
    return (
        f"“{traced.model.label(index)}” ({traced.model.in_words(float(traced.probabilities[row, index]), 0)})"
    )
