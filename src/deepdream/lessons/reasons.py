"""Dream the reason: from an explanation to a dream and back.

The channels that carried a prediction (layer conductance) are dreamed; the class is dreamed and the network explains
its own dream; what each layer sees in the picture is exaggerated. Two networks may be asked the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from deepdream.attribution import explain
from deepdream.attribution.channels import ChannelScores, explain_channels
from deepdream.attribution.pictures import overlay
from deepdream.dreaming import render
from deepdream.dreaming.source_pictures import noise_picture
from deepdream.images import Picture
from deepdream.lessons.exhibit import Tell, in_silence
from deepdream.lessons.features import picture_channels
from deepdream.lessons.stages import chosen_layers
from deepdream.plan import plan_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from deepdream.models import Model

CHANNELS = 4
COLUMNS = CHANNELS + 1
#: Of the path from black to the picture; the remaining error is reported.
PIECES = 100
METHOD = "grad-cam"


@dataclass(frozen=True, eq=False)
class Reason:
    """One network's reason for one picture, dreamed.

    Attributes:
        image: (1, 3, H, W), as fed.
        conductance: The channels of the layer, their scores summing to the logit's rise.
        chosen: The channels that spoke most for the class.
        features: What each of them looks for.
        dreamed_reason: The picture, dreamed at these channels by their shares.
        dreamed_class: The class, dreamed from noise; ``recognized`` the network's probability for it there.
        explained: The explanation of that dream, laid over it.
        caricatures: The picture with what a layer sees in it exaggerated, by layer.
    """

    model: Model
    image: Tensor
    probability: float
    conductance: ChannelScores
    chosen: tuple[int, ...]
    features: tuple[NDArray[np.float32], ...]
    dreamed_reason: NDArray[np.float32]
    dreamed_class: NDArray[np.float32]
    recognized: float
    explained: NDArray[np.float32]
    caricatures: dict[str, NDArray[np.float32]]

    @property
    def rise(self) -> float:
        """The logit of the picture minus that of black."""
        return self.conductance.score - self.conductance.baseline_score


def find_reason(
    model: Model,
    picture: Picture,
    target: str | None = None,
    *,
    layer: str | None = None,
    seed: int = 0,
    tell: Tell = in_silence,
) -> Reason:
    """Explain, dream the explanation, and explain the dream.

    Raises:
        UnknownNameError: no such layer or class. UsageError: the layer has no positions.
    """
    image = model.crop(picture.tensor().to(model.device))
    name = layer or model.recommended_layer
    chosen_layers(model, [name])  # refuses a layer that cannot be pictured
    tell(f"reason: {model.name}, conductance of {name}")
    scores = explain_channels(model, image, target, layer=name, steps=PIECES)
    chosen = [
        c
        for c in scores.scores.topk(min(CHANNELS, len(scores.scores))).indices.tolist()
        if scores.scores[c] > 0
    ]
    fed = Picture(pixels_of(image), None, picture.name, picture.sha256)
    tell(f"reason: {model.name}, its channels and “{scores.label}” are dreamed")
    height, width = model.preprocessing.size
    plan = plan_for("natural", objective=f"logit({scores.target})", steps=64, rate=0.05, seed=seed)
    dreamed = render(model, noise_picture(height, width, seed), plan).pixels
    canvas = torch.from_numpy(dreamed).permute(2, 0, 1)[None].to(model.device)
    return Reason(
        model=model,
        image=image,
        probability=_probability(model, image, scores.target),
        conductance=scores,
        chosen=tuple(chosen),
        features=tuple(picture_channels(model, name, chosen, seed=seed)) if chosen else (),
        dreamed_reason=_dream(model, fed, reason_objective(scores, chosen), seed),
        dreamed_class=dreamed,
        recognized=_probability(model, canvas, scores.target),
        explained=overlay(explain(model, canvas, METHOD, scores.target), canvas.cpu()),
        caricatures=_caricatures(model, fed, seed, tell),
    )


def reason_objective(scores: ChannelScores, chosen: Sequence[int]) -> str:
    """The chosen channels, each by its share of what they explain together; the layer itself where none speaks."""
    total = sum(float(scores.scores[channel]) for channel in chosen)
    if not chosen or total <= 0:
        return f"layer({scores.layer})"
    terms = [f"{float(scores.scores[c]) / total:.4f}*channel({scores.layer}, {c})" for c in chosen]
    return " + ".join(terms)


def _dream(model: Model, picture: Picture, objective: str, seed: int) -> NDArray[np.float32]:
    return render(model, picture, plan_for(objective=objective, octaves=3, steps=12, seed=seed)).pixels


def _caricatures(model: Model, picture: Picture, seed: int, tell: Tell) -> dict[str, NDArray[np.float32]]:
    pictures = {}
    for name in [layer.name for layer in chosen_layers(model)][:COLUMNS]:
        tell(f"reason: {model.name}, caricature at {name}")
        pictures[name] = _dream(model, picture, f"caricature({name})", seed)
    return pictures


@torch.no_grad()
def _probability(model: Model, image: Tensor, target: int) -> float:
    return float(model.answers(model(image)[0])[target])


def pixels_of(image: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(image[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy())
