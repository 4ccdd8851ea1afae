"""What to climb: small scores of a network's activations, combined with ``+ - *``.

An objective is always maximized. It is an immutable sum of weighted terms, prints itself, and
``parse_objective`` reads what it printed:

    >>> print(0.8 * layer("blocks.4") - 0.1 * total_variation())
    0.8*layer(blocks.4) - 0.1*total_variation()
    >>> parse_objective("0.8*layer(blocks.4) - 0.1*total_variation()") == (
    ...     0.8 * layer("blocks.4") - 0.1 * total_variation())
    True
    >>> print(parse_objective("blocks.4:17 - 2*blocks.1"))
    channel(blocks.4, 17) - 2.0*layer(blocks.1)

The algebra is in ``algebra.py``, the kinds in ``kinds.py`` and ``penalties.py``, the reader in ``parsing.py``.
Source of the idea: lucid's objectives (Olah et al. 2017), where however ``w1*a + w2*b`` could be scored wrongly;
here the algebra is a value and tested as one.
"""

from __future__ import annotations

from deepdream.ascent.algebra import INPUT, KINDS, LOGITS, Kind, Mask, Objective, Reference, Term, TermInputs
from deepdream.ascent.kinds import (
    caricature,
    channel,
    direction,
    diversity,
    guide,
    interpolate,
    layer,
    logit,
    neuron,
)
from deepdream.ascent.parsing import parse_objective
from deepdream.ascent.penalties import blur, distance, l1, l2, total_variation
from deepdream.provenance import Resource


def masked(objective: Objective, mask: str | Resource, feather: float = 0.0) -> Objective:
    """``objective``, counted only where the picture ``mask`` is bright; its edge softened by ``feather``.

    The feather is the width of a Gaussian as a share of the picture's longer side.
    """
    return objective.masked(mask, feather)


__all__ = [
    "INPUT",
    "KINDS",
    "LOGITS",
    "Kind",
    "Mask",
    "Objective",
    "Reference",
    "Term",
    "TermInputs",
    "blur",
    "caricature",
    "channel",
    "direction",
    "distance",
    "diversity",
    "guide",
    "interpolate",
    "l1",
    "l2",
    "layer",
    "logit",
    "masked",
    "neuron",
    "parse_objective",
    "total_variation",
]
