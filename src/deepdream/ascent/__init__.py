"""Climbing a network: objectives, parameterizations, gradients and their conditioning, octaves."""

from deepdream.ascent.objectives import Objective, channel, layer, logit, parse_objective, total_variation
from deepdream.ascent.sizes import Octave, octaves

__all__ = [
    "Objective",
    "Octave",
    "channel",
    "layer",
    "logit",
    "octaves",
    "parse_objective",
    "total_variation",
]
