"""Explanations shown: a drawing, a mask or raw numbers in a file, JSON, or words in the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.cli.fed_picture import FedPicture
from deepdream.cli.input_output_files import check_free
from deepdream.cli.terminal import put, put_json, put_table
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation

STYLES = ("side-by-side", "overlay", "heatmap", "panel", "mask")
DRAWINGS, RAW = (".png", ".svg", ".pdf"), (".npy", ".npz")


@dataclass(frozen=True)
class ExplanationOutput:
    """Where the answer goes, and how it looks."""

    output: Path | None
    style: str
    overwrite: bool
    dark: bool
    as_json: bool

    def check(self, method: str) -> None:
        """Before the work: can this be written at all?"""
        if method == "all" and self.output is not None and self.output.suffix.lower() == ".npy":
            raise UsageError("One .npy file holds one map; give a .npz file for all methods.")
        if self.output is not None and self.output.suffix.lower() not in (*DRAWINGS, *RAW):
            raise UsageError(
                f"Cannot tell from {self.output.name!r} what to write: end it in {', '.join((*DRAWINGS, *RAW))}."
            )
        if self.style == "mask" and self.output is not None and self.output.suffix.lower() != ".png":
            raise UsageError(f"A mask is a PNG: end {self.output.name!r} in .png.")

    def is_there(self, scene: FedPicture, what: str) -> bool:
        """Whether the output exists; it is announced."""
        place = scene.output(self.output, what)
        if there := place.exists():
            put(str(place))
        return there

    def check_free(self, scene: FedPicture, what: str) -> None:
        """Before the work: is the place free? With --json nothing is drawn unless a place is named."""
        if self.output is not None or not self.as_json:
            check_free(scene.output(self.output, what), overwrite=self.overwrite)


def read_style(style: str, overlay: bool) -> str:
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    return "overlay" if overlay else style


def show(scene: FedPicture, found: Sequence[Explanation], showing: ExplanationOutput, what: str) -> None:
    written = None
    if showing.output is not None or not showing.as_json:
        written = scene.output(showing.output, what)
        write(scene, found, showing, written, panel=what == "all")
    if showing.as_json:
        documents = [document_of(scene, explanation, written) for explanation in found]
        put_json(documents if what == "all" else documents[0])
        return
    _put_answers(scene, found)
    put(str(written))


def write(
    scene: FedPicture, found: Sequence[Explanation], showing: ExplanationOutput, path: Path, *, panel: bool
) -> None:
    if path.suffix.lower() in RAW:
        _write_raw(found, path)
        return
    if showing.style == "mask":
        _write_mask(scene, found[0], path)
        return
    from deepdream.attribution.pictures import draw, draw_all
    from deepdream.figures import Theme

    theme = Theme.DARK if showing.dark else Theme.LIGHT
    chance = scene.probability(found[0].target)
    if panel:
        figure = draw_all(found, scene.image, probability=chance, theme=theme)
    else:
        style: Any = showing.style
        figure = draw(found[0], scene.image, probability=chance, style=style, theme=theme)
    figure.save(path)


def _write_mask(scene: FedPicture, explanation: Explanation, path: Path) -> None:
    """A gray picture as large as the one explained."""
    from deepdream.attribution.pictures import mask_of
    from deepdream.images import write_picture

    mask = scene.network.uncrop(mask_of(explanation), *scene.size)[0]
    write_picture(path, mask.expand(3, -1, -1).permute(1, 2, 0).numpy())


def _write_raw(found: Sequence[Explanation], path: Path) -> None:
    import numpy as np

    from deepdream.provenance.files import write_bytes

    stream = io.BytesIO()
    maps = {explanation.method: explanation.heatmap.numpy() for explanation in found}
    if path.suffix.lower() == ".npz":
        np.savez_compressed(stream, **maps)  # type: ignore[arg-type]
    else:
        np.save(stream, found[0].heatmap.numpy())
    write_bytes(path, stream.getvalue())


def document_of(scene: FedPicture, explanation: Explanation, written: Path | None) -> dict[str, Any]:
    return {
        "schema": 1,
        "input": str(scene.path),
        "model": scene.network.name,
        "weights": scene.network.weights.origin,
        "probability": scene.probability(explanation.target),
        **explanation.to_dict(),
        "output": None if written is None else str(written),
    }


def _put_answers(scene: FedPicture, found: Sequence[Explanation]) -> None:
    first = found[0]
    chance = scene.probability(first.target)
    against = "" if first.against_label is None else f", against {first.against_label}"
    put(f"{scene.path}: {first.label} ({chance:.1%}){against}, score {first.score:.4g}")
    if len(found) > 1:
        columns = ("method", "completeness error", "forwards", "backwards", "seconds", "notes")
        rows = [
            (e.method, _percent(e), e.forwards, e.backwards, e.seconds, "; ".join(e.notes)) for e in found
        ]
        put_table(columns, rows)
        return
    from deepdream.attribution.pictures import caption_of

    put(caption_of(first))
    options = ", ".join(f"{name} {value}" for name, value in first.options.items())
    put(f"{first.method}: {first.passes}, {first.seconds:.1f} s" + (f"; {options}" if options else ""))


def _percent(explanation: Explanation) -> str | None:
    error = explanation.completeness_error
    return None if error is None else f"{error:.2%}"
