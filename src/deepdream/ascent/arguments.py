"""The arguments of terms: layers, channels, classes, numbers, pictures, vectors; how each is read and printed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deepdream.errors import UsageError
from deepdream.provenance import Resource, is_pinned

Value = str | int | float | Resource | tuple[float, ...]

#: A layer's name as it may stand without quotes: ``blocks.4``, ``efficientnet_lite1/blocks.*``, ``blocks.3-5``.
BARE = re.compile(r"[\w/:][\w/:.*-]*")


@dataclass(frozen=True)
class Parameter:
    """One argument of a kind of term.

    Attributes:
        role: What it means: ``layer``, ``index``, ``class``, ``network``, ``picture``, ``vector`` or ``number``.
        what: The same in words, for errors.
        take: From a value or a word to the argument; raises ValueError or TypeError.
        default: Its value where it is left out.
    """

    name: str
    role: str
    what: str
    take: Callable[[object], Value]
    default: Value | None = None


def printed(value: Value, parameter: Parameter) -> str:
    """``value`` as it stands in the text of an objective."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(repr, value))}]"
    if isinstance(value, (int, float)):
        return repr(value)
    bare = parameter.role in ("layer", "network") and BARE.fullmatch(str(value))
    return str(value) if bare or value == "input" else quoted(str(value))


def quoted(text: str) -> str:
    """``text`` between quotes; a quote or a backslash in it is escaped."""
    return json.dumps(text, ensure_ascii=False)


def _word(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(value)
    return value


def _network(value: object) -> str:
    return _word(value) if value else ""


def _whole(value: object) -> int:
    # int() would cut 1.5 to 1 and take True for 1.
    if isinstance(value, (float, bool)):
        raise TypeError(value)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _number(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(value)
    return number + 0.0  # no negative zero


def _share(value: object) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(value)
    return number


def _class(value: object) -> Value:
    # A class may be called by a number or by its name; digits are always the number.
    if isinstance(value, str) and not re.fullmatch(r"-?\d+", value):
        return _word(value)
    return _whole(value)


def _file(value: object) -> Value:
    if isinstance(value, Resource):
        return value
    text = str(value) if hasattr(value, "__fspath__") else _word(value)
    try:
        return Resource.parse(text) if is_pinned(text) else text
    except UsageError:  # a path with a hash behind it
        return text


def _vector(value: object) -> Value:
    if isinstance(value, (str, Resource)) or hasattr(value, "__fspath__"):
        return _file(value)
    if not isinstance(value, Iterable):
        raise TypeError(value)
    return tuple(_number(entry) for entry in value)


LAYER = Parameter("layer", "layer", "a layer's name", _word)
INDEX = Parameter("index", "index", "a whole number", _whole)
CLASS = Parameter("class", "class", "a class by number or name", _class)
NETWORK = Parameter("network", "network", "a network's name", _network, "")
PICTURE = Parameter("picture", "picture", "a picture's path", _file)
#: Roles of arguments that may be files.
FILES = ("picture", "vector")
VECTOR = Parameter("vector", "vector", "a list of numbers or a file of them", _vector)


def number(name: str, default: float) -> Parameter:
    """A number that may be left out."""
    return Parameter(name, "number", "a number", _number, float(default))


def share(name: str, default: float) -> Parameter:
    """A number from 0 to 1 that may be left out."""
    return Parameter(name, "number", "a number from 0 to 1", _share, float(default))
