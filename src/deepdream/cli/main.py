"""The command ``deepdream``: assembles the commands and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from deepdream import __version__
from deepdream.cli import dreams, layers, models
from deepdream.cli.process import StoppedBySignal, keep_large_blocks, raise_on_signals
from deepdream.cli.terminal import say
from deepdream.errors import DeepDreamError

app = typer.Typer(
    name="deepdream",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Dream pictures with a neural network, see what it has learned, and explain what it decides.

Examples: deepdream run images/pagoda.jpg | deepdream layers | deepdream predict images/cat.jpg""",
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


for room in (dreams, layers, models):
    room.register(app)


def main() -> NoReturn:
    """Run the command line; every deliberate error becomes one line on stderr and its exit code."""
    raise_on_signals()
    keep_large_blocks()
    debug = os.environ.get("DEEPDREAM_DEBUG", "") not in ("", "0")
    try:
        app()
    except DeepDreamError as error:
        if debug:
            raise
        say(f"deepdream: {error}")
        sys.exit(error.exit_code)
    except StoppedBySignal as stop:
        say("deepdream: stopped; nothing was left half-written.")
        sys.exit(128 + stop.number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        say(f"deepdream: a bug: {type(error).__name__}: {error}. Set DEEPDREAM_DEBUG=1 to see where.")
        sys.exit(1)
    sys.exit(0)
