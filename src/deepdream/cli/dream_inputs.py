"""How a command reads a picture and begins its dream: what ``run``, ``visualize``, ``sweep`` and ``rerun`` share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.outputs import Job
from deepdream.cli.batches import Begun
from deepdream.cli.options import Keeping
from deepdream.cli.resume_command import dream_to_the_end
from deepdream.cli.terminal import say
from deepdream.errors import UsageError
from deepdream.plan import Plan

if TYPE_CHECKING:
    from deepdream.images import Picture
    from deepdream.models import Model
    from deepdream.provenance import Prediction


@dataclass(frozen=True)
class Reading:
    """How inputs are read and results are written."""

    size: str | None
    value_range: str
    max_pixels: int
    quiet: bool
    bits: int = 8
    keeping: Keeping = field(default_factory=Keeping)
    again: str = ""
    places: tuple[Path, ...] = ()
    #: Whether tiles are chosen by the memory that is free; never for a picture that is made again.
    fit_tiles: bool = False


def run_one(job: Job, network: Model, plan: Plan, reading: Reading) -> dict[str, Any]:
    """Dream one picture with progress, save it, and tell of it what ``--json`` shows."""
    begun = begin_one(job, network, plan, reading)
    told = dream_to_the_end(job.output, network, begun.checkpoint, quiet=reading.quiet, again=reading.again)
    return {"input": str(job.source), **told, "notes": list(begun.notes)}


def begin_one(
    job: Job,
    network: Model,
    plan: Plan,
    reading: Reading,
    *,
    before: tuple[Prediction, ...] | None = None,
) -> Begun:
    """Read one picture and make its dream ready; ``before`` are its classes, asked of the network if not given."""
    from deepdream.dreaming.checkpoint import Checkpoint
    from deepdream.dreaming.result import begin

    picture = read_input(job.source, reading, plan.seed)
    plan = fitted(job, network, plan, reading, picture)
    for note in () if reading.quiet else picture.notes:
        say(f"{picture.name}: {note}")
    if plan.precision != "float32" and not reading.quiet:
        say(f"{picture.name}: a draft, since the network runs in {plan.precision}")
    draft, state = begin(
        network,
        picture,
        plan,
        size=size_of(job.source, reading.size),
        decided_by=reading.keeping.decided_by,
        value_range=reading.value_range,
        places=places_of(job, reading),
        before=before,
    )
    draft = replace(draft, recipe=replace(draft.recipe, bits=reading.bits))
    keeping = reading.keeping
    checkpoint = Checkpoint(state, draft, not keeping.no_metadata, keeping.checkpoint_every)
    return Begun(job, checkpoint, picture.notes)


def fitted(job: Job, network: Model, plan: Plan, reading: Reading, picture: Picture) -> Plan:
    """``plan`` with tiles that fit into the memory that is free, where ``reading`` asks for that."""
    if not reading.fit_tiles:
        return plan
    from deepdream.dreaming.estimating import fit_to_memory
    from deepdream.dreaming.result import parse_size

    size = size_of(job.source, reading.size)
    height, width = parse_size(size or f"{picture.width}x{picture.height}", picture.height, picture.width)
    held = picture.pixels.nbytes
    fitted = fit_to_memory(network, plan, height, width, places=places_of(job, reading), held=held)
    if fitted.tile != plan.tile and not reading.quiet:
        say(f"{picture.name}: in tiles of {fitted.tile} pixels, since memory is short")
    return fitted


def places_of(job: Job, reading: Reading) -> list[Path]:
    """Where files that the objective names are looked for."""
    return [*reading.places, job.source, job.output]


def check_bits(bits: int) -> None:
    """Raises UsageError: no such depth."""
    if bits not in (8, 16):
        raise UsageError(f"--bits is 8 or 16, not {bits}.")


def read_input(source: Path, reading: Reading, seed: int) -> Picture:
    """The picture of an input; seeded noise for the word ``noise``. Raises PictureError, UsageError."""
    from deepdream.dreaming.result import NOISE, noise_picture, parse_size
    from deepdream.images import read_picture

    if str(source) == NOISE and not source.exists():
        height, width = parse_size(_square(reading.size or "512"), 1, 1)
        _check_size(height, width, reading)
        return noise_picture(height, width, seed)
    picture = read_picture(source, value_range=reading.value_range, max_pixels=reading.max_pixels)
    if reading.size:
        _check_size(*parse_size(reading.size, picture.height, picture.width), reading)
    return picture


def _check_size(height: int, width: int, reading: Reading) -> None:
    if height * width > reading.max_pixels:
        raise UsageError(
            f"--size {reading.size} would be {width}x{height}, more than the limit of {reading.max_pixels:,} "
            "pixels. Make it smaller, or raise the limit with --max-pixels."
        )


def _square(size: str) -> str:
    return size if "x" in size.lower() else f"{size}x{size}"


def size_of(source: Path, size: str | None) -> str | None:
    return None if str(source) == "noise" and not source.exists() else size
