"""The one list of methods: the command line, the documentation, the tests and the report read it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from torch import Tensor

from deepdream.attribution.method_options import MethodOption, options_of, read_texts
from deepdream.attribution.score_function import ScoreFunction
from deepdream.errors import UnknownNameError
from deepdream.models import Model

Family = Literal["gradient", "cam", "perturbation", "propagation", "surrogate"]
Reduction = Literal["sum", "max-abs"]
Pass = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method's function gives.

    ``values`` are (3, H, W), or (h, w) of any size; ``options`` what it chose itself; ``baseline_score`` only
    where it is not the score of the problem's baseline.
    """

    values: Tensor
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baseline_score: float | None = None


@dataclass(frozen=True)
class Budgeted:
    """The option that a time budget sets, and what one unit of it costs: so many passes of a kind.

    Attributes:
        alone: Whether the passes are of one picture each, one after the other.
        least: The fewest units that make sense; where there is a ``value``, the fewest passes.
        value: From the problem and the passes that fit into the time to the option's value, where it is
            not their number.
        usual: Passes of the usual value, where its default does not say.
    """

    option: str
    kind: Pass
    units: float = 1.0
    alone: bool = False
    least: int = 8
    value: Callable[[ScoreFunction, int], int] | None = None
    usual: int | None = None


def sampled(values: Tensor, used: int, wanted: int, **more: Any) -> Outcome:
    """The outcome of ``used`` samples; where the time ended before ``wanted``, that is said."""
    notes = () if used >= wanted else (f"the time ended after {used} of {wanted} samples",)
    return Outcome(values.float(), {"samples": used, **more}, notes)


Run = Callable[[ScoreFunction, Mapping[str, Any]], Outcome]


@dataclass(frozen=True)
class Method:
    """An entry of the registry.

    Attributes:
        question: What its map answers.
        needs: What it needs of the network; ``applies`` checks it.
        signed: Whether negative values mean evidence against.
        complete: Whether it promises to sum to the score minus the baseline's score.
        cost: In forward and backward passes.
        options: Its own options by name.
        budgeted: The option that a time budget sets, and what one unit of it costs.
        unit: What a value of the map is measured in.
        reduction: How (3, H, W) becomes (H, W).
        run: Problem and options to the outcome.
        applies: None, or why the method cannot be used with this network.
    """

    name: str
    question: str
    paper: str
    caveat: str
    needs: str
    signed: bool
    complete: bool
    family: Family
    cost: str
    options: Mapping[str, MethodOption]
    budgeted: Budgeted | None
    reduction: Reduction
    unit: str
    run: Run
    applies: Callable[[Model], str | None]

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of every option; None where the method chooses the value itself."""
        return {name: option.default for name, option in self.options.items()}


Function = Callable[..., Tensor | Outcome]
F = TypeVar("F", bound=Function)
_METHODS: dict[str, Method] = {}
_HOMES: dict[str, str] = {}  # the file of each
_UNITS: dict[str, str] = {
    "gradient": "logits per unit of color",
    "cam": "evidence",
    "perturbation": "logits lost",
    "propagation": "rectified gradient",
    "surrogate": "logits per region",
}
_FILES: tuple[str, ...] = ("gradient_methods", "paths", "cams", "perturbations", "propagation", "relevance")
_FILES += ("coalitions", "surrogates", "regions", "extremal")


def register(
    name: str,
    *,
    question: str,
    paper: str,
    caveat: str,
    family: Family,
    cost: str,
    **more: Any,
) -> Callable[[F], F]:
    """Put a function ``f(problem, *, option=default, ...)`` into the registry under ``name``.

    Its keyword-only parameters are the method's options. ``more``: any other field of ``Method``.
    """
    fields: dict[str, Any] = {"needs": "a gradient", "signed": True, "complete": False, "budgeted": None}
    fields |= {"reduction": "sum", "applies": _always}
    fields |= {"unit": _UNITS[family]} | ({"unit": "logits per pixel"} if more.get("complete") else {})
    fields |= {"question": question, "paper": paper, "caveat": caveat, "family": family, "cost": cost} | more

    def enter(function: F) -> F:
        def run(score_function: ScoreFunction, options: Mapping[str, Any]) -> Outcome:
            found = function(score_function, **options)
            return found if isinstance(found, Outcome) else Outcome(found)

        _HOMES[name] = function.__module__.rpartition(".")[2]
        _METHODS[name] = Method(name=name, options=options_of(function), run=run, **fields)
        return function

    return enter


def methods() -> Mapping[str, Method]:
    """Every method by name, the quick ones first."""
    _load()
    return MappingProxyType(_METHODS)


def find_method(name: str) -> Method:
    """The method ``name``. Raises UnknownNameError with the nearest names."""
    if name not in methods():
        raise UnknownNameError("method", name, methods(), listing="deepdream methods")
    return methods()[name]


def read_options(method: str, texts: Sequence[str]) -> dict[str, Any]:
    """Texts such as ``rule=epsilon`` as the options of ``method``, for ``explain(..., **options)``.

    Each value is parsed by the type of its option; ``deepdream methods NAME`` lists the options. Of two texts for one
    option the last counts.

    >>> read_options("lrp", ["rule=epsilon"])
    {'rule': 'epsilon'}

    Raises:
        UnknownNameError: no such method.
        UsageError: a text without ``=``, an unknown option, or a value that the option cannot have.
    """
    return read_texts(method, find_method(method).options, texts)


@cache
def _load() -> None:
    for file in _FILES:
        importlib.import_module(f"deepdream.attribution.{file}")
    # In the order of the files, whichever of them was imported before by somebody else.
    for name in sorted(
        _METHODS, key=lambda n: _FILES.index(_HOMES[n]) if _HOMES[n] in _FILES else len(_FILES)
    ):
        _METHODS[name] = _METHODS.pop(name)


def _always(_: Model) -> None:
    return None
