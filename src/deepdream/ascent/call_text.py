"""Small frozen objects as text: ``name(argument, ...)`` with ``+`` between them, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from typing import Any, Generic, TypeVar

from deepdream.errors import UnknownNameError, UsageError

_One = TypeVar("_One")
_Kind = TypeVar("_Kind")
_CALL = re.compile(r"([a-z_]+)\s*\(([^()]*)\)")


class Language(Generic[_One]):
    """How objects of some dataclasses are written; a dataclass is added to it by ``register``.

    Attributes:
        what: What one of them is called.
        example: A text that can be read.
        names: Every dataclass by its written name: its own in small letters, ``PhotoColors`` as ``photo_colors``.
        ranges: For each written name the least and the most that each argument may be, or the words it may be.
    """

    def __init__(self, what: str, example: str) -> None:
        self.what, self.example = what, example
        self.names: dict[str, type[_One]] = {}
        self.ranges: dict[str, tuple[tuple[Any, ...], ...]] = {}

    def register(self, *ranges: tuple[Any, ...]) -> Callable[[type[_Kind]], type[_Kind]]:
        """Add the decorated dataclass; ``ranges`` has one entry for each of its fields."""

        def add(kind: type[_Kind]) -> type[_Kind]:
            self.names[written(kind)] = kind  # type: ignore[assignment]
            self.ranges[written(kind)] = ranges
            return kind

        return add

    def parse(self, text: str) -> tuple[_One, ...]:
        """The objects that ``text`` spells, in order; none for an empty text.

        Raises:
            UnknownNameError: no such name or word.
            UsageError: anything else that cannot be read, or a number outside its range.
        """
        # A plus sign inside brackets, as in jitter(1e+1), separates nothing.
        if not text.strip():
            return ()
        return tuple(self._one(part.strip()) for part in re.split(r"\+(?![^()]*\))", text))

    def join(self, parts: Sequence[_One]) -> str:
        """The text of which ``parts`` is the meaning."""
        words = []
        for one in parts:
            values = astuple(one)  # type: ignore[call-overload]
            # 8 and not 8.0, as people write it; both are read as the same number.
            texts = [str(v) if isinstance(v, str) else repr(int(v) if v == int(v) else v) for v in values]
            words.append(f"{written(type(one))}({', '.join(texts)})")
        return " + ".join(words)

    def _one(self, word: str) -> _One:
        match = _CALL.fullmatch(word)
        if match is None:
            raise UsageError(f"Cannot read the {self.what} {word[:40]!r}. Example: {self.example}")
        name = match[1]
        arguments = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
        if name not in self.names:
            raise UnknownNameError(self.what, name, self.names)
        arguments_of = fields(self.names[name])  # type: ignore[arg-type]
        if len(arguments) != len(arguments_of):
            expected = ", ".join(entry.name for entry in arguments_of)
            raise UsageError(f"{name}() takes ({expected}), not {len(arguments)} arguments.")
        entries = zip(arguments, arguments_of, self.ranges[name], strict=True)
        return self.names[name](
            *(_value(name, text, entry.type, allowed) for text, entry, allowed in entries)
        )


def written(kind: type) -> str:
    """The name of a dataclass in a text."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _value(name: str, text: str, kind: Any, allowed: tuple[Any, ...]) -> float | str:
    if kind == "str":
        word = text.strip("\"'")
        if word not in allowed:
            raise UnknownNameError(f"argument of {name}()", word[:40], allowed)
        return word
    low, high = allowed
    try:
        value = int(text) if kind == "int" else float(text)
    except ValueError:
        number = "whole number" if kind == "int" else "number"
        raise UsageError(f"{name}() takes a {number} where {text[:20]!r} stands.") from None
    if not low <= value <= high:
        raise UsageError(f"{name}() takes numbers between {low:g} and {high:g} there, not {text[:20]}.")
    return value
