"""Trace: what a dream does to the prediction, step by step. Are there animals in your image, and why?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepdream.ascent.objectives import Scene, parse_objective
from deepdream.dreaming import Dreamed, Step, render
from deepdream.dreaming.fitting import objective_of
from deepdream.dreaming.result import fit_picture, full_size
from deepdream.figures import Animation, Figure, Theme, drawn, label, new_figure
from deepdream.images import Picture
from deepdream.lessons.animals import BY_CHANCE, Share, knows_animals, share_of_animals
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.models import Model
from deepdream.plan import Plan, plan_for
from deepdream.tensors import root_mean_square

#: The longer side at which a dream is traced: what is classified afterwards is smaller still.
SIZE = "320"
NOTES = (
    "The dream climbs the layer, not the class: nobody asked for an animal. That the probabilities move all the same "
    "is the lesson. Two reasons: what the layer's channels respond to comes from the pictures it was trained on, and "
    "398 of the 1000 classes are animals, 118 of them breeds of dogs; and ascent makes stronger whatever is already "
    "faintly there. Caveat: the dreamed picture is unlike every photograph the network has seen, so its new opinion "
    "is an extrapolation. Probabilities are not calibrated; look at the logits as well."
)


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
    dreamed: Dreamed
    frames: tuple[tuple[int, Tensor], ...]

    @property
    def probabilities(self) -> Tensor:
        """(steps + 1, classes) float64; every row sums to one."""
        return self.logits.softmax(dim=1)

    def followed(self, top: int = 3) -> list[int]:
        """The ``top`` classes before and the ``top`` after, each once."""
        both = [*self.logits[0].topk(top).indices.tolist(), *self.logits[-1].topk(top).indices.tolist()]
        return list(dict.fromkeys(both))

    def animals(self, row: int) -> Share | None:
        """How much of the prediction is animals; None if the classes are not ImageNet's."""
        return share_of_animals(self.probabilities[row]) if knows_animals(self.model) else None

    def changed_channels(self, count: int = 6) -> list[int]:
        """The channels whose mean activation changed most, the largest change first."""
        return (self.channels[1] - self.channels[0]).abs().topk(count).indices.tolist()

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
    watch: Callable[[Step], None] | None = None,
) -> Trace:
    """Dream ``picture`` and look at it after every step as the network does.

    Raises:
        UsageError, UnknownNameError: settings that do not fit the network or the picture.
    """
    plan = plan or plan_for()
    plan = replace(plan, objective=str(objective_of(plan, model)))
    before = fit_picture(picture, size).tensor()
    looker = _Looker(model, plan, before)
    looker.look(before, 0)

    def look(step: Step) -> None:
        looker.look(full_size(step.state).cpu(), step.octave)
        if watch is not None:
            watch(step)

    dreamed = render(model, picture, plan, size=size, watch=look)
    return looker.told(dreamed, frames)


class _Looker:
    """Remembers what the network says of each picture."""

    def __init__(self, model: Model, plan: Plan, before: Tensor) -> None:
        self.model, self.plan, self.before = model, plan, before
        self.objective = parse_objective(plan.objective)
        self.logits: list[Tensor] = []
        self.scores: list[float] = []
        self.images: list[Tensor] = []
        self.octaves: list[int] = []

    @torch.no_grad()
    def look(self, image: Tensor, octave: int) -> None:
        model, objective = self.model, self.objective
        self.logits.append(model(model.crop(image))[0].double().cpu())
        scene = Scene(model.activations(image, objective.layers), image.to(model.device))
        self.scores.append(sum(float(weight * score) for weight, score in objective.scores(scene)))
        self.images.append(image)
        self.octaves.append(octave)

    def told(self, dreamed: Dreamed, frames: int) -> Trace:
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
        found = self.model.activations(image, [layer])[layer][0].double().cpu()
        if found.dim() == 2:  # tokens (N, C)
            return found.mean(dim=0)
        return found.flatten(1).mean(dim=1) if found.dim() > 1 else found


def trace(
    model: Model,
    picture: Picture,
    plan: Plan | None = None,
    *,
    size: str | None = SIZE,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: a dream's effect on the prediction, and an answer to "are there animals in your image? why?"."""
    told = trace_dream(model, picture, plan, size=size, watch=partial(_tell_octaves, tell))
    return exhibit_of(told, picture, decided_by=decided_by)


def _tell_octaves(tell: Tell, step: Step) -> None:
    if step.state.step == step.state.size.steps:
        tell(f"trace: octave {step.octave} of {len(step.state.octaves)}")


def exhibit_of(told: Trace, picture: Picture, *, decided_by: str = "") -> Exhibit:
    """What a trace says, in words, numbers and pictures."""
    return Exhibit(
        name="trace",
        question="What does the dream do to the prediction?",
        answer=_answer(told),
        notes=NOTES,
        numbers=numbers_of(told),
        record=run_record(
            [told.model], picture, seed=told.plan.seed, plan=told.plan.to_dict(), decided_by=decided_by
        ),
        draw=lambda theme: draw_trace(told, theme=theme),
        move=lambda theme: animate_trace(told, theme=theme),
        tables=[_table(told)],
    )


def _answer(told: Trace) -> str:
    first, last = (_top(told, row) for row in (0, -1))
    words = [f"Before the dream the network says {first}; after it, {last}."]
    before, after = told.animals(0), told.animals(-1)
    if before is None or after is None:
        words.append("Its classes are not ImageNet's, so animals are not counted.")
    else:
        words.append(_about_animals(before, after))
    rise = _ratio(told)
    words.append(
        f"Nobody asked for that: the dream climbed {told.plan.objective}"
        + (f", to {rise:.3g} times its value," if rise else "")
        + f" and moved the picture by {float(told.distance[-1]):.3f} of the full range (root mean square)."
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


def _top(told: Trace, row: int) -> str:
    index = int(told.logits[row].argmax())
    return f"“{told.model.label(index)}” ({float(told.probabilities[row, index]):.0%})"


def _ratio(told: Trace) -> float | None:
    start = float(told.activation[0])
    return float(told.activation[-1]) / start if abs(start) > 1e-12 else None


def _table(told: Trace) -> Grid:
    rows = [
        (told.model.label(index), *(float(told.probabilities[row, index]) for row in (0, -1)),
         *(float(told.logits[row, index]) for row in (0, -1)))
        for index in told.followed()
    ]  # fmt: skip
    return Grid(
        "The classes before and after", ("class", "before", "after", "logit before", "logit after"), rows
    )


def numbers_of(told: Trace) -> dict[str, Any]:
    """Every row of a trace, ready for JSON."""
    followed = told.followed()
    probabilities = told.probabilities
    rows = [
        {
            "step": row,
            "octave": told.octave[row],
            "activation": float(told.activation[row]),
            "distance": float(told.distance[row]),
            "probabilities": [float(probabilities[row, index]) for index in followed],
            "logits": [float(told.logits[row, index]) for index in followed],
            "share": _share_dict(told.animals(row)),
        }
        for row in range(len(told.logits))
    ]
    return {
        "model": told.model.name,
        "objective": told.plan.objective,
        "layer": told.layer,
        "classes": [{"index": index, "label": told.model.label(index)} for index in followed],
        "by_chance": _share_dict(BY_CHANCE) if knows_animals(told.model) else None,
        "rows": rows,
        "channels": [
            {"channel": c, "before": float(told.channels[0, c]), "after": float(told.channels[1, c])}
            for c in told.changed_channels(min(10, told.channels.shape[1]))
        ],
    }


def _share_dict(share: Share | None) -> dict[str, float] | None:
    return None if share is None else dict(share.to_dict())


CAPTION = (
    "What: one photograph before and after a dream at {layer}, where it changed, and what the network says of it after "
    "every step: the classes that lead before or after, their logits, the dreamed layer's activation (1 is that of the "
    "original) and the distance to the original. Why: the dream was told to raise the layer and nothing else; the "
    "prediction follows. Dotted lines: a new octave begins; the "
    "very last step brings the change to the wanted strength."
)


MOVING_CAPTION = (
    "What: the dream, what the network says of it at each step, and the activation that was climbed (1 is that of the "
    "original picture). Why: nothing but the layer was asked for, and the prediction follows."
)


@drawn
def draw_trace(told: Trace, *, theme: Theme = Theme.LIGHT) -> Figure:
    """Pictures above, curves below."""
    canvas, axes = new_figure(
        2, 4, title="What does the dream do to the prediction?", size=(17.5, 8.9), theme=theme
    )
    axes[0][0].get_gridspec().set_height_ratios([0.85, 1])
    _pictures(canvas, axes[0], told)
    _channel_bars(axes[0][3], told, theme)
    _curves(axes[1], told, theme)
    return Figure(
        canvas, CAPTION.format(layer=told.layer), _answer(told), {"objective": told.plan.objective}, theme
    )


def _pictures(canvas: Any, places: Sequence[Any], told: Trace) -> None:
    for place, image, row, name in (
        (places[0], told.before, 0, "before"),
        (places[1], told.after, -1, "after"),
    ):
        place.imshow(image[0].permute(1, 2, 0).numpy())
        place.set_title(f"{name}: {_short(told, row)}")
        place.set_axis_off()
    shown = places[2].imshow(told.change, cmap="inferno", vmin=0)
    places[2].set_title("where it changed")
    places[2].set_axis_off()
    canvas.colorbar(shown, ax=places[2], shrink=0.7)


def _short(told: Trace, row: int) -> str:
    index = int(told.logits[row].argmax())
    return f"{shortened(told.model.label(index))} {float(told.probabilities[row, index]):.0%}"


def shortened(words: str, most: int = 18) -> str:
    """The first name of a class, cut where it would not fit a panel."""
    words = words.partition(",")[0]
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _channel_bars(place: Any, told: Trace, theme: Theme) -> None:
    chosen = told.changed_channels(min(6, told.channels.shape[1]))
    heights = np.arange(len(chosen))
    before, after = (told.channels[when, chosen].numpy() for when in (0, 1))
    place.barh(heights - 0.2, before, 0.38, color=theme.faint, label="before")
    place.barh(heights + 0.2, after, 0.38, color=theme.positive, label="after")
    place.set_yticks(heights, [f"{channel}" for channel in chosen])
    place.invert_yaxis()
    place.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.32), ncols=2, frameon=False
    )  # below: bars fill the box
    label(place, "mean activation", "channel", "channels that changed most")


_DASHES = ("-", "--", ":", "-.")


def _curves(places: Sequence[Any], told: Trace, theme: Theme) -> None:
    steps = np.arange(len(told.logits))
    probabilities = told.probabilities
    for order, index in enumerate(told.followed()):
        look: dict[str, Any] = {"color": theme.colors[order % 7], "linestyle": _DASHES[order % 4]}
        places[0].plot(steps, probabilities[:, index], label=shortened(told.model.label(index)), **look)
        places[1].plot(steps, told.logits[:, index], **look)
    _animal_line(places[0], told, theme)
    places[2].plot(steps, _risen(told), color=theme.positive)
    places[3].plot(steps, told.distance, color=theme.negative)
    places[0].set_ylim(-0.02, 1.02)
    places[0].figure.legend(*places[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    label(places[0], "step", "probability", "probability")
    label(places[1], "step", "logit", "logits of the same")
    label(places[2], "step", "times the original's", f"activation, {shortened(told.layer)}")
    label(places[3], "step", "root mean square", "distance to the original")
    for place in places:
        _mark_octaves(place, told, theme)


def _animal_line(place: Any, told: Trace, theme: Theme) -> None:
    if knows_animals(told.model):
        share = [share_of_animals(row).animals for row in told.probabilities]
        place.plot(share, color=theme.ink, linewidth=4, alpha=0.5, label="all animals")


def _risen(told: Trace) -> NDArray[np.float64]:
    """The activation as a multiple of the original picture's; as it is where that is zero."""
    start = float(told.activation[0])
    return np.asarray(told.activation / (start if abs(start) > 1e-12 else 1.0))


def _mark_octaves(place: Any, told: Trace, theme: Theme) -> None:
    place.grid(False, axis="x")
    for row in range(2, len(told.octave)):
        if told.octave[row] != told.octave[row - 1]:
            place.axvline(row - 0.5, color=theme.faint, linestyle=":", linewidth=1.5)


@drawn
def animate_trace(told: Trace, *, theme: Theme = Theme.LIGHT) -> Animation:
    """The picture beside the curves, with a line that moves along them."""
    canvas, axes = new_figure(
        1, 3, title="What does the dream do to the prediction?", size=(15, 5.6), theme=theme
    )
    picture, chances, climb = axes[0]
    shown = picture.imshow(told.frames[0][1].permute(1, 2, 0).numpy())
    picture.set_axis_off()
    _moving_curves(chances, climb, told, theme)
    now = [place.axvline(0, color=theme.ink, linewidth=2) for place in (chances, climb)]

    def update(index: int) -> None:
        row, image = told.frames[index]
        shown.set_data(image.permute(1, 2, 0).numpy())
        for line in now:
            line.set_xdata([row, row])

    figure = Figure(canvas, MOVING_CAPTION, _answer(told), {}, theme)
    return Animation(figure, update, len(told.frames), moving=lambda: (shown, *now))


def _moving_curves(chances: Any, climb: Any, told: Trace, theme: Theme) -> None:
    steps = np.arange(len(told.logits))
    for order, index in enumerate(told.followed(2)):
        name = shortened(told.model.label(index))
        chances.plot(steps, told.probabilities[:, index], label=name, linestyle=_DASHES[order % 4])
    if knows_animals(told.model):
        share = [share_of_animals(row).animals for row in told.probabilities]
        chances.plot(
            steps, share, color=theme.ink, linestyle="-", linewidth=4, alpha=0.5, label="all animals"
        )
    chances.figure.legend(*chances.get_legend_handles_labels(), loc="outside right center", frameon=False)
    chances.set_ylim(-0.02, 1.02)
    label(chances, "step", "probability", "what it says")
    climb.plot(steps, _risen(told), color=theme.positive)
    label(climb, "step", "times the original's", f"what was climbed: {shortened(told.layer)}")
