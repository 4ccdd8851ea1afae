"""The sheet of a sweep: every cell in its place with its label and numbers, and the description it carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepdream.dreaming.axes import Axis, Value, Variation, base_name
from deepdream.dreaming.sweeping import CellResult
from deepdream.images import Cell, Picture, contact_sheet, notice
from deepdream.images.scaling import Floats
from deepdream.provenance import SheetRecord

#: Pixels: the width of a cell, and the default size of its dream.
CELL_WIDTH = 360


@dataclass(frozen=True)
class Sheet:
    """What is to be seen on a sheet: its axes, what is the same for all cells, and the cells in their order."""

    x: Axis
    y: Axis | None
    fixed: Mapping[str, Value]
    cells: tuple[Variation, ...]

    @property
    def varied(self) -> dict[str, list[Value]]:
        """The names and values of the axes."""
        return {axis.name: list(axis.values) for axis in (self.x, self.y) if axis is not None}

    def draw(self, results: Sequence[CellResult], picture: Picture) -> Floats:
        """The sheet, float32 (H, W, 3); a cell that failed says why, one that is not done says so.

        ``results`` holds at least one cell with a picture.
        """
        height, width = next(cell.pixels.shape[:2] for cell in results if cell.pixels is not None)
        shape = (max(1, round(height * CELL_WIDTH / width)), CELL_WIDTH)
        by_cell = {cell.variation: cell for cell in results}
        words = f"{self.x.name} across" + (f", {self.y.name} down" if self.y else "")
        return contact_sheet(
            [_cell(by_cell.get(cell), cell, shape) for cell in self.cells],
            columns=len(self.x.values) if self.y else None,
            cell_width=CELL_WIDTH,
            title=f"{picture.name}: {words}",
            caption=self._caption(results),
        )

    def record(self, results: Sequence[CellResult], picture: Picture) -> SheetRecord:
        """The description that the sheet's file carries."""
        cells = tuple(
            {"settings": _named(cell.variation.values)}
            | ({"measures": dict(cell.recipe.measures)} if cell.recipe else {"error": cell.error})
            for cell in results
        )
        start = {"name": picture.name, "sha256": picture.sha256}
        varied = {name: [base_name(name, value) for value in values] for name, values in self.varied.items()}
        return SheetRecord(varied, _named(self.fixed), start, cells, finished=len(results) == len(self.cells))

    def _caption(self, results: Sequence[CellResult]) -> str:
        """What is the same for all cells, and what the small print means."""
        recipe = next(cell.recipe for cell in results if cell.recipe)
        plan = recipe.plan
        same = {"model": recipe.model["name"], "preset": plan.preset, "objective": plan.objective,
                "strength": plan.strength, "octaves": plan.octaves, "steps": plan.steps, "seed": plan.seed,
                **_named(self.fixed)}  # fmt: skip
        words = [
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in same.items()
            if name not in self._named_elsewhere() and value is not None
        ]
        return (
            f"The same for all: {', '.join(words)}. Below each: change (root mean square), hiss (share of the "
            "change above 0.25 cycle per pixel), checkerboard (1 is none), share of color, newly clipped pixels."
        )

    def _named_elsewhere(self) -> set[str]:
        """Settings that the caption leaves out: they vary, follow from what varies, or are shown in other words."""
        names = set(self.varied)
        if "preset" in names:
            names |= {"octaves", "steps", "strength"} - set(self.fixed)
        if {"layer", "model"} & {*names, *self.fixed}:
            names.add("objective")
        return names


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: base_name(name, value) for name, value in values.items()}


def _cell(results: CellResult | None, cell: Variation, shape: tuple[int, int]) -> Cell:
    if results is None:
        return Cell(notice("not done yet", *shape), cell.label)
    if results.pixels is None or results.recipe is None:
        return Cell(notice(results.error, *shape), cell.label, "failed")
    measures = results.recipe.measures
    words = (
        f"change {measures['strength']:.3f}, hiss {measures['high_frequency_share']:.1%}, "
        f"checkerboard {measures['checkerboard']:.2f}, color {measures['chroma_share']:.0%}, "
        f"clipped {measures['newly_clipped']:.1%}"
    )
    if "mean_alpha" in measures:
        words += f", opaque {measures['mean_alpha']:.0%}"
    return Cell(results.pixels, cell.label, words, results.alpha)
