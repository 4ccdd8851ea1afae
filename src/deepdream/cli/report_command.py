"""The command ``report``: one page that says why, and whether the answer should be believed."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.check_command import names_of
from deepdream.cli.fed_picture import AgainstOption, TargetOption, parse_seconds
from deepdream.cli.groups import grouped
from deepdream.cli.input_output_files import check_place, expand_inputs
from deepdream.cli.options import NetworkChoice
from deepdream.cli.progress import stage_progress
from deepdream.cli.terminal import put, say
from deepdream.errors import OutputError, PictureError, SomeInputsFailedError, UsageError

if TYPE_CHECKING:
    from deepdream.models import Model
    from deepdream.report import ReportData, ReportEntry, ReportOptions


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(report))


def report(
    *,
    image: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="report.html; for a folder, the folder to fill.")
    ] = None,
    methods: Annotated[str, typer.Option(help="Names with commas, as `deepdream methods` lists them.")] = "",
    target: TargetOption = None,
    against: AgainstOption = None,
    budget: Annotated[
        str | None,
        typer.Option(help="How long one page may take: 60s, 10m. Fewer or more samples; 150s otherwise."),
    ] = None,
    compare: Annotated[str | None, typer.Option(help="A second network, side by side.")] = None,
    decided_by: Annotated[str, typer.Option(help="The person who answers for what is decided.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over files that exist.")] = False,
    choice: NetworkChoice,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn by chance.")] = 0,
) -> None:
    """Write one page: why did the network say this, and should the answer be believed?

    The page is one file that loads nothing; every number lies beside it as JSON and npz.

    Examples: deepdream report images/cat.jpg -o report.html | deepdream report photos -o reports --budget 30s
    | deepdream report images/cat.jpg -o two.html --compare efficientnet_lite1
    """
    began = time.monotonic()
    from deepdream.report import BUDGET, ReportOptions

    seconds = parse_seconds(budget)
    options = ReportOptions(
        tuple(names_of([methods])),
        budget=seconds / (2 if compare else 1) if seconds else BUDGET,
        target=target,
        against=against,
        seed=seed,
        decided_by=decided_by,
    )
    _known(options)
    place = output or Path("reports" if image.is_dir() else "report.html")
    files = expand_inputs([str(image)])
    _free(files, image, place, overwrite)
    networks = [choice.load()]
    if compare:
        networks.append(NetworkChoice(compare, None, choice.device).load())
    if image.is_dir():
        _folder(files, place, networks, options)
    else:
        spent = (time.monotonic() - began) / len(networks)
        _page(image, place, networks, replace(options, spent=spent))
        put(str(place))


def _known(options: ReportOptions) -> None:
    """A wrong name should cost nothing: methods are looked up before anything is loaded."""
    from deepdream.attribution import find_method

    for name in options.methods:
        find_method(name)


def _free(files: Sequence[Path], image: Path, place: Path, overwrite: bool) -> None:
    """Refuse before the work, not after it, what could not be written."""
    from deepdream.report import places_of, refuse_existing

    if image.is_dir():
        if place.is_file():
            raise OutputError(f"{place} is a file. Give a folder with -o.")
        places = [place / "index.html", *(place / name for name in _page_names(files).values())]
    else:
        if place.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"A report is a page: give -o a name that ends in .html, not {place.name!r}.")
        places = list(places_of(place))
    for file in places:
        check_place(file)
    if not overwrite:
        refuse_existing(places)


def _page_names(files: Sequence[Path]) -> dict[Path, str]:
    """One page name a picture; pictures that differ only in their suffix keep it."""
    stems = [path.stem for path in files]
    return {
        p: f"{p.stem if stems.count(p.stem) == 1 and p.stem != 'index' else p.name.replace('.', '-')}.html"
        for p in files
    }


def _page(image: Path, place: Path, networks: Sequence[Model], options: ReportOptions) -> ReportData:
    from deepdream.images import read_picture
    from deepdream.report import investigate, write_report

    picture = read_picture(image)
    studies: list[ReportData] = []
    for network in networks:
        say(f"{picture.name}: {network.name}, at most {options.budget:.0f} s.")
        # Both networks are asked about the same class; one that does not know it by name is asked its own.
        other = options.against if not studies or options.against in network.labels else None
        asked = replace(options, target=_same_class(studies, network, options.target), against=other)
        with stage_progress(picture.name) as show:
            studies.append(investigate(network, picture, asked, progress=show))
    write_report(place, studies, command=_command(image, place, networks, options), overwrite=True)
    return studies[0]


def _same_class(studies: Sequence[ReportData], network: Model, target: str | None) -> str | None:
    if not studies:
        return target
    label = studies[0].prediction.label
    return label if label in network.labels else None


def _command(image: Path, place: Path, networks: Sequence[Model], options: ReportOptions) -> str:
    """The command as it can be given again; base names only, for folders say who somebody is."""
    words = ["deepdream", "report", image.name, "-o", place.name]
    words += ["--budget", f"{options.budget * len(networks):g}s"]
    words += ["--model", _called(networks[0]), "--seed", str(options.seed)]
    words += ["--methods", ",".join(options.methods)] if options.methods else []
    words += ["--target", options.target] if options.target else []
    words += ["--against", options.against] if options.against else []
    words += ["--compare", _called(networks[1])] if len(networks) > 1 else []
    words += ["--decided-by", options.decided_by] if options.decided_by else []
    return shlex.join(words)


def _called(network: Model) -> str:
    return network.weights.code or network.name


def _folder(files: Sequence[Path], place: Path, networks: Sequence[Model], options: ReportOptions) -> None:
    from deepdream.report import entry_of, write_index

    entries: list[ReportEntry] = []
    names, failed = _page_names(files), dict[str, str]()
    try:
        for index, path in enumerate(files, 1):
            say(f"[{index}/{len(files)}] {path.name}")
            try:
                entries.append(entry_of(_page(path, place / names[path], networks, options), names[path]))
            except PictureError as error:
                say(f"deepdream: {error}")
                failed[path.name] = str(error)
    finally:  # also of what was done before an interruption
        if entries:
            put(str(write_index(place, entries, networks[0].name, failed=failed)))
    if failed:
        raise SomeInputsFailedError(f"{len(failed)} of {len(files)} pictures failed.")
