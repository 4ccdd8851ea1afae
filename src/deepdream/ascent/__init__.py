"""Climbing a network: objectives, parameterizations, gradients and their conditioning, octaves."""

from deepdream.ascent.objectives import (
    Objective,
    blur,
    caricature,
    channel,
    direction,
    distance,
    diversity,
    guide,
    interpolate,
    l1,
    l2,
    layer,
    logit,
    masked,
    neuron,
    parse_objective,
    total_variation,
)
from deepdream.ascent.sizes import Octave, octaves

__all__ = [
    "Objective",
    "Octave",
    "blur",
    "caricature",
    "channel",
    "direction",
    "distance",
    "diversity",
    "guide",
    "interpolate",
    "l1",
    "l2",
    "layer",
    "logit",
    "masked",
    "neuron",
    "octaves",
    "parse_objective",
    "total_variation",
]
