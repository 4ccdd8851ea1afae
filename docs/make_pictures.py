"""Remake the pictures and the tables of numbers in docs/: `make docs`.

Everything is dreamed by this installation, with fixed seeds, from the shipped photographs.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from deepdream import contact_sheet, load_model, plan_for, read_picture, render, write_picture
from deepdream.dreaming import Measures
from deepdream.images import Cell
from deepdream.models import RandomWeights

DOCS = Path(__file__).parent
IMAGES = DOCS.parent / "images"
PHOTOS = ("pagoda", "cat", "dahlia", "astronaut")
#: Recipes for pictures; the others are for visualizations, which begin from noise.
DREAMS = ("balanced", "classic", "lapnorm", "smooth", "natural")
#: Other networks: one pretrained, two with seeded random weights, which every installation can make.
NETWORKS = {"efficientnet_lite1": None, "googlenet": RandomWeights(0), "resnet50": RandomWeights(0)}


def before_after() -> None:
    """The picture at the top of the README."""
    model = load_model()
    rows = []
    for name in ("dahlia", "pagoda"):
        picture = read_picture(IMAGES / f"{name}.jpg")
        dreamed = render(model, picture, plan_for(strength=0.1))
        rows.append(np.concatenate([picture.pixels, dreamed.pixels], axis=1))
    write_picture(DOCS / "pictures" / "before-after.jpg", np.concatenate(rows, axis=0), quality=85)


def presets() -> None:
    """Every preset on four photographs, and the numbers beside them."""
    model = load_model()
    cells, lines = [], []
    for name in PHOTOS:
        picture = read_picture(IMAGES / f"{name}.jpg")
        for preset in DREAMS:
            dreamed = render(model, picture, plan_for(preset))
            cells.append(Cell(dreamed.pixels, preset, name))
            lines.append(_line(name, preset, dreamed.measures))
    sheet = contact_sheet(cells, columns=len(DREAMS), cell_width=320, title="Five presets, four photographs")
    write_picture(DOCS / "pictures" / "presets.jpg", sheet, quality=82)
    _replace_table(DOCS / "presets.md", lines)


def networks() -> None:
    """Every preset on other networks at 320 pixels, at each one's recommended layer."""
    cells, lines = [], []
    for name, weights in NETWORKS.items():
        model = load_model(name, weights=weights)
        words = f"{name}, {'pretrained' if weights is None else 'random weights'}"
        for photo in ("cat", "pagoda"):
            picture = read_picture(IMAGES / f"{photo}.jpg")
            for preset in DREAMS:
                dreamed = render(model, picture, plan_for(preset), size="320")
                lines.append(f"| {words} {_line(photo, preset, dreamed.measures)}")
                if photo == "cat":
                    cells.append(Cell(dreamed.pixels, preset, f"{words}, {model.recommended_layer}"))
    sheet = contact_sheet(cells, columns=len(DREAMS), cell_width=320, title="Five presets on other networks")
    write_picture(DOCS / "pictures" / "networks.jpg", sheet, quality=82)
    _replace_table(DOCS / "presets.md", lines, "networks", "network | ")


def atlas() -> None:
    """The pictures of docs/atlas.md, by the commands that it shows."""
    for source, name in (("images/astronaut.jpg", "grid.jpg"), ("images", "atlas.jpg")):
        target = DOCS / "pictures" / name
        _deepdream("atlas", source, "-o", str(target), "--overwrite")
        write_picture(target, read_picture(target).pixels, quality=82)


def visualizations() -> None:
    """The pictures of docs/visualization.md, by the commands that it shows."""
    text = (DOCS / "visualization.md").read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("deepdream ") and "docs/pictures/" in line:
            _deepdream(*shlex.split(line)[1:])


def layers() -> None:
    """One photograph dreamed at each stage of the embedded network."""
    model = load_model()
    picture = read_picture(IMAGES / "cat.jpg")
    cells = [Cell(picture.pixels, "the picture")]
    for layer in model.layers.values():
        if layer.main and layer.spatial and layer.stage:
            dreamed = render(model, picture, plan_for(objective=f"layer({layer.name})"))
            cells.append(
                Cell(dreamed.pixels, layer.name, f"{layer.shows}; sees {layer.receptive_field} pixels")
            )
    write_picture(DOCS / "pictures" / "layers.jpg", contact_sheet(cells, cell_width=320), quality=82)


def _deepdream(*words: str) -> None:
    """Run a command as it is written in the docs."""
    subprocess.run([sys.executable, "-m", "deepdream", *words], check=True, cwd=DOCS.parent)  # noqa: S603 - our own


def _line(picture: str, preset: str, found: Measures) -> str:
    return (
        f"| {picture} | {preset} | {found.strength:.3f} | {found.high_frequency_share:.3f} "
        f"| {found.checkerboard:.2f} | {found.chroma_share:.2f} | {found.newly_clipped:.1%} |"
    )


def _replace_table(path: Path, lines: list[str], name: str = "table", first: str = "") -> None:
    start, end = f"<!-- {name} -->\n", "<!-- end -->"
    head, _, rest = path.read_text("utf-8").partition(start)
    _, _, tail = rest.partition(end)
    header = (
        f"| {first}photograph | preset | strength | high-frequency share | checkerboard | chroma share "
        "| newly clipped |\n"
        f"{'|---' * (7 + bool(first))}|\n"
    )
    path.write_text(head + start + header + "\n".join(lines) + "\n" + end + tail, "utf-8")


if __name__ == "__main__":
    makers = {
        maker.__name__: maker for maker in (before_after, layers, atlas, visualizations, presets, networks)
    }
    for name in sys.argv[1:] or makers:
        makers[name]()
