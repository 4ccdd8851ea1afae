"""What to maximize: small scores of a network's activations, combined with ``+ - *``.

An objective is always maximized. It is an immutable sum of weighted terms, prints itself, and
``parse_objective`` reads what it printed:

    >>> from deepdream.ascent.objectives import layer, parse_objective, total_variation
    >>> print(0.8 * layer("blocks.4") - 0.1 * total_variation())
    0.8*layer(blocks.4) - 0.1*total_variation()
    >>> parse_objective("0.8*layer(blocks.4) - 0.1*total_variation()") == (
    ...     0.8 * layer("blocks.4") - 0.1 * total_variation())
    True
    >>> print(parse_objective("blocks.4:17 - 2*blocks.1"))
    channel(blocks.4, 17) - 2.0*layer(blocks.1)

The algebra is in ``algebra.py`` and ``terms.py``, the kinds in ``kinds.py`` and ``penalties.py``, the reader in
``parsing.py``. Every registered kind (``objective_kind``) is a name of this module. Source of the idea: lucid's
objectives (Olah, Mordvintsev, Schubert 2017, Feature Visualization, Distill; lucid/optvis/objectives.py).
"""

from __future__ import annotations

from collections.abc import Callable

from deepdream.ascent import kinds, penalties
from deepdream.ascent.algebra import OBJECTIVES, Objective, objective_kind
from deepdream.ascent.parsing import parse_objective
from deepdream.ascent.term_inputs import INPUT, LOGITS, Reference, TermInputs
from deepdream.ascent.terms import KINDS, Kind, Mask, Term
from deepdream.provenance import Resource


def masked(objective: Objective, mask: str | Resource, feather: float = 0.0) -> Objective:
    """``objective``, counted only where the picture ``mask`` is bright; its edge softened by ``feather``.

    The feather is the width of a Gaussian as a share of the picture's longer side.
    """
    return objective.masked(mask, feather)


#: Importing these two modules registers the kinds in them.
KIND_MODULES = (kinds, penalties)

__all__ = [
    "INPUT",
    "KINDS",
    "LOGITS",
    "OBJECTIVES",
    "Kind",
    "Mask",
    "Objective",
    "Reference",
    "Term",
    "TermInputs",
    "masked",
    "objective_kind",
    "parse_objective",
    *OBJECTIVES,
]


def __getattr__(name: str) -> Callable[..., Objective]:
    """The function that makes objectives of the registered kind ``name``."""
    if name not in OBJECTIVES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return OBJECTIVES[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *OBJECTIVES})
