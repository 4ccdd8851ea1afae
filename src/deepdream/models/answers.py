"""What the outputs of a network mean: one of several classes, each class by itself, or numbers.

The commands read the kinds, so that importing this file loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("softmax", "sigmoid", "regression")
#: The column of a table in which the values of each kind stand.
COLUMN_OF = {"softmax": "probability", "sigmoid": "probability", "regression": "value"}


def answers(logits: Tensor, kind: str) -> Tensor:
    """float64 (..., classes): probabilities that sum to one, a probability of each class by itself, or the numbers.

    A single output of a softmax would always have 100 %; ``Model.kind`` is never ``softmax`` there.
    """
    from deepdream.tensors import doubled

    values = doubled(logits)
    if kind == "sigmoid":
        return values.sigmoid()
    return values.softmax(dim=-1) if kind == "softmax" else values


def in_words(value: float, kind: str, digits: int = 1) -> str:
    """A value of ``answers`` for people: ``12.3%``, or a number with its sign.

    >>> in_words(0.1234, "sigmoid"), in_words(-2.5, "regression")
    ('12.3%', '-2.5')
    """
    return f"{value:.4g}" if kind == "regression" else f"{value:.{digits}%}"
