"""Reading the text of an objective, as people write it and as it prints itself.

objective  = [+-] product { (+|-) product }
product    = { number * } ( kind(arguments) | masked(objective, "mask.png"[, feather]) | (objective) | place )
place      = [network/]layer[:channel]          layers may hold wildcards: blocks.*, blocks.3-5
arguments  = words, numbers, "quoted text" or [lists, of, numbers], separated by commas
"""

from __future__ import annotations

import json
import re

from deepdream.ascent.algebra import Objective, check_weight
from deepdream.ascent.arguments import share
from deepdream.ascent.terms import Term, kind_named
from deepdream.errors import UsageError

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WEIGHT = re.compile(rf"({_NUMBER})\s*\*")
_KIND = re.compile(r"([A-Za-z_]\w*)\s*\(")
# A hyphen belongs to a place only in a range such as 3-5, and not where a weight follows: blocks.3-5*layer(a).
_SEGMENT = rf"(?:\w+(?:-\d+(?![\w.]|\s*\*))?|\*(?!\s*{_NUMBER}))"
_PLACE = re.compile(rf"((?:[\w:.-]+/)?{_SEGMENT}(?:\.{_SEGMENT})*)(?::(\d+))?")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LIST = re.compile(r"\[([^\[\]]*)\]")
_PLAIN = re.compile(r'[^,()"\[\]]+')
# Brackets within brackets: the reader calls itself, and a stranger's text must not exhaust the stack.
_DEEPEST = 20


def parse_objective(text: str) -> Objective:
    """The objective that ``text`` spells, such as ``layer(blocks.4) + 2*channel(blocks.3, 17)``.

    Raises:
        UnknownNameError: no such kind of objective.
        UsageError: anything else that cannot be read, with the place.
    """
    reader = _Reader(text)
    objective = reader.objective()
    if reader.rest:
        raise reader.lost()
    return objective


class _Reader:
    """A text and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    @property
    def rest(self) -> str:
        return self.text[self.position :].strip()

    def lost(self) -> UsageError:
        if not self.rest:
            return UsageError(
                f"The objective {self.text!r} is not complete. Example: layer(blocks.4) + 0.5*layer(blocks.3)"
            )
        return UsageError(f"Cannot read the objective {self.text!r} at {self.rest[:20]!r}.")

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The match of ``pattern`` here, behind any blanks, which is then read."""
        start = len(self.text) - len(self.text[self.position :].lstrip())
        match = pattern.match(self.text, start)
        if match:
            self.position = match.end()
        return match

    def sign(self) -> str:
        match = self.take(_mark("+-"))
        return match[0].strip() if match else ""

    def expect(self, character: str) -> None:
        if not self.take(_mark(character)):
            raise self.lost()

    def objective(self) -> Objective:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise UsageError(f"The objective {self.text[:40]!r}... has too many brackets.")
        terms = self.signed(self.sign())
        while sign := self.sign():
            terms += self.signed(sign)
        self.depth -= 1
        return Objective(terms)

    def signed(self, sign: str) -> tuple[tuple[float, Term], ...]:
        # Several signs in a row, as in a + -b, come from texts that were put together by a program.
        weight = 1.0
        while sign:
            weight, sign = (-weight if sign == "-" else weight), self.sign()
        while match := self.take(_WEIGHT):
            weight = check_weight(weight * float(match[1]), self.text)
        return tuple((check_weight(weight * own, self.text), term) for own, term in self.atom().terms)

    def atom(self) -> Objective:
        if match := self.take(_KIND):
            return self.masked() if match[1] == "masked" else self.term(match[1])
        if self.take(_mark("(")):
            inner = self.objective()
            self.expect(")")
            return inner
        if match := self.take(_PLACE):
            name, channel = match.groups()
            arguments = (name,) if channel is None else (name, channel)
            return _single(kind_named("layer" if channel is None else "channel").term(*arguments))
        raise self.lost()

    def masked(self) -> Objective:
        inner = self.objective()
        self.expect(",")
        source, *rest = self.arguments()
        if len(rest) > 1 or not isinstance(source, str):
            raise UsageError("It is masked(objective, mask[, feather]), the mask a picture's path.")
        try:
            feather = share("feather", 0).take(*rest or (0,))
        except (ValueError, TypeError):
            raise UsageError(
                f"masked() takes a number from 0 to 1 as its feather, not {str(rest[0])[:40]!r}."
            ) from None
        assert isinstance(feather, float)
        return inner.masked(source, feather)

    def term(self, kind: str) -> Objective:
        return _single(kind_named(kind).term(*self.arguments()))

    def arguments(self) -> list[object]:
        """Up to and with the closing bracket."""
        if self.take(_mark(")")):
            return []
        arguments = [self.argument()]
        while self.take(_mark(",")):
            arguments.append(self.argument())
        self.expect(")")
        return arguments

    def argument(self) -> object:
        if match := self.take(_STRING):
            try:
                return str(json.loads(match[0]))
            except ValueError:
                raise UsageError(f"Cannot read the quoted text {match[0][:40]} in the objective.") from None
        if match := self.take(_LIST):
            return match[1].split(",")
        if match := self.take(_PLAIN):
            return match[0].strip()
        raise self.lost()


def _mark(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(characters)}]")


def _single(term: Term) -> Objective:
    return Objective(((1.0, term),))
