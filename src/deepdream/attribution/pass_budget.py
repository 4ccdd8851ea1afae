"""How many samples fit: the option that a time or a number of passes sets, by the measured cost of a pass."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from deepdream.attribution.registry import Budgeted, Method
from deepdream.attribution.score_function import ScoreFunction

#: The most passes that a time may set.
MOST_PASSES = 100_000


def complete_options(
    method: Method, given: Mapping[str, Any], score_function: ScoreFunction, passes: int | None = None
) -> dict[str, Any]:
    """All options of ``method``: those given, the one that sets its cost if that is limited, and the defaults.

    The cost is limited by ``passes`` and by the score function's deadline; an option that is given is kept.
    """
    cost, options = method.budgeted, {**method.defaults, **given}
    if cost is None or (passes is None and score_function.deadline is None):
        return options
    # What a value function returns fits the other options' defaults only.
    if given if cost.value else cost.option in given:
        return options
    passes = passes or MOST_PASSES
    if score_function.deadline is not None:
        remaining = score_function.deadline - time.perf_counter()
        # A tenth is kept for what a method does beside its passes.
        passes = min(passes, int(0.9 * remaining / _seconds_each(score_function, cost)))
    if cost.value is not None:
        return {**options, cost.option: cost.value(score_function, max(passes, 1))}
    return {**options, cost.option: max(int(passes / cost.units), cost.least)}


def _seconds_each(score_function: ScoreFunction, cost: Budgeted) -> float:
    """Of one pass of one picture: in a chunk, unless the method works alone or a chunk is dear."""
    assert score_function.deadline is not None
    trial = score_function.uncounted()
    run = trial.scores if cost.kind == "forward" else trial.gradients

    def measured(count: int) -> float:
        start = time.perf_counter()
        run(score_function.image.expand(count, -1, -1, -1))
        return (time.perf_counter() - start) / count

    measured(1)  # the first pass of a network is slower than the next
    once = measured(1)
    remaining = score_function.deadline - time.perf_counter()
    if cost.alone or once * score_function.chunk > 0.2 * remaining:
        return once
    return measured(score_function.chunk)
