"""The one look: colors that color-blind people can tell apart, type that the last row of a hall can read."""

from __future__ import annotations

from enum import Enum
from typing import Any

from cycler import cycler
from matplotlib.colors import Colormap, LinearSegmentedColormap

# Okabe and Ito 2008, "Color Universal Design": distinct for every common kind of color vision.
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, YELLOW)

TYPE_SIZE = 15.0  # points; figures are 10 inches wide, so this is readable from the last row


class Theme(Enum):
    """Light paper, or dark paper for a dark hall."""

    LIGHT = "light"
    DARK = "dark"

    @property
    def ink(self) -> str:
        """Color of text, axes and outlines."""
        return "#1A1A1A" if self is Theme.LIGHT else "#F2F2F2"

    @property
    def paper(self) -> str:
        """Color behind everything."""
        return "#FFFFFF" if self is Theme.LIGHT else "#14171C"

    @property
    def faint(self) -> str:
        """Color of grids, guides and what should stand back."""
        return "#BDBDBD" if self is Theme.LIGHT else "#4A505A"

    @property
    def negative(self) -> str:
        """Color of negative numbers and of class 0 (or -1)."""
        return BLUE if self is Theme.LIGHT else SKY

    @property
    def positive(self) -> str:
        """Color of positive numbers and of class 1."""
        return VERMILION if self is Theme.LIGHT else ORANGE

    @property
    def colors(self) -> tuple[str, ...]:
        """The order in which series take their colors; the first two are ``negative`` and ``positive``."""
        dark = (SKY, ORANGE, GREEN, YELLOW, PURPLE, VERMILION, BLUE)
        return PALETTE if self is Theme.LIGHT else dark

    @property
    def diverging(self) -> Colormap:
        """Signed values: blue below, paper at zero, orange above. Use limits symmetric about zero."""
        return LinearSegmentedColormap.from_list(
            f"deepdream-{self.value}", [self.negative, self.paper, self.positive]
        )

    @property
    def sequential(self) -> str:
        """Values from low to high: cividis is even in lightness for every kind of color vision."""
        return "cividis"

    def style(self) -> dict[str, Any]:
        """Matplotlib settings of this look."""
        return _TYPE | {
            "figure.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "legend.facecolor": self.paper,
            "text.color": self.ink,
            "axes.labelcolor": self.ink,
            "axes.edgecolor": self.ink,
            "xtick.color": self.ink,
            "ytick.color": self.ink,
            "grid.color": self.faint,
            "legend.edgecolor": self.faint,
            "hatch.color": self.ink,
            "axes.prop_cycle": cycler(color=list(self.colors)),
        }


_TYPE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
    "font.size": TYPE_SIZE,
    "axes.titlesize": TYPE_SIZE + 1,
    "axes.labelsize": TYPE_SIZE,
    "figure.titlesize": TYPE_SIZE + 5,
    "figure.titleweight": "bold",
    "xtick.labelsize": TYPE_SIZE - 2,
    "ytick.labelsize": TYPE_SIZE - 2,
    "legend.fontsize": TYPE_SIZE - 2,
    "legend.framealpha": 0.85,
    "lines.linewidth": 2.5,
    "lines.markersize": 9,
    "axes.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.linewidth": 0.8,
    "grid.alpha": 0.6,
    "image.interpolation": "nearest",
    "svg.hashsalt": "deepdream",  # the same SVG, byte for byte, every time
    "svg.fonttype": "path",
}
