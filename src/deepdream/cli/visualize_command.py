"""The command ``visualize``: pictures from nothing, of what a channel, a class or a layer answers to most."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.dreams import DreamTask, InputOptions, resume_options
from deepdream.batch.outputs import Existing, Job, check_transparent, check_writable, plan_outputs
from deepdream.cli.batch_output import dream_one
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
from deepdream.cli.process import interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import duration, put, put_json, say
from deepdream.errors import InterruptedRunError, UsageError
from deepdream.plan import PRESETS, Plan, find_preset

if TYPE_CHECKING:
    from deepdream.dreaming import DreamResult
    from deepdream.dreaming.axes import Value
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.models import Model

_PRESETS = tuple(name for name, preset in PRESETS.items() if preset.visualizes)
_MOST = 64  # pictures in one call
_LARGEST = 4096  # pixels a side
_SAID_ELSEWHERE = {
    "objective": "it is what stands before the options",
    "layer": "it is what stands before the options",
    "pictures": "use --diversity",
    "start": "a visualization starts from noise",
    "preset": "use --preset",
    "model": "use --model",
    "size": "use --size",
}


@dataclass(frozen=True)
class Wish:
    """One thing to be shown: its objective as text, and its name on a sheet."""

    objective: str
    label: str
    layer: str = ""


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
        str, typer.Option("--preset", help=f"{', '.join(_PRESETS)}, or a preset of your own.")
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
    wishes = [signed for target in targets or [] for wish in read_target(target, channels, network)
              for signed in signs_of(wish, negative=negative, both=both)]  # fmt: skip
    given = read_settings(more, settings.said(precision=read_precision(precision)))
    if magnitudes:
        given["magnitudes"] = _magnitudes(magnitudes, preset, given)
    plan = _plan(wishes, diversity, network, preset, **given)
    count = len(wishes) * plan.pictures
    height, width = read_side(size)
    name = _as_name("+".join(wish.label for wish in wishes[:4]))
    place = output or str(Path("outputs") / f"visualize_{network.name}_{name}.png")
    existing = Existing.of(overwrite=overwrite, skip=False, number=False)
    job = plan_outputs([Path("noise")], place, "", existing)[0]
    check_writable(job.output, bits=bits)
    if plan.alpha and count == 1:
        check_transparent(job.output)
    if keeping.checkpoint_every and count > 1:
        raise UsageError(
            "--checkpoint-every is for one picture; a sheet keeps its finished cells with --cells."
        )
    if dry_run:
        _show(job, network, plan, (height, width), count, json=json)
        return
    options = OutputOptions(bits, not keeping.no_metadata, keeping.decided_by, keeping.checkpoint_every)
    if count == 1:
        item = "noise"
        task = DreamTask(
            choice.spec, plan, {item: str(job.output)}, InputOptions(f"{width}x{height}", max_pixels=_LARGEST**2),
            options,
        )  # fmt: skip
        again = resume_options([choice.model], choice.weights)
        results = [dream_one(task, item, quiet=quiet, resume_options=again)]
    else:
        results = _sheet(job, plan, wishes, (height, width), network, options, cells, quiet=quiet)
    if json:
        put_json({"schema": 1, "results": results})
    else:
        put(str(job.output))


def _plan(wishes: Sequence[Wish], diversity: int, network: Model, preset: str, **settings: Any) -> Plan:
    """The plan of all the pictures. Raises UsageError: nothing to show, too much, or no such preset."""
    from deepdream.ascent.parameterizations import check_start
    from deepdream.ascent.transforms import parse_transforms
    from deepdream.dreaming.fitting import objective_of
    from deepdream.dreaming.visualization import visualization_plan

    if not wishes:
        raise UsageError("Say what to visualize: blocks.4:17, class:NAME or an objective.")
    if preset in PRESETS and preset not in _PRESETS:
        raise UsageError(f"--preset is one of {', '.join(_PRESETS)} here, not {preset!r}.")
    if len(wishes) * diversity > _MOST:
        raise UsageError(
            f"{len(wishes) * diversity} pictures are more than {_MOST} in one call: ask for fewer --channels."
        )
    goals = [
        f"{wish.objective} + diversity({wish.layer or network.recommended_layer})"
        if diversity > 1
        else wish.objective
        for wish in wishes
    ]
    for name in _SAID_ELSEWHERE:
        if name in settings:
            raise UsageError(f"Not --set {name}=... here: {_SAID_ELSEWHERE[name]}.")
    plan = visualization_plan(goals, preset, pictures=diversity, **settings)
    check_start(plan)
    parse_transforms(plan.transforms)
    objective_of(plan, network)
    return plan


def _magnitudes(words: Sequence[str], preset: str, given: Mapping[str, Value]) -> str:
    """What the photographs of ``words`` have of each frequency, as a setting. Raises PictureError, UsageError."""
    from deepdream.ascent.parameterizations.maco import measure_magnitudes
    from deepdream.batch.sources import expand_inputs
    from deepdream.images import read_picture

    kind = given.get("parameterization", find_preset(preset).settings.get("parameterization"))
    if kind != "maco" or "magnitudes" in given:
        raise UsageError("--magnitudes is for --preset maco, and says what --set magnitudes=... says.")
    pictures = (read_picture(path).tensor() for path in expand_inputs(words))
    return str(measure_magnitudes(pictures, decorrelated=bool(given.get("decorrelated", True))))


def read_target(word: str, channels: str, network: Model) -> list[Wish]:
    """What a word of the command line asks for.

    Raises:
        UnknownNameError: no such layer or class.
        UsageError: channels of what has none.
    """
    if word.startswith("class:"):
        index = network.find_class(word.removeprefix("class:"))
        return [Wish(f"logit({index})", network.label(index).split(",")[0])]
    if "(" in word:
        return [Wish(word, word)]
    match = re.fullmatch(r"(.+):(\d+)", word)
    if match:
        name, numbers = match[1], [int(match[2])]
    else:
        name, numbers = word, read_numbers(channels)
    layer = network.layer(name)
    for number in numbers:
        if number >= layer.channels:
            raise UsageError(f"{name} has channels 0 to {layer.channels - 1}; there is no channel {number}.")
    if not numbers:
        return [Wish(f"layer({name})", name, name)]
    return [Wish(f"channel({name}, {number})", f"{name}:{number}", name) for number in numbers]


def read_numbers(text: str) -> list[int]:
    """``0-15`` or ``3,17,40`` as numbers; nothing for nothing. Raises UsageError."""
    found: list[int] = []
    for part in filter(None, text.replace(" ", "").split(",")):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise UsageError(f"Cannot read the channels {text!r}. Examples: 0-15, or 3,17,40.")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return list(dict.fromkeys(found))


def signs_of(wish: Wish, *, negative: bool, both: bool) -> list[Wish]:
    """The wish, its opposite, or both."""
    if negative and both:
        raise UsageError("Choose one of --negative and --both.")
    from deepdream.ascent import parse_objective

    opposite = replace(wish, objective=str(-parse_objective(wish.objective)), label=f"−{wish.label}")
    return [wish, opposite] if both else [opposite if negative else wish]


def read_side(size: str) -> tuple[int, int]:
    """(height, width) of ``224`` or ``320x200`` (width x height). Raises UsageError."""
    from deepdream.dreaming.source_pictures import parse_size

    height, width = parse_size(size if "x" in size.lower() else f"{size}x{size}", 1, 1)
    if max(height, width) > _LARGEST:
        raise UsageError(f"--size {size} is more than {_LARGEST} pixels a side.")
    return height, width


def _show(job: Job, network: Model, plan: Plan, size: tuple[int, int], count: int, *, json: bool) -> None:
    from deepdream.dreaming.estimating import estimate

    height, width = size
    takes = estimate(network, plan, height, width)
    told = {
        "output": str(job.output), "objective": plan.objective, "pictures": count, "width": width, "height": height,
        "gradients": plan.steps, "estimate": {"bytes": takes.bytes, "seconds": takes.seconds},
        "plan": plan.to_dict(),
    }  # fmt: skip
    if json:
        put_json({"schema": 1, "plans": [told]})
        return
    many = f"{count} pictures" if count > 1 else "one picture"
    put(f"{job.output}")
    put(f"  climbs {plan.objective}, preset {plan.preset}: {many} of {width}x{height}, {plan.steps} steps")
    put(f"  takes about {takes.bytes / 1e9:.1f} GB of memory and {duration(takes.seconds)}")


def _sheet(
    job: Job,
    plan: Plan,
    wishes: Sequence[Wish],
    size: tuple[int, int],
    network: Model,
    options: OutputOptions,
    cells: Path | None,
    *,
    quiet: bool,
) -> list[dict[str, Any]]:
    """All pictures in one run, on one labeled sheet; Ctrl-C saves the sheet as it is."""
    from deepdream.dreaming.result import render_all
    from deepdream.dreaming.source_pictures import noise_picture

    height, width = size
    if plan.precision != "float32" and not quiet:
        say(f"{job.output.name}: a draft, since the network runs in {plan.precision}")
    with interruptible() as interruption, dream_progress(f"{len(wishes)} goals", quiet=quiet) as show:

        def watch(step: Any) -> bool:
            show(step)
            return interruption.number != 0

        canvas = noise_picture(height, width, plan.seed)
        made = render_all(network, canvas, plan, watch=watch, decided_by=options.decided_by)
        labels = [wish.label for wish in wishes for _ in range(plan.pictures)]
        finished = all(dreamed.recipe.finished for dreamed in made)
        path = job.output if finished else job.output.with_stem(f"{job.output.stem}_partial")
        _draw(path, network, plan, made, labels)
        places = _keep(cells, made, labels, options) if cells else [None] * len(made)
    if interruption.number:
        raise InterruptedRunError(f"stopped; the sheet so far is in {path}.", interruption.number)
    return [
        {"output": str(path), "cell": place and str(place), "label": label,
         "objective": dreamed.recipe.plan.objective, "score": dreamed.recipe.score,
         "after": [{"index": p.index, "label": p.label, "probability": p.probability} for p in dreamed.recipe.after]}
        for place, label, dreamed in zip(places, labels, made, strict=True)
    ]  # fmt: skip


def _draw(path: Path, network: Model, plan: Plan, made: Sequence[DreamResult], labels: Sequence[str]) -> None:
    from deepdream.images import Cell, contact_sheet, write_picture

    sheet = contact_sheet(
        [
            Cell(dreamed.pixels, label, alpha=dreamed.alpha)
            for dreamed, label in zip(made, labels, strict=True)
        ],
        cell_width=max(160, made[0].pixels.shape[1]),
        title=f"What {network.name} answers to",
        caption=(
            f"Each picture was made from noise by {plan.steps} steps of gradient ascent (preset {plan.preset}). "
            "It shows one thing that excites the part, not all that does."
            + (" Checkers show through where nothing was needed." if plan.alpha else "")
        ),
    )
    write_picture(path, sheet)


def _keep(
    folder: Path, made: Sequence[DreamResult], labels: Sequence[str], options: OutputOptions
) -> list[Path]:
    """Every picture in a file of its own, with its preset."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"{number:02d}_{_as_name(label)}.png" for number, label in enumerate(labels)]
    for place, dreamed in zip(places, made, strict=True):
        dreamed.save(place, bits=options.bits, metadata=options.metadata)
    return places


def _as_name(label: str) -> str:
    """A part of a file's name."""
    return re.sub(r"[^\w.+-]+", "-", label)[:60]
