"""A plot that moves: one figure whose artists are updated frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg

from deepdream.errors import UsageError
from deepdream.figures.figure import Figure, as_pixels, look
from deepdream.images.formats import PLOT_SUFFIXES, moving_plot_suffixes


@dataclass(frozen=True)
class Animation:
    """``count`` frames: ``update(i)`` changes the artists of ``figure`` to frame ``i``.

    The last frame doubles as the still picture: for SVG, PDF and notebooks. ``moving`` gives the artists that
    ``update`` changes and those in front of them, from back to front; without it, every frame is drawn anew.
    """

    figure: Figure
    update: Callable[[int], None]
    count: int
    frames_per_second: float = 8.0
    numbers: Mapping[str, Any] = field(default_factory=dict)
    moving: Callable[[], Sequence[Artist]] = tuple

    @property
    def caption(self) -> str:
        """What is shown, and why."""
        return self.figure.caption

    @property
    def alt(self) -> str:
        """The animation in words."""
        return self.figure.alt

    def frames(self) -> Iterator[npt.NDArray[np.float32]]:
        """Every frame as a picture, float32 (H, W, 3) in [0, 1], all of one size.

        The panels stay where the first frame put them. If ``moving`` is known, the rest is drawn once.
        """
        canvas: Any = FigureCanvasAgg(self.figure.canvas)
        with self.figure.captioned():
            background = self._background(canvas)
            try:
                for index in range(self.count):
                    with look(self.figure.theme):
                        self.update(index)
                        if background is None:
                            canvas.draw()
                        else:
                            canvas.restore_region(background)
                            for artist in self.moving():
                                artist.draw(canvas.get_renderer())
                    yield as_pixels(canvas)
            finally:
                self._hide(False)

    def _background(self, canvas: Any) -> Any:
        """What never moves, as pixels; None if that is not known."""
        with look(self.figure.theme):
            self.update(0)
            canvas.draw()
            self.figure.canvas.set_layout_engine("none")
            if not self.moving():
                return None
            self._hide(True)
            canvas.draw()
        return canvas.copy_from_bbox(self.figure.canvas.bbox)

    def _hide(self, hidden: bool) -> None:
        for artist in self.moving():
            artist.set_animated(hidden)  # "animated" artists are left out when the canvas is drawn

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
        if path.suffix.lower() in moving_plot_suffixes():
            from deepdream.images import write_animation

            write_animation(path, self.frames(), frames_per_second=self.frames_per_second)
            return path
        if path.suffix.lower() in PLOT_SUFFIXES:
            return self.still().save(path)
        known = ", ".join(sorted({*moving_plot_suffixes(), *PLOT_SUFFIXES}))
        raise UsageError(f"An animation cannot be written as {path.suffix or 'no suffix'!r}: use {known}.")

    def _repr_png_(self) -> bytes:
        return self.still().encode(".png")
