"""The command ``layers``: what a network is made of, as a list or as one labeled sheet of dreams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.outputs import check_free, check_writable
from deepdream.cli.groups import grouped
from deepdream.cli.options import (
    DEFAULT_MODEL,
    MODEL_HELP,
    DeviceOption,
    JsonOption,
    Quiet,
    WeightsOption,
    load_network,
)
from deepdream.cli.process import Interruption, interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import InterruptedRunError, UsageError
from deepdream.plan import Plan, plan_for

if TYPE_CHECKING:
    from deepdream.images import Cell, Picture
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a sheet that exists.")] = False


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
        chosen = _chosen(network, drawing.only)
        target = _make_sheet(network, drawing.sheet, drawing, chosen, quiet=quiet)
        if json:
            put_json({"schema": 1, "output": str(target), "layers": [_as_dict(layer) for layer in chosen]})
        else:
            put(str(target))
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


def _make_sheet(network: Model, source: Path, drawing: _Drawing, chosen: list[Layer], *, quiet: bool) -> Path:
    """Where the sheet of ``source`` was written."""
    from deepdream.dreaming.source_pictures import fit_picture
    from deepdream.images import Cell, contact_sheet, read_picture, write_picture

    if not chosen:
        raise UsageError(f"{network.name} has no layers with a spatial output.")
    target = drawing.output or Path("outputs") / f"{source.stem}_{network.name}_layers.png"
    check_free(target, overwrite=drawing.overwrite)
    check_writable(target)
    picture = fit_picture(read_picture(source), drawing.size)
    cells = [Cell(picture.pixels, "the picture", f"{picture.width} x {picture.height} pixels")]
    with interruptible() as interruption:
        for layer in chosen:
            plan = plan_for(objective=f"layer({layer.name})", strength=drawing.strength, seed=drawing.seed)
            cell = _dream_cell(network, layer, picture, plan, interruption, quiet=quiet)
            if cell is None:
                break
            cells.append(cell)
    if interruption.number:  # what is done is kept, under a name that says that it is not all
        target = target.with_stem(f"{target.stem}_partial")
    pixels = contact_sheet(
        cells,
        title=f"{picture.name} dreamed at each stage of {network.name}",
        caption="From lines to objects: each picture was changed so that one layer answers more strongly, early "
        "layers first. The receptive field is how much of the picture one unit of that layer can see.",
    )
    write_picture(target, pixels)
    if interruption.number:
        done = f"{len(cells) - 1} of {len(chosen)} layers"
        raise InterruptedRunError(f"stopped; the sheet with {done} is in {target}.", interruption.number)
    return target


def _dream_cell(
    network: Model, layer: Layer, picture: Picture, plan: Plan, interruption: Interruption, *, quiet: bool
) -> Cell | None:
    """The dream of one layer; None where it was stopped before its end."""
    from deepdream.dreaming import dream
    from deepdream.dreaming.result import begin, enough_memory, finish
    from deepdream.images import Cell

    ongoing = begin(network, picture, plan)
    size = f"{picture.width}x{picture.height}"
    with enough_memory(size), dream_progress(layer.name, quiet=quiet) as show:
        for step in dream(network, plan, state=ongoing.state):
            show(step)
            ongoing = replace(ongoing, state=step.state)
            if interruption.number:
                break
        if not ongoing.state.done:
            return None
        dreamed = finish(network, ongoing)
    field = "the whole picture" if layer.receptive_field is None else f"{layer.receptive_field} pixels"
    return Cell(dreamed.pixels, layer.name, f"{layer.shows}; sees {field}")
