"""Drawings of explanations: one color rule for each kind of map, a bar of values, the question as caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

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
    probability: float | str,
    style: Style = "side-by-side",
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One explanation of a picture (1, 3, H, W), with its color bar and caption."""
    kinds = {"overlay": ("overlay",), "heatmap": ("heatmap",), "side-by-side": ("picture", "overlay")}
    kinds["panel"] = ("picture", "overlay", "heatmap")
    panels = kinds[style]
    size = (1.8 + 4.4 * len(panels), 5.4)
    canvas, axes = new_figure(1, len(panels), title=_title(explanation, probability), size=size, theme=theme)
    for panel, kind in zip(axes[0], panels, strict=True):
        _draw_panel(panel, explanation, image, kind, theme)
    colors, scale = color_scale(explanation, theme)
    values = mpl.cm.ScalarMappable(norm=scale, cmap=colors)
    bar = canvas.colorbar(values, ax=axes[0][-1], shrink=0.85, label=find_method(explanation.method).unit)
    bar.formatter.set_powerlimits((-2, 4))  # type: ignore[attr-defined]
    alt = f"A {explanation.method} map for {explanation.label}; its largest value is {explanation.place}."
    return Figure(canvas, caption_of(explanation), alt, explanation.to_dict(), theme)


@drawn
def draw_all(
    explanations: Sequence[Explanation],
    image: Tensor,
    *,
    probability: float | str,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """A labeled panel of many methods beside the picture, every map in its own color scale."""
    columns = min(6, len(explanations) + 1)
    rows = -(-(len(explanations) + 1) // columns)
    first = explanations[0]
    size = (2.9 * columns + 0.4, 3.25 * rows + 0.9)
    canvas, axes = new_figure(
        rows, columns, title=_title(first, probability, methods=False), size=size, theme=theme
    )
    panels = list(axes.flat)
    _draw_panel(panels[0], first, image, "picture", theme)
    for panel, explanation in zip(panels[1:], explanations, strict=False):
        _draw_panel(panel, explanation, image, "overlay", theme)
        panel.set_title(explanation.method + (" (!)" if explanation.notes else ""), fontsize=13)
    for panel in panels[len(explanations) + 1 :]:
        panel.set_axis_off()
    caption = (
        f"{len(explanations)} methods explain the same prediction. {RULE} Every map has its own scale: compare "
        "places, not strengths. (!) marks a map with a warning. That the maps disagree is a result, too."
    )
    numbers = {"explanations": [e.to_dict() for e in explanations]}
    return Figure(canvas, caption, f"{len(explanations)} explanations of {first.label}.", numbers, theme)


def caption_of(explanation: Explanation) -> str:
    """Question, rule of colors, how well it sums, and the caveat."""
    method = find_method(explanation.method)
    limit, error = explanation.color_limit, explanation.completeness_error
    words = [method.question, f"Yellow is strongest; full color at {limit:.3g}."]
    if explanation.signed:
        words[1] = f"Orange supports the class, blue counts against it; full color at ±{limit:.3g}."
    if error is not None and method.complete:
        right = f"Sums to the score within {max(error, 1e-4):.2%}."
        words.append(right if error <= TOLERANCE else f"Misses the sum that it should have by {error:.1%}.")
    if explanation.smoothing:
        words.append(f"Drawn smoother by {explanation.smoothing:g} pixels.")
    shared = {k: v for k, v in explanation.options.items() if k in ("layer", "baseline", "steps", "samples")}
    if shared:
        words.append(", ".join(f"{name} {value}" for name, value in shared.items()).capitalize() + ".")
    words += [f"Warning: {note}." for note in explanation.notes]
    return " ".join([*words, f"Caution: {method.caveat}"])


def _draw_panel(panel: Axes, explanation: Explanation, image: Tensor, kind: str, theme: Theme) -> None:
    panel.set_axis_off()
    if kind == "picture":
        panel.imshow(image[0].permute(1, 2, 0).cpu().numpy())
        panel.set_title("what the network saw", fontsize=13)
    elif kind == "overlay":
        panel.imshow(overlay(explanation, image, theme))
        panel.set_title(explanation.method, fontsize=13)
    else:
        colors, scale = color_scale(explanation, theme)
        panel.imshow(explanation.drawn_values(), cmap=colors, norm=scale)
        panel.set_title("the map alone", fontsize=13)


def _title(explanation: Explanation, probability: float | str, *, methods: bool = True) -> str:
    # A probability is shown in percent; of a regression the caller gives the number in words.
    answer = probability if isinstance(probability, str) else f"{probability:.0%}"
    why = f"Why “{explanation.label}” ({answer})"
    if explanation.against_label is not None:
        why += f" and not “{explanation.against_label}”"
    return f"{why}?" + (f"  {explanation.method}" if methods else "")
