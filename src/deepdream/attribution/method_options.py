"""The options of a method of explanation: their types, defaults, ranges and meaning, read from its function."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from deepdream.errors import UnknownNameError, UsageError

#: How true and false may be written.
_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
#: How an option may be written that the method is to choose.
_CHOSEN = ("auto", "none")


@dataclass(frozen=True)
class Meaning:
    """What an option does and the values that it may have, as ``Annotated[int, Meaning("...", least=1)]``.

    Attributes:
        text: One sentence for `deepdream methods NAME`.
        least, most: The smallest and the largest value, both allowed.
        above, below: The same, but not allowed themselves.
    """

    text: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None


#: Options that many methods have.
Samples = Annotated[int, Meaning("How many samples are averaged: more are slower and less noisy.", least=1)]
Segments = Annotated[int, Meaning("About how many superpixels the picture is cut into.", least=1, most=1000)]
Rectify = Annotated[bool, Meaning("Whether evidence against the class is cut off at zero.")]


@dataclass(frozen=True)
class MethodOption:
    """One option of a method.

    Attributes:
        default: None where the method chooses the value itself.
        kind: int, float, bool or str.
        choices: The values that a str may have.
    """

    name: str
    default: Any
    kind: type
    meaning: Meaning
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """The values that it may have, in words.

        >>> MethodOption("noise", 0.1, float, Meaning("...", least=0, below=1)).range
        'a number, at least 0, below 1'
        """
        if self.choices:
            return " or ".join(self.choices)
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        bounds = {"at least": self.meaning.least, "above": self.meaning.above,
                  "at most": self.meaning.most, "below": self.meaning.below}  # fmt: skip
        limits = [f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None]
        return ", ".join([kinds[self.kind], *limits])

    @property
    def default_text(self) -> str:
        """The default as it may be written; ``auto`` where the method chooses the value."""
        return "auto" if self.default is None else str(self.default).lower()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; a default of None means that the method chooses."""
        return {
            "name": self.name,
            "default": self.default,
            "type": self.kind.__name__,
            "values": self.range,
            "choices": list(self.choices),
            "meaning": self.meaning.text,
        }

    def parse(self, text: str) -> Any:
        """The value that ``text`` stands for, by the type of the option; ``auto`` leaves it to the method.

        Raises:
            UsageError: it is no such value, or out of range.
        """
        word = text.strip()
        if self.default is None and word.casefold() in _CHOSEN:
            return None
        try:
            value = _TRUTH[word.casefold()] if self.kind is bool else self.kind(word)
        except (ValueError, KeyError) as error:
            raise UsageError(f"{self.name} must be {self.range}, not {text!r}.") from error
        return self.check(value)

    def check(self, value: Any) -> Any:
        """``value`` itself, a whole number as a float where the option is one.

        Raises:
            UnknownNameError: it is none of the choices.
            UsageError: it has another type, is not finite, or is out of range.
        """
        if self.choices:
            if value not in self.choices:
                raise UnknownNameError(self.name, str(value), self.choices)
            return value
        # In Python True is a number, too; here it is none.
        fits = isinstance(value, (int, float) if self.kind is float else self.kind)
        if not fits or (isinstance(value, bool) and self.kind is not bool) or not self._within(value):
            raise UsageError(f"{self.name} must be {self.range}, not {value!r}.")
        return float(value) if self.kind is float else value

    def _within(self, value: float) -> bool:
        m = self.meaning
        return (
            math.isfinite(value)
            and (m.least is None or value >= m.least)
            and (m.most is None or value <= m.most)
            and (m.above is None or value > m.above)
            and (m.below is None or value < m.below)
        )


def options_of(function: Callable[..., Any]) -> Mapping[str, MethodOption]:
    """The keyword-only parameters of a method's function as options, by name.

    Raises:
        TypeError: one of them has no default or no ``Meaning``: the method cannot be registered.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    own = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return MappingProxyType({p.name: _option(p.name, p.default, hints.get(p.name)) for p in own})


def _option(name: str, default: Any, hint: Any) -> MethodOption:
    meaning = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Meaning)), None)
    if meaning is None or default is inspect.Parameter.empty:
        raise TypeError(
            f"The option {name!r} needs a default and a type such as Annotated[int, Meaning('...')]."
        )
    kinds = [kind for kind in get_args(hint.__origin__) or (hint.__origin__,) if kind is not NoneType]
    if get_origin(hint.__origin__) is Literal:
        return MethodOption(name, default, str, meaning, tuple(kinds))
    return MethodOption(name, default, kinds[0], meaning)


def read_texts(method: str, options: Mapping[str, MethodOption], texts: Sequence[str]) -> dict[str, Any]:
    """Texts such as ``rule=epsilon`` as values of a method's options; of two for one option the last counts.

    Raises:
        UsageError: a text without ``=``, an unknown option, or a value that the option cannot have.
    """
    # A value may hold another equals sign, a name cannot.
    values = {}
    for text in texts:
        name, equals, word = text.partition("=")
        if not equals:
            raise UsageError(
                f"Cannot read {text!r} as an option of {method}: write NAME=VALUE, such as samples=50."
            )
        values[name.strip()] = find_option(method, options, name.strip()).parse(word)
    return values


def check_values(
    method: str, options: Mapping[str, MethodOption], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that are given (not None), each checked.

    Raises:
        UsageError: an unknown option, or a value that the option cannot have.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return {name: find_option(method, options, name).check(value) for name, value in given.items()}


def find_option(method: str, options: Mapping[str, MethodOption], name: str) -> MethodOption:
    """The option ``name`` of ``method``.

    Raises:
        UsageError: there is none, with the nearest name and the list of all.
    """
    if name in options:
        return options[name]
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listing = f" Its options: {', '.join(options)}." if options else " It has no options."
    raise UsageError(f"{method} has no option {name!r}.{hint}{listing}")
