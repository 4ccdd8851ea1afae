"""The command ``resume``: dreams that were stopped, continued from their kept states."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepdream.batch.dreams import ResumeTask, resume_options
from deepdream.batch.outputs import check_free, check_writable
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.options import DeviceOption, JsonOption, Overwrite, OwnModels, Quiet, WeightsOption
from deepdream.errors import PictureError


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(resume)


def resume(
    outputs: Annotated[
        list[Path],
        typer.Argument(
            help="The output of the interrupted dream, or a folder for every dream in it.", show_default=False
        ),
    ],
    own: OwnModels = None,
    weights: WeightsOption = None,
    device: DeviceOption = "",
    overwrite: Overwrite = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Continue interrupted dreams from the states that `run --checkpoint-every N` stores.

    The result equals that of the uninterrupted dream, bit for bit with the same processor and versions. A
    dream that cannot be continued does not stop the others.

    Examples:

      deepdream resume outputs/dream.png

      deepdream resume outputs/
    """
    pictures = _outputs(outputs)
    for picture in pictures:
        check_free(picture, overwrite=overwrite)
        check_writable(picture)
    title = pictures[0].name if len(pictures) == 1 else f"{len(pictures)} dreams"
    task = ResumeTask(tuple(own or ()), weights, device)
    output = BatchOutput(title, json, quiet, resume_options=resume_options(own or (), weights), stop_note="")
    output.run(task, pictures)


def _outputs(words: list[Path]) -> list[Path]:
    """Pictures as they are, folders as the dreams that wait in them. Raises PictureError: a folder without."""
    pictures: list[Path] = []
    for word in words:
        states = [word]
        if word.is_dir():
            states = [path.with_name(path.stem) for path in sorted(word.glob("*.state"))]
        if not states:
            raise PictureError(f"No dream waits in {word}: it holds no .state file.")
        pictures += [path.with_name(path.stem) if path.suffix == ".state" else path for path in states]
    return list(dict.fromkeys(pictures))
