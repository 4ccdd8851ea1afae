"""Options that commands which explain a picture share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.errors import UsageError

if TYPE_CHECKING:
    pass

Photos = Annotated[
    list[str], typer.Argument(help="A picture; or several, folders and patterns.", show_default=False)
]
Photo = Annotated[Path, typer.Argument(help="A picture.", show_default=False)]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target", "-t", help="The class to explain: index, name or a unique part of it. Default: the top."
    ),
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", help="Why the target and not this class?", show_default=False)
]
LayerOption = Annotated[
    str,
    typer.Option("--layer", "-l", help="The layer to read; auto is the last one with a grid of positions."),
]
BaselineOption = Annotated[
    str, typer.Option("--baseline", help="What nothing looks like: black, mean, blur, noise or white.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Where randomness starts.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        "--out",
        help="PNG, SVG or PDF; .npy (or .npz) for the raw numbers; a folder for many pictures.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip-existing", help="Leave outputs that exist; go on with a table that was interrupted."
    ),
]
DarkOption = Annotated[bool, typer.Option("--dark", help="Draw for a dark hall.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_seconds(text: str | None) -> float | None:
    """A time such as ``30``, ``30s``, ``2m``, ``1.5h`` or ``500ms`` in seconds.

    >>> parse_seconds("2m")
    120.0
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*", text)
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"No time {text!r}: write it as 30s, 2m or 1h.")
    return seconds
