"""One gradient at 12 megapixels, whole and in tiles, each in a process of its own: time and extra memory.

python benchmarks/tiles.py [--threads 1 --measure cpu]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from pairs import machine, options_of

TILES = {"whole": None, "tiles of 1024": 1024, "tiles of 512": 512}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--one", choices=list(TILES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(TILES[options.one], options.threads)))
        return
    print(f"4000x3000, one gradient at blocks.4, halo 64. {machine(options)}")
    print("| how | s | times the whole | extra memory, GB |\n|---|---|---|---|")
    whole = 0.0
    for name in TILES:
        command = [sys.executable, __file__, "--one", name, "--threads", str(options.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        seconds = found[options.measure]
        whole = whole or seconds
        print(
            f"| {name} | {seconds:.2f} | {seconds / whole:.2f} | {found['extra_mb'] / 1024:.2f} |", flush=True
        )


def _one(core: int | None, threads: int) -> dict[str, float]:
    import torch

    from deepdream import load_model, plan_for
    from deepdream.ascent.climbing import measure_gradient
    from deepdream.ascent.objectives import layer
    from deepdream.ascent.tiling import NEAR_HALO, Tiling
    from deepdream.cli.process import keep_large_blocks
    from worker import timed

    keep_large_blocks()
    if threads:
        torch.set_num_threads(threads)
    model = load_model("efficientnet_lite0", device="cpu")
    chance = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 3000, 4000, generator=chance)
    tiling = None if core is None else Tiling(core, NEAR_HALO, 16, fixed=True)

    def step(picture: torch.Tensor) -> None:
        measure_gradient(model, layer("blocks.4"), picture, plan_for(), chance, tiling=tiling)

    step(image[..., :64, :64])
    return timed(lambda: step(image))


if __name__ == "__main__":
    main()
