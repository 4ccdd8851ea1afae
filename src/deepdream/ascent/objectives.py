"""What to climb: small scores of a network's activations, combined with ``+ - *``.

An objective is always maximized. It is an immutable sum of weighted terms, prints itself, and
``parse_objective`` reads what it printed:

    >>> print(0.8 * layer("blocks.4") - 0.1 * total_variation())
    0.8*layer(blocks.4) - 0.1*total_variation()
    >>> parse_objective("0.8*layer(blocks.4) - 0.1*total_variation()") == (
    ...     0.8 * layer("blocks.4") - 0.1 * total_variation())
    True

Source of the idea: lucid's objectives (Olah et al. 2017), where however ``w1*a + w2*b`` could be scored wrongly;
here the algebra is a value and tested as one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from deepdream.errors import UnknownNameError, UsageError

#: The name under which the network's own output is read.
LOGITS = "logits"


@dataclass(frozen=True)
class Scene:
    """What a term may look at: the activations it asked for and the picture (B, 3, H, W) in [0, 1]."""

    activations: Mapping[str, Tensor]
    image: Tensor
    reduction: str = "mean"


@dataclass(frozen=True)
class Term:
    """One score: a registered kind and its arguments, such as ``channel`` and ``("blocks.4", 17)``."""

    kind: str
    arguments: tuple[str | int | float, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers this term reads."""
        return KINDS[self.kind].layers(self.arguments)

    def score(self, scene: Scene) -> Tensor:
        """A scalar, to be raised."""
        return KINDS[self.kind].score(scene, *self.arguments)

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms; combine with ``+``, ``-`` and multiplication by a number."""

    terms: tuple[tuple[float, Term], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that has to be computed, each once."""
        return tuple(dict.fromkeys(name for _, term in self.terms for name in term.layers))

    @property
    def local(self) -> bool:
        """Whether every term is a mean over positions, so that a large picture can be seen in tiles."""
        return LOGITS not in self.layers

    def scores(self, scene: Scene) -> list[tuple[float, Tensor]]:
        """(weight, score) of every term."""
        return [(weight, term.score(scene)) for weight, term in self.terms]

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        return self + -1.0 * other

    def __mul__(self, factor: float) -> Objective:
        return Objective(tuple((factor * weight, term) for weight, term in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return -1.0 * self

    def __str__(self) -> str:
        return "".join(self._words())

    def _words(self) -> Iterator[str]:
        for index, (weight, term) in enumerate(self.terms):
            if index:
                yield " - " if weight < 0 else " + "
            elif weight < 0:
                yield "-"
            size = abs(weight)
            yield str(term) if size == 1 else f"{size!r}*{term}"


@dataclass(frozen=True)
class Kind:
    """A registered kind of term: how it scores, and how many of its arguments are layers."""

    name: str
    score: Callable[..., Tensor]
    signature: tuple[type, ...]
    reads: Callable[[tuple[str | int | float, ...]], tuple[str, ...]]

    def layers(self, arguments: tuple[str | int | float, ...]) -> tuple[str, ...]:
        return self.reads(arguments)

    def term(self, *arguments: str | float) -> Term:
        """A term of this kind. Raises UsageError for a wrong number or type of arguments."""
        if len(arguments) != len(self.signature):
            expected = ", ".join(kind.__name__ for kind in self.signature)
            raise UsageError(f"{self.name}() takes ({expected}), not {len(arguments)} arguments.")
        return Term(
            self.name, tuple(self._cast(a, k) for a, k in zip(arguments, self.signature, strict=True))
        )

    def _cast(self, argument: str | float, kind: type) -> str | int | float:
        try:
            value: str | int | float = kind(argument)
        except ValueError:
            raise UsageError(f"{self.name}() takes a {kind.__name__} where {argument!r} stands.") from None
        return value


_KINDS: dict[str, Kind] = {}
KINDS: Mapping[str, Kind] = MappingProxyType(_KINDS)


def objective_kind(
    *signature: type, reads: Callable[[tuple[str | int | float, ...]], tuple[str, ...]]
) -> Callable[[Callable[..., Tensor]], Callable[..., Objective]]:
    """Register ``score(scene, *arguments)`` under its name; the name becomes a maker of objectives."""

    def register(score: Callable[..., Tensor]) -> Callable[..., Objective]:
        kind = Kind(score.__name__, score, signature, reads)
        _KINDS[kind.name] = kind

        def make(*arguments: str | float) -> Objective:
            return Objective(((1.0, kind.term(*arguments)),))

        make.__name__, make.__doc__ = score.__name__, score.__doc__
        return make

    return register


def _first(arguments: tuple[str | int | float, ...]) -> tuple[str, ...]:
    return (str(arguments[0]),)


def _nothing(_: tuple[str | int | float, ...]) -> tuple[str, ...]:
    return ()


def _output(_: tuple[str | int | float, ...]) -> tuple[str, ...]:
    return (LOGITS,)


@objective_kind(str, reads=_first)
def layer(scene: Scene, name: str) -> Tensor:
    """The mean squared activation of a layer: more of whatever it sees.

    Its gradient at the layer is proportional to the activation itself, as in the first DeepDream notebook
    (Mordvintsev, Olah, Tyka 2015), whose half sum of squares is the reduction ``half-sum``. The mean keeps
    scores comparable between octaves.
    """
    squares = scene.activations[name].square()
    return squares.sum() / 2 if scene.reduction == "half-sum" else squares.mean()


@objective_kind(str, int, reads=_first)
def channel(scene: Scene, name: str, index: int) -> Tensor:
    """The mean activation of one channel of a layer; of tokens (B, N, C) it is the last axis."""
    activation = scene.activations[name]
    axis = 2 if activation.dim() == 3 else 1
    if not 0 <= index < activation.shape[axis]:
        last = activation.shape[axis] - 1
        raise UsageError(f"{name} has channels 0 to {last}; there is no channel {index}.")
    return activation.select(axis, index).mean()


@objective_kind(int, reads=_output)
def logit(scene: Scene, index: int) -> Tensor:
    """The logit of one class (before the softmax: a probability can rise by lowering the others)."""
    logits = scene.activations[LOGITS]
    if not 0 <= index < logits.shape[1]:
        raise UsageError(f"The network has classes 0 to {logits.shape[1] - 1}; there is no class {index}.")
    return logits[:, index].mean()


@objective_kind(reads=_nothing)
def total_variation(scene: Scene) -> Tensor:
    """The mean absolute difference of neighboring pixels; subtract it for smoother pictures."""
    # A picture one pixel wide has no neighbors across: the mean of no differences is taken as zero.
    differences = [scene.image.diff(dim=dim) for dim in (2, 3)]
    return sum((d.abs().sum() / max(d.numel(), 1) for d in differences), scene.image.new_zeros(()))


def layers_objective(weighted: Mapping[str, float]) -> Objective:
    """The weighted sum of ``layer(name)``, in the order given."""
    return Objective(tuple((weight, KINDS["layer"].term(name)) for name, weight in weighted.items()))


_TOKEN = re.compile(
    r"\s*(?:(?P<sign>[+-])|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*\*"
    r"|(?P<kind>[A-Za-z_]\w*)\s*\((?P<arguments>[^()]*)\))"
)


def parse_objective(text: str) -> Objective:
    """The objective that ``text`` spells, such as ``layer(blocks.4) + 2*channel(blocks.3, 17)``.

    Raises:
        UnknownNameError: no such kind of objective.
        UsageError: anything else that cannot be read, with the place.
    """
    terms: list[tuple[float, Term]] = []
    position, weight, open_term = 0, 1.0, True
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or (match["sign"] is None and not open_term):
            raise UsageError(f"Cannot read the objective {text!r} at {text[position:].strip()[:20]!r}.")
        position = match.end()
        if match["sign"]:
            weight, open_term = weight * (-1.0 if match["sign"] == "-" else 1.0), True
        elif match["number"]:
            weight *= float(match["number"])
            if not math.isfinite(weight):
                raise UsageError(f"A weight in the objective {text[:60]!r} is too large.")
        else:
            terms.append((weight, _term(match["kind"], match["arguments"])))
            weight, open_term = 1.0, False
    if not terms or open_term:
        raise UsageError(
            f"The objective {text!r} is not complete. Example: layer(blocks.4) + 0.5*layer(blocks.3)"
        )
    return Objective(tuple(terms))


def _term(kind: str, arguments: str) -> Term:
    if kind not in KINDS:
        raise UnknownNameError("objective", kind, KINDS)
    words = [word.strip() for word in arguments.split(",")] if arguments.strip() else []
    return KINDS[kind].term(*words)
