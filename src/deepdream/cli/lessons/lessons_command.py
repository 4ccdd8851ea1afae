"""The command ``lessons``: all of them about one picture, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepdream.batch.outputs import check_free
from deepdream.cli.groups import grouped
from deepdream.cli.lessons.dream_lessons import searched
from deepdream.cli.lessons.lesson_output import DecidedBy, read
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.picture_options import OverwriteOption, Photo, SeedOption
from deepdream.cli.terminal import put, say
from deepdream.errors import UsageError


def lessons(
    *,
    image: Photo,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page.")] = Path("lessons.html"),
    images: Annotated[
        list[str] | None, typer.Option("--images", help="More pictures in which the channel is searched.")
    ] = None,
    overwrite: OverwriteOption = False,
    seed: SeedOption = 0,
    choice: NetworkChoice,
    decided_by: DecidedBy = "",
    quiet: Quiet = False,
) -> None:
    """Write every lesson about one picture on one self-contained page. This takes about two minutes.

    Example: deepdream lessons images/cat.jpg -o lessons.html
    """
    from deepdream.lessons import lessons_page, tell_all
    from deepdream.provenance import write_text

    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"The lessons are a page: give -o a name that ends in .html, not {output.name!r}.")
    check_free(output, overwrite=overwrite)
    picture, others = read(image), searched(images)
    others = [other for other in others if other.sha256 != picture.sha256]
    network = choice.load()
    tell = (lambda _: None) if quiet else say
    exhibits = tell_all(network, picture, others=others, seed=seed, decided_by=decided_by, tell=tell)
    write_text(output, lessons_page(network, picture, list(exhibits), seed=seed, decided_by=decided_by))
    put(str(output))


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(grouped(lessons))
