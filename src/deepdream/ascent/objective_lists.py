"""The objectives of a batch, one for each picture, written as text with ``;`` between them.

>>> goals = parse_goals("channel(blocks.4, 17); -channel(blocks.4, 17)")
>>> print(join_goals(goals))
channel(blocks.4, 17); -channel(blocks.4, 17)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from deepdream.ascent.objectives import Objective, parse_objective

_BETWEEN = re.compile(r';(?=(?:[^"]*"[^"]*")*[^"]*$)')  # a quoted file name may hold a semicolon


@lru_cache(maxsize=256)  # the text is read again at every step of a dream
def parse_goals(text: str) -> tuple[Objective, ...]:
    """The objectives in ``text``, in order. Raises what ``parse_objective`` raises."""
    return tuple(parse_objective(part) for part in _BETWEEN.split(text))


def join_goals(goals: Iterable[Objective | str]) -> str:
    """The text of which ``goals`` are the objectives."""
    return "; ".join(map(str, goals))
