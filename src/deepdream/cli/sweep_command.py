"""The command ``sweep``: one picture, one or two settings varied, on one labeled sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.run import RunOutcome
from deepdream.batch.task import NetworkSpec
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.cell_files import cell_folder, cell_paths, check_cells, read_cells
from deepdream.cli.dry_run import show_sweep_plan
from deepdream.cli.network_loading import load_network
from deepdream.cli.options import (
    DeviceOption,
    DryRun,
    JsonOption,
    MaxPixels,
    Quiet,
    RangeOption,
    WeightsOption,
    read_settings,
)
from deepdream.cli.terminal import say

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Axis, Value
    from deepdream.dreaming.sheets import Sheet


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(sweep)


def sweep(
    image: Annotated[str, typer.Argument(help="A picture, or `noise`.", show_default=False)],
    x: Annotated[
        str,
        typer.Option(
            "--x", help="The setting that varies across the sheet: layer=blocks.2,blocks.3,blocks.4."
        ),
    ],
    y: Annotated[
        str | None, typer.Option("--y", help="The setting that varies down the sheet: strength=0.04:0.12:3.")
    ] = None,
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting of all cells, such as steps=8 or preset=classic. May be repeated."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", help="Longer side of each dream, or WIDTHxHEIGHT. The default is 360."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file of the sheet.")] = None,
    cells: Annotated[
        Path | None, typer.Option(help="A folder for the pictures of the cells, each with its own recipe.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Keep the cells that are already in --cells, and continue with the others.",
        ),
    ] = False,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    value_range: RangeOption = "auto",
    max_pixels: MaxPixels = 64_000_000,
    dry_run: DryRun = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Dream one picture with one or two settings varied, and show the results on one labeled sheet.

    Any setting of a dream can be used in --x, --y or --set (octaves, octave-scale, steps, rate, jitter, strength,
    seed, smoothing, color, calm, ...), and also layer, objective, preset, size and model.

    Examples:

      deepdream sweep photo.jpg --x layer=blocks.2,blocks.3,blocks.4 --y steps=5,10,20

      deepdream sweep photo.jpg --x strength=0.04:0.12:5 --set layer=blocks.3 -o sheet.png

      deepdream sweep photo.jpg --x preset=balanced,classic --y seed=0,1,2 --cells cells/ --skip-existing
    """
    from deepdream.batch.sweeps import SweepTask
    from deepdream.dreaming import parse_axis
    from deepdream.dreaming.sweeping import check_layers
    from deepdream.images import write_picture

    axes, same = (
        [parse_axis(text) for text in (x, y) if text],
        read_settings(fixed, {"size": size} if size else {}),
    )
    sheet = _sheet(axes, same)
    target = (
        output or Path("outputs") / f"{Path(image).stem}_sweep_{'-'.join(axis.name for axis in axes)}.png"
    )
    check_free(target, overwrite=overwrite)
    check_writable(target)
    with cell_folder(cells) as folder:
        outputs = cell_paths(folder, Path(image).stem, [cell.label for cell in sheet.cells])
        variations = dict(zip(outputs, sheet.cells, strict=True))
        spec, reading = (
            NetworkSpec(weights=weights, device=device),
            InputOptions(size, value_range, max_pixels),
        )
        task = SweepTask(image, variations, outputs, spec, reading, skip_existing, cells is None)
        picture = task.picture(sheet.cells[0])  # A missing picture is reported before the network is loaded.
        check_layers(sheet.cells, lambda name: load_network(name, weights, device, quiet))
        check_cells(cells, outputs, overwrite=overwrite, skip=skip_existing)
        if dry_run:
            show_sweep_plan(task, target, stored=cells is not None, json=json)
            return
        drafts = sorted({cell.plan.precision for cell in sheet.cells} - {"float32"})
        if drafts and not quiet:
            say(f"{target.name}: with drafts, since the network runs in {' and '.join(drafts)}")

        def conclude(outcome: RunOutcome) -> dict[str, Any]:
            """The sheet of the cells that are done."""
            results = read_cells(variations, outputs, outcome)
            if not any(cell.recipe for cell in results):
                return {}
            path = target.with_stem(f"{target.stem}_partial") if len(results) < len(variations) else target
            write_picture(path, sheet.draw(results, picture), recipe=sheet.record(results, picture).to_text())
            return {"output": str(path), "axes": sheet.varied}

        BatchOutput(
            f"{picture.name}, {len(variations)} cells",
            json,
            quiet,
            show=lambda _: None,
            conclude=conclude,
            can_continue=cells is not None,
        ).run(task, list(outputs))


def _sheet(axes: list[Axis], same: dict[str, Value]) -> Sheet:
    """The sheet before its first cell. Cells are small unless an option or an axis gives the size."""
    from deepdream.dreaming import variations
    from deepdream.dreaming.sheets import CELL_WIDTH, Sheet

    x, y = axes[0], axes[1] if len(axes) > 1 else None
    sized = "size" in same or "size" in (axis.name for axis in axes)
    return Sheet(x, y, same, variations(x, y, same if sized else {**same, "size": str(CELL_WIDTH)}))
