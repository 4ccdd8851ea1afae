"""Explanations drawn: one color rule for each kind of map, the values on a bar, the question in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray
from torch import Tensor

from deepdream.attribution.explaining import TOLERANCE
from deepdream.attribution.explanation import QUANTILE, Explanation
from deepdream.attribution.registry import find_method
from deepdream.figures import Figure, Theme, drawn, new_figure

Style = Literal["side-by-side", "overlay", "heatmap", "panel"]

#: Perceptually uniform and safe for the color-blind; unlike cividis its middle is no gray, so it shows on a picture.
GLOW = "inferno"
RULE = "Signed maps: blue against, orange for, uncolored zero. Unsigned maps: dark to yellow."


def mask_of(explanation: Explanation) -> Tensor:
    """(1, 1, H, W) from 0 to 1 where the map has its strongest color; what counts against a class is 0."""
    shares = torch.from_numpy(explanation.drawn_values()) / explanation.color_limit
    return shares.clamp(0, 1)[None, None]


def color_scale(explanation: Explanation, theme: Theme = Theme.LIGHT) -> tuple[Colormap, Normalize]:
    """Symmetric about zero for signed maps; from the lowest value (or zero) for unsigned ones."""
    limit = explanation.color_limit
    if explanation.signed:
        return theme.diverging, Normalize(-limit, limit)
    low = float(np.quantile(explanation.drawn_values(), 1 - QUANTILE))
    return mpl.colormaps[GLOW], Normalize(max(low, 0.0) if low < limit else 0.0, limit)


def overlay(explanation: Explanation, image: Tensor, theme: Theme = Theme.LIGHT) -> NDArray[np.float32]:
    """(H, W, 3) in [0, 1]: the picture in gray, the map in color where it is strong."""
    colors, scale = color_scale(explanation, theme)
    values = explanation.drawn_values()
    shares = np.asarray(scale(values)).clip(0, 1)
    signed = scale.vmin is not None and scale.vmin < 0
    # Paint has the full color of its sign and is thin where the map is weak: a mix with the paper's color would draw
    # a net of lines along the places where the sign changes.
    painted = colors(np.round(shares) if signed else shares)[..., :3]
    gray = image[0].mean(dim=0, keepdim=True).permute(1, 2, 0).cpu().numpy()
    # Weak places of a signed map let the picture through; those of an unsigned one darken it.
    strength = 0.9 * np.abs(2 * shares - 1) ** 1.2 if signed else 0.5 + 0.35 * shares
    alpha = strength[..., None]
    return np.asarray((1 - alpha) * (0.25 + 0.75 * gray) + alpha * painted, dtype=np.float32)


@drawn
def draw(
    explanation: Explanation,
    image: Tensor,
    *,
    probability: float,
    style: Style = "side-by-side",
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One explanation of a picture (1, 3, H, W), with its color bar and caption."""
    kinds = {"overlay": ("overlay",), "heatmap": ("heatmap",), "side-by-side": ("picture", "overlay")}
    kinds["panel"] = ("picture", "overlay", "heatmap")
    shown = kinds[style]
    size = (1.8 + 4.4 * len(shown), 5.4)
    canvas, axes = new_figure(1, len(shown), title=_title(explanation, probability), size=size, theme=theme)
    for place, kind in zip(axes[0], shown, strict=True):
        _show(place, explanation, image, kind, theme)
    _color_bar(canvas, axes[0][-1], explanation, theme)
    return Figure(canvas, caption_of(explanation), _alt(explanation), explanation.to_dict(), theme)


@drawn
def draw_all(
    explanations: Sequence[Explanation], image: Tensor, *, probability: float, theme: Theme = Theme.LIGHT
) -> Figure:
    """A labeled panel of many methods beside the picture, every map in its own color scale."""
    columns = min(6, len(explanations) + 1)
    rows = -(-(len(explanations) + 1) // columns)
    first = explanations[0]
    size = (2.9 * columns + 0.4, 3.25 * rows + 0.9)
    canvas, axes = new_figure(
        rows, columns, title=_title(first, probability, methods=False), size=size, theme=theme
    )
    places = list(axes.flat)
    _show(places[0], first, image, "picture", theme)
    for place, explanation in zip(places[1:], explanations, strict=False):
        _show(place, explanation, image, "overlay", theme)
        place.set_title(_mark(explanation), fontsize=13)
    for place in places[len(explanations) + 1 :]:
        place.set_axis_off()
    caption = (
        f"{len(explanations)} methods asked about the same prediction. {RULE} Every map has its own scale: compare "
        "places, not strengths. (!) marks a map with a warning. That they disagree is the finding."
    )
    numbers = {"explanations": [e.to_dict() for e in explanations]}
    return Figure(canvas, caption, f"{len(explanations)} explanations of {first.label}.", numbers, theme)


def caption_of(explanation: Explanation) -> str:
    """Question, rule of colors, how well it sums, and the caveat."""
    method = find_method(explanation.method)
    words = [method.question, _colors_in_words(explanation)]
    if explanation.completeness_error is not None and method.complete:
        words.append(_sum_in_words(explanation.completeness_error))
    if explanation.smoothing:
        words.append(f"Smoothed by {explanation.smoothing:g} pixels for the eye.")
    shared = {k: v for k, v in explanation.options.items() if k in ("layer", "baseline", "steps", "samples")}
    if shared:
        words.append(", ".join(f"{name} {value}" for name, value in shared.items()).capitalize() + ".")
    words += [f"Warning: {note}." for note in explanation.notes]
    return " ".join([*words, f"Caution: {method.caveat}"])


def _show(place: Axes, explanation: Explanation, image: Tensor, kind: str, theme: Theme) -> None:
    place.set_axis_off()
    if kind == "picture":
        place.imshow(image[0].permute(1, 2, 0).cpu().numpy())
        place.set_title("what the network saw", fontsize=13)
    elif kind == "overlay":
        place.imshow(overlay(explanation, image, theme))
        place.set_title(explanation.method, fontsize=13)
    else:
        colors, scale = color_scale(explanation, theme)
        place.imshow(explanation.drawn_values(), cmap=colors, norm=scale)
        place.set_title("the map alone", fontsize=13)


def _color_bar(canvas: Any, place: Axes, explanation: Explanation, theme: Theme) -> None:
    colors, scale = color_scale(explanation, theme)
    values = mpl.cm.ScalarMappable(norm=scale, cmap=colors)
    bar = canvas.colorbar(values, ax=place, shrink=0.85, label=find_method(explanation.method).unit)
    bar.formatter.set_powerlimits((-2, 4))


def _title(explanation: Explanation, probability: float, *, methods: bool = True) -> str:
    why = f"Why “{explanation.label}” ({probability:.0%})"
    if explanation.against_label is not None:
        why += f" and not “{explanation.against_label}”"
    return f"{why}?" + (f"  {explanation.method}" if methods else "")


def _mark(explanation: Explanation) -> str:
    return explanation.method + (" (!)" if explanation.notes else "")


def _colors_in_words(explanation: Explanation) -> str:
    limit = explanation.color_limit
    if explanation.signed:
        return f"Orange supports the class, blue counts against it; full color at ±{limit:.3g}."
    return f"Yellow is strongest; full color at {limit:.3g}."


def _sum_in_words(error: float) -> str:
    if error <= TOLERANCE:
        return f"Sums to the score within {max(error, 1e-4):.2%}."
    return f"Misses the sum that it should have by {error:.1%}."


def _alt(explanation: Explanation) -> str:
    return f"A {explanation.method} map for {explanation.label}; its largest value is {explanation.place}."
