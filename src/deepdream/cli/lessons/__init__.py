"""``deepdream trace``, ``ladder``, ``record``, ...: where the dream, the explanation and the lecture meet."""

from __future__ import annotations

import typer

from deepdream.cli.lessons import answering, dreams, everything, networks

PARTS = (dreams, networks, answering, everything)


def register(app: typer.Typer) -> None:
    """Add the commands of this room to ``app``."""
    for part in PARTS:
        part.register(app)
