"""The lessons in the order of the deck. Each is one decorated function in a file of this package."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import textwrap

import deepdream.lecture
from deepdream.errors import UnknownNameError
from deepdream.lecture.course.lesson import LESSONS, Lesson

__all__ = ["find_lesson", "lessons", "lessons_markdown", "names_table"]


def lessons() -> tuple[Lesson, ...]:
    """Every lesson, in the order of the deck.

    >>> [lesson.name for lesson in lessons()][:3]
    ['glossary', 'regression-vs-classification', 'clusters']
    """
    # Importing a file registers its lessons, so a new file needs no entry in a list.
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


def lessons_markdown() -> str:
    """The page docs/lecture.md: every lesson with its notes, part by part, and the names to import.

    >>> lessons_markdown().splitlines()[0]
    '# The lecture'
    """
    paragraphs = [
        "# The lecture",
        "One command for each lesson, in the order of the deck. Each takes `--help`, `--notes` (what to say), `--json` "
        "(the numbers) and `-o FILE` (the plot). Made by `deepdream lecture --page`.",
    ]
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
    paragraphs += [
        "## Names to import",
        "`from deepdream.lecture import MLP, Perceptron, backprop` loads only what is used. `help(NAME)` shows "
        "shapes, ranges, errors, the source, and an example.",
        names_table(),
    ]
    return "\n\n".join("\n".join(_wrapped(paragraph)) for paragraph in paragraphs)


def _wrapped(paragraph: str) -> list[str]:
    """Lines of a Markdown paragraph; those of a table or a heading stay whole."""
    # A table or a heading must stay on one line.
    if paragraph.startswith(("|", "#")):
        return [paragraph]
    return textwrap.wrap(paragraph, 118, break_long_words=False, break_on_hyphens=False)


def names_table() -> str:
    """A Markdown table of what ``deepdream.lecture`` exports: name, its first line, its lesson.

    >>> names_table().splitlines()[0]
    '| name | what it is | lesson |'
    """
    rows = ["| name | what it is | lesson |", "|---|---|---|"]
    for lesson, names in deepdream.lecture.CONTENTS.values():
        for name in names.split():
            line = (inspect.getdoc(getattr(deepdream.lecture, name)) or "").partition("\n")[0]
            line = line.replace("``", "`").replace("|", "\\|")
            rows.append(f"| `{name}` | {line} | {lesson} |")
    return "\n".join(rows)
