"""The command ``layers``: what a network is made of, as a list or as one labeled sheet of dreams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.run import RunOutcome
from deepdream.batch.task import NetworkSpec
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.cell_files import cell_folder, cell_paths, check_cells, read_cells
from deepdream.cli.groups import grouped
from deepdream.cli.network_loading import load_network
from deepdream.cli.options import DEFAULT_MODEL, MODEL_HELP, DeviceOption, JsonOption, Quiet, WeightsOption
from deepdream.cli.terminal import put_json, put_table, say
from deepdream.errors import UsageError
from deepdream.plan import plan_for

if TYPE_CHECKING:
    from deepdream.dreaming.sweeping import CellResult
    from deepdream.images import Picture
    from deepdream.models import Layer, Model

_MOST_CELLS = 9


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(layers))


@dataclass(frozen=True)
class _Drawing:
    """The sheet of one picture at several stages, if there is to be one."""

    sheet: Annotated[
        Path | None,
        typer.Option(help="A picture to dream at each stage. The results are shown on one labeled sheet."),
    ] = None
    only: Annotated[
        str | None, typer.Option("--layers", help="The layers of the sheet: blocks.1,blocks.3,blocks.4.")
    ] = None
    size: Annotated[str, typer.Option(help="Longer side of each dream on the sheet, in pixels.")] = "480"
    strength: Annotated[
        float | None, typer.Option(help="Root-mean-square change of each dream, from 0 to 1.")
    ] = None
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file of the sheet.")] = None
    cells: Annotated[
        Path | None,
        typer.Option(
            help="A folder for the pictures of the sheet, each with its own recipe.", show_default=False
        ),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what exists.")] = False
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Keep the pictures that are already in --cells, and continue with the others.",
        ),
    ] = False


def layers(
    *,
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = DEFAULT_MODEL,
    all_layers: Annotated[
        bool, typer.Option("--all", "-a", help="List every module, not only the main layers.")
    ] = False,
    drawing: _Drawing,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """List a network's layers in order of execution, or dream one picture at each stage of it.

    Examples:

      deepdream layers

      deepdream layers googlenet --weights random --all

      deepdream layers --sheet images/cat.jpg -o sheet.png
    """
    network = load_network(model, weights, device, quiet)
    if drawing.sheet is not None:
        spec = NetworkSpec(model, weights, device)
        _make_sheet(spec, network, drawing.sheet, drawing, json=json, quiet=quiet)
        return
    rows = [layer for layer in network.layers.values() if all_layers or (layer.main and layer.spatial)]
    rows = rows or list(network.layers.values())
    if json:
        put_json({"schema": 1, "model": network.name, "recommended": network.recommended_layer,
                  "layers": [_as_dict(layer) for layer in rows]})  # fmt: skip
        return
    columns = ("layer", "kind", "channels", "stride", "field", "depth", "tends to show")
    put_table(columns, [_row(layer, network.recommended_layer) for layer in rows])
    say("* the recommended layer. field: the side of the square of pixels that one unit sees.")
    if not all_layers:
        say(f"{len(network.layers)} parts in all: --all lists them.")


def _row(layer: Layer, recommended: str) -> list[object]:
    star = " *" if layer.name == recommended else ""
    field = layer.receptive_field if layer.receptive_field is not None else "whole"
    return [
        layer.name + star,
        layer.kind,
        layer.channels,
        layer.stride if layer.stride is not None else "-",
        field,
        f"{layer.depth:.0%}",
        layer.shows,
    ]


def _as_dict(layer: Layer) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(layer), "shows": layer.shows}


def _chosen(network: Model, only: str | None) -> list[Layer]:
    """The layers of a sheet: the named ones, or about nine main ones spread over the network."""
    if only:
        return [network.layer(name.strip()) for name in only.split(",")]
    stages = [layer for layer in network.layers.values() if layer.main and layer.spatial and layer.stage]
    if len(stages) <= _MOST_CELLS:
        return stages
    last = len(stages) - 1
    return [stages[round(index * last / (_MOST_CELLS - 1))] for index in range(_MOST_CELLS)]


def _make_sheet(
    spec: NetworkSpec, network: Model, source: Path, drawing: _Drawing, *, json: bool, quiet: bool
) -> None:
    """Dream ``source`` once for each layer of the sheet, and draw the sheet."""
    from deepdream.batch.sweeps import SweepTask
    from deepdream.dreaming.axes import Variation
    from deepdream.dreaming.source_pictures import fit_picture

    layers = _chosen(network, drawing.only)
    if not layers:
        raise UsageError(f"{network.name} has no layers with a spatial output.")
    target = drawing.output or Path("outputs") / f"{source.stem}_{network.name}_layers.png"
    check_free(target, overwrite=drawing.overwrite)
    check_writable(target)
    with cell_folder(drawing.cells) as folder:
        outputs = cell_paths(folder, source.stem, [layer.name for layer in layers])
        variations = {}
        for column, layer in enumerate(layers):
            plan = plan_for(objective=f"layer({layer.name})", strength=drawing.strength, seed=drawing.seed)
            varied = {"layer": layer.name}
            variations[layer.name] = Variation(0, column, varied, plan, str(spec.model), drawing.size)
        task = SweepTask(
            str(source),
            variations,
            outputs,
            spec,
            keep=drawing.skip_existing,
            temporary=drawing.cells is None,
        )
        picture = fit_picture(task.picture(variations[layers[0].name]), drawing.size)
        check_cells(drawing.cells, outputs, overwrite=drawing.overwrite, skip=drawing.skip_existing)

        def conclude(outcome: RunOutcome) -> dict[str, Any]:
            """The sheet of the layers that are done."""
            results = read_cells(variations, outputs, outcome)
            path = target.with_stem(f"{target.stem}_partial") if len(results) < len(layers) else target
            _draw_sheet(path, network, picture, results)
            return {"output": str(path), "layers": [_as_dict(layer) for layer in layers]}

        BatchOutput(
            f"{picture.name}, {len(layers)} layers",
            json,
            quiet,
            show=lambda _: None,
            conclude=conclude,
            can_continue=drawing.cells is not None,
        ).run(task, list(outputs))


def _draw_sheet(path: Path, network: Model, picture: Picture, results: Sequence[CellResult]) -> None:
    """The picture and its dreams, from early to late layers; a dream that failed says why."""
    from deepdream.images import Cell, contact_sheet, notice, write_picture

    cells = [Cell(picture.pixels, "the picture", f"{picture.width} x {picture.height} pixels")]
    for result in results:
        layer = network.layer(str(result.variation.values["layer"]))
        field = "the whole picture" if layer.receptive_field is None else f"{layer.receptive_field} pixels"
        pixels = (
            notice(result.error, picture.height, picture.width) if result.pixels is None else result.pixels
        )
        cells.append(Cell(pixels, layer.name, f"{layer.shows}; sees {field}"))
    sheet = contact_sheet(
        cells,
        title=f"{picture.name} dreamed at each stage of {network.name}",
        caption="From lines to objects: each picture was changed so that one layer answers more strongly, early "
        "layers first. The receptive field is how much of the picture one unit of that layer can see.",
    )
    write_picture(path, sheet)
