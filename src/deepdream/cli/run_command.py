"""The command ``run``: dream pictures."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.dreams import DreamTask, resume_options
from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.outputs import Existing, Job, check_transparent, check_writable, plan_outputs
from deepdream.batch.sources import expand_inputs, is_stdin
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.dream_options import DreamSettings, plan_with, read_batch
from deepdream.cli.dry_run import show_plans
from deepdream.cli.groups import grouped
from deepdream.cli.like_recipe import settings_like
from deepdream.cli.network_loading import load_spec
from deepdream.cli.options import (
    DEFAULT_MODEL,
    MODEL_HELP,
    Bits,
    DeviceOption,
    DryRun,
    Inputs,
    JsonOption,
    Keeping,
    LayerOption,
    MaxPixels,
    OutputOption,
    Overwrite,
    PrecisionOption,
    Quiet,
    RangeOption,
    SizeOption,
    WeightsOption,
    read_precision,
    read_settings,
)
from deepdream.cli.picture_to_stdout import writes_picture
from deepdream.cli.run_objective import Goal, check_files, networks_for, recommended_layers, tail
from deepdream.errors import OutputError, PictureError, UsageError
from deepdream.plan import Plan

if TYPE_CHECKING:
    pass


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(writes_picture(run)))


def run(
    *,
    inputs: Inputs,
    layer: LayerOption = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="Maximize the logit of a class, by name or number. May be repeated.",
            metavar="NAME",
        ),
    ] = None,
    guide: Annotated[
        list[str] | None,
        typer.Option("--guide", help="A picture whose features the layers follow.", metavar="PICTURE"),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option("--minus", help="A layer to minimize, or LAYER=WEIGHT.", metavar="LAYER"),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="What to maximize, as one text: 'layer(blocks.4) + 2*channel(blocks.3, 17)'."),
    ] = None,
    settings: DreamSettings,
    batch: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Number of small pictures of one size in one batch. auto chooses it by their size and the "
            "free memory.",
        ),
    ] = "auto",
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of a dream: --set parameterization=laplacian --set transforms='rotate(-10, 10)'.",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            "--like",
            metavar="DREAM",
            help="A picture that deepdream made. Its settings and its network are used for these pictures; options "
            "given beside it take precedence.",
            show_default=False,
        ),
    ] = None,
    size: SizeOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help=f"{MODEL_HELP} Several dream as one. {DEFAULT_MODEL} if not given.",
            show_default=False,
        ),
    ] = None,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    output: OutputOption = None,
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Skip inputs whose output exists.")
    ] = False,
    number: Annotated[
        bool, typer.Option("--number", help="If the output exists, write name_2, name_3, ... instead.")
    ] = False,
    bits: Bits = 8,
    value_range: RangeOption = "auto",
    max_pixels: MaxPixels = 64_000_000,
    keeping: Keeping,
    dry_run: DryRun = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Dream pictures: change each one so that chosen layers of the network answer more strongly.

    Examples:

      deepdream run photo.jpg

      deepdream run photo.jpg --layer blocks.3 --layer blocks.4=0.5 --strength 0.12

      deepdream run photo.jpg --preset classic --size 1024 -o dream.png

      deepdream run photo.jpg --like dream.png

      deepdream run photo.jpg --mask face.png --feather 40 --keep color

      deepdream run pictures/ --batch 8

      deepdream run noise --size 600x400 --seed 1

      deepdream run photo.jpg --class "golden retriever" --layer blocks.4

      deepdream run photo.jpg --guide flower.jpg --minus blocks.1

      deepdream run photo.jpg --objective 'masked(blocks.4:17, "mask.png") + blocks.3-5 - 0.2*total_variation()'

    docs/objectives.md lists everything that can be maximized.
    """
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.dreaming.fitting import objective_of

    goal = Goal(layer or (), objective, classes or (), guide or (), minus or ())
    batch_size = read_batch(batch)
    given = settings.said(precision=read_precision(precision), batch=batch_size)
    preset = given.pop("preset", None)
    if like and preset:
        raise UsageError("Give --like or --preset, not both.")
    template = settings_like(like, models or (), weights) if like else None
    plan = plan_with(template.plan if template else preset or "balanced", read_settings(more, given))
    sources = expand_inputs(inputs)
    _check_only_input(sources)
    names = template.models if template else models or [DEFAULT_MODEL]
    weights_of_names = (template.weights if template else {}) or weights
    spec = networks_for(names, goal.text() or plan.objective, weights_of_names, device)
    network = load_spec(spec, quiet=quiet)
    if template and not quiet:
        template.say_differences(network, size, plan.mask)
    if goal.said or (network.members and not template):
        plan = replace(plan, objective=goal.text(recommended_layers(network)))
    terms = objective_of(plan, network)
    search_paths = (like,) if like else ()
    check_files(terms, [*search_paths, *sources])
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=number)
    jobs = plan_outputs(sources, output, tail(network.name, terms), existing)
    _check_outputs(jobs, plan, bits, states=bool(keeping.checkpoint_every) and not overwrite)
    task = DreamTask(
        spec,
        plan,
        {str(job.source): str(job.output) for job in jobs},
        InputOptions(size, value_range, max_pixels),
        OutputOptions(bits, not keeping.no_metadata, keeping.decided_by, keeping.checkpoint_every),
        batch=batch_size,
        fit_tiles=True,
        search_paths=search_paths,
    )
    if dry_run:
        show_plans(jobs, network, task, json=json)
        return
    title = sources[0].name if len(sources) == 1 else f"{len(sources)} pictures"
    BatchOutput(
        title,
        json,
        quiet,
        resume_options=resume_options(names, weights),
        skipped={str(job.source): str(job.output) for job in jobs if job.skip},
        stop_note="",
    ).run(task, [job.source for job in jobs if not job.skip])


def _check_outputs(jobs: Sequence[Job], plan: Plan, bits: int, *, states: bool) -> None:
    """Look before hours of work whether every result can be written.

    Raises:
        UsageError, OutputError: a format without these bits or without transparency, no right to write, or (with
            ``states``) an interrupted dream that would be lost.
    """
    for job in jobs:
        check_writable(job.output, bits=bits)
        if plan.alpha:
            check_transparent(job.output)
        if states and not job.skip:
            check_no_state(job.output)


def check_no_state(output: Path) -> None:
    """Raises OutputError: an interrupted dream of ``output`` waits beside it, which would be lost."""
    state = output.with_name(f"{output.name}.state")
    if state.exists():
        raise OutputError(
            f"{state} holds an interrupted dream. Continue it with `deepdream resume {shlex.quote(str(output))}`, or "
            "begin again with --overwrite."
        )


def _check_only_input(sources: list[Path]) -> None:
    """A single picture that is missing is reported at once, before the network is loaded."""
    if len(sources) != 1 or is_stdin(sources[0]):
        return
    if str(sources[0]) != "noise" and not os.path.exists(sources[0]):  # noqa: PTH110 - never raises
        raise PictureError(f"There is no file {str(sources[0])[:200]}. Check the path.")
