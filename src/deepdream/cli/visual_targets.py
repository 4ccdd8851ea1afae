"""What ``visualize`` shows: a channel, a layer, a class or an objective, as words of the command line name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deepdream.errors import UsageError
from deepdream.plan import PRESETS, Plan

if TYPE_CHECKING:
    from deepdream.models import Model

#: Pixels a side. A visualization starts from noise, so no picture limits its size.
LARGEST = 4096
#: Presets that make a picture from noise.
VISUAL_PRESETS = tuple(name for name, preset in PRESETS.items() if preset.visualizes)
#: Pictures in one call: they are one batch, whose memory grows with their number.
_MOST = 64
#: Settings of a dream that --set does not take here, and what to use instead.
_NOT_BY_SET = {
    "objective": "it is what stands before the options",
    "layer": "it is what stands before the options",
    "pictures": "use --diversity",
    "start": "a visualization starts from noise",
    "preset": "use --preset",
    "model": "use --model",
    "size": "use --size",
}


@dataclass(frozen=True)
class VisualTarget:
    """One thing to show: its objective as text, its label on a sheet, and its layer if it has one."""

    objective: str
    label: str
    layer: str = ""


def read_target(word: str, channels: str, network: Model) -> list[VisualTarget]:
    """The targets of one word of the command line: ``blocks.4:17``, ``blocks.4``, ``class:NAME`` or an objective.

    Raises:
        UnknownNameError: no such layer or class.
        UsageError: the layer has no such channel.
    """
    if word.startswith("class:"):
        index = network.find_class(word.removeprefix("class:"))
        return [VisualTarget(f"logit({index})", network.label(index).split(",")[0])]
    if "(" in word:
        return [VisualTarget(word, word)]
    match = re.fullmatch(r"(.+):(\d+)", word)
    if match:
        name, numbers = match[1], [int(match[2])]
    else:
        name, numbers = word, read_numbers(channels)
    layer = network.layer(name)
    for number in numbers:
        if number >= layer.channels:
            raise UsageError(f"{name} has channels 0 to {layer.channels - 1}; there is no channel {number}.")
    if not numbers:
        return [VisualTarget(f"layer({name})", name, name)]
    return [VisualTarget(f"channel({name}, {number})", f"{name}:{number}", name) for number in numbers]


def read_numbers(text: str) -> list[int]:
    """``0-15`` or ``3,17,40`` as numbers, each once. Raises UsageError."""
    numbers: list[int] = []
    for part in filter(None, text.replace(" ", "").split(",")):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise UsageError(f"Cannot read the channels {text!r}. Examples: 0-15, or 3,17,40.")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(numbers))


def signs_of(target: VisualTarget, *, negative: bool, both: bool) -> list[VisualTarget]:
    """The target, its opposite (what lowers the response), or both."""
    if negative and both:
        raise UsageError("Choose one of --negative and --both.")
    from deepdream.ascent import parse_objective

    opposite = replace(target, objective=str(-parse_objective(target.objective)), label=f"−{target.label}")
    return [target, opposite] if both else [opposite if negative else target]


def read_side(size: str) -> tuple[int, int]:
    """(height, width) of ``224`` or ``320x200`` (width x height). Raises UsageError."""
    from deepdream.dreaming.source_pictures import parse_size

    height, width = parse_size(size if "x" in size.lower() else f"{size}x{size}", 1, 1)
    if max(height, width) > LARGEST:
        raise UsageError(f"--size {size} is more than {LARGEST} pixels a side.")
    return height, width


def plan_of_targets(
    targets: Sequence[VisualTarget], diversity: int, network: Model, preset: str, **settings: Any
) -> Plan:
    """The plan of all the pictures. Raises UsageError: nothing to show, too much, or no such preset."""
    from deepdream.ascent.parameterizations import check_start
    from deepdream.ascent.transforms import parse_transforms
    from deepdream.dreaming.fitting import objective_of
    from deepdream.dreaming.visualization import visualization_plan

    if not targets:
        raise UsageError("Say what to visualize: blocks.4:17, class:NAME or an objective.")
    if preset in PRESETS and preset not in VISUAL_PRESETS:
        raise UsageError(f"--preset is one of {', '.join(VISUAL_PRESETS)} here, not {preset!r}.")
    if len(targets) * diversity > _MOST:
        raise UsageError(
            f"{len(targets) * diversity} pictures are more than {_MOST} in one call: ask for fewer --channels."
        )
    objectives = [
        f"{target.objective} + diversity({target.layer or network.recommended_layer})"
        if diversity > 1
        else target.objective
        for target in targets
    ]
    for name in _NOT_BY_SET:
        if name in settings:
            raise UsageError(f"Not --set {name}=... here: {_NOT_BY_SET[name]}.")
    plan = visualization_plan(objectives, preset, pictures=diversity, **settings)
    check_start(plan)
    parse_transforms(plan.transforms)
    objective_of(plan, network)
    return plan
