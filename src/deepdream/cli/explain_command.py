"""The commands ``saliency`` and ``explain``: why this class?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from deepdream.attribution.question import Question
from deepdream.batch.explanation_files import STYLES
from deepdream.batch.explanations import ExplainTask
from deepdream.batch.outputs import Existing
from deepdream.batch.sources import are_many, expand_inputs
from deepdream.cli.explanation_output import explain_many, explain_one
from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.picture_options import (
    AgainstOption,
    BaselineOption,
    DarkOption,
    JsonOption,
    LayerOption,
    OutOption,
    OverwriteOption,
    Photo,
    Photos,
    SeedOption,
    SkipOption,
    TargetOption,
    parse_seconds,
)
from deepdream.cli.picture_to_stdout import writes_picture
from deepdream.errors import UnknownNameError, UsageError

StyleOption = Annotated[
    str,
    typer.Option(
        "--style",
        help=f"{', '.join(STYLES[:-1])} or {STYLES[-1]}: the map alone, white on black, for `run --mask`.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    for command in (saliency, explain):
        app.command()(grouped(writes_picture(command)))


def saliency(
    *,
    image: Photo,
    output: OutOption = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    style: StyleOption = "side-by-side",
    overwrite: OverwriteOption = False,
    dark: DarkOption = False,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """Draw the plain gradient map of a prediction, the fastest method.

    Example: deepdream saliency images/cat.jpg -o map.png
    """
    style = _read_style(style, overlay=False)
    task = ExplainTask(choice.spec, "saliency", Question(target, against), style=style, dark=dark)
    existing = Existing.OVERWRITE if overwrite else Existing.REFUSE
    explain_one(task, image, output, existing, as_json=as_json, quiet=False)


@dataclass(frozen=True)
class Own:
    """Options that only some methods have."""

    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="Number of samples, for methods that sample.")
    ] = None
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Number of steps, for methods that follow a path.")
    ] = None
    segments: Annotated[
        int | None,
        typer.Option("--segments", min=1, help="Number of regions, for methods that hide regions."),
    ] = None


def explain(
    *,
    images: Photos,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="The method. `deepdream methods` lists all methods; `all` draws all of them on one panel.",
        ),
    ] = "integrated-gradients",
    target: TargetOption = None,
    against: AgainstOption = None,
    layer: LayerOption = "auto",
    baseline: BaselineOption = "black",
    own: Own,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the method, such as rule=epsilon. May be repeated; `deepdream methods NAME` lists them.",
            show_default=False,
        ),
    ] = None,
    seed: SeedOption = 0,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="Time limit, such as 30s or 2m, which sets samples or steps. For --method all it is 90s by default.",
        ),
    ] = None,
    output: OutOption = None,
    style: StyleOption = "side-by-side",
    overlay: Annotated[bool, typer.Option("--overlay", help="The same as --style overlay.")] = False,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of each file, for many pictures: png, svg, pdf, npy, npz, or none for the table alone.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    skip_existing: SkipOption = False,
    dark: DarkOption = False,
    choice: NetworkChoice,
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Explain why a network gives a class to a picture, or to each of many.

    For many pictures, a folder (-o, or explanations/) gets a drawing of each, and explanations.csv with their
    numbers. If the run is interrupted, repeat the command with --skip-existing to continue.

    Examples: deepdream explain images/cat.jpg --method grad-cam | deepdream explain images/cat.jpg --method all
    | deepdream explain images/cat.jpg --method lrp --set rule=epsilon
    | deepdream explain photos/ --method grad-cam -o maps --format npy
    """
    style = _read_style(style, overlay=overlay)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    task = _task(
        choice, method, Question(target, against, layer, baseline, seed), vars(own), settings,
        seconds=parse_seconds(budget), style=style, dark=dark,
    )  # fmt: skip
    if are_many(images, sources, output):
        explain_many(task, sources, output, file_format or "png", existing, as_json=as_json, quiet=quiet)
        return
    if file_format is not None:
        raise UsageError("--format is for many pictures; for one, the suffix after -o chooses the format.")
    explain_one(task, sources[0], output, existing, as_json=as_json, quiet=quiet)


def _task(
    choice: NetworkChoice,
    method: str,
    question: Question,
    options: Mapping[str, Any],
    settings: Sequence[str] | None,
    **more: Any,
) -> ExplainTask:
    """The task that the options spell. Raises UsageError, UnknownNameError: they do not fit together."""
    from deepdream.attribution import find_method, read_options

    if method != "all":
        find_method(method)
    elif settings:
        raise UsageError("--set is for one method; choose it with --method.")
    elif more["style"] == "mask":
        raise UsageError("A mask is made from one method: choose it with --method.")
    given = {name: value for name, value in options.items() if value is not None}
    given |= read_options(method, settings) if settings else {}
    return ExplainTask(choice.spec, method, question, given, **more)


def _read_style(style: str, *, overlay: bool) -> str:
    """The style of a drawing. Raises UnknownNameError."""
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    return "overlay" if overlay else style
