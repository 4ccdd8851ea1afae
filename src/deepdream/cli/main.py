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
    "run": Command("run_command", "Dream pictures: change each one so that a network recognizes more in it."),
    "sweep": Command("sweep_command", "Dream one picture with settings varied, on one labeled sheet."),
    "resume": Command("resume_command", "Continue an interrupted dream."),
    "atlas": Command("atlas_command", "Show what a layer detects in a picture, or across many pictures."),
    "objectives": Command(
        "objectives_command", "List the objectives of a dream: layers, channels, classes, guides, penalties."
    ),
    "presets": Command("presets_command", "List the presets: named sets of settings, built-in and your own."),
    "visualize": Command("visualize_command", "Show what a channel, a class or a layer responds to most."),
    "layers": Command("layers_command", "List a network's layers, or dream a picture at each of them."),
    "predict": Command("predict_command", "Print the most probable classes of pictures."),
    "saliency": Command("explain_command", "Show which pixels a decision depends on: the plain gradient."),
    "explain": Command("explain_command", "Explain a decision by one of 32 methods, or by all of them."),
    "methods": Command(
        "methods_command", "List the methods of explanation with their questions, papers and caveats."
    ),
    "channels": Command(
        "concept_commands", "List the channels of a layer that contributed most to a decision."
    ),
    "concepts": Command(
        "concept_commands", "Measure whether a concept, given by pictures, matters to a decision."
    ),
    "check": Command(
        "check_command", "Check explanations, compared with random maps, a blob and an edge detector."
    ),
    "report": Command(
        "report_command", "Write one page: why did the network decide this, and should I trust the answer?"
    ),
    "trace": Command("lessons", "Show step by step how a dream changes the prediction."),
    "hierarchy": Command(
        "lessons", "Show from lines to objects what each layer responds to, detects and dreams."
    ),
    "unit": Command("lessons", "Show what one channel responds to, in three ways, and how far to trust it."),
    "reason": Command("lessons", "Dream the evidence for a prediction, and explain the dream."),
    "ladder": Command("lessons", "Show that saliency, DeepDream and training are one idea."),
    "wrong-reasons": Command(
        "lessons", "Train a network that is right for the wrong reason; which explanations reveal it?"
    ),
    "fool": Command("lessons", "Change the prediction by a change that is hard to see, and explain it."),
    "accountability": Command(
        "lessons", "Put a threshold on real scores: who chose it, and whom the errors affect."
    ),
    "lessons": Command("lessons", "Write all of these lessons about one picture on one page."),
    "record": Command("lessons", "Show the audit trail of an output, and what is missing in it."),
    "info": Command("info_command", "Show the recipe of a picture."),
    "rerun": Command("rerun_command", "Make a picture again from its recipe, bit for bit."),
    "lecture": Command(
        "lecture_command",
        "Run a lesson of the lecture: one command for each, from the first neuron to t-SNE.",
    ),
    "models": Command(
        "model_commands", "List the networks that can be loaded, and manage their weight files."
    ),
    "doctor": Command("doctor_command", "Check this installation: versions, devices, caches, a self-test."),
}


class _CommandGroup(TyperGroup):
    """The commands, each imported only when it is called: a list of them needs none."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            raise UnknownNameError("command", cmd_name, COMMANDS, listing="deepdream --help")
        module = importlib.import_module(f"deepdream.cli.{COMMANDS[cmd_name].module}")
        commands = typer.Typer(rich_markup_mode=None, context_settings=_SETTINGS)
        module.register(commands)
        command = typer.main.get_group(commands).commands[cmd_name]
        if ctx is not None and ctx.resilient_parsing:  # a shell wants completions
            from deepdream.cli.completion import add_completion

            add_completion(cmd_name, command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    cls=_CommandGroup,
    name="deepdream",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
    help="""Dream pictures with a neural network, see what it has learned, and explain its decisions.

Examples: deepdream run images/pagoda.jpg | deepdream layers | deepdream predict images/cat.jpg""",
)


def _version(value: bool) -> None:
    if value:
        print(f"deepdream {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
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
        # What the parser did not understand, in one line like every other error.
        unread: Any = error  # the parser's class of errors has no types
        message = " ".join(unread.format_message().split()).removesuffix(".")
        command = unread.ctx.command_path if unread.ctx else "deepdream"
        stop = "" if message.endswith("?") else "."
        _refuse(UsageError(f"{message}{stop} `{command} --help` lists all."))
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
