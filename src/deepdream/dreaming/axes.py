"""What a sweep varies: an axis names a setting and its values; the cells of a sheet are their combinations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.plan import Plan, plan_for

Value = str | int | float | bool | None

#: What can vary besides the settings of the plan.
BESIDES = ("layer", "size", "model")
MOST_CELLS = 200
_TYPES = {entry.name: str(entry.type) for entry in fields(Plan)}
_SHORTHAND = re.compile(r"[:*]|\d-\d")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Axis:
    """A setting and the values it takes, in the order in which a sheet shows them."""

    name: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(_word, self.values))}"


@dataclass(frozen=True, eq=False)
class Variation:
    """What one cell of a sheet has of its own: where it stands, its values on the axes, and its whole plan."""

    row: int
    column: int
    values: Mapping[str, Value]
    plan: Plan
    model: str
    size: str | None

    @property
    def label(self) -> str:
        """Its values in words: ``layer blocks.2, steps 5``."""
        return ", ".join(f"{name} {_word(base_name(name, value))}" for name, value in self.values.items())


def base_name(name: str, value: Value) -> Value:
    """``value`` of the setting ``name`` as it is shown and recorded: a network's file without its folder."""
    return re.split(r"[/\\]", value)[-1] if name == "model" and isinstance(value, str) else value


def parse_axis(text: str) -> Axis:
    """The axis that ``text`` spells: ``steps=5,10,20``, or ``strength=0.04:0.12:3`` for three values evenly apart.

    Raises:
        UnknownNameError: no such setting.
        UsageError: anything else that cannot be read.

    >>> print(parse_axis("strength=0.04:0.12:3"))
    strength=0.04,0.08,0.12
    """
    name, sign, rest = text.partition("=")
    name = check_setting(name.strip())
    words = _split(rest)
    if not sign or not all(words):
        raise UsageError(
            f"Cannot read the axis {text[:60]!r}. Example: steps=5,10,20 or strength=0.04:0.12:3"
        )
    values = [value for word in words for value in _values(name, word)]
    return Axis(name, tuple(dict.fromkeys(values)))


def check_setting(name: str) -> str:
    """``name`` as the plan spells it (``octave-scale`` is octave_scale). Raises UnknownNameError."""
    known = [*BESIDES, *_TYPES]
    if name.replace("-", "_") not in known:
        raise UnknownNameError("setting", name[:40], known)
    return name.replace("-", "_")


def parse_value(name: str, word: str) -> Value:
    """The value of setting ``name`` that ``word`` spells. Raises UsageError where it is of another kind."""
    kind = _TYPES.get(name, "str")
    if kind.endswith("| None") and word.lower() == "none":
        return None
    try:
        if kind.startswith("bool"):
            return _WORDS[word.lower()]
        if kind.startswith("int"):
            return int(word)
        return float(word) if kind.startswith("float") else word
    except (ValueError, KeyError):
        raise UsageError(f"The setting {name!r} takes {kind}, not {word[:40]!r}.") from None


def variations(x: Axis, y: Axis | None, fixed: Mapping[str, Value]) -> tuple[Variation, ...]:
    """Every cell, row by row: ``x`` across, ``y`` down, and what is the same for all in ``fixed``.

    Every plan is checked here, before anything is dreamed.

    Raises:
        UsageError, UnknownNameError: a value outside its range, one setting said twice, or too many cells.
    """
    axes = [axis for axis in (x, y) if axis is not None]
    _check_names([axis.name for axis in axes], fixed)
    rows: tuple[Value, ...] = y.values if y else (None,)
    if len(rows) * len(x.values) > MOST_CELLS:
        raise UsageError(f"{len(rows) * len(x.values)} cells are more than a sheet holds ({MOST_CELLS}).")
    cells = []
    for (row, down), (column, across) in product(enumerate(rows), enumerate(x.values)):
        values = {x.name: across, **({y.name: down} if y else {})}
        every: dict[str, Any] = {**fixed, **values}
        model, size = str(every.pop("model", "efficientnet_lite0")), every.pop("size", None)
        layer = every.pop("layer", None)
        if layer is not None:
            every["objective"] = climbing(str(layer))
        nothing: dict[str, Any] = {name: None for name, value in every.items() if value is None}
        plan = replace(plan_for(every.pop("preset", "balanced"), **every), **nothing)
        cells.append(Variation(row, column, values, plan, model, None if size is None else str(size)))
    return tuple(cells)


def climbing(layer: str) -> str:
    """The objective of a layer, or of several joined by ``+``; ``blocks.4:17`` and ``blocks.3-5`` mean what they do
    in an objective."""
    if "(" in layer:
        return layer
    parts = [part.strip() for part in layer.split("+")]
    return " + ".join(part if _SHORTHAND.search(part) else f"layer({part})" for part in parts)


def _check_names(names: list[str], fixed: Mapping[str, Value]) -> None:
    every = [*names, *fixed]
    twice = next((name for name in every if every.count(name) > 1), None)
    if twice:
        raise UsageError(f"{twice} is given twice. Give it on one axis, or as an option.")
    if "layer" in every and "objective" in every:
        raise UsageError("layer and objective both say what to climb. Give one of them.")


def _split(text: str) -> list[str]:
    """The words between commas that stand in no parentheses."""
    words, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            words.append("")
        else:
            words[-1] += character
    return [word.strip() for word in words]


def _values(name: str, word: str) -> list[Value]:
    kind = _TYPES.get(name, "str")
    ends = word.split(":")
    if len(ends) != 3 or not kind.startswith(("int", "float")):
        return [parse_value(name, word)]
    low, high = (float(str(parse_value(name, end))) for end in ends[:2])
    count = int(ends[2]) if ends[2].isdecimal() else 0
    if not 2 <= count <= MOST_CELLS:
        raise UsageError(f"Cannot read the range {word!r}. Example: 0.04:0.12:3 for three values.")
    spread = [low + (high - low) * index / (count - 1) for index in range(count)]
    return [round(value) if kind.startswith("int") else float(f"{value:.6g}") for value in spread]


def _word(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
