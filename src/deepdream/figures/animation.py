"""A plot that moves: one figure whose artists are updated frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepdream.errors import UsageError
from deepdream.figures.figure import FORMATS, Figure, look

MOVING = (".gif", ".webp")


@dataclass(frozen=True)
class Animation:
    """``count`` frames: ``update(i)`` changes the artists of ``figure`` to frame ``i``.

    The last frame doubles as the still picture: for SVG, PDF and notebooks.
    """

    figure: Figure
    update: Callable[[int], None]
    count: int
    frames_per_second: float = 8.0
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """What is shown, and why."""
        return self.figure.caption

    @property
    def alt(self) -> str:
        """The animation in words."""
        return self.figure.alt

    def frames(self) -> Iterator[npt.NDArray[np.float32]]:
        """Every frame as a picture, float32 (H, W, 3) in [0, 1], all of one size."""
        with self.figure.captioned():
            for index in range(self.count):
                with look(self.figure.theme):
                    self.update(index)
                yield self.figure.render()
                self.figure.canvas.set_layout_engine("none")  # the panels stay where the first frame put them

    def still(self, index: int = -1) -> Figure:
        """One frame as a figure; the last by default."""
        with look(self.figure.theme):
            self.update(index % self.count)
        return self.figure

    def save(self, path: str | Path) -> Path:
        """Write GIF or WebP by suffix; PNG, SVG and PDF get the last frame, for they are made to be printed.

        Raises:
            UsageError: another suffix.
            OutputError: the place cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() in MOVING:
            from deepdream.images import write_animation

            write_animation(path, self.frames(), frames_per_second=self.frames_per_second)
            return path
        if path.suffix.lower() in FORMATS:
            return self.still().save(path)
        known = ", ".join(sorted({*MOVING, *FORMATS}))
        raise UsageError(f"An animation cannot be written as {path.suffix or 'no suffix'!r}: use {known}.")

    def _repr_png_(self) -> bytes:
        return self.still().encode(".png")
