"""Feature visualization: pictures from nothing, each the one that a part of the network answers to most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepdream.ascent.objective_lists import join_goals
from deepdream.ascent.objectives import Objective
from deepdream.dreaming.rendering import render_all
from deepdream.dreaming.result import DreamResult
from deepdream.dreaming.source_pictures import noise_picture
from deepdream.models import Model
from deepdream.plan import Plan, find_preset, plan_for


def visualization_plan(objectives: Sequence[Objective | str], preset: str = "lucid", **settings: Any) -> Plan:
    """The plan of a visualization: settings of ``preset`` with ``settings`` over them, started from noise.

    A new ground at every step makes the gradients of a transparent picture less sure: by default it
    takes half of the preset's rate, and a third more steps. Raises what ``plan_for`` raises.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    own = find_preset(preset).settings if given.get("alpha") else {}
    if "rate" in own and "steps" in own:
        given = {"rate": own["rate"] / 2, "steps": round(own["steps"] * 4 / 3), **given}
    return plan_for(preset, **{**given, "objective": join_goals(objectives), "start": "noise"})


def visualize(
    model: Model,
    objectives: Sequence[Objective | str],
    *,
    size: int | tuple[int, int] = 224,
    steps: int | None = None,
    preset: str = "lucid",
    seed: int = 0,
    batch: int | None = None,
    **settings: Any,
) -> list[DreamResult]:
    """One picture for each objective, in their order, all made in one run.

        red, blue = visualize(model, ["channel(blocks.4, 17)", channel("blocks.4", 18)], steps=128)

    The pictures start from the same noise and meet the same random transforms, so one picture is the same (to
    rounding) for every choice of the other pictures.

    Args:
        objectives: What the pictures climb, one each; objectives or their text.
        size: Side in pixels, or (height, width).
        steps: Gradient steps; the preset's if not given.
        preset: A named set of settings, see ``deepdream.plan.PRESETS``.
        batch: Largest number of pictures in one network pass; it bounds the memory.
        settings: Further settings of ``Plan``. ``alpha=True`` gives transparent pictures; with ``pictures=n``
            every objective gives n pictures, climbed together (which matters to objectives that compare pictures,
            such as diversity).

    Raises:
        UsageError, UnknownNameError: unknown layers, channels or settings, or a size the network cannot take.
        MemoryExhaustedError: not enough memory.

    Source: Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill.
    """
    plan = visualization_plan(objectives, preset, steps=steps, seed=seed, batch=batch, **settings)
    height, width = (size, size) if isinstance(size, int) else size
    return render_all(model, noise_picture(height, width, plan.seed), plan)
