"""Objectives as values: weighted sums of terms, combined with ``+ - *``, that print themselves.

A term is a registered kind with its arguments. ``KINDS`` is the one registry: the reader, the command line, the
documentation and the tests read it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.arguments import FILES, LAYER, PICTURE, Parameter, Value, printed
from deepdream.errors import UnknownNameError, UsageError
from deepdream.provenance import Resource

#: The name under which a network's own output is read.
LOGITS = "logits"
#: The picture before the dream, where a kind takes a picture.
INPUT = "input"


@dataclass(frozen=True)
class Reference:
    """Something besides activations that a term is scored with.

    Attributes:
        role: ``picture``, ``mask`` and ``spot`` lie under the dreamed picture and are rolled, scaled and cut as it
            is; a ``bank`` (activations of a guide, positions x channels) and a ``vector`` do not.
        source: The resource as text, or ``input``.
        layer: Where the picture's activations are wanted, and not itself.
        numbers: The mask's feather, or the spot's place.
    """

    role: str
    source: str = ""
    layer: str = ""
    numbers: tuple[float, ...] = ()

    @property
    def lies_under(self) -> bool:
        return self.role in ("picture", "mask", "spot")


@dataclass(frozen=True, eq=False)
class TermInputs:
    """What a term may look at.

    Attributes:
        activations: Of the layers it asked for, by name.
        image: (B, 3, H, W) in [0, 1].
        reduction: ``mean`` over positions, or ``half-sum``: the sum, as in the first notebook.
        found: What every ``Reference`` stands for.
        masks: Those of the term that is scored now.
    """

    activations: Mapping[str, Tensor]
    image: Tensor
    reduction: str = "mean"
    found: Mapping[Reference, Tensor] = field(default_factory=dict)
    masks: tuple[Reference, ...] = ()

    def spatial(self, name: str) -> Tensor:
        """A layer's activation as (B, C, h, w); of tokens (B, N, C) the positions are (N, 1)."""
        return as_map(self.activations[name])

    def total(self, values: Tensor) -> Tensor:
        """The mean of ``values`` (..., h, w) over everything, weighted by the masks; with ``half-sum`` the sum."""
        for mask in self.masks:
            if values.shape[-1] * values.shape[-2] == 1 < self.image.shape[-1] * self.image.shape[-2]:
                raise UsageError("A mask needs positions: this objective looks at the picture as a whole.")
            values = values * on_grid(self.found[mask], values)
        return values.sum() if self.reduction == "half-sum" else values.mean()


def as_map(activation: Tensor) -> Tensor:
    """An activation as (B, C, h, w); tokens (B, N, C) and vectors (B, C) get the axes that they lack."""
    if activation.dim() == 3:
        return activation.transpose(1, 2).unsqueeze(-1)
    return activation[:, :, None, None] if activation.dim() == 2 else activation


def on_grid(picture: Tensor, activation: Tensor) -> Tensor:
    """The means of ``picture`` (1, C, H, W) over the cells of an activation's grid (..., h, w).

    The cells are squares from the upper left on, as the units of a padded network lie, so that a tile which starts
    on the grid has the cells of the whole picture; where the grid is another, the picture is divided evenly.
    """
    height, width = activation.shape[-2:]
    cell = (-(-picture.shape[-2] // height), -(-picture.shape[-1] // width))
    if all(
        -(-side // step) == count
        for side, step, count in zip(picture.shape[-2:], cell, (height, width), strict=True)
    ):
        return F.avg_pool2d(picture, cell, ceil_mode=True)
    return F.adaptive_avg_pool2d(picture, (height, width))


@dataclass(frozen=True)
class Mask:
    """Where a term counts: a grayscale picture, its edge softened over ``feather`` of the longer side."""

    source: str | Resource
    feather: float = 0.0

    @property
    def reference(self) -> Reference:
        return Reference("mask", str(self.source), numbers=(self.feather,))

    def around(self, inner: str) -> str:
        """The text of a term with this mask."""
        feather = f", {self.feather!r}" if self.feather else ""
        return f"masked({inner}, {printed(self.source, PICTURE)}{feather})"


@dataclass(frozen=True)
class Term:
    """One score: a registered kind and its arguments, such as ``channel`` and ``("blocks.4", 17)``, and masks."""

    kind: str
    arguments: tuple[Value, ...] = ()
    masks: tuple[Mask, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers this term reads."""
        return KINDS[self.kind].reads(self.arguments)

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it is scored with besides activations."""
        return (*KINDS[self.kind].references(*self.arguments), *(mask.reference for mask in self.masks))

    @property
    def sources(self) -> tuple[tuple[str | Resource, Parameter], ...]:
        """The files it refers to (``input`` is none), and as what."""
        pairs = zip(self.arguments, KINDS[self.kind].parameters, strict=True)
        files = [
            (value, parameter)
            for value, parameter in pairs
            if parameter.role in FILES and isinstance(value, (str, Resource)) and value != INPUT
        ]
        return (*files, *((mask.source, MASK) for mask in self.masks))

    def score(self, inputs: TermInputs) -> Tensor:
        """A scalar, to be raised."""
        inputs = replace(inputs, masks=tuple(mask.reference for mask in self.masks))
        return KINDS[self.kind].score(inputs, *self.arguments)

    def under(self, mask: Mask) -> Term:
        """The same term, counted only where the mask is bright. Raises UsageError where there are no positions."""
        if KINDS[self.kind].spread == "whole":
            raise UsageError(f"{self.kind}() looks at the picture as a whole: it cannot be masked.")
        return replace(self, masks=(*self.masks, mask))

    def replaced(self, change: Callable[[Value, Parameter], Value]) -> Term:
        """The same term with every argument and mask file passed through ``change``."""
        pairs = zip(self.arguments, KINDS[self.kind].parameters, strict=True)
        masks = []
        for mask in self.masks:
            source = change(mask.source, MASK)
            assert isinstance(source, (str, Resource))
            masks.append(replace(mask, source=source))
        return Term(self.kind, tuple(change(value, parameter) for value, parameter in pairs), tuple(masks))

    def __str__(self) -> str:
        text = f"{self.kind}({', '.join(KINDS[self.kind].words(self.arguments))})"
        for mask in self.masks:
            text = mask.around(text)
        return text


#: A picture that is read as a mask.
MASK = replace(PICTURE, name="mask")


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
            if index:
                yield " - " if weight < 0 else " + "
            elif weight < 0:
                yield "-"
            size = abs(weight)
            yield str(term) if size == 1 else f"{size!r}*{term}"


@dataclass(frozen=True)
class Kind:
    """A registered kind of term.

    Attributes:
        name: How it is written.
        score: ``score(scene, *arguments)``: a scalar, to be raised.
        parameters: What it takes; those with a default may be left out from the end.
        spread: ``mean`` or ``sum`` over positions, or ``whole``: it cannot be seen in tiles or under a mask.
        needs: What it is scored with besides activations.
        penalty: Whether one usually subtracts it. Beside other terms it is counted in its own units; the others are
            divided by the size of their gradient, so that layers of very different activity have equal says.
    """

    name: str
    score: Callable[..., Tensor]
    parameters: tuple[Parameter, ...]
    spread: str
    references: Callable[..., tuple[Reference, ...]]
    penalty: bool = False

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return (self.score.__doc__ or "").strip().splitlines()[0]

    @property
    def signature(self) -> str:
        """How it is called: ``direction(layer, vector[, power])``."""
        names = [p.name if p.default is None else f"[{p.name}]" for p in self.parameters]
        return f"{self.name}({', '.join(names)})"

    def reads(self, arguments: tuple[Value, ...]) -> tuple[str, ...]:
        """The layers that a term with these arguments reads."""
        named = [str(v) for v, p in zip(arguments, self.parameters, strict=True) if p.role == LAYER.role]
        if self.name == "logit":
            named = [f"{arguments[1]}/{LOGITS}" if arguments[1] else LOGITS]
        return tuple(dict.fromkeys(named))

    def words(self, arguments: tuple[Value, ...]) -> list[str]:
        """The arguments as text, without those at the end that have their default."""
        pairs = list(zip(arguments, self.parameters, strict=True))
        while pairs and pairs[-1][0] == pairs[-1][1].default:
            pairs.pop()
        return [printed(value, parameter) for value, parameter in pairs]

    def term(self, *arguments: object) -> Term:
        """A term of this kind. Raises UsageError for a wrong number or type of arguments."""
        least = sum(parameter.default is None for parameter in self.parameters)
        if not least <= len(arguments) <= len(self.parameters):
            raise UsageError(f"It is {self.signature}; {self.name}() was given {len(arguments)} arguments.")
        values = [self._take(argument, p) for argument, p in zip(arguments, self.parameters, strict=False)]
        rest = [p.default for p in self.parameters[len(arguments) :] if p.default is not None]
        return Term(self.name, (*values, *rest))

    def _take(self, argument: object, parameter: Parameter) -> Value:
        try:
            return parameter.take(argument)
        except (ValueError, TypeError, OverflowError):
            raise UsageError(
                f"{self.name}() takes {parameter.what} where {str(argument)[:60]!r} stands."
            ) from None


_KINDS: dict[str, Kind] = {}
KINDS: Mapping[str, Kind] = MappingProxyType(_KINDS)


def _nothing(*_: Value) -> tuple[Reference, ...]:
    return ()


def objective_kind(
    *parameters: Parameter,
    spread: str = "mean",
    references: Callable[..., tuple[Reference, ...]] = _nothing,
    penalty: bool = False,
) -> Callable[[Callable[..., Tensor]], Callable[..., Objective]]:
    """Register ``score(scene, *arguments)`` under its name; the name becomes a maker of objectives."""

    def register(score: Callable[..., Tensor]) -> Callable[..., Objective]:
        kind = Kind(score.__name__, score, parameters, spread, references, penalty)
        _KINDS[kind.name] = kind

        def make(*arguments: object) -> Objective:
            return Objective(((1.0, kind.term(*arguments)),))

        make.__name__, make.__doc__ = score.__name__, score.__doc__
        return make

    return register


def kind_named(name: str) -> Kind:
    """The kind ``name``. Raises UnknownNameError with the nearest names."""
    if name not in KINDS:
        raise UnknownNameError("objective", name[:40], [*KINDS, "masked"])
    return KINDS[name]


def check_weight(weight: float, text: str) -> float:
    """``weight``, if it is finite. Raises UsageError."""
    if not math.isfinite(weight):
        raise UsageError(f"A weight in the objective {text[:60]!r} is too large.")
    return weight
