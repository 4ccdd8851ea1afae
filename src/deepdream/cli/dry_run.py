"""``--dry-run`` of ``run`` and ``sweep``: what would be done, with the memory and time that it would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.dreams import DreamTask
from deepdream.batch.outputs import Job
from deepdream.cli.terminal import duration, put, put_json
from deepdream.errors import DeepDreamError

if TYPE_CHECKING:
    from deepdream.batch.sweeps import SweepTask
    from deepdream.models import Model


def show_plans(jobs: Sequence[Job], network: Model, task: DreamTask, *, json: bool) -> None:
    """Put on stdout what would be done for each picture."""
    plan, described = task.plan, [_describe(job, network, task) for job in jobs]
    if json:
        put_json({"schema": 1, "plans": described})
        return
    for entry in described:
        sizes = " ".join(map(_size_in_words, entry["estimate"]["octaves"]))
        put(f"{entry['input']} -> {entry['output']}" + (" (exists, skipped)" if entry["skipped"] else ""))
        put(f"  climbs {entry['objective']}, preset {plan.preset}, {entry['gradients']} gradients at {sizes}")
        estimate = entry["estimate"]
        put(f"  takes about {estimate['bytes'] / 1e9:.1f} GB of memory and {duration(estimate['seconds'])}")
        if entry["left_out"]:
            put(f"  {entry['left_out']} octaves are left out: they would be too small for the layer")


def _size_in_words(octave: dict[str, Any]) -> str:
    size = f"{octave['width']}x{octave['height']}"
    return size if octave["tiles"] == 1 else f"{size} ({octave['tiles']} tiles)"


def _describe(job: Job, network: Model, task: DreamTask) -> dict[str, Any]:
    """What ``--dry-run`` says about one picture."""
    from deepdream.dreaming.estimating import estimate
    from deepdream.dreaming.fitting import objective_of, sizes_for
    from deepdream.dreaming.source_pictures import fit_picture

    item = str(job.source)
    picture = fit_picture(task.input.read(item, seed=task.plan.seed), task.input.size_for(item))
    sizes = sizes_for(task.plan, network, picture.height, picture.width)
    plan = task.fitted(item, network, picture)
    takes = estimate(
        network,
        plan,
        picture.height,
        picture.width,
        search_paths=task.search_paths_of(item),
        other_bytes=picture.pixels.nbytes,
    )
    return {
        "input": str(job.source),
        "output": str(job.output),
        "skipped": job.skip,
        "objective": str(objective_of(plan, network)),
        "octaves": [[size.height, size.width] for size in sizes],
        "left_out": plan.octaves - len(sizes),
        "gradients": sum(size.steps for size in sizes),
        "estimate": {
            "octaves": [asdict(octave) for octave in takes.octaves],
            "bytes": takes.bytes,
            "seconds": takes.seconds,
        },
        "plan": plan.to_dict(),
    }


def show_sweep_plan(task: SweepTask, target: Path, *, stored: bool, json: bool) -> None:
    """Put on stdout what would be done for each cell of a sweep.

    Args:
        stored: Whether the cells are kept in files of their own.
    """
    plans = _describe_cells(task, stored)
    total = sum(entry["seconds"] or 0.0 for entry in plans)
    if json:
        put_json({"schema": 1, "output": str(target), "seconds": total, "plans": plans})
        return
    put(f"{len(plans)} cells -> {target}, about {duration(total)}")
    for label, entry in zip(task.variations, plans, strict=True):
        time = f", about {duration(entry['seconds'])}" if entry["error"] is None else f": {entry['error']}"
        octaves, steps = entry["plan"]["octaves"], entry["plan"]["steps"]
        file = f" -> {entry['output']}" if entry["output"] else ""
        put(f"  {label}: climbs {entry['objective']}, {octaves} octaves of {steps} steps{time}{file}")


def _describe_cells(task: SweepTask, stored: bool) -> list[dict[str, Any]]:
    """What a dry run says of each cell; of one that cannot be made, why."""
    from deepdream.dreaming.estimating import Estimator
    from deepdream.dreaming.fitting import objective_of
    from deepdream.dreaming.source_pictures import parse_size

    estimator, plans = Estimator(), []
    for label, cell in task.variations.items():
        network, picture = task.load(cell), task.picture(cell)
        entry: dict[str, Any] = {
            "settings": dict(cell.values),
            "objective": cell.plan.objective,
            "model": cell.model,
            "size": cell.size,
            "output": task.outputs[label] if stored else None,
            "seconds": None,
            "error": None,
            "plan": cell.plan.to_dict(),
        }
        try:
            entry["objective"] = str(objective_of(cell.plan, network))
            size = cell.size or f"{picture.width}x{picture.height}"
            height, width = parse_size(size, picture.height, picture.width)
            search_paths = [Path(task.source)]
            entry["seconds"] = estimator.estimate(
                network, cell.plan, height, width, search_paths=search_paths
            ).seconds
        except DeepDreamError as error:
            entry["error"] = str(error)
        plans.append(entry)
    return plans
