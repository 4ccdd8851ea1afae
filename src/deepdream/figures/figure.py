"""A plot that knows what it shows, and why: caption, alt text and numbers travel with it."""

from __future__ import annotations

import functools
import html
import io
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import TextToPath

from deepdream.errors import UsageError
from deepdream.figures.theme import TYPE_SIZE, Theme
from deepdream.images.formats import PLOT_SUFFIXES
from deepdream.provenance.files import replacing

P = ParamSpec("P")
R = TypeVar("R")

CAPTION_SIZE = TYPE_SIZE - 3  # in a figure of 10 inches; more in a wider one, which is shown as large
TITLE_SHARE = 0.95  # of the figure's width
_SETTINGS = threading.RLock()  # matplotlib keeps its settings in one global dict


@contextmanager
def look(theme: Theme) -> Iterator[None]:
    """Draw with the settings of ``theme``, and leave matplotlib's settings as they were."""
    with _SETTINGS, mpl.rc_context(cast(Any, theme.style())):
        yield


def drawn(plot: Callable[P, R]) -> Callable[P, R]:
    """Decorate a plot function: everything it draws takes the look of its ``theme=`` argument."""

    @functools.wraps(plot)
    def with_look(*args: P.args, **kwargs: P.kwargs) -> R:
        theme = kwargs.get("theme", Theme.LIGHT)
        with look(theme if isinstance(theme, Theme) else Theme.LIGHT):
            return plot(*args, **kwargs)

    return with_look


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    title: str,
    size: tuple[float, float] = (10.0, 6.0),
    theme: Theme = Theme.LIGHT,
) -> tuple[Canvas, npt.NDArray[Any]]:
    """A matplotlib figure in the project's look and its axes, shape (rows, columns). ``size`` is in inches.

    Call it inside a function decorated with :func:`drawn`, so that later text has the same look.
    """
    with look(theme):
        canvas = Canvas(figsize=size, dpi=100, layout=_layout())
        canvas.suptitle(_fitting(title, size[0]))
        axes = canvas.subplots(rows, columns, squeeze=False)
    return canvas, axes


def _fitting(title: str, width: float) -> str:
    """``title`` in as many lines as a figure ``width`` inches wide needs; matplotlib would cut it at both ends."""
    font = FontProperties(size=mpl.rcParams["figure.titlesize"], weight=mpl.rcParams["figure.titleweight"])
    wide = TextToPath().get_text_width_height_descent(title, font, ismath=False)[0] / 72
    if wide <= TITLE_SHARE * width:
        return title
    return textwrap.fill(
        title,
        max(1, int(len(title) * TITLE_SHARE * width / wide)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name both axes (with units where there are any) and draw the grid."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(True)


def shortened(words: str, most: int = 18) -> str:
    """The first name of a class, cut where it would not fit a panel."""
    words = words.partition(",")[0]
    return words if len(words) <= most else f"{words[: most - 1]}…"


@dataclass(frozen=True)
class Figure:
    """A finished plot.

    Attributes:
        canvas: the matplotlib figure.
        caption: what is shown, and why; printed under the plot.
        alt: the plot in words, for those who cannot see it; kept in the file's metadata.
        numbers: what is drawn, JSON-able.
    """

    canvas: Canvas
    caption: str
    alt: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    theme: Theme = Theme.LIGHT

    @property
    def title(self) -> str:
        """The headline over the plot."""
        return " ".join(str(self.canvas.get_suptitle()).split("\n"))

    def save(self, path: str | Path) -> Path:
        """Write PNG, SVG or PDF by suffix, whole or not at all, with caption and alt text.

        Raises:
            UsageError: another suffix.
            OutputError: the place cannot be written.
        """
        path = Path(path)
        content = self.encode(path.suffix)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return path

    def encode(self, suffix: str = ".png") -> bytes:
        """The bytes of the file. ``suffix`` is .png, .svg or .pdf. Raises UsageError."""
        kind = suffix.lower()
        if kind not in PLOT_SUFFIXES:
            given = repr(suffix) if suffix else "a file without suffix"
            raise UsageError(f"A plot cannot be written as {given}: use {', '.join(PLOT_SUFFIXES)}.")
        stream = io.BytesIO()
        with self.captioned(), look(self.theme):
            self.canvas.savefig(stream, format=kind[1:], metadata=self._metadata(kind))
        content = stream.getvalue()
        return _with_description(content, self.title, self.alt) if kind == ".svg" else content

    def pixels(self) -> npt.NDArray[np.float32]:
        """The plot with its caption as a picture, float32 (H, W, 3) in [0, 1]."""
        with self.captioned():
            return self.render()

    def render(self) -> npt.NDArray[np.float32]:
        """The canvas as it stands, without adding the caption; float32 (H, W, 3) in [0, 1]."""
        with look(self.theme):
            agg: Any = FigureCanvasAgg(self.canvas)
            agg.draw()
        return as_pixels(agg)

    def _repr_png_(self) -> bytes:
        return self.encode(".png")

    def _metadata(self, kind: str) -> dict[str, str | None]:
        if kind == ".pdf":
            return {"Title": self.title, "Subject": self.alt, "CreationDate": None}
        if kind == ".svg":
            return {"Description": self.alt, "Date": None}
        return {"Title": self.title, "Description": f"{self.alt}\n{self.caption}"}

    @contextmanager
    def captioned(self) -> Iterator[None]:
        """Add the caption in a strip below the plot; it is taken away again afterwards."""
        width, height = self.canvas.get_size_inches()
        size = CAPTION_SIZE * max(1.0, width / 10)
        lines = textwrap.wrap(self.caption, int(width * 72 / (size * 0.56)))
        strip = len(lines) * size * 1.35 / 72 + 0.2
        with look(self.theme):
            words = self.canvas.text(
                0.012, (strip - 0.06) / (height + strip), "\n".join(lines), va="top", in_layout=False
            )
        words.set_fontsize(size)
        self.canvas.set_size_inches(width, height + strip)
        self.canvas.set_layout_engine(_layout(strip / (height + strip)))
        try:
            yield
        finally:
            words.remove()
            self.canvas.set_size_inches(width, height)
            self.canvas.set_layout_engine(_layout())


def as_pixels(canvas: Any) -> npt.NDArray[np.float32]:
    """What is drawn on an Agg canvas, float32 (H, W, 3) in [0, 1]."""
    rgba = np.asarray(canvas.buffer_rgba())
    return rgba[..., :3].astype(np.float32) / np.float32(255)


class _SteadyLayout(ConstrainedLayoutEngine):
    """Constrained layout with rounded positions.

    Its solver adds up in the order of addresses in memory, so the last digits differ from one run to the next,
    and with them the names and numbers in an SVG.
    """

    def execute(self, fig: Any) -> Any:
        grids = super().execute(fig)
        for axes in fig.axes:
            if axes.get_in_layout():
                # The public set_position would take the axes out of the layout.
                axes._set_position([round(bound, 6) for bound in axes.get_position(original=True).bounds])
        return grids


def _layout(bottom: float = 0.0) -> ConstrainedLayoutEngine:
    return _SteadyLayout(w_pad=0.12, h_pad=0.12, rect=(0, bottom, 1, 1 - bottom))


def _with_description(svg: bytes, title: str, alt: str) -> bytes:
    # Screen readers read <title> and <desc> of an SVG, not its RDF metadata.
    head, opening, tail = svg.decode().partition("<svg ")
    attributes, closed, body = tail.partition(">")
    words = f"\n <title>{html.escape(title)}</title>\n <desc>{html.escape(alt)}</desc>"
    return f'{head}{opening}role="img" {attributes}{closed}{words}{body}'.encode()
