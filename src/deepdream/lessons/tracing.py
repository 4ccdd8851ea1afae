"""Trace: what a dream does to the prediction, step by step. Are there animals in your image, and why?"""

from __future__ import annotations

from functools import partial
from typing import Any

from deepdream.dreaming import Step
from deepdream.images import Picture
from deepdream.lessons.animals import BY_CHANCE, Share, knows_animals
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.trace_figures import animate_trace, draw_trace
from deepdream.lessons.traces import SIZE, Trace, answer_of, trace_dream
from deepdream.models import Model
from deepdream.plan import Plan

NOTES = (
    "The dream climbs the layer, not the class: no animal was requested. That the probabilities move all the same "
    "is the lesson. Two reasons: what the layer's channels respond to comes from the pictures it was trained on, and "
    "398 of the 1000 classes are animals, 118 of them breeds of dogs; and ascent makes stronger whatever is already "
    "faintly there. Caveat: the dreamed picture is unlike every photograph the network has seen, so its new opinion "
    "is an extrapolation. Probabilities are not calibrated; look at the logits as well."
)


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
        answer=answer_of(told),
        notes=NOTES,
        numbers=numbers_of(told),
        record=run_record(
            [told.model], picture, seed=told.plan.seed, plan=told.plan.to_dict(), decided_by=decided_by
        ),
        draw=lambda theme: draw_trace(told, theme=theme),
        move=lambda theme: animate_trace(told, theme=theme),
        tables=[_table(told)],
    )


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
