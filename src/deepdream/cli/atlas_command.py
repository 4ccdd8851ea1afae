"""The command ``atlas``: what a layer sees, everywhere in one picture or across a folder of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.sources import expand_inputs
from deepdream.cli.groups import grouped
from deepdream.cli.options import (
    Inputs,
    JsonOption,
    MaxPixels,
    NetworkChoice,
    Overwrite,
    Quiet,
)
from deepdream.cli.process import interruptible
from deepdream.cli.progress import count_progress
from deepdream.cli.terminal import put, put_json, say
from deepdream.errors import DeepDreamError, InterruptedRunError, SomeInputsFailedError, UsageError

if TYPE_CHECKING:
    from deepdream.dreaming.atlas import Atlas
    from deepdream.dreaming.painting import Brush
    from deepdream.images import Picture
    from deepdream.models import Model


_TYPE = 400  # type as on a sheet of cells of that width, however large the map is


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(grouped(atlas))


@dataclass
class _Job:
    """What is to be shown, and which pictures could not be read."""

    sources: list[Path]
    single: bool
    layer: str
    grid: int
    samples: int
    brush: Brush
    max_pixels: int
    quiet: bool
    failed: list[tuple[Path, DeepDreamError]] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.sources[0].name if self.single else f"{len(self.sources)} pictures"

    def pictures(self) -> Iterator[Picture]:
        """Those that can be read, one at a time."""
        from deepdream.images import read_picture

        for source in self.sources:
            try:
                yield read_picture(source, max_pixels=self.max_pixels)
            except DeepDreamError as error:
                if self.single or len(self.sources) == 1:
                    raise
                self.failed.append((source, error))
                say(f"deepdream: {source}: {error}")


def atlas(
    *,
    inputs: Inputs,
    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", help="The layer. The default is the recommended layer of the network."),
    ] = None,
    grid: Annotated[int, typer.Option(min=2, max=60, help="Largest number of cells along a side.")] = 10,
    cell: Annotated[int, typer.Option(min=32, max=512, help="Side of a cell, in pixels.")] = 80,
    steps: Annotated[int, typer.Option(min=1, max=4096, help="Number of gradient steps for each cell.")] = 64,
    samples: Annotated[
        int,
        typer.Option(min=8, max=50_000, help="Number of activations taken from the pictures of a folder."),
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    batch: Annotated[
        int, typer.Option(min=1, help="Number of cells in one pass of the network. Fewer need less memory.")
    ] = 16,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file of the picture.")] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Also write one self-contained HTML page to this file.")
    ] = None,
    overwrite: Overwrite = False,
    choice: NetworkChoice,
    max_pixels: MaxPixels = 64_000_000,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the number of cells and an estimate of the time, and do nothing."
        ),
    ] = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Show what a layer detects: an activation grid of one picture, or an activation atlas of a folder.

    An interrupted atlas is stored beside the output. Repeat the command to continue it.

    Examples:

      deepdream atlas images/cat.jpg --layer blocks.4

      deepdream atlas images/ --layer blocks.4 -o atlas.png --page atlas.html

      deepdream atlas images/ --layer act2 --grid 14 --samples 6000
    """
    from deepdream.dreaming.activation_samples import check_places
    from deepdream.dreaming.painting import Brush

    sources = expand_inputs(inputs)
    single = len(inputs) == 1 and len(sources) == 1 and not Path(inputs[0]).is_dir()
    target = output or Path(
        "outputs"
    ) / f"{_stem(inputs[0])}_{choice.model}_{layer or 'recommended'}_atlas.png".replace("/", "-")
    _check_outputs(target, page, overwrite=overwrite)
    if single:
        expand = _Job(sources, True, "", grid, samples, Brush(), max_pixels, quiet)
        next(expand.pictures())  # An unreadable picture is reported before the network is loaded.
    network = choice.load(quiet=quiet)
    name = network.layer(layer).name if layer else network.recommended_layer
    check_places(network, name)
    job = _Job(sources, single, name, grid, samples, Brush(cell, steps, seed, batch), max_pixels, quiet)
    estimate = _estimate(network, job)
    if dry_run:
        _say_estimate(job, estimate, json=json)
        return
    if not quiet:
        say(f"{estimate['cells']} cells at most, about {estimate['seconds']:.0f} s")
    _make(network, job, target, page, json=json)
    if job.failed:
        raise SomeInputsFailedError(
            f"{len(job.failed)} of {len(sources)} pictures could not be read, see above."
        )


def _stem(word: str) -> str:
    return Path(word).stem.strip("*?[]") or "pictures"


def _check_outputs(target: Path, page: Path | None, *, overwrite: bool) -> None:
    check_free(target, overwrite=overwrite)
    check_writable(target)
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--page is an HTML file, not {page.name!r}. Example: atlas.html")
        check_free(page, overwrite=overwrite)
        check_writable(page.with_suffix(".png"))


def _estimate(network: Model, job: _Job) -> dict[str, Any]:
    """Cells and seconds: one step of one batch is made and timed, and one crop is looked at."""
    import torch

    from deepdream.dreaming.activation_samples import crops_needed
    from deepdream.dreaming.directions import visualize_directions
    from deepdream.errors import PictureError

    brush = job.brush
    channels = network.layer(job.layer).channels
    cells = job.grid**2
    if job.single:
        cells = _places(network, job)
    some = torch.ones(min(brush.batch, cells), channels)
    visualize_directions(network, job.layer, some, size=brush.size, steps=1)  # the first is slower
    began = time.monotonic()
    visualize_directions(network, job.layer, some, size=brush.size, steps=1)
    seconds = (time.monotonic() - began) * brush.steps * math.ceil(cells / brush.batch)
    crops = 0
    if not job.single:
        if not job.sources:
            raise PictureError("There are no pictures.")
        crops = len(job.sources) * crops_needed(len(job.sources), job.samples)
        began = time.monotonic()
        network.classify(torch.zeros(1, 3, 64, 64))
        seconds += (time.monotonic() - began) * crops + job.samples / 200
    return {"cells": cells, "crops": crops, "seconds": round(seconds, 1)}


def _places(network: Model, job: _Job) -> int:
    from deepdream.dreaming.atlas import activation_grid

    return len(activation_grid(network, next(job.pictures()), job.layer, most=job.grid).tiles)


def _say_estimate(job: _Job, estimate: dict[str, Any], *, json: bool) -> None:
    if json:
        put_json({"schema": 1, "layer": job.layer, "inputs": len(job.sources), **estimate})
        return
    put(f"{job.title}, {job.layer}: {estimate['cells']} cells" + ("" if job.single else " at most"))
    if estimate["crops"]:
        put(f"  {job.samples} activations from {estimate['crops']} crops")
    put(f"  about {estimate['seconds']:.0f} s on this machine")


def _make(network: Model, job: _Job, target: Path, page: Path | None, *, json: bool) -> None:
    from deepdream.dreaming.painting import key_of, paint, read_state, state_beside
    from deepdream.provenance import write_text

    began = time.monotonic()
    picture = next(job.pictures()) if job.single else None
    found = _lay_out(network, job, picture)
    state = state_beside(target)
    with interruptible() as stop, count_progress(job.layer, quiet=job.quiet) as show:

        def watch(done: int, total: int) -> bool:
            show(done, total)
            return stop.number != 0

        pictures = paint(network, found, job.brush, state=state, watch=watch)
    if pictures is None:
        kept = len(read_state(state, key_of(network, found, job.brush)))
        raise InterruptedRunError(
            f"stopped; {kept} of {len(found.tiles)} cells are stored in {state}. Repeat the command to continue.",
            stop.number,
        )
    _write_picture(network, job, found, pictures, picture, target)
    if page is not None:
        write_text(page, _page(network, job, found, pictures, picture))
    state.unlink(missing_ok=True)
    _report(job, found, target, page, time.monotonic() - began, json=json)


def _lay_out(network: Model, job: _Job, picture: Picture | None) -> Atlas:
    from deepdream.dreaming.activation_samples import sample
    from deepdream.dreaming.atlas import activation_atlas, activation_grid

    if picture is not None:
        return activation_grid(network, picture, job.layer, most=job.grid)
    total = len(job.sources)
    with count_progress("looking at pictures", quiet=job.quiet) as show:
        found = sample(
            network,
            job.pictures(),
            job.layer,
            total=total,
            count=job.samples,
            seed=job.brush.seed,
            watch=lambda done: show(done, total),
        )
    return activation_atlas(network, found, grid=job.grid, seed=job.brush.seed)


def _write_picture(
    network: Model, job: _Job, found: Atlas, pictures: list[Any], picture: Picture | None, target: Path
) -> None:
    from deepdream.dreaming.atlas import compose
    from deepdream.images import Cell, contact_sheet, resize, write_picture
    from deepdream.provenance import SheetRecord

    mosaic = compose(found, pictures, sized=not job.single)
    cells = [Cell(mosaic, f"{job.layer} of {network.name}", network.layer(job.layer).shows)]
    if picture is not None:  # side by side, place beside place
        shape = _beside(picture, mosaic)
        cells = [Cell(resize(picture.pixels, *shape), picture.name, "the picture"),
                 Cell(resize(mosaic, *shape), cells[0].label, cells[0].detail)]  # fmt: skip
    sheet = contact_sheet(
        cells,
        columns=len(cells),
        cell_width=max(480, mosaic.shape[1]),
        type_width=_TYPE,
        title=_headline(job),
        caption=_caption(job, found),
    )
    fixed = {"model": network.name, "weights": network.weights.sha256, "layer": job.layer, "grid": job.grid,
             "samples": 0 if job.single else job.samples, **asdict(job.brush)}  # fmt: skip
    start = {"name": job.title, "sha256": picture.sha256 if picture is not None else ""}
    write_picture(target, sheet, recipe=SheetRecord({}, fixed, start, (), kind="atlas").to_text())


def _beside(picture: Picture, mosaic: Any) -> tuple[int, int]:
    factor = mosaic.shape[1] / picture.width
    return max(1, round(picture.height * factor)), int(mosaic.shape[1])


def _headline(job: _Job) -> str:
    return f"What {job.layer} sees in {job.title}"


def _caption(job: _Job, found: Atlas) -> str:
    if job.single or found.samples is None:
        return (
            "The activation at each place is a direction among the layer's channels. Each cell was made from noise to "
            "answer in that direction: not what is there, but what the layer takes it for."
        )
    return (
        f"{len(found.samples.activations):,} activations from random crops, laid out by t-SNE: what the layer takes "
        "for alike is near. Each cell is the mean of what lies in it, made visible from noise; larger ones hold more."
    )


def _page(network: Model, job: _Job, found: Atlas, pictures: list[Any], picture: Picture | None) -> str:
    from deepdream.report.atlas_section import atlas_page

    told = {"network": network.name, "layer": job.layer, "cells": len(found.tiles), "seed": job.brush.seed,
            "gradient steps": job.brush.steps, "pictures": len(job.sources)}  # fmt: skip
    shown = None if picture is None else _small(picture)
    return atlas_page(network, found, pictures, title=_headline(job), picture=shown, settings=dict(told))


def _small(picture: Picture) -> Any:
    from deepdream.dreaming.source_pictures import fit_picture

    return (fit_picture(picture, "640") if max(picture.height, picture.width) > 640 else picture).pixels


def _report(job: _Job, found: Atlas, target: Path, page: Path | None, seconds: float, *, json: bool) -> None:
    from deepdream.dreaming.atlas import as_json

    if not json:
        put(str(target))
        if page is not None:
            put(str(page))
        return
    put_json(
        {
            "schema": 1,
            "output": str(target),
            "page": None if page is None else str(page),
            "layer": found.layer,
            "rows": found.rows,
            "columns": found.columns,
            "cells": as_json(found),
            "failed": [{"input": str(source), "error": str(error)} for source, error in job.failed],
            "seconds": round(seconds, 3),
        }
    )
