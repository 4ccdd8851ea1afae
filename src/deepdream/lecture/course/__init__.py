"""The lessons in the order of the deck. Each is one decorated function in a file of this package."""

from __future__ import annotations

import importlib
import itertools
import pkgutil

from deepdream.errors import UnknownNameError
from deepdream.lecture.course.lesson import LESSONS, Lesson

__all__ = ["course_page", "find_lesson", "lessons"]


def lessons() -> tuple[Lesson, ...]:
    """Every lesson, in the order of the deck.

    >>> [lesson.name for lesson in lessons()][:3]
    ['glossary', 'regression-vs-classification', 'clusters']
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(LESSONS.values(), key=lambda lesson: lesson.place))


def find_lesson(name: str) -> Lesson:
    """The lesson called ``name``. Raises UnknownNameError.

    >>> find_lesson("neuron").part
    'The neuron and the perceptron'
    """
    known = {lesson.name: lesson for lesson in lessons()}
    if name not in known:
        raise UnknownNameError("lesson", name, known, listing="deepdream lecture")
    return known[name]


def course_page() -> str:
    """Every lesson with its notes as one page of Markdown, part by part.

    >>> course_page().splitlines()[0]
    '## Recap: learning, loss, distance'
    """
    paragraphs = []
    for part, members in itertools.groupby(lessons(), key=lambda lesson: lesson.part):
        paragraphs.append(f"## {part}")
        for lesson in members:
            paragraphs += [
                f"### {lesson.name}",
                f"{lesson.line} `deepdream lecture {lesson.name}`",
                lesson.notes,
            ]
            if lesson.slide:
                paragraphs.append(f"On the slide: {lesson.slide}")
    return "\n\n".join(paragraphs)
