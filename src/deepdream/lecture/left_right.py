"""Left or right: a simulation of what the New York Times reported on 8 July 1958.

The report says that the machine "learned to differentiate between left and right after 50 attempts". Here a
20 x 20 retina (as the Mark I's) shows a 4 x 4 mark somewhere in its left or right half, and Rosenblatt's rule
learns the side. It is a simulation: the stimuli of 1958 were not these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepdream.errors import UsageError

__all__ = ["RETINA", "LeftRightRun", "learn_left_right", "left_right_runs", "show_mark"]

RETINA = 20  # photocells to a side
MARK = 4


@dataclass(frozen=True)
class LeftRightRun:
    """One run: ``mistakes`` (trials,) true where the guess was wrong, ``weights`` (20, 20), ``bias``."""

    mistakes: NDArray[np.bool_]
    weights: NDArray[np.float64]
    bias: float

    @property
    def last_mistake(self) -> int:
        """The number (from 1) of the last wrong trial; 0 if there was none."""
        wrong = np.flatnonzero(self.mistakes)
        return int(wrong[-1]) + 1 if len(wrong) else 0


def show_mark(rng: np.random.Generator) -> tuple[NDArray[np.float64], int]:
    """A retina (20, 20) of zeros with a 4 x 4 mark of ones, and its side: -1 left, +1 right.

    >>> retina, side = show_mark(np.random.default_rng(0))
    >>> retina.sum(), side
    (np.float64(16.0), 1)
    """
    # The side is chosen first, so that both are equally frequent whatever the sizes.
    side = int(rng.choice((-1, 1)))
    top = rng.integers(RETINA - MARK + 1)
    start = rng.integers(RETINA // 2 - MARK + 1) + (RETINA // 2 if side > 0 else 0)
    retina = np.zeros((RETINA, RETINA))
    retina[top : top + MARK, start : start + MARK] = 1
    return retina, side


def learn_left_right(trials: int = 500, *, seed: int = 0) -> LeftRightRun:
    """Rosenblatt's rule, one random mark at a time: on a mistake w <- w + y x, b <- b + y (1958).

    >>> learn_left_right(500).weights.shape
    (20, 20)
    """
    if trials < 1:
        raise UsageError(f"At least 1 trial is needed; got {trials}.")
    rng = np.random.default_rng(seed)
    weights, bias = np.zeros((RETINA, RETINA)), 0.0
    mistakes = np.zeros(trials, dtype=bool)
    for trial in range(trials):
        retina, side = show_mark(rng)
        # Exactly 0 counts as a mistake; otherwise zero weights would never begin to learn.
        if side * ((weights * retina).sum() + bias) <= 0:
            weights, bias = weights + side * retina, bias + side
            mistakes[trial] = True
    return LeftRightRun(mistakes, weights, bias)


def left_right_runs(runs: int = 100, *, trials: int = 500, seed: int = 0) -> Iterator[LeftRightRun]:
    """Independent runs, with the seeds ``seed, seed + 1, ...``: one run can be lucky, many give a rate.

    >>> len(list(left_right_runs(3, trials=50)))
    3
    """
    return (learn_left_right(trials, seed=seed + run) for run in range(runs))
