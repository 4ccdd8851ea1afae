"""Commands: to be filled."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
