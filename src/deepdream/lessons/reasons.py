"""Dream the reason: from an explanation to a dream and back.

The channels that carried a prediction (layer conductance) are dreamed; the class is dreamed and the network explains
its own dream; what each layer sees in the picture is exaggerated. Two networks may be asked the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.attribution import explain
from deepdream.attribution.channels import ChannelScores, explain_channels
from deepdream.attribution.pictures import overlay
from deepdream.dreaming import render
from deepdream.dreaming.result import noise_picture
from deepdream.figures import Figure, Theme, drawn, new_figure, shortened
from deepdream.images import Picture
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.features import picture_channels
from deepdream.lessons.stages import chosen_layers
from deepdream.models import Model
from deepdream.plan import plan_for

CHANNELS = 4
COLUMNS = CHANNELS + 1
#: Of the path from black to the picture; the remaining error is reported.
PIECES = 100
METHOD = "grad-cam"
NOTES = (
    "An explanation names channels; a dream shows what they want; so the reason can be looked at. Then turn it round: "
    "the network dreams the class, and its explanation of its own dream says where it sees it. Caveat: conductance "
    "shares a rise above black, and another baseline shares it otherwise; it sums to the logit's rise, which makes it "
    "complete, not true. A dream of a class is what the network takes for it, which need not look like it to us."
)


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
    found = explain_channels(model, image, target, layer=name, steps=PIECES)
    chosen = [
        c for c in found.scores.topk(min(CHANNELS, len(found.scores))).indices.tolist() if found.scores[c] > 0
    ]
    fed = Picture(_pixels(image), None, picture.name, picture.sha256)
    tell(f"reason: {model.name}, its channels and “{found.label}” are dreamed")
    dreamed = _dream_class(model, found.target, seed)
    canvas = torch.from_numpy(dreamed).permute(2, 0, 1)[None].to(model.device)
    return Reason(
        model=model,
        image=image,
        probability=_probability(model, image, found.target),
        conductance=found,
        chosen=tuple(chosen),
        features=tuple(picture_channels(model, name, chosen, seed=seed)) if chosen else (),
        dreamed_reason=_dream(model, fed, reason_objective(found, chosen), seed),
        dreamed_class=dreamed,
        recognized=_probability(model, canvas, found.target),
        explained=overlay(explain(model, canvas, METHOD, found.target), canvas.cpu()),
        caricatures=_caricatures(model, fed, seed, tell),
    )


def reason_objective(found: ChannelScores, chosen: Sequence[int]) -> str:
    """The chosen channels, each by its share of what they explain together; the layer itself where none speaks."""
    total = sum(float(found.scores[channel]) for channel in chosen)
    if not chosen or total <= 0:
        return f"layer({found.layer})"
    terms = [f"{float(found.scores[c]) / total:.4f}*channel({found.layer}, {c})" for c in chosen]
    return " + ".join(terms)


def _dream(model: Model, picture: Picture, objective: str, seed: int) -> NDArray[np.float32]:
    return render(model, picture, plan_for(objective=objective, octaves=3, steps=12, seed=seed)).pixels


def _dream_class(model: Model, target: int, seed: int) -> NDArray[np.float32]:
    side = model.preprocessing.crop
    plan = plan_for("natural", objective=f"logit({target})", steps=64, rate=0.05, seed=seed)
    return render(model, noise_picture(side, side, seed), plan).pixels


def _caricatures(model: Model, picture: Picture, seed: int, tell: Tell) -> dict[str, NDArray[np.float32]]:
    found = {}
    for name in [layer.name for layer in chosen_layers(model)][:COLUMNS]:
        tell(f"reason: {model.name}, caricature at {name}")
        found[name] = _dream(model, picture, f"caricature({name})", seed)
    return found


@torch.no_grad()
def _probability(model: Model, image: Tensor, target: int) -> float:
    return float(model(image)[0].double().softmax(dim=0)[target])


def _pixels(image: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(image[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy())


def reason(
    models: Sequence[Model],
    picture: Picture,
    target: str | None = None,
    *,
    layer: str | None = None,
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: the reason for a prediction, dreamed; by one network or by several, each for its own first class."""
    found = tuple(
        find_reason(model, picture, target, layer=layer if index == 0 else None, seed=seed, tell=tell)
        for index, model in enumerate(models)
    )
    return Exhibit(
        name="reason",
        question="What does the reason for a prediction look like?",
        answer=" ".join(_answer(entry) for entry in found),
        notes=NOTES,
        numbers={"networks": [_numbers(entry) for entry in found]},
        record=run_record(list(models), picture, seed=seed, decided_by=decided_by),
        draw=lambda theme: draw_reasons(found, theme=theme),
        tables=[_table(entry) for entry in found],
    )


def _answer(found: Reason) -> str:
    conductance = found.conductance
    part = sum(float(conductance.scores[channel]) for channel in found.chosen)
    chosen = ", ".join(map(str, found.chosen)) or "none"
    return (
        f"{found.model.name} says “{conductance.label}” ({found.probability:.0%}). Its logit rises by "
        f"{found.rise:.2f} above black; the channels of {conductance.layer} sum to that within "
        f"{conductance.completeness_error:.1%}, and {chosen} give {part:.2f} of it. In its own dream of the class "
        f"it sees it with {found.recognized:.0%}."
    )


def _numbers(found: Reason) -> dict[str, Any]:
    conductance = found.conductance
    return {
        "model": found.model.name,
        "label": conductance.label,
        "target": conductance.target,
        "probability": found.probability,
        "layer": conductance.layer,
        "rise": found.rise,
        "sum": float(conductance.scores.double().sum()),
        "completeness_error": conductance.completeness_error,
        "channels": [{"channel": c, "score": float(conductance.scores[c])} for c in found.chosen],
        "recognized_in_its_dream": found.recognized,
        "caricatures": list(found.caricatures),
        "notes": list(conductance.notes),
    }


def _table(found: Reason) -> Grid:
    scores = found.conductance.scores
    rows = [
        (c, float(scores[c]), f"{float(scores[c]) / found.rise:.1%}" if found.rise else "-")
        for c in found.chosen
    ]
    title = (
        f"{found.model.name}: channels of {found.conductance.layer} that support “{found.conductance.label}”"
    )
    return Grid(title, ("channel", "logits", "share of the rise"), rows)


CAPTION = (
    "What: the picture, the channels that carried its class (conductance, in logits) and what each looks for; the "
    "picture dreamed at these channels, the class dreamed from noise, where the network sees it there ({method}), and "
    "the picture as the layers caricature it, early to late. Why: a reason that is named can be looked at, a "
    "dream can be explained."
)


@drawn
def draw_reasons(found: Sequence[Reason], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Three rows for each network."""
    rows = 3 * len(found)
    canvas, axes = new_figure(
        rows, COLUMNS, title="The reason, dreamed", size=(17.5, 0.8 + 3.9 * rows), theme=theme
    )
    for index, entry in enumerate(found):
        _reason_row(axes[3 * index], entry)
        _dream_row(axes[3 * index + 1], entry)
        _caricature_row(axes[3 * index + 2], entry)
        if len(found) > 1:
            axes[3 * index][0].set_ylabel(entry.model.name, fontsize=16, fontweight="bold")
    for place in axes.flat:
        place.set_xticks([])
        place.set_yticks([])
        place.spines[:].set_visible(False)
    alt = " ".join(_answer(entry) for entry in found)
    return Figure(canvas, CAPTION.format(method=METHOD), alt, {}, theme)


def _reason_row(places: Any, found: Reason) -> None:
    places[0].imshow(_pixels(found.image))
    places[0].set_title(f"{shortened(found.conductance.label)} {found.probability:.0%}")
    for place, channel, pixels in zip(places[1:], found.chosen, found.features, strict=False):
        place.imshow(pixels, interpolation="bilinear")
        place.set_title(f"channel {channel}: {float(found.conductance.scores[channel]):+.2f}")


def _dream_row(places: Any, found: Reason) -> None:
    shown = [
        (found.dreamed_reason, "these, dreamed"),
        (found.dreamed_class, f"dream: {shortened(found.conductance.label, 14)}"),
        (found.explained, f"seen with {found.recognized:.0%}"),
    ]
    for place, (pixels, title) in zip(places[1:], shown, strict=False):  # in the middle
        place.imshow(pixels)
        place.set_title(title)


def _caricature_row(places: Any, found: Reason) -> None:
    for place, (name, pixels) in zip(places, found.caricatures.items(), strict=False):
        place.imshow(pixels)
        place.set_title(f"{name} caricatures")
