"""``run --dry-run``: what would be done, with the memory and time that it would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deepdream.batch.dreams import DreamTask
from deepdream.batch.outputs import Job
from deepdream.cli.terminal import duration, put, put_json

if TYPE_CHECKING:
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
        places=task.places(item),
        held=picture.pixels.nbytes,
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
