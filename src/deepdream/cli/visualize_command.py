"""The command ``visualize``: pictures, made from noise, of what a channel, a class or a layer responds to most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.dreams import DreamTask, resume_options
from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.outputs import Existing, check_transparent, check_writable, plan_outputs
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.cell_files import as_file_name
from deepdream.cli.groups import grouped
from deepdream.cli.options import (
    Bits,
    DryRun,
    JsonOption,
    Keeping,
    NetworkChoice,
    OutputOption,
    Overwrite,
    PrecisionOption,
    Quiet,
    Settings,
    read_precision,
    read_settings,
    setting,
)
from deepdream.cli.picture_to_stdout import writes_picture
from deepdream.cli.terminal import duration, put, put_json
from deepdream.cli.visual_sheet import make_visual_sheet
from deepdream.cli.visual_targets import (
    LARGEST,
    VISUAL_PRESETS,
    plan_of_targets,
    read_side,
    read_target,
    signs_of,
)
from deepdream.errors import UsageError
from deepdream.plan import Plan, find_preset

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Value
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(grouped(writes_picture(visualize)))


@dataclass(frozen=True)
class _Settings(Settings):
    steps: Annotated[int | None, setting("steps")] = None
    rate: Annotated[float | None, setting("rate")] = None
    relu: Annotated[str | None, setting("relu")] = None
    transforms: Annotated[str | None, setting("transforms")] = None
    seed: Annotated[int | None, setting("seed")] = None
    batch: Annotated[int | None, setting("batch")] = None
    alpha: Annotated[
        bool | None,
        typer.Option(
            "--alpha", help="Make the background transparent. Only what the objective needs becomes opaque."
        ),
    ] = None
    alpha_weight: Annotated[float | None, setting("alpha_weight")] = None


def visualize(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="LAYER:CHANNEL, LAYER, class:NAME, or an objective as in `run --objective`.",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[
        str, typer.Option("--channels", help="Channels of the layers: 0-15, or 3,17,40.", show_default=False)
    ] = "",
    negative: Annotated[bool, typer.Option("--negative", help="Show what lowers the response.")] = False,
    both: Annotated[
        bool, typer.Option("--both", help="Show what raises the response and what lowers it.")
    ] = False,
    diversity: Annotated[
        int,
        typer.Option(
            "--diversity",
            metavar="N",
            min=1,
            help="Make N pictures of each target that differ as much as possible.",
        ),
    ] = 1,
    size: Annotated[str, typer.Option("--size", help="Side in pixels, or WIDTHxHEIGHT.")] = "224",
    preset: Annotated[
        str, typer.Option("--preset", help=f"{', '.join(VISUAL_PRESETS)}, or a preset of your own.")
    ] = "lucid",
    settings: _Settings,
    magnitudes: Annotated[
        list[str] | None,
        typer.Option(
            "--magnitudes",
            metavar="PICTURES",
            help="Photographs or a folder from which the preset maco computes the magnitudes of the spectrum.",
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of a dream, such as --set parameterization=cppn.",
        ),
    ] = None,
    choice: NetworkChoice,
    precision: PrecisionOption = "auto",
    output: OutputOption = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            "--cells",
            help="A folder in which every picture of a sheet is stored with its recipe.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    bits: Bits = 8,
    keeping: Keeping,
    dry_run: DryRun = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Show what a part of the network responds to most, by pictures made from noise, without any photograph.

    One target gives one picture. Several targets, or the channels of a layer, give one labeled sheet.

    Examples:

      deepdream visualize blocks.4:17

      deepdream visualize blocks.3 --channels 0-15 -o channels.png

      deepdream visualize "class:golden retriever" --steps 512

      deepdream visualize blocks.4:17 --both --diversity 3 --cells cells/

      deepdream visualize class:goldfish --alpha -o goldfish.png
    """
    from deepdream.dreaming.checkpoint import OutputOptions

    network = choice.load(quiet=quiet)
    parts = [
        signed
        for word in targets or []
        for target in read_target(word, channels, network)
        for signed in signs_of(target, negative=negative, both=both)
    ]
    given = read_settings(more, settings.said(precision=read_precision(precision)))
    if magnitudes:
        given["magnitudes"] = _magnitudes(magnitudes, preset, given)
    plan = plan_of_targets(parts, diversity, network, preset, **given)
    count = len(parts) * plan.pictures
    height, width = read_side(size)
    name = as_file_name("+".join(target.label for target in parts[:4]))
    default = output or str(Path("outputs") / f"visualize_{network.name}_{name}.png")
    existing = Existing.of(overwrite=overwrite, skip=False, number=False)
    destination = plan_outputs([Path("noise")], default, "", existing)[0].output
    check_writable(destination, bits=bits)
    if plan.alpha and count == 1:
        check_transparent(destination)
    if keeping.checkpoint_every and count > 1:
        raise UsageError(
            "--checkpoint-every is for one picture; a sheet keeps its finished cells with --cells."
        )
    if dry_run:
        _put_plan(destination, network, plan, (height, width), count, json=json)
        return
    options = OutputOptions(bits, not keeping.no_metadata, keeping.decided_by, keeping.checkpoint_every)
    if count > 1:
        make_visual_sheet(
            destination, plan, parts, (height, width), choice.spec, options, cells, json=json, quiet=quiet
        )
        return
    reading = InputOptions(f"{width}x{height}", max_pixels=LARGEST**2)
    task = DreamTask(choice.spec, plan, {"noise": str(destination)}, reading, options)
    resuming = resume_options([choice.model], choice.weights)
    BatchOutput(destination.name, json, quiet, resume_options=resuming).run(task, ["noise"])


def _magnitudes(words: Sequence[str], preset: str, given: Mapping[str, Value]) -> str:
    """The mean magnitude of each frequency in photographs, as text of a setting. Raises PictureError, UsageError."""
    from deepdream.ascent.parameterizations.maco import measure_magnitudes
    from deepdream.batch.sources import expand_inputs
    from deepdream.images import read_picture

    kind = given.get("parameterization", find_preset(preset).settings.get("parameterization"))
    if kind != "maco" or "magnitudes" in given:
        raise UsageError("--magnitudes is for --preset maco, and says what --set magnitudes=... says.")
    pictures = (read_picture(path).tensor() for path in expand_inputs(words))
    return str(measure_magnitudes(pictures, decorrelated=bool(given.get("decorrelated", True))))


def _put_plan(
    output: Path, network: Model, plan: Plan, size: tuple[int, int], count: int, *, json: bool
) -> None:
    """What ``--dry-run`` prints."""
    from deepdream.dreaming.estimating import estimate

    height, width = size
    resources = estimate(network, plan, height, width)
    document = {
        "output": str(output), "objective": plan.objective, "pictures": count, "width": width, "height": height,
        "gradients": plan.steps, "estimate": {"bytes": resources.bytes, "seconds": resources.seconds},
        "plan": plan.to_dict(),
    }  # fmt: skip
    if json:
        put_json({"schema": 1, "plans": [document]})
        return
    many = f"{count} pictures" if count > 1 else "one picture"
    put(str(output))
    put(f"  climbs {plan.objective}, preset {plan.preset}: {many} of {width}x{height}, {plan.steps} steps")
    put(f"  takes about {resources.bytes / 1e9:.1f} GB of memory and {duration(resources.seconds)}")
