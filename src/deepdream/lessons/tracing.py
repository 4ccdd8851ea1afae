"""Trace: what a dream does to the prediction, step by step. Are there animals in your image, and why?"""

from __future__ import annotations

from typing import Any

from deepdream.images import Picture
from deepdream.lessons.animals import BY_CHANCE, Share, knows_animals
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.lessons.trace_figures import animate_trace, draw_trace
from deepdream.lessons.traces import SIZE, Trace, answer_of, trace_dream
from deepdream.models import Model
from deepdream.plan import Plan, plan_for

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
    return exhibit_of(trace_dream(model, picture, plan, size=size, tell=tell), picture, decided_by=decided_by)


@on_page("trace", "Trace", 10, trace)
def _on_page(inputs: PageInputs) -> Exhibit:
    plan = plan_for(seed=inputs.seed)
    return trace(inputs.model, inputs.picture, plan, decided_by=inputs.decided_by, tell=inputs.tell)


def exhibit_of(traced: Trace, picture: Picture, *, decided_by: str = "") -> Exhibit:
    """What a trace says, in words, numbers and pictures."""
    return Exhibit(
        name="trace",
        question="What does the dream do to the prediction?",
        answer=answer_of(traced),
        notes=NOTES,
        numbers=numbers_of(traced),
        record=run_record(
            [traced.model], picture, seed=traced.plan.seed, plan=traced.plan.to_dict(), decided_by=decided_by
        ),
        draw=lambda theme: draw_trace(traced, theme=theme),
        move=lambda theme: animate_trace(traced, theme=theme),
        tables=[_table(traced)],
    )


def _table(traced: Trace) -> Grid:
    rows = [
        (traced.model.label(index), *(float(traced.probabilities[row, index]) for row in (0, -1)),
         *(float(traced.logits[row, index]) for row in (0, -1)))
        for index in traced.followed()
    ]  # fmt: skip
    return Grid(
        "The classes before and after", ("class", "before", "after", "logit before", "logit after"), rows
    )


def numbers_of(traced: Trace) -> dict[str, Any]:
    """Every row of a trace, ready for JSON."""
    followed = traced.followed()
    probabilities = traced.probabilities
    rows = [
        {
            "step": row,
            "octave": traced.octave[row],
            "activation": float(traced.activation[row]),
            "distance": float(traced.distance[row]),
            "probabilities": [float(probabilities[row, index]) for index in followed],
            "logits": [float(traced.logits[row, index]) for index in followed],
            "share": _share_dict(traced.animals(row)),
        }
        for row in range(len(traced.logits))
    ]
    return {
        "model": traced.model.name,
        "objective": traced.plan.objective,
        "layer": traced.layer,
        "classes": [{"index": index, "label": traced.model.label(index)} for index in followed],
        "by_chance": _share_dict(BY_CHANCE) if knows_animals(traced.model) else None,
        "rows": rows,
        "channels": [
            {"channel": c, "before": float(traced.channels[0, c]), "after": float(traced.channels[1, c])}
            for c in traced.changed_channels(min(10, traced.channels.shape[1]))
        ],
    }


def _share_dict(share: Share | None) -> dict[str, float] | None:
    return None if share is None else dict(share.to_dict())
