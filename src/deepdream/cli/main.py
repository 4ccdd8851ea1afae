"""The command ``deepdream``: knows every command and loads only the one that is called.

Every deliberate error becomes one line on stderr and its exit code.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from deepdream import __version__
from deepdream.cli.process import StoppedBySignal, keep_large_blocks, raise_on_signals
from deepdream.cli.terminal import begin_output, put_json_of_failure, say
from deepdream.errors import DeepDreamError, UnknownNameError, UsageError

#: Click's UsageError, which Typer imports in one version and carries along in another.
_ParserError: type[Exception] = typer.BadParameter.__mro__[1]


@dataclass(frozen=True)
class Command:
    """Where a command lives, and one line that says what it does."""

    module: str
    summary: str


#: Every command, in the order in which ``--help`` lists them.
COMMANDS = {
    "run": Command("run_command", "Dream pictures: let a network paint what it sees into them."),
    "sweep": Command("sweep_command", "Dream one picture with settings varied, onto one labeled sheet."),
    "resume": Command("resume_command", "Go on with a dream that was interrupted."),
    "atlas": Command(
        "atlas_command", "Show what a layer sees: everywhere in a picture, or across many pictures."
    ),
    "objectives": Command(
        "objectives_command", "List the objectives of a dream: layers, channels, classes, guides, penalties."
    ),
    "presets": Command("presets_command", "List the presets: named sets of settings, built-in and your own."),
    "visualize": Command("visualize_command", "Show what a channel, a class or a layer answers to most."),
    "layers": Command("layers_command", "List a network's layers, or dream a picture at each of them."),
    "predict": Command("model_commands", "Say what a network sees in pictures: the most probable classes."),
    "saliency": Command("explain_command", "Show which pixels a decision depends on: the plain gradient."),
    "explain": Command("explain_command", "Explain a decision by any of the methods, or by all of them."),
    "methods": Command(
        "methods_command", "List the methods of explanation: their questions, papers and caveats."
    ),
    "channels": Command("concept_commands", "Say which channels of a layer carried a decision."),
    "concepts": Command(
        "concept_commands", "Ask whether a concept, given as pictures, matters to a decision."
    ),
    "check": Command(
        "check_command", "Check explanations: every number beside random maps, a blob, an edge detector."
    ),
    "report": Command(
        "report_command", "One page: why did the network say this, and should I believe the answer?"
    ),
    "trace": Command("lessons", "Follow a dream step by step: what it does to the prediction."),
    "hierarchy": Command("lessons", "From lines to objects: what each layer looks for, finds and dreams."),
    "unit": Command("lessons", "What is this channel? From three sides, and what to doubt."),
    "reason": Command("lessons", "Dream the reason for a prediction, and explain the dream."),
    "ladder": Command("lessons", "See that saliency, DeepDream and training are one idea."),
    "wrong-reasons": Command("lessons", "Right for the wrong reason: which explanations would have told?"),
    "fool": Command("lessons", "Another answer by a change nobody sees, explained before and after."),
    "accountability": Command("lessons", "A threshold on real scores: who chose it, and what it costs whom."),
    "lessons": Command("lessons", "All of these about one picture, as one page."),
    "record": Command("lessons", "Show the audit trail of any output, and what is missing in it."),
    "info": Command("rerun_commands", "Show the recipe inside a picture."),
    "rerun": Command("rerun_commands", "Make a picture again from the recipe inside it, bit for bit."),
    "lecture": Command(
        "lecture_command", "The lecture, live: one command per lesson, from the first neuron on."
    ),
    "models": Command(
        "model_commands", "List the networks that can be loaded, and manage their weight files."
    ),
    "doctor": Command("model_commands", "Check this installation: versions, devices, caches, a self-test."),
}


class _CommandGroup(TyperGroup):
    """The commands, each imported only when it is called: a list of them needs none."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            raise UnknownNameError("command", cmd_name, COMMANDS, listing="deepdream --help")
        module = importlib.import_module(f"deepdream.cli.{COMMANDS[cmd_name].module}")
        rooms = typer.Typer(rich_markup_mode=None, context_settings=_SETTINGS)
        module.register(rooms)
        command = typer.main.get_group(rooms).commands[cmd_name]
        if ctx is not None and ctx.resilient_parsing:  # a shell wants completions
            from deepdream.cli.completion import add_completion

            add_completion(cmd_name, command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, door.summary) for name, door in COMMANDS.items()])


_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    cls=_CommandGroup,
    name="deepdream",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
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


def main() -> NoReturn:
    """Run the command line; every deliberate error becomes one line on stderr and its exit code."""
    raise_on_signals()
    keep_large_blocks()
    begin_output()
    debug = os.environ.get("DEEPDREAM_DEBUG", "") not in ("", "0")
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="deepdream", standalone_mode=False)
    except _ParserError as error:
        _refuse(_as_usage_error(error))
    except DeepDreamError as error:
        if debug:
            raise
        _refuse(error)
    except StoppedBySignal as stop:
        say("deepdream: stopped; nothing was left half-written.")
        sys.exit(stop.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        say(f"deepdream: a bug: {type(error).__name__}: {error}. Set DEEPDREAM_DEBUG=1 to see where.")
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: DeepDreamError) -> NoReturn:
    say(f"deepdream: {error}")
    put_json_of_failure(error, sys.argv[1:])
    sys.exit(error.exit_code)


def _as_usage_error(error: Any) -> UsageError:
    """What the parser did not understand, in one line like every other error."""
    said = " ".join(error.format_message().split()).removesuffix(".")
    command = error.ctx.command_path if error.ctx else "deepdream"
    return UsageError(f"{said}{'' if said.endswith('?') else '.'} `{command} --help` lists all.")
