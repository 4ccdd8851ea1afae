"""Options that commands which explain a picture share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from deepdream.errors import UsageError

Photos = Annotated[list[str], typer.Argument(help="Pictures, folders or patterns.", show_default=False)]
Photo = Annotated[Path, typer.Argument(help="A picture.", show_default=False)]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        help="The class to explain: index, name or a unique part of its name. The default is the most probable one.",
    ),
]
AgainstOption = Annotated[
    str | None,
    typer.Option(
        "--against",
        help="Another class, to explain the difference between the target and this one.",
        show_default=False,
    ),
]
LayerOption = Annotated[
    str,
    typer.Option(
        "--layer", "-l", help="The layer to explain. auto is the last layer with a grid of positions."
    ),
]
BaselineOption = Annotated[
    str,
    typer.Option(
        "--baseline", help="Reference picture that stands for absence: black, mean, blur, noise or white."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Random seed.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        "--out",
        help="The file of the drawing (PNG, SVG or PDF) or of the raw map (.npy or .npz). For many pictures, a folder.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
SkipOption = Annotated[
    bool,
    typer.Option("--skip-existing", help="Skip outputs that exist, and continue an interrupted table."),
]
DarkOption = Annotated[bool, typer.Option("--dark", help="Draw on a dark background.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_seconds(text: str | None) -> float | None:
    """A time such as ``30``, ``30s``, ``2m``, ``1.5h`` or ``500ms`` in seconds.

    >>> parse_seconds("2m")
    120.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*", text)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"No time {text!r}: write it as 30s, 2m or 1h.")
    return seconds
