"""``deepdream trace``, ``ladder``, ``record``, ...: where the dream, the explanation and the lecture meet."""

from __future__ import annotations

import typer

from deepdream.cli.lessons import answering, dream_lessons, lessons_command, network_lessons

PARTS = (dream_lessons, network_lessons, answering, lessons_command)


def register(app: typer.Typer) -> None:
    """Add the commands of this room to ``app``."""
    for part in PARTS:
        part.register(app)
