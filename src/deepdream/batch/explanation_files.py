"""The file of an explanation: a drawing, a mask, or the numbers of the maps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation
    from deepdream.batch.fed_picture import FedPicture

STYLES = ("side-by-side", "overlay", "heatmap", "panel", "mask")
#: What ``--format`` writes for each of many pictures.
FORMATS = ("png", "svg", "pdf", "npy", "npz", "none")
DRAWINGS, RAW = (".png", ".svg", ".pdf"), (".npy", ".npz")


def check_explanation_file(name: str, *, method: str, style: str) -> None:
    """Raises UsageError: a file called ``name`` cannot hold the explanations by ``method``."""
    suffix = Path(name).suffix.lower()
    if method == "all" and suffix == ".npy":
        raise UsageError("One .npy file holds one map; give a .npz file for all methods.")
    if suffix not in (*DRAWINGS, *RAW):
        raise UsageError(f"{name!r} does not say what to write: end it in {', '.join((*DRAWINGS, *RAW))}.")
    if style == "mask" and suffix != ".png":
        raise UsageError(f"A mask is a PNG: end {name!r} in .png.")


def write_explanations(
    fed: FedPicture, explanations: Sequence[Explanation], path: Path, *, style: str, dark: bool, panel: bool
) -> None:
    """Write a drawing, a mask or raw numbers, by the suffix of ``path`` and the style.

    Raises:
        OutputError: it cannot be written.
    """
    if path.suffix.lower() in RAW:
        _write_numbers(explanations, path)
    elif style == "mask":
        _write_mask(fed, explanations[0], path)
    else:
        _write_drawing(fed, explanations, path, style=style, dark=dark, panel=panel)


def _write_drawing(
    fed: FedPicture, explanations: Sequence[Explanation], path: Path, *, style: Any, dark: bool, panel: bool
) -> None:
    from deepdream.attribution.pictures import draw, draw_all
    from deepdream.figures import Theme

    theme = Theme.DARK if dark else Theme.LIGHT
    probability = fed.network.in_words(fed.probability(explanations[0].target), 0)
    if panel:
        figure = draw_all(explanations, fed.image, probability=probability, theme=theme)
    else:
        figure = draw(explanations[0], fed.image, probability=probability, style=style, theme=theme)
    figure.save(path)


def _write_mask(fed: FedPicture, explanation: Explanation, path: Path) -> None:
    """A gray picture as large as the one explained."""
    from deepdream.attribution.pictures import mask_of
    from deepdream.images import write_picture

    mask = fed.network.uncrop(mask_of(explanation), *fed.size)[0]
    write_picture(path, mask.expand(3, -1, -1).permute(1, 2, 0).numpy())


def _write_numbers(explanations: Sequence[Explanation], path: Path) -> None:
    import numpy as np

    from deepdream.provenance.files import write_bytes

    stream = io.BytesIO()
    maps = {explanation.method: explanation.heatmap.numpy() for explanation in explanations}
    if path.suffix.lower() == ".npz":
        np.savez_compressed(stream, **maps)  # type: ignore[arg-type]
    else:
        np.save(stream, explanations[0].heatmap.numpy())
    write_bytes(path, stream.getvalue())
