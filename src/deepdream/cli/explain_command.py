"""The commands ``saliency`` and ``explain``: why this class?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.explanation_output import STYLES, ExplanationOutput, read_style, show
from deepdream.cli.fed_picture import (
    AgainstOption,
    BaselineOption,
    DarkOption,
    FedPicture,
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
from deepdream.cli.groups import grouped
from deepdream.cli.input_output_files import Existing, are_many, expand_inputs
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.terminal import say, silent
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation, Question

#: Seconds for ``--method all``, where no budget is given.
SECONDS_FOR_ALL = 90.0

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
        app.command()(grouped(command))


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
    """Draw the plain gradient map of a prediction: the quickest way in.

    Example: deepdream saliency images/cat.jpg -o map.png
    """
    showing = ExplanationOutput(output, read_style(style, False), overwrite, dark, as_json)
    showing.check("saliency")
    from deepdream.attribution import Question

    scene = FedPicture.open(image, choice)
    showing.check_free(scene, "saliency")
    show(
        scene,
        [_explained(scene, "saliency", Question(target, against), None, {})],
        showing,
        "saliency",
    )


@dataclass(frozen=True)
class Own:
    """Options that only some methods have."""

    samples: Annotated[int | None, typer.Option("--samples", min=1, help="For methods that sample.")] = None
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="For methods that take steps.")] = None
    segments: Annotated[
        int | None, typer.Option("--segments", min=1, help="For methods that hide regions.")
    ] = None


def explain(
    *,
    images: Photos,
    method: Annotated[
        str, typer.Option("--method", help="`deepdream methods` lists them; `all` draws a panel.")
    ] = ("integrated-gradients"),
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
            help="Time, such as 30s or 2m: sets samples or steps. With --method all it is for the whole panel (90s).",
        ),
    ] = None,
    output: OutOption = None,
    style: StyleOption = "side-by-side",
    overlay: Annotated[bool, typer.Option("--overlay", help="The same as --style overlay.")] = False,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="Of many pictures, each: png, svg, pdf, npy, npz, or none for the table alone."
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

    Of many pictures a folder is filled (-o, or explanations/): a drawing of each, and explanations.csv with their
    numbers. If the run is interrupted, repeat the command with --skip-existing to continue.

    Examples: deepdream explain images/cat.jpg --method grad-cam | deepdream explain images/cat.jpg --method all
    | deepdream explain images/cat.jpg --method lrp --set rule=epsilon
    | deepdream explain photos/ --method grad-cam -o maps --format npy
    """
    showing = ExplanationOutput(output, read_style(style, overlay), overwrite, dark, as_json)
    _check_method(method, showing)
    from deepdream.attribution import Question, read_options

    if settings and method == "all":
        raise UsageError("--set is for one method; choose it with --method.")
    options = {**vars(own), **(read_options(method, settings) if settings else {})}
    question = Question(target, against, layer, baseline, seed)
    asked = _Asked(method, question, options, parse_seconds(budget), quiet)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    if are_many(images, sources, output):
        _explain_many(sources, asked, showing, file_format, existing, choice)
        return
    if file_format is not None:
        raise UsageError("--format is for many pictures; of one, the name after -o says it.")
    showing.check(method)
    scene = FedPicture.open(sources[0], choice)
    if skip_existing and showing.is_there(scene, method):
        return
    showing.check_free(scene, method)
    show(scene, asked.of(scene), showing, method)


@dataclass(frozen=True)
class _Asked:
    """What is asked about a picture, and in how many seconds."""

    method: str
    question: Question
    own: Mapping[str, Any]
    seconds: float | None
    quiet: bool

    def of(self, scene: FedPicture) -> list[Explanation]:
        """The explanations of one picture."""
        if self.method == "all":
            return _all(scene, self.question, self.own, self.seconds or SECONDS_FOR_ALL, quiet=self.quiet)
        return [_explained(scene, self.method, self.question, self.seconds, self.own)]


def _explain_many(
    sources: list[Path],
    asked: _Asked,
    showing: ExplanationOutput,
    file_format: str | None,
    existing: Existing,
    choice: NetworkChoice,
) -> None:
    from deepdream.attribution.explaining import check_question
    from deepdream.cli.explain_many import Many, read_format

    form, panel = read_format(file_format, showing, asked.method), asked.method == "all"
    network = choice.load(quiet=asked.quiet)
    # What would fail on every picture fails before the first one; of a panel, what does not apply is left out.
    own = {} if panel else asked.own
    check_question(network, "saliency" if panel else asked.method, asked.question, **own)
    settings = {"method": asked.method, **asked.question.to_dict(), **asked.own, "budget": asked.seconds,
                "style": showing.style, "format": form}  # fmt: skip
    silent = replace(asked, quiet=True)
    Many(network, silent.of, settings, showing, existing).run(sources, quiet=asked.quiet)


def _check_method(name: str, showing: ExplanationOutput) -> None:
    from deepdream.attribution import find_method

    if name != "all":
        find_method(name)
    elif showing.style == "mask":
        raise UsageError("A mask is made from one method: choose it with --method.")


def _explained(
    scene: FedPicture, name: str, question: Question, seconds: float | None, own: Mapping[str, Any]
) -> Explanation:
    from deepdream.attribution import explain as run

    return run(scene.network, scene.image, name, question=question, budget=seconds, **own)


def _all(
    scene: FedPicture,
    question: Question,
    own: Mapping[str, Any],
    seconds: float,
    *,
    quiet: bool = False,
) -> list[Explanation]:
    """Every method that applies; the others are said, with the reason.

    Each method that samples gets an equal part of what is left of the time, the others what they need.
    """
    from deepdream.attribution import ScoreFunction
    from deepdream.attribution import methods as registry

    end = time.perf_counter() + seconds
    ScoreFunction.of(scene.network, scene.image, question)  # a wrong class or baseline is the same for all
    waiting = sum(entry.budgeted is not None for entry in registry().values())
    tell = silent if quiet else say
    tell(f"{seconds:g} s for all: about {seconds / waiting:.1f} s for each of {waiting} methods that sample.")
    found = []
    for number, (name, entry) in enumerate(registry().items(), start=1):
        mine = {option: value for option, value in own.items() if option in entry.options}
        share = max(end - time.perf_counter(), 0.0) / max(waiting, 1)
        waiting -= entry.budgeted is not None
        try:
            found.append(_explained(scene, name, question, share, mine))
        except UsageError as error:
            tell(f"deepdream: left out: {error}")
            continue
        tell(f"{number:2d}/{len(registry())} {name}: {found[-1].seconds:.1f} s")
    if not found:
        raise UsageError(f"No method applies to {scene.network.name}.")
    return found
