"""The commands ``saliency`` and ``explain``: why this class?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.attribution.question import Question
from deepdream.batch.events import Stepped
from deepdream.batch.explanations import (
    COLUMNS,
    FORMATS,
    STYLES,
    TABLE,
    ExplainTask,
    check_explanation_file,
    explanation_document,
    record_of,
    run_settings,
    write_explanations,
)
from deepdream.batch.fed_picture import FedPicture
from deepdream.batch.outputs import Existing, beside, check_free, refuse_existing, unique_stems
from deepdream.batch.sources import are_many, expand_inputs, stem_of
from deepdream.batch.summaries import Completeness
from deepdream.batch.table import Table
from deepdream.cli.batch_output import BatchOutput, results_folder
from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice, Quiet, load_spec
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
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation

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
    style = read_style(style, overlay=False)
    task = ExplainTask(choice.spec, "saliency", Question(target, against), style=style, dark=dark)
    existing = Existing.OVERWRITE if overwrite else Existing.REFUSE
    _explain_one(task, image, output, existing, as_json=as_json, quiet=False)


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
    style = read_style(style, overlay=overlay)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    task = _task(
        choice, method, Question(target, against, layer, baseline, seed), vars(own), settings,
        seconds=parse_seconds(budget), style=style, dark=dark,
    )  # fmt: skip
    if are_many(images, sources, output):
        _explain_many(task, sources, output, file_format or "png", existing, as_json=as_json, quiet=quiet)
        return
    if file_format is not None:
        raise UsageError("--format is for many pictures; for one, the suffix after -o chooses the format.")
    _explain_one(task, sources[0], output, existing, as_json=as_json, quiet=quiet)


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


def _explain_one(
    task: ExplainTask, source: Path, output: Path | None, existing: Existing, *, as_json: bool, quiet: bool
) -> None:
    """One picture: its numbers in words, and a drawing unless only JSON is wanted."""
    if output is not None:
        check_explanation_file(output.name, method=task.method, style=task.style)
    network = load_spec(task.network, quiet=quiet)
    fed = FedPicture.open(source, network)
    place = output
    if place is None and not as_json:
        place = Path("outputs") / f"{stem_of(source)}_{network.name.replace(':', '-')}_{task.method}.png"
    if place is not None and place.exists() and existing is Existing.SKIP:
        put(str(place))
        return
    check_free(place, overwrite=existing is Existing.OVERWRITE)
    explanations = []
    for step in task.explain(fed):
        if not isinstance(step, Stepped):
            explanations.append(step)
        elif not quiet:
            say(
                f"deepdream: {step.stage}: {step.note}"
                if step.note
                else f"{step.number:2d}/{step.total} {step.stage}"
            )
    if place is not None:
        write_explanations(fed, explanations, place, style=task.style, dark=task.dark, panel=task.panel)
    if as_json:
        documents = [
            explanation_document(fed, one, None if place is None else str(place)) for one in explanations
        ]
        put_json(documents if task.panel else documents[0])
        return
    _put_answers(fed, explanations)
    put(str(place))


def _explain_many(
    task: ExplainTask,
    sources: Sequence[Path],
    output: Path | None,
    file_format: str,
    existing: Existing,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Many pictures: a file of each and a table of all in a folder, or JSON alone."""
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if file_format != "none":
        check_explanation_file(f"map.{file_format}", method=task.method, style=task.style)
    network = load_spec(task.network, quiet=quiet)
    task.prepare()  # what would fail for every picture fails before anything is written
    folder = results_folder(sources, output, "explanations", existing=existing, as_json=as_json)
    table = None if folder is None else Table(folder / TABLE, COLUMNS)
    if folder is not None and table is not None:
        outputs = {}
        if file_format != "none":
            tail = f"{network.name.replace(':', '-')}_{task.method}.{file_format}"
            outputs = {str(s): folder / f"{stem}_{tail}" for s, stem in unique_stems(sources).items()}
        if existing is Existing.REFUSE and not table.path.exists():
            refuse_existing(outputs.values())
        table.begin(record_of(network, run_settings(task, format=file_format)), existing)
        taken = {row["file"] for row in table.rows()}
        outputs = beside(outputs, taken, done=table.done)
        task = replace(task, outputs={item: str(path) for item, path in outputs.items()})
    BatchOutput(
        f"{task.method} of {len(sources)} pictures",
        as_json,
        quiet,
        table=table,
        summary=Completeness(),
        show_notes=False,
    ).run(task, sources)


def read_style(style: str, *, overlay: bool) -> str:
    """The style of a drawing. Raises UnknownNameError."""
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    return "overlay" if overlay else style


def _put_answers(fed: FedPicture, explanations: Sequence[Explanation]) -> None:
    """What was explained and how, in words."""
    from deepdream.attribution.pictures import caption_of

    first = explanations[0]
    against = "" if first.against_label is None else f", against {first.against_label}"
    put(f"{fed.item}: {first.label} ({fed.probability(first.target):.1%}){against}, score {first.score:.4g}")
    if len(explanations) > 1:
        columns = ("method", "completeness error", "forwards", "backwards", "seconds", "notes")
        rows = [
            (e.method, _percent(e), e.forwards, e.backwards, e.seconds, "; ".join(e.notes))
            for e in explanations
        ]
        put_table(columns, rows)
        return
    put(caption_of(first))
    options = ", ".join(f"{name} {value}" for name, value in first.options.items())
    put(f"{first.method}: {first.passes}, {first.seconds:.1f} s" + (f"; {options}" if options else ""))


def _percent(explanation: Explanation) -> str | None:
    error = explanation.completeness_error
    return None if error is None else f"{error:.2%}"
