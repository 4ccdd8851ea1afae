"""The command ``deepdream``: assembles the commands and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from deepdream import __version__
from deepdream.cli.terminal import say
from deepdream.errors import DeepDreamError

app = typer.Typer(
    name="deepdream",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Dream pictures with a neural network, see what it has learned, and explain what it decides.",
)


def _version(value: bool) -> None:
    if value:
        print(f"deepdream {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None: ...


def main() -> NoReturn:
    """Run the command line; every deliberate error becomes one line on stderr and its exit code."""
    debug = os.environ.get("DEEPDREAM_DEBUG", "") not in ("", "0")
    try:
        app()
    except DeepDreamError as error:
        if debug:
            raise
        say(f"deepdream: {error}")
        sys.exit(error.exit_code)
    sys.exit(0)
