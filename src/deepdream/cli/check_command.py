"""The command ``check``: what an explanation is worth, each number beside control maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.attribution.question import Question
from deepdream.batch.checks import COLUMNS, TABLE, CheckTask, check_document
from deepdream.batch.events import Stepped
from deepdream.batch.explanations import record_of
from deepdream.batch.fed_picture import read_source
from deepdream.batch.outputs import Existing
from deepdream.batch.sources import are_many, expand_inputs
from deepdream.batch.summaries import CheckMeans
from deepdream.batch.table import Table
from deepdream.cli.batch_output import BatchOutput, results_folder
from deepdream.cli.check_output import put_checks
from deepdream.cli.groups import grouped
from deepdream.cli.network_loading import load_spec
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.picture_options import (
    AgainstOption,
    JsonOption,
    OverwriteOption,
    SkipOption,
    TargetOption,
    parse_seconds,
)
from deepdream.cli.terminal import put_json, put_table, say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(check))


def names_of(texts: Sequence[str]) -> list[str]:
    """Names given with several options or with commas, each once."""
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def check(
    *,
    images: Annotated[list[str] | None, typer.Argument(help="Pictures, folders or patterns.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method that `deepdream methods` lists. May be repeated.")
    ] = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    checks: Annotated[
        str,
        typer.Option(
            help="Names of checks, separated by commas; `--list` lists them. The default is all of them."
        ),
    ] = "",
    budget: Annotated[
        str | None, typer.Option(help="Time limit for each picture, such as 30s or 2m.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="A picture of the same size, white where the object is. For many pictures, a folder of masks."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder for checks.csv, for many pictures.")
    ] = None,
    overwrite: OverwriteOption = False,
    skip_existing: SkipOption = False,
    choice: NetworkChoice,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    list_all: Annotated[bool, typer.Option("--list", help="List the checks and exit.")] = False,
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Check explanations: is a map complete, does it name what matters, does it depend on the network?

    Every number is compared with that of random maps, a centered blob and an edge detector. A check supports a
    method only if it is better than all of them. For many pictures, checks.csv in a folder (-o, or checks/) has
    every number, and the means are printed: one picture does not show whether a method can be trusted.

    Examples: deepdream check images/cat.jpg --method grad-cam --method saliency --budget 1m
    | deepdream check photo.jpg --method occlusion --mask object.png --checks pointing-game,mass-inside --json
    | deepdream check photos/ --method grad-cam --checks deletion,insertion,randomization -o checks
    """
    if list_all:
        list_checks(as_json)
        return
    if not images:
        raise UsageError(
            "Which picture? `deepdream check picture.jpg --method grad-cam`; --list lists the checks."
        )
    from deepdream.attribution import find_method
    from deepdream.attribution.checks import all_checks, find_check

    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    many = are_many(images, sources, output)
    task = CheckTask(
        choice.spec,
        tuple(find_method(name).name for name in names_of(method or ["integrated-gradients"])),
        tuple(find_check(name).name for name in names_of([checks])) or tuple(all_checks()),
        Question(target, against, seed=seed),
        seconds=parse_seconds(budget),
        mask=None if mask is None else str(mask),
        masks_in_folder=many,
    )
    if many:
        _check_many(task, sources, output, existing, as_json=as_json, quiet=quiet)
        return
    if output is not None or existing is not Existing.REFUSE:
        raise UsageError(
            "-o, --overwrite and --skip-existing are for many pictures; for one, stdout has every number."
        )
    _check_one(task, sources[0], as_json=as_json, quiet=quiet)


def _check_one(task: CheckTask, source: Path, *, as_json: bool, quiet: bool) -> None:
    picture = read_source(source)
    load_spec(task.network, quiet=quiet)
    context = task.context_of(str(source), picture)
    if not quiet:
        label, model = context.model.label, context.model
        instead = "" if context.against is None else f", not “{label(context.against)}”,"
        say(f"{picture.name}: checking explanations of “{label(context.target)}”{instead} by {model.name}.")
    for step in task.check(str(source), context):
        if not isinstance(step, Stepped):
            tested_maps, results = step
            if as_json:
                put_json(check_document(context, tested_maps, results))
            else:
                put_checks(tested_maps, results)
        elif not quiet:
            say(f"deepdream: {step.note}" if step.note else step.stage)


def _check_many(
    task: CheckTask,
    sources: Sequence[Path],
    output: Path | None,
    existing: Existing,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    task.check_masks(sources[0])
    network = load_spec(task.network, quiet=quiet)
    task = replace(task, methods=_applying(task, network))
    folder = results_folder(sources, output, "checks", existing=existing, as_json=as_json)
    table = None if folder is None else Table(folder / TABLE, COLUMNS)
    if table:
        question = {name: getattr(task.question, name) for name in ("target", "against", "seed")}
        settings = {"methods": task.methods, "checks": task.checks, **question, "seconds": task.seconds}
        settings["mask"] = None if task.mask is None else Path(task.mask).name
        table.begin(record_of(network, settings), existing)
    title = f"checks of {len(sources)} pictures"
    BatchOutput(title, as_json, quiet, table=table, summary=CheckMeans(), show_notes=False).run(task, sources)


def _applying(task: CheckTask, network: Model) -> tuple[str, ...]:
    """The methods that apply to this network; a line says why another does not. Raises UsageError: none does."""
    from deepdream.attribution.explaining import check_question

    names, errors = [], []
    for name in task.methods:
        try:
            check_question(network, name, task.question)
            names.append(name)
        except UnknownNameError:
            raise
        except UsageError as error:
            errors.append(error)
            say(f"deepdream: {error}")
    if not names:
        raise errors[0]
    return tuple(names)


def list_checks(as_json: bool) -> None:
    """Print every check with its question and what a good value is."""
    from deepdream.attribution.checks import all_checks

    rows = [entry.to_dict() for entry in all_checks().values()]
    if as_json:
        put_json({"schema": 1, "checks": rows})
        return
    put_table(("check", "question", "a good value"), [(r["name"], r["question"], r["good"]) for r in rows])
