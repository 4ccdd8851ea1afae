"""Seeded random weights for networks without a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from deepdream.errors import UsageError


@dataclass(frozen=True)
class RandomWeights:
    """Untrained weights, the same for the same seed and versions: for tests, benchmarks and comparisons."""

    seed: int = 0

    def __str__(self) -> str:
        return f"seeded random (seed {self.seed})"


def draw_zeros(module: nn.Module) -> None:
    """What an architecture begins at zero, such as the head of a vision transformer, drawn, too.

    Training would move it at once; at zero no class depends on the picture.
    """
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, (nn.Linear, nn.Conv2d)) and not part.weight.any():
                part.weight.normal_(std=0.02)


class own_randomness:  # noqa: N801 - used as a verb
    """A seeded global generator for a while (the builders know no other); then the caller's again."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.before = torch.random.get_rng_state()
        torch.default_generator.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.random.set_rng_state(self.before)


def parse_weights(text: str) -> Path | RandomWeights:
    """What ``--weights`` means: ``random``, ``random:7`` (a seed) or a file.

    A file of that name is ``./random``.

    >>> parse_weights("random:7")
    RandomWeights(seed=7)
    """
    word, _, seed = text.partition(":")
    if word != "random":
        return Path(text)
    if not (seed or "0").isdecimal():
        raise UsageError(f"No seed {seed!r} for random weights: it is a whole number, as in random:7.")
    return RandomWeights(int(seed or 0))
