"""Objectives as values: weighted sums of terms, combined with ``+ - *``, that print themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from deepdream.ascent.arguments import PICTURE, Parameter, Value
from deepdream.ascent.term_inputs import Reference, TermInputs
from deepdream.ascent.terms import KINDS, Kind, Mask, Term, register_kind
from deepdream.errors import UsageError
from deepdream.provenance import Resource


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms; combine with ``+``, ``-`` and multiplication by a number."""

    terms: tuple[tuple[float, Term], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that has to be computed, each once."""
        return tuple(dict.fromkeys(name for _, term in self.terms for name in term.layers))

    @property
    def references(self) -> tuple[Reference, ...]:
        """What the terms are scored with besides activations, each once."""
        return tuple(dict.fromkeys(reference for _, term in self.terms for reference in term.references))

    @property
    def sources(self) -> tuple[tuple[str | Resource, Parameter], ...]:
        """The files it refers to, each once, and as what: picture, mask or vector."""
        return tuple(dict.fromkeys(pair for _, term in self.terms for pair in term.sources))

    @property
    def local(self) -> bool:
        """Whether every term is a mean or sum over positions, so that a large picture can be seen in tiles."""
        return all(KINDS[term.kind].spread != "whole" for _, term in self.terms)

    def scores(self, inputs: TermInputs) -> list[tuple[float, Tensor]]:
        """(weight, score) of every term."""
        return [(weight, term.score(inputs)) for weight, term in self.terms]

    def masked(self, mask: str | Resource, feather: float = 0.0) -> Objective:
        """The same objective, counted only where the mask (a path, or a resource) is bright."""
        source = PICTURE.take(mask)
        assert isinstance(source, (str, Resource))
        cover = Mask(source, feather)
        return Objective(tuple((weight, term.under(cover)) for weight, term in self.terms))

    def replaced(self, change: Callable[[Value, Parameter], Value]) -> Objective:
        """The same objective with every argument passed through ``change``."""
        return Objective(tuple((weight, term.replaced(change)) for weight, term in self.terms))

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        return self + -1.0 * other

    def __mul__(self, factor: float) -> Objective:
        # Objectives are sums: a product of two is refused by Python itself, with both types named.
        if not isinstance(factor, (int, float)):
            return NotImplemented
        return Objective(tuple((factor * weight, term) for weight, term in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return -1.0 * self

    def __str__(self) -> str:
        return "".join(self._words())

    def _words(self) -> Iterator[str]:
        for index, (weight, term) in enumerate(self.terms):
            # The sign stands between terms, so that the text is read as people write it.
            if index:
                yield " - " if weight < 0 else " + "
            elif weight < 0:
                yield "-"
            size = abs(weight)
            yield str(term) if size == 1 else f"{size!r}*{term}"


_MAKERS: dict[str, Callable[..., Objective]] = {}
#: By the name of each registered kind, the function that makes objectives of it.
OBJECTIVES: Mapping[str, Callable[..., Objective]] = MappingProxyType(_MAKERS)


def objective_kind(
    *parameters: Parameter,
    spread: str = "mean",
    references: Callable[..., tuple[Reference, ...]] = lambda *_: (),
    penalty: bool = False,
) -> Callable[[Callable[..., Tensor]], Callable[..., Objective]]:
    """Register ``score(inputs, *arguments)`` as a kind of term; the decorated name becomes a function of objectives.

    ``parameters`` describe the arguments, ``references`` gives what the term is scored with besides activations. A
    registered kind is read in the text of objectives, listed by ``deepdream objectives``, and exported by
    ``deepdream`` and ``deepdream.ascent``.

        @objective_kind(LAYER)
        def largest(inputs: TermInputs, name: str) -> Tensor:
            "The largest activation of a layer."
            return inputs.activations[name].amax()
    """

    def register(score: Callable[..., Tensor]) -> Callable[..., Objective]:
        kind = Kind(score.__name__, score, parameters, spread, references, penalty)
        register_kind(kind)

        def make(*arguments: object) -> Objective:
            return Objective(((1.0, kind.term(*arguments)),))

        make.__name__, make.__doc__ = score.__name__, score.__doc__
        _MAKERS[kind.name] = make
        return make

    return register


def check_weight(weight: float, text: str) -> float:
    """``weight``, if it is finite. Raises UsageError."""
    if not math.isfinite(weight):
        raise UsageError(f"A weight in the objective {text[:60]!r} is too large.")
    return weight
