"""The dream: a generator of steps, and the picture with its recipe that comes out."""

from deepdream.dreaming.axes import Axis, parse_axis, variations
from deepdream.dreaming.beginning import start
from deepdream.dreaming.estimating import Estimate, estimate, fit_to_memory
from deepdream.dreaming.loop import Step, advance, dream
from deepdream.dreaming.measures import Measures, measure
from deepdream.dreaming.rendering import render, render_all
from deepdream.dreaming.result import DreamResult, begin, finish
from deepdream.dreaming.state import State
from deepdream.dreaming.sweeping import CellResult
from deepdream.dreaming.visualization import visualize

__all__ = [
    "Axis",
    "CellResult",
    "DreamResult",
    "Estimate",
    "Measures",
    "State",
    "Step",
    "advance",
    "begin",
    "dream",
    "estimate",
    "finish",
    "fit_to_memory",
    "measure",
    "parse_axis",
    "render",
    "render_all",
    "start",
    "variations",
    "visualize",
]
