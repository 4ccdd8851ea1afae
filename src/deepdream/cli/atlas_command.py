"""The command ``atlas``: what a layer sees, everywhere in one picture or across a folder of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.atlas_estimate import estimate_atlas
from deepdream.batch.atlases import CellSettings, CellsTask, SampleTask, folder_beside
from deepdream.batch.fed_picture import read_source
from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.sources import expand_inputs
from deepdream.batch.task import NetworkSpec
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.groups import grouped
from deepdream.cli.options import Inputs, JsonOption, MaxPixels, NetworkChoice, Overwrite, Quiet
from deepdream.cli.terminal import put, put_json, say
from deepdream.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from deepdream.dreaming.atlas import Atlas
    from deepdream.images import Picture
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(grouped(atlas))


@dataclass(frozen=True)
class _Atlas:
    """What is to be shown: the activations of one picture, or of many."""

    spec: NetworkSpec
    network: Model
    sources: tuple[str, ...]
    picture: Picture | None
    layer: str
    grid: int
    samples: int
    settings: CellSettings

    @property
    def name(self) -> str:
        """What the pictures are called in a title."""
        return self.picture.name if self.picture is not None else f"{len(self.sources)} pictures"

    @property
    def title(self) -> str:
        return f"What {self.layer} sees in {self.name}"


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
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Do nothing where the output exists already.")
    ] = False,
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
    from deepdream.dreaming.activation_samples import check_spatial

    sources = [str(path) for path in expand_inputs(inputs)]
    single = len(inputs) == 1 and len(sources) == 1 and not Path(inputs[0]).is_dir()
    name = f"{Path(inputs[0]).stem.strip('*?[]') or 'pictures'}_{choice.model}_{layer or 'recommended'}_atlas.png"
    target = output or Path("outputs") / name.replace("/", "-")
    if skip_existing and target.exists():
        _put_result(target, page, {"skipped": True}, json=json)
        return
    _check_outputs(target, page, overwrite=overwrite)
    # An unreadable picture is reported before the network is loaded.
    picture = read_source(sources[0], max_pixels=max_pixels) if single else None
    network = choice.load(quiet=quiet)
    layer = network.layer(layer).name if layer else network.recommended_layer
    check_spatial(network, layer)
    settings = CellSettings(cell, steps, seed, batch)
    job = _Atlas(choice.spec, network, tuple(sources), picture, layer, grid, samples, settings)
    estimate = estimate_atlas(network, layer, settings, grid, picture, pictures=len(sources), count=samples)
    if dry_run:
        _put_estimate(job, estimate, json=json)
        return
    if not quiet:
        say(f"{estimate['cells']} cells at most, about {estimate['seconds']:.0f} s")
    _make(job, target, page, max_pixels, json=json, quiet=quiet)


def _check_outputs(target: Path, page: Path | None, *, overwrite: bool) -> None:
    check_free(target, overwrite=overwrite)
    check_writable(target)
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--page is an HTML file, not {page.name!r}. Example: atlas.html")
        check_free(page, overwrite=overwrite)
        check_writable(page.with_suffix(".png"))


def _put_estimate(job: _Atlas, estimate: dict[str, Any], *, json: bool) -> None:
    if json:
        put_json({"schema": 1, "layer": job.layer, "inputs": len(job.sources), **estimate})
        return
    put(f"{job.name}, {job.layer}: {estimate['cells']} cells" + (" at most" if estimate["crops"] else ""))
    if estimate["crops"]:
        put(f"  {job.samples} activations from {estimate['crops']} crops")
    put(f"  about {estimate['seconds']:.0f} s on this machine")


def _make(job: _Atlas, target: Path, page: Path | None, max_pixels: int, *, json: bool, quiet: bool) -> None:
    """Sample the pictures, make the cells visible, and write the sheet and the page."""
    from deepdream.dreaming.atlas import activation_grid, as_json
    from deepdream.dreaming.atlas_sheet import draw_atlas
    from deepdream.images import write_picture
    from deepdream.provenance import write_text

    began, folder = time.monotonic(), folder_beside(target)
    sampling = BatchOutput(f"activations of {job.name}", False, quiet, show=lambda _: None)
    if job.picture is not None:
        atlas = activation_grid(job.network, job.picture, job.layer, most=job.grid)
    else:
        atlas = _sample(job, sampling, folder, max_pixels)
    task = CellsTask.begin(job.spec, job.layer, folder, atlas.directions, job.settings)
    drawing = BatchOutput(f"cells of {job.layer}", False, quiet, show=lambda _: None)
    outcome = drawing.follow(task, task.items)
    if drawing.signal_number:
        done = f"{len(outcome.done)} of {len(task.items)} batches of cells"
        raise InterruptedRunError(_stopped(done, folder), drawing.signal_number)
    if error := outcome.error():
        raise error
    pictures = task.pictures()
    sheet = draw_atlas(job.network, atlas, pictures, title=job.title, picture=job.picture)
    write_picture(target, sheet, recipe=_record(job))
    if page is not None:
        write_text(page, _page(job, atlas, pictures))
    shutil.rmtree(folder, ignore_errors=True)
    failed = [{"input": item, "error": event.error} for item, event in sampling.outcome.failures.items()]
    numbers = {"layer": atlas.layer, "rows": atlas.rows, "columns": atlas.columns, "cells": as_json(atlas),
               "failed": failed, "seconds": round(time.monotonic() - began, 3)}  # fmt: skip
    _put_result(target, page, numbers, json=json)
    sampling.end()


def _sample(job: _Atlas, output: BatchOutput, folder: Path, max_pixels: int) -> Atlas:
    """The atlas of all pictures that can be read."""
    from deepdream.dreaming.atlas import activation_atlas

    indexes = {source: index for index, source in enumerate(job.sources)}
    seed = job.settings.seed
    task = SampleTask(job.spec, job.layer, str(folder), indexes, job.samples, seed, max_pixels)
    outcome = output.follow(task, job.sources)
    done = [source for source in job.sources if source in outcome.done]
    if output.signal_number:
        words = f"the activations of {len(done)} of {len(job.sources)} pictures"
        raise InterruptedRunError(_stopped(words, folder), output.signal_number)
    if not done and (error := outcome.error()):
        raise error
    return activation_atlas(job.network, task.samples(done), grid=job.grid, seed=seed)


def _stopped(results: str, folder: Path) -> str:
    return f"stopped; {results} are stored in {folder}. Repeat the command to continue."


def _record(job: _Atlas) -> str:
    """The description inside the sheet."""
    from deepdream.provenance import SheetRecord

    samples = 0 if job.picture is not None else job.samples
    fixed = {"model": job.network.name, "weights": job.network.weights.sha256, "layer": job.layer,
             "grid": job.grid, "samples": samples, **asdict(job.settings)}  # fmt: skip
    start = {"name": job.name, "sha256": job.picture.sha256 if job.picture is not None else ""}
    return SheetRecord({}, fixed, start, (), kind="atlas").to_text()


def _page(job: _Atlas, atlas: Atlas, pictures: Sequence[Any]) -> str:
    from deepdream.dreaming.source_pictures import fit_picture
    from deepdream.report.atlas_section import atlas_page

    facts = {"network": job.network.name, "layer": job.layer, "cells": len(atlas.tiles),
             "seed": job.settings.seed, "gradient steps": job.settings.steps, "pictures": len(job.sources)}  # fmt: skip
    picture = job.picture
    if picture is not None and max(picture.height, picture.width) > 640:
        picture = fit_picture(picture, "640")
    pixels = None if picture is None else picture.pixels
    return atlas_page(job.network, atlas, pictures, title=job.title, picture=pixels, settings=dict(facts))


def _put_result(target: Path, page: Path | None, numbers: dict[str, Any], *, json: bool) -> None:
    if json:
        put_json({"schema": 1, "output": str(target), "page": page and str(page), **numbers})
        return
    put(str(target))
    if page is not None:
        put(str(page))
