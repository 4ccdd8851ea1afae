"""The benchmark job without its network: processor time of everything else that a dream does.

    python benchmarks/outside.py

The network's gradients are replaced by random ones, so that what is left are conditioning, steps, octaves and the
strength. Run it in two checkouts in turn to compare them.
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from contestants import OCTAVES, SCALE, STEPS, photo
from torch import Tensor

from deepdream.cli.process import keep_large_blocks
from deepdream.dreaming import dream, loop
from deepdream.models import load_model
from deepdream.plan import plan_for
from deepdream.tensors import generator

_RUNS = 7
_PARTS = ("_direction", "_noted", "_enter_next_octave", "at_distance")


class _Stopwatch:
    """Processor seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def around(self, name: str) -> None:
        """Let ``loop``'s function of this name be timed."""
        function = getattr(loop, name)

        def timed(*arguments: object, **settings: object) -> object:
            began = time.process_time()
            found = function(*arguments, **settings)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began
            return found

        setattr(loop, name, timed)


def main() -> None:
    """Print the fastest of some runs, and of its parts."""
    torch.set_num_threads(1)
    keep_large_blocks()
    model, image, watch = load_model("efficientnet_lite0", device="cpu"), photo(), _Stopwatch()
    gradients: dict[torch.Size, Tensor] = {}

    def planted(
        _: object, __: object, picture: Tensor, *___: object, **____: object
    ) -> tuple[Tensor, Tensor]:
        if picture.shape not in gradients:
            gradients[picture.shape] = torch.randn(picture.shape, generator=generator(0))
        return gradients[picture.shape].clone(), torch.ones(1)

    loop.measure_gradient = planted
    for name in ("measure_gradient", *_PARTS):
        watch.around(name)
    plan = plan_for(objective="layer(blocks.4)", octaves=OCTAVES, octave_scale=SCALE, steps=STEPS)
    best: dict[str, float] = {}
    for _ in range(_RUNS):
        watch.seconds.clear()
        began = time.process_time()
        for step in dream(model, plan, image):
            last = step
        last.image  # noqa: B018 - computed when read
        total = time.process_time() - began - watch.seconds.pop("measure_gradient")
        for name, seconds in {"all": total, **watch.seconds}.items():
            best[name] = min(seconds, best.get(name, seconds))
    print(", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in best.items()))


if __name__ == "__main__":
    main()
