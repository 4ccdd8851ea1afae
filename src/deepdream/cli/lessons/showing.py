"""How every lesson meets the person: the answer and tables on stdout, numbers with --json, a figure with -o."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.files import check_free
from deepdream.cli.options import DEFAULT_MODEL, DeviceOption, JsonOption, ModelOption, Quiet, WeightsOption
from deepdream.cli.scene import DarkOption, OverwriteOption, SeedOption
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.images import Picture
    from deepdream.lessons import Exhibit
    from deepdream.models import Model

STILL, MOVING = (".png", ".svg", ".pdf"), (".gif", ".webp")

FigureOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", "--out", help="Draw the figure: PNG, SVG or PDF.", show_default=False),
]
NotesOption = Annotated[bool, typer.Option("--notes", help="Print what to say, and the caveat.")]
DecidedBy = Annotated[str, typer.Option("--decided-by", help="Who answers for it; stands in the record.")]

# Name, type and default of the options that every lesson has.
_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("output", FigureOption, None),
    ("as_json", JsonOption, False),
    ("notes", NotesOption, False),
    ("dark", DarkOption, False),
    ("overwrite", OverwriteOption, False),
    ("quiet", Quiet, False),
)
# And of those that a lesson has only if it asks for them by name.
_NETWORK: dict[str, tuple[Any, Any]] = {
    "seed": (SeedOption, 0),
    "model": (ModelOption, DEFAULT_MODEL),
    "weights": (WeightsOption, None),
    "device": (DeviceOption, "auto"),
    "decided_by": (DecidedBy, ""),
}


def add_lesson(app: typer.Typer, name: str, command: Callable[..., Exhibit], *, moves: bool = False) -> None:
    """Make ``command``, which gives an exhibit, the command ``name`` of ``app``.

    It declares its own options; of ``seed``, ``model``, ``weights``, ``device`` and ``decided_by`` it names those it
    needs, and ``tell`` to be given somebody who listens.
    """
    unloaded = {"Exhibit": Any, "Tell": Any}  # their room imports torch, and --help should not
    own = inspect.signature(command, eval_str=True, locals=unloaded).parameters

    def run(**given: Any) -> None:
        check_output(given["output"], overwrite=given["overwrite"], moves=moves)
        tell = _silence if given["quiet"] else say
        words = {key: tell if key == "tell" else given[key] for key in own}
        show(command(**words), given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    mine = [_asked(parameter) for key, parameter in own.items() if key != "tell"]
    shared = [inspect.Parameter(key, keyword, annotation=kind, default=value) for key, kind, value in _COMMON]
    vars(run)["__signature__"] = inspect.Signature([*mine, *shared])
    run.__annotations__ = {}
    app.command(name, help=inspect.getdoc(command))(run)


def _silence(_: str) -> None:
    """Nothing is said."""


def _asked(parameter: inspect.Parameter) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    if parameter.name in _NETWORK:
        kind, default = _NETWORK[parameter.name]
        return inspect.Parameter(parameter.name, keyword, annotation=kind, default=default)
    return parameter.replace(kind=keyword)


def check_output(output: Path | None, *, overwrite: bool, moves: bool = False) -> None:
    """Before the work: can this be written? Raises UsageError, OutputError."""
    if output is None:
        return
    known = (*STILL, *MOVING) if moves else STILL
    if output.suffix.lower() not in known:
        raise UsageError(f"Cannot tell from {output.name!r} what to draw: end it in {', '.join(known)}.")
    check_free(output, overwrite=overwrite)


def show(exhibit: Exhibit, given: Mapping[str, Any]) -> None:
    """The answer, or everything as JSON; the figure into its file."""
    if given["as_json"]:
        put_json(exhibit.to_dict() | ({"notes": exhibit.notes} if given["notes"] else {}))
    else:
        put(exhibit.answer)
        for grid in exhibit.tables:
            put_table(grid.columns, grid.rows, title=f"\n{grid.title}")
        if given["notes"]:
            put(f"\nTo say: {exhibit.notes}")
    if given["output"] is not None:
        caption = _draw(exhibit, given["output"], dark=given["dark"])
        if not given["quiet"]:
            say(f"{given['output']}: {caption}")


def _draw(exhibit: Exhibit, output: Path, *, dark: bool) -> str:
    """Write the figure; its caption comes back."""
    from deepdream.figures import Theme

    theme = Theme.DARK if dark else Theme.LIGHT
    moving = output.suffix.lower() in MOVING and exhibit.move is not None
    figure = exhibit.move(theme) if moving and exhibit.move is not None else exhibit.draw(theme)
    figure.save(output)
    return figure.caption


def read(image: Path) -> Picture:
    """The picture of a command. Raises PictureError."""
    from deepdream.images import read_picture

    return read_picture(image)


def load(model: str, weights: str | None, device: str) -> Model:
    """The network of a command."""
    from deepdream.cli.options import load_network

    return load_network(model, weights, device)
