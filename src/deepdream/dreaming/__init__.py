"""The dream: a generator of steps, and the picture with its recipe that comes out."""

from deepdream.dreaming.loop import Step, advance, dream, start
from deepdream.dreaming.measures import Measures, measure
from deepdream.dreaming.result import Dreamed, render
from deepdream.dreaming.state import State

__all__ = ["Dreamed", "Measures", "State", "Step", "advance", "dream", "measure", "render", "start"]
