"""One term of an objective: a registered kind with its arguments, and masks.

``KINDS`` is the registry of kinds: the reader, the command line, the documentation and the tests read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from torch import Tensor

from deepdream.ascent.arguments import FILES, LAYER, PICTURE, Parameter, Value, printed
from deepdream.ascent.term_inputs import INPUT, LOGITS, Reference, TermInputs
from deepdream.errors import UnknownNameError, UsageError
from deepdream.provenance import Resource


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
class Kind:
    """A registered kind of term.

    Attributes:
        name: How it is written.
        score: ``score(inputs, *arguments)``: a scalar, to be raised.
        parameters: What it takes; those with a default may be left out from the end.
        spread: ``mean`` or ``sum`` over positions, or ``whole``: it cannot be computed in tiles or under a mask.
        references: From the arguments to what it is scored with besides activations.
        penalty: Whether one usually subtracts it. Beside other terms it is counted in its own units; the others are
            divided by the size of their gradient, so that layers of very different activity have equal influence.
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
        # A logit names a class; the layer is the output of the network, which has no name of its own there.
        if self.name == "logit":
            named = [f"{arguments[1]}/{LOGITS}" if arguments[1] else LOGITS]
        return tuple(dict.fromkeys(named))

    def words(self, arguments: tuple[Value, ...]) -> list[str]:
        """The arguments as text, without those at the end that have their default."""
        pairs = list(zip(arguments, self.parameters, strict=True))
        # Only from the end: an argument can be left out only where all after it are.
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


def register_kind(kind: Kind) -> None:
    """Add ``kind`` to ``KINDS``; one of the same name is replaced."""
    _KINDS[kind.name] = kind


def kind_named(name: str) -> Kind:
    """The kind ``name``. Raises UnknownNameError with the nearest names."""
    if name not in KINDS:
        raise UnknownNameError("objective", name[:40], [*KINDS, "masked"])
    return KINDS[name]
