"""The command ``report``: one page that says why, and whether the answer should be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deepdream.batch.outputs import Existing, check_place, refuse_existing, unique_stems
from deepdream.batch.reports import ReportIndex, ReportTask, output_paths
from deepdream.batch.sources import are_many, expand_inputs
from deepdream.batch.summaries import NoSummary
from deepdream.batch.task import NetworkSpec
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.check_command import names_of
from deepdream.cli.groups import grouped
from deepdream.cli.network_loading import load_spec
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.picture_options import (
    AgainstOption,
    JsonOption,
    OverwriteOption,
    Photos,
    SkipOption,
    TargetOption,
    parse_seconds,
)
from deepdream.cli.terminal import put
from deepdream.errors import OutputError, UsageError


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(report))


def report(
    *,
    images: Photos,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The page, report.html by default; for many pictures the folder, reports/ by default.",
        ),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Names of methods, separated by commas. `deepdream methods` lists them.")
    ] = "",
    target: TargetOption = None,
    against: AgainstOption = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time limit of one page, such as 60s or 10m, which sets the number of samples. The default is 150s."
        ),
    ] = None,
    compare: Annotated[str | None, typer.Option(help="A second network to compare, side by side.")] = None,
    decided_by: Annotated[str, typer.Option(help="The person who is responsible for the decision.")] = "",
    overwrite: OverwriteOption = False,
    skip_existing: SkipOption = False,
    choice: NetworkChoice,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Write one page: why did the network decide this, and should the answer be trusted?

    The page is one file that loads nothing from elsewhere. Its numbers are stored beside it as JSON and npz.

    Examples: deepdream report images/cat.jpg -o report.html | deepdream report photos -o reports --budget 30s
    | deepdream report images/cat.jpg -o two.html --compare efficientnet_lite1
    """
    from deepdream.attribution import find_method

    names = tuple(find_method(name).name for name in names_of([methods]))
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    many = are_many(images, sources, output)
    place = output or Path("reports" if many else "report.html")
    pages = _page_names(sources) if many else {sources[0]: place.name}
    folder = place if many else place.parent
    _check_places(place, [folder / name for name in pages.values()], many=many)
    specs = (choice.spec, *([NetworkSpec(compare, None, choice.device)] if compare else []))
    task = ReportTask(
        specs,
        {str(source): str(folder / name) for source, name in pages.items()},
        names,
        target=target,
        against=against,
        seconds=parse_seconds(budget),
        seed=seed,
        decided_by=decided_by,
    )
    index = ReportIndex(folder, load_spec(specs[0], quiet=quiet).name) if many else None
    finished = index.read(list(pages.values())) if index and existing is Existing.SKIP else set[str]()
    if existing is Existing.SKIP and not many and place.exists():
        finished = {place.name}
    if existing is Existing.REFUSE:
        files = [file for name in pages.values() for file in output_paths(folder / name)]
        refuse_existing([folder / "index.html", *files] if many else files)
    waiting = [source for source, name in pages.items() if name not in finished]
    try:
        output_of_run = BatchOutput(
            f"reports of {len(sources)} pictures" if many else str(sources[0].name),
            as_json,
            quiet,
            summary=index or NoSummary(),
            skipped={str(s): str(folder / name) for s, name in pages.items() if name in finished},
            stop_note="",
        )
        output_of_run.run(task, waiting)
    finally:  # also for the pages that were finished before an interruption
        if index:
            index.failed.update(output_of_run.failures())
            if (page := index.write()) and not as_json:
                put(str(page))


def _check_places(place: Path, pages: Sequence[Path], *, many: bool) -> None:
    """Refuse before the work, not after it, what cannot be written. Raises OutputError, UsageError."""
    if many and place.is_file():
        raise OutputError(f"{place} is a file. Give a folder with -o.")
    if not many and place.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"A report is a page: give -o a name that ends in .html, not {place.name!r}.")
    for page in pages:
        check_place(page)


def _page_names(sources: Sequence[Path]) -> dict[Path, str]:
    """One page name for each picture, none of them that of the index."""
    return {
        source: f"{stem}.html" if stem.casefold() != "index" else f"{stem}-{source.suffix[1:]}.html"
        for source, stem in unique_stems(sources).items()
    }
