"""The years of the lecture, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

__all__ = ["Event", "timeline"]


@dataclass(frozen=True)
class Event:
    """One year: ``about`` is "method" or "accountability"; ``source`` a link or a book."""

    year: int
    about: str
    what: str
    source: str


def timeline() -> tuple[Event, ...]:
    """The events, oldest first."""
    text = resources.files("deepdream.lecture").joinpath("words/timeline.md").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line[:1].isdigit()]
    return tuple(Event(int(year), about, what, source) for year, about, what, source in rows)
