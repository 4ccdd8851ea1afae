"""Figures of a trace: pictures and curves, and the dream as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure, shortened
from deepdream.lessons.animals import knows_animals, share_of_animals
from deepdream.lessons.traces import Trace, answer_of

CAPTION = (
    "What: one photograph before and after a dream at {layer}, where it changed, and what the network says of it after "
    "every step: the classes that lead before or after, their logits, the dreamed layer's activation (1 is that of the "
    "original) and the distance to the original. Why: the dream was told to raise the layer and nothing else; the "
    "prediction follows. Dotted lines: a new octave begins; the "
    "very last step brings the change to the wanted strength."
)


MOVING_CAPTION = (
    "What: the dream, what the network says of it at each step, and the activation that was climbed (1 is that of the "
    "original picture). Why: only the layer was maximized, and the prediction follows."
)


@drawn
def draw_trace(traced: Trace, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Pictures above, curves below."""
    canvas, axes = new_figure(
        2, 4, title="What does the dream do to the prediction?", size=(17.5, 8.9), theme=theme
    )
    axes[0][0].get_gridspec().set_height_ratios([0.85, 1])
    _pictures(canvas, axes[0], traced)
    _channel_bars(axes[0][3], traced, theme)
    _curves(axes[1], traced, theme)
    return Figure(
        canvas,
        CAPTION.format(layer=traced.layer),
        answer_of(traced),
        {"objective": traced.plan.objective},
        theme,
    )


def _pictures(canvas: Any, axes: Sequence[Any], traced: Trace) -> None:
    for axis, image, row, name in (
        (axes[0], traced.before, 0, "before"),
        (axes[1], traced.after, -1, "after"),
    ):
        axis.imshow(image[0].permute(1, 2, 0).numpy())
        axis.set_title(f"{name}: {_short(traced, row)}")
        axis.set_axis_off()
    drawing = axes[2].imshow(traced.change, cmap="inferno", vmin=0)
    axes[2].set_title("where it changed")
    axes[2].set_axis_off()
    canvas.colorbar(drawing, ax=axes[2], shrink=0.7)


def _short(traced: Trace, row: int) -> str:
    index = int(traced.logits[row].argmax())
    return f"{shortened(traced.model.label(index))} {float(traced.probabilities[row, index]):.0%}"


def _channel_bars(axis: Any, traced: Trace, theme: Theme) -> None:
    chosen = traced.changed_channels(min(6, traced.channels.shape[1]))
    heights = np.arange(len(chosen))
    before, after = (traced.channels[when, chosen].numpy() for when in (0, 1))
    axis.barh(heights - 0.2, before, 0.38, color=theme.faint, label="before")
    axis.barh(heights + 0.2, after, 0.38, color=theme.positive, label="after")
    axis.set_yticks(heights, [f"{channel}" for channel in chosen])
    axis.invert_yaxis()
    axis.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.32), ncols=2, frameon=False
    )  # below: bars fill the box
    label(axis, "mean activation", "channel", "channels that changed most")


_DASHES = ("-", "--", ":", "-.")


def _curves(axes: Sequence[Any], traced: Trace, theme: Theme) -> None:
    steps = np.arange(len(traced.logits))
    probabilities = traced.probabilities
    for order, index in enumerate(traced.followed()):
        look: dict[str, Any] = {"color": theme.colors[order % 7], "linestyle": _DASHES[order % 4]}
        axes[0].plot(steps, probabilities[:, index], label=shortened(traced.model.label(index)), **look)
        axes[1].plot(steps, traced.logits[:, index], **look)
    _animal_line(axes[0], traced, theme)
    axes[2].plot(steps, _risen(traced), color=theme.positive)
    axes[3].plot(steps, traced.distance, color=theme.negative)
    axes[0].set_ylim(-0.02, 1.02)
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    label(axes[0], "step", "probability", "probability")
    label(axes[1], "step", "logit", "logits of the same")
    label(axes[2], "step", "times the original's", f"activation, {shortened(traced.layer)}")
    label(axes[3], "step", "root mean square", "distance to the original")
    for axis in axes:
        axis.grid(False, axis="x")
        for row in range(2, len(traced.octave)):
            if traced.octave[row] != traced.octave[row - 1]:
                axis.axvline(row - 0.5, color=theme.faint, linestyle=":", linewidth=1.5)


def _animal_line(axis: Any, traced: Trace, theme: Theme) -> None:
    if knows_animals(traced.model):
        share = [share_of_animals(row).animals for row in traced.probabilities]
        axis.plot(share, color=theme.ink, linewidth=4, alpha=0.5, label="all animals")


def _risen(traced: Trace) -> NDArray[np.float64]:
    """The activation as a multiple of the original picture's; as it is where that is zero."""
    start = float(traced.activation[0])
    return np.asarray(traced.activation / (start if abs(start) > 1e-12 else 1.0))


@drawn
def animate_trace(traced: Trace, *, theme: Theme = Theme.LIGHT) -> Animation:
    """The picture beside the curves, with a line that moves along them."""
    canvas, axes = new_figure(
        1, 3, title="What does the dream do to the prediction?", size=(15, 5.6), theme=theme
    )
    picture, chances, climb = axes[0]
    drawing = picture.imshow(traced.frames[0][1].permute(1, 2, 0).numpy())
    picture.set_axis_off()
    _moving_curves(chances, climb, traced, theme)
    now = [axis.axvline(0, color=theme.ink, linewidth=2) for axis in (chances, climb)]

    def update(index: int) -> None:
        row, image = traced.frames[index]
        drawing.set_data(image.permute(1, 2, 0).numpy())
        for line in now:
            line.set_xdata([row, row])

    figure = Figure(canvas, MOVING_CAPTION, answer_of(traced), {}, theme)
    return Animation(figure, update, len(traced.frames), moving=lambda: (drawing, *now))


def _moving_curves(chances: Any, climb: Any, traced: Trace, theme: Theme) -> None:
    steps = np.arange(len(traced.logits))
    for order, index in enumerate(traced.followed(2)):
        name = shortened(traced.model.label(index))
        chances.plot(steps, traced.probabilities[:, index], label=name, linestyle=_DASHES[order % 4])
    if knows_animals(traced.model):
        share = [share_of_animals(row).animals for row in traced.probabilities]
        chances.plot(
            steps, share, color=theme.ink, linestyle="-", linewidth=4, alpha=0.5, label="all animals"
        )
    chances.figure.legend(*chances.get_legend_handles_labels(), loc="outside right center", frameon=False)
    chances.set_ylim(-0.02, 1.02)
    label(chances, "step", "probability", "what it says")
    climb.plot(steps, _risen(traced), color=theme.positive)
    label(climb, "step", "times the original's", f"what was climbed: {shortened(traced.layer)}")
