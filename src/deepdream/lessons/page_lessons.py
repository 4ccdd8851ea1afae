"""The lessons of the page of ``deepdream lessons``: each file of a lesson registers what it puts there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.images import Picture
    from deepdream.lessons.exhibit import Exhibit, Tell
    from deepdream.models import Model


@dataclass(frozen=True)
class PageInputs:
    """What a lesson on the page may use.

    Attributes:
        others: Pictures that are searched beside ``picture``.
        exhibits: Those of the lessons before, by the lesson's name.
    """

    model: Model
    picture: Picture
    others: Sequence[Picture]
    seed: int
    decided_by: str
    tell: Tell
    exhibits: dict[str, Exhibit] = field(default_factory=dict)


@dataclass(frozen=True)
class PageLesson:
    """A lesson as the page shows it.

    Attributes:
        title: Its heading in the table of contents.
        order: Lessons stand in the order of these numbers.
        function: The public function of the lesson, which ``deepdream.lessons`` exports.
        make: Its exhibit about the inputs of the page.
    """

    name: str
    title: str
    order: int
    function: Callable[..., Any]
    make: Callable[[PageInputs], Exhibit]


#: Those whose files have been imported, by name; ``page_lessons`` imports all.
PAGE_LESSONS: dict[str, PageLesson] = {}


def on_page(
    name: str, title: str, order: int, function: Callable[..., Any]
) -> Callable[[Callable[[PageInputs], Exhibit]], Callable[[PageInputs], Exhibit]]:
    """Register the decorated function as what makes the exhibit of a lesson for the page."""

    def register(make: Callable[[PageInputs], Exhibit]) -> Callable[[PageInputs], Exhibit]:
        PAGE_LESSONS[name] = PageLesson(name, title, order, function, make)
        return make

    return register


def page_lessons() -> list[PageLesson]:
    """Every lesson in its order. Every file of this package is imported, so that each registers itself."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(module.name)
    return sorted(PAGE_LESSONS.values(), key=lambda lesson: lesson.order)
