"""The command ``sweep``: one picture, one or two settings varied, on one labeled sheet."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.dreams import InputOptions
from deepdream.batch.outputs import check_free, check_writable
from deepdream.cli.options import (
    DeviceOption,
    DryRun,
    JsonOption,
    MaxPixels,
    Quiet,
    RangeOption,
    WeightsOption,
    load_network,
    read_settings,
)
from deepdream.cli.process import Interruption, interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import duration, put, put_json, say
from deepdream.errors import DeepDreamError, InterruptedRunError, SomeInputsFailedError, UsageError

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Axis, Value, Variation
    from deepdream.dreaming.estimating import Estimator
    from deepdream.dreaming.sheets import Sheet
    from deepdream.dreaming.sweeping import Swept
    from deepdream.images import Picture
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(sweep)


@dataclass(frozen=True)
class _Job:
    """A whole sweep: what is on its sheet, where each cell goes, and how networks and pictures are had."""

    sheet: Sheet
    paths: dict[Variation, Path]
    network: Callable[[str], Model]
    picture: Callable[[Variation], Picture]
    places: tuple[Path, ...]

    @property
    def cells(self) -> tuple[Variation, ...]:
        return self.sheet.cells


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
    reading = InputOptions(size, value_range, max_pixels)
    axes, same = _axes(x, y), read_settings(fixed, {} if size is None else {"size": size})
    job = _job(
        Path(image), axes, same, reading, cells, lambda name: load_network(name, weights, device, quiet)
    )
    names = "-".join(axis.name for axis in axes)
    target = output or Path("outputs") / f"{Path(image).stem}_sweep_{names}.png"
    check_free(target, overwrite=overwrite)
    check_writable(target)
    _check_cells(job, overwrite=overwrite, skip=skip_existing)
    if dry_run:
        _show_plan(job, target, json=json)
        return
    lower = sorted({cell.plan.precision for cell in job.cells} - {"float32"})
    if lower and not quiet:
        say(f"{target.name}: with drafts, since the network runs in {' and '.join(lower)}")
    with interruptible() as interruption:
        done = _dream_all(job, interruption, quiet=quiet, skip=skip_existing)
    if not any(cell.recipe for cell in done) and done:
        raise next(cell.error for cell in done if cell.error)
    stopped = len(done) < len(job.cells)
    place = target.with_stem(f"{target.stem}_partial") if stopped else target
    if done:
        _write_sheet(job, done, place)
    _report(job, done, place, json=json)
    if interruption.number:
        raise InterruptedRunError(_left(job, done, place), interruption.number)
    failed = sum(cell.error is not None for cell in done)
    if failed:
        raise SomeInputsFailedError(f"{failed} of {len(done)} cells failed; the sheet says why.")


def _axes(x: str, y: str | None) -> list[Axis]:
    from deepdream.dreaming import parse_axis

    return [parse_axis(text) for text in (x, y) if text is not None]


def _job(
    source: Path,
    axes: list[Axis],
    fixed: dict[str, Value],
    reading: InputOptions,
    folder: Path | None,
    load: Callable[[str], Model],
) -> _Job:
    from dataclasses import replace

    from deepdream.dreaming import variations
    from deepdream.dreaming.sheets import CELL_WIDTH, Sheet
    from deepdream.dreaming.sweeping import check_layers

    x, y = axes[0], axes[1] if len(axes) > 1 else None
    sized = "size" in fixed or "size" in (axis.name for axis in axes)
    cells = variations(x, y, fixed if sized else {**fixed, "size": str(CELL_WIDTH)})
    network = lru_cache(maxsize=4)(load)

    @lru_cache(maxsize=1)
    def read(size: str | None, seed: int) -> Picture:
        return replace(reading, size=size).read(str(source), seed=seed)

    noise = str(source) == "noise" and not source.exists()

    def picture(cell: Variation) -> Picture:
        return read(cell.size, cell.plan.seed) if noise else read(None, 0)

    picture(cells[0])  # A missing picture is reported before the network is loaded.
    check_layers(cells, network)
    paths = _paths(folder, source.stem, cells) if folder is not None else {}
    return _Job(Sheet(x, y, fixed, cells), paths, network, picture, (source,))


def _paths(folder: Path, stem: str, cells: tuple[Variation, ...]) -> dict[Variation, Path]:
    """A file for each cell, named after its values; two that would share a name are numbered."""
    paths: dict[Variation, Path] = {}
    taken: dict[str, int] = {}
    for cell in cells:
        name = re.sub(r"[^\w.+-]+", "-", f"{stem}_{cell.label.replace(', ', '_')}")[:150].rstrip("-.")
        taken[name] = taken.get(name, 0) + 1
        paths[cell] = folder / (f"{name}.png" if taken[name] == 1 else f"{name}_{taken[name]}.png")
    return paths


def _check_cells(job: _Job, *, overwrite: bool, skip: bool) -> None:
    if skip and not job.paths:
        raise UsageError("--skip-existing needs --cells, the folder in which finished cells are.")
    for path in job.paths.values():
        if not skip:
            check_free(path, overwrite=overwrite)
        check_writable(path)


def _show_plan(job: _Job, target: Path, *, json: bool) -> None:
    from deepdream.dreaming.estimating import Estimator

    measured = Estimator()
    described = [_describe(job, cell, measured) for cell in job.cells]
    total = sum(entry["seconds"] or 0.0 for entry in described)
    if json:
        put_json({"schema": 1, "output": str(target), "seconds": total, "plans": described})
        return
    put(f"{len(described)} cells -> {target}, about {duration(total)}")
    for entry, cell in zip(described, job.cells, strict=True):
        takes = f", about {duration(entry['seconds'])}" if entry["error"] is None else f": {entry['error']}"
        put(f"  {cell.label}: climbs {entry['objective']}, {cell.plan.octaves} octaves of {cell.plan.steps} steps"
            + takes + (f" -> {entry['output']}" if entry["output"] else ""))  # fmt: skip


def _describe(job: _Job, cell: Variation, measured: Estimator) -> dict[str, Any]:
    """What a dry run says of a cell; of one that cannot be made, why."""
    from deepdream.dreaming.fitting import objective_of
    from deepdream.dreaming.source_pictures import parse_size

    network, picture = job.network(cell.model), job.picture(cell)
    told: dict[str, Any] = {"settings": dict(cell.values), "objective": cell.plan.objective, "model": cell.model,
            "size": cell.size, "output": _where(job, cell), "seconds": None, "error": None,
            "plan": cell.plan.to_dict()}  # fmt: skip
    try:
        told["objective"] = str(objective_of(cell.plan, network))
        size = parse_size(cell.size or f"{picture.width}x{picture.height}", picture.height, picture.width)
        told["seconds"] = measured.estimate(network, cell.plan, *size, places=job.places).seconds
    except DeepDreamError as error:
        told["error"] = str(error)
    return told


def _where(job: _Job, cell: Variation) -> str | None:
    return str(job.paths[cell]) if job.paths else None


def _dream_all(job: _Job, interruption: Interruption, *, quiet: bool, skip: bool) -> list[Swept]:
    """Every cell in turn, saved as soon as it is done; ends early where the user asks to stop."""
    from deepdream.dreaming.sweeping import sweep as cells_of

    def kept(cell: Variation) -> Path | None:
        path = job.paths.get(cell)
        return path if skip and path is not None and path.exists() else None

    finished: list[Swept] = []
    for number, cell in enumerate(job.cells, start=1):
        title = f"{number}/{len(job.cells)} {cell.label}"
        with dream_progress(title, quiet=quiet or kept(cell) is not None) as show:

            def watch(_: Variation, step: Any, show: Callable[[Any], None] = show) -> bool:
                show(step)
                return interruption.number != 0

            finished += cells_of(
                [cell], network=job.network, picture=job.picture, kept=kept, watch=watch, places=job.places
            )
        if finished and finished[-1].variation is cell:
            _keep(job, finished[-1], quiet=quiet)
        if interruption.number:
            break
    return finished


def _keep(job: _Job, done: Swept, *, quiet: bool) -> None:
    if done.error is not None and not quiet:
        say(f"deepdream: {done.variation.label}: {done.error}")
    if done.recipe is not None and job.paths and not done.kept:
        done.save(job.paths[done.variation])


def _write_sheet(job: _Job, done: list[Swept], place: Path) -> None:
    from deepdream.images import write_picture

    picture = job.picture(job.cells[0])
    write_picture(place, job.sheet.draw(done, picture), recipe=job.sheet.record(done, picture).to_text())


def _report(job: _Job, done: list[Swept], place: Path, *, json: bool) -> None:
    if not json:
        if done:
            put(str(place))
        return
    told = [_summary(job, cell) for cell in done]
    put_json({"schema": 1, "output": str(place) if done else None, "axes": job.sheet.varied, "cells": told})


def _summary(job: _Job, done: Swept) -> dict[str, Any]:
    cell = done.variation
    told: dict[str, Any] = {"row": cell.row, "column": cell.column, "settings": dict(cell.values)}
    if done.recipe is None:
        return {**told, "output": None, "error": str(done.error)}
    recipe = done.recipe
    return {
        **told,
        "output": _where(job, cell),
        "kept": done.kept,
        "objective": recipe.plan.objective,
        "score": recipe.score,
        "measures": dict(recipe.measures),
        "seconds": round(done.seconds, 3),
    }


def _left(job: _Job, done: list[Swept], place: Path) -> str:
    if not done:
        return "stopped before the first cell was finished."
    where = f"; the cells are in {next(iter(job.paths.values())).parent}" if job.paths else ""
    advice = " Repeat the command with --skip-existing to continue." if job.paths else ""
    return f"stopped; {len(done)} of {len(job.cells)} cells are on {place}{where}.{advice}"
