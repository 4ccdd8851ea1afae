"""The one list of methods: the command line, the documentation, the tests and the report read it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

from torch import Tensor

from deepdream.attribution.method_options import MethodOption, options_of, read_texts
from deepdream.attribution.score_function import ScoreFunction
from deepdream.errors import UnknownNameError
from deepdream.models import Model

Family = Literal["gradient", "cam", "attention", "perturbation", "propagation", "surrogate"]
Reduction = Literal["sum", "max-abs"]
Pass = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method's function returns, where the map alone does not say everything.

    Attributes:
        values: (3, H, W), or (h, w) of any size.
        options: Values of options that the method chose itself, such as its number of steps.
        notes: Warnings in words.
        baseline_score: Only where it is not the score of the score function's baseline.
    """

    values: Tensor
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baseline_score: float | None = None

    @classmethod
    def of_samples(cls, values: Tensor, used: int, requested: int, **options: Any) -> Outcome:
        """The outcome of ``used`` samples, with a note where the time ended before there were ``requested``."""
        notes = () if used >= requested else (f"the time ended after {used} of {requested} samples",)
        return cls(values.float(), {"samples": used, **options}, notes)


@dataclass(frozen=True)
class Budgeted:
    """The option that a time budget sets, and what one unit of it costs: so many passes of a kind.

    Attributes:
        units: Passes of one unit of the option.
        alone: Whether the passes are of one picture each, one after the other.
        least: The fewest units that make sense; where there is a ``value``, the fewest passes.
        value: From the score function and the passes that fit into the time to the option's value, where it
            is not their number.
        usual: Passes of the usual value, where its default does not say.
    """

    option: str
    kind: Pass
    units: float = 1.0
    alone: bool = False
    least: int = 8
    value: Callable[[ScoreFunction, int], int] | None = None
    usual: int | None = None


@dataclass(frozen=True)
class Method:
    """An entry of the registry.

    Attributes:
        question: What its map answers.
        paper: Its source.
        caveat: What its map does not say.
        needs: What it needs of the network; ``applies`` checks it.
        signed: Whether negative values mean evidence against.
        complete: Whether it promises to sum to the score minus the baseline's score.
        cost: In forward and backward passes.
        options: Its own options by name.
        budgeted: The option that a time budget sets, and what one unit of it costs.
        reduction: How (3, H, W) becomes (H, W): the sum of the colors, or their largest absolute value.
        unit: What a value of the map is measured in.
        run: Score function and options to the outcome.
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
    run: Callable[[ScoreFunction, Mapping[str, Any]], Outcome]
    applies: Callable[[Model], str | None]

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of every option; None where the method chooses the value itself."""
        return {name: option.default for name, option in self.options.items()}

    @property
    def usual_passes(self) -> int | None:
        """How many passes it makes with its defaults; None where no option of it sets them."""
        cost = self.budgeted
        if cost is None:
            return None
        return cost.usual if cost.usual is not None else round(self.defaults[cost.option] * cost.units)

    def to_dict(self) -> dict[str, Any]:
        """Everything that is known of it, ready for JSON."""
        names = (
            "name",
            "question",
            "paper",
            "caveat",
            "needs",
            "signed",
            "complete",
            "family",
            "cost",
            "unit",
        )
        options = [option.to_dict() for option in self.options.values()]
        return {name: getattr(self, name) for name in names} | {"options": options}


Function = Callable[..., Tensor | Outcome]
F = TypeVar("F", bound=Function)
_METHODS: dict[str, Method] = {}
_ORIGINS: dict[
    str, tuple[str, int]
] = {}  # file and line: the order must not depend on who imported what first
_UNITS: dict[str, str] = {
    "gradient": "logits per unit of color",
    "cam": "evidence",
    "attention": "attention",
    "perturbation": "logits lost",
    "propagation": "rectified gradient",
    "surrogate": "logits per region",
}


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
    """Put a function ``f(score_function, *, option=default, ...)`` into the registry under ``name``.

    It returns a map, (3, H, W) or (h, w) of any size, or an ``Outcome``. Its keyword-only parameters are the
    method's options, each with a type such as ``Annotated[int, Meaning("What it does.", least=1)]``.

    Args:
        more: Any other field of ``Method``.
    """
    fields: dict[str, Any] = {"needs": "a gradient", "signed": True, "complete": False, "budgeted": None}
    fields |= {"reduction": "sum", "applies": lambda _: None}
    fields |= {"unit": "logits per pixel" if more.get("complete") else _UNITS[family]}
    fields |= {"question": question, "paper": paper, "caveat": caveat, "family": family, "cost": cost} | more

    def enter(function: F) -> F:
        def run(score_function: ScoreFunction, options: Mapping[str, Any]) -> Outcome:
            outcome = function(score_function, **options)
            return outcome if isinstance(outcome, Outcome) else Outcome(outcome)

        _METHODS[name] = Method(name=name, options=options_of(function), run=run, **fields)
        _ORIGINS[name] = (function.__module__, function.__code__.co_firstlineno)
        # Kept in order at every entry, so that methods() need not sort 32 of them at each call.
        for key in sorted(_METHODS, key=_position):
            _METHODS[key] = _METHODS.pop(key)
        return function

    return enter


def _position(name: str) -> tuple[Any, ...]:
    return get_args(Family).index(_METHODS[name].family), _METHODS[name].usual_passes or 0, *_ORIGINS[name]


def methods() -> Mapping[str, Method]:
    """Every method by name: family by family, the quick ones of each first.

    >>> methods()["saliency"].cost
    '1 forward, 1 backward'
    """
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
    # Every file of the package registers its methods when it is imported.
    explainers = importlib.import_module(f"{__package__}.explainers")
    for file in pkgutil.iter_modules(explainers.__path__, f"{explainers.__name__}."):
        importlib.import_module(file.name)
