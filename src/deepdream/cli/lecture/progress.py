"""A progress bar on stderr for the few lessons that take longer than a breath."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(steps: Iterable[T], *, total: int, title: str) -> Iterator[T]:
    """The same steps, with a bar on stderr while they come; nothing if stderr is no terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return iter(
        track(steps, title, total=total, console=console, transient=True, disable=not console.is_terminal)
    )
