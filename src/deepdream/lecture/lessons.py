"""The lessons in the order of the deck: one registry that the commands, docs and tests read."""

from __future__ import annotations

from dataclasses import dataclass

from deepdream.errors import UnknownNameError

__all__ = ["PARTS", "Lesson", "find_lesson", "lessons"]

#: The parts of the deck, and the place where each begins.
PARTS = {
    "Recap: learning, loss, distance": 1,
    "The neuron and the perceptron": 13,
    "Networks of neurons": 27,
    "Training": 38,
    "Transparency and accountability": 54,
    "Feature space": 67,
}


@dataclass(frozen=True)
class Lesson:
    """One thing to show.

    Attributes:
        name: of the command, ``deepdream lecture NAME``.
        line: what it shows, in one line.
        place: where in the deck, a number to sort by (the rows of the deck, counted from its start).
        notes: what the lecturer may say.
        slide: what is wrong or loose on the slide, and what is right; empty if nothing.
    """

    name: str
    line: str
    place: float
    notes: str
    slide: str = ""

    @property
    def part(self) -> str:
        """The part of the deck that it belongs to, of :data:`PARTS`."""
        return [part for part, start in PARTS.items() if start <= self.place][-1]


def lessons() -> tuple[Lesson, ...]:
    """Every lesson, in the order of the deck."""
    from deepdream.lecture.notes import ALL  # the notes are written in terms of Lesson

    return tuple(sorted(ALL, key=lambda lesson: lesson.place))


def find_lesson(name: str) -> Lesson:
    """The lesson called ``name``. Raises UnknownNameError."""
    known = {lesson.name: lesson for lesson in lessons()}
    if name not in known:
        raise UnknownNameError("lesson", name, known, listing="deepdream lecture")
    return known[name]
