"""One look for every plot: theme, captions (what is shown and why), alt texts, color-blind-safe maps.

A plot function is decorated with :func:`drawn`, takes ``theme=``, starts with :func:`new_figure`
and returns a :class:`Figure` or an :class:`Animation`.
"""

from deepdream.figures.figure import Figure, drawn, label, look, new_figure, shortened
from deepdream.figures.moving_figure import Animation
from deepdream.figures.theme import (
    BLUE,
    GREEN,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Theme,
)

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PALETTE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "YELLOW",
    "Animation",
    "Figure",
    "Theme",
    "drawn",
    "label",
    "look",
    "new_figure",
    "shortened",
]
