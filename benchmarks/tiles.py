"""One gradient at 12 megapixels, whole and in tiles, each in a process of its own: time and extra memory.

python benchmarks/tiles.py [--rounds 3] [--threads 1 --measure cpu] [--print]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from pairs import command_line, machine, options_of, write_between

#: What a tile sees -> its core; the halo is 64 pixels.
TILES = {"whole": None, "tiles of 1280 pixels, the default": 1152, "tiles of 1024 pixels": 896}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--one", choices=list(TILES), help=argparse.SUPPRESS)
    parser.add_argument("--print", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(TILES[options.one], options.threads)))
        return
    rounds = [{name: _measured(name, options) for name in TILES} for _ in range(options.rounds)]
    lines = [f"`{command_line()}`; 4000x3000, one gradient at `blocks.4`, {machine(options)}.", ""]
    lines += ["| how | s | times the whole (range) | extra memory, GB |", "|---|---|---|---|"]
    for name in TILES:
        seconds = statistics.median(one[name][options.measure] for one in rounds)
        ratios = [one[name][options.measure] / one["whole"][options.measure] for one in rounds]
        extra = statistics.median(one[name]["extra_mb"] for one in rounds) / 1024
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {name} | {seconds:.2f} | {ratio} | {extra:.2f} |")
    print("\n".join(lines))
    if not options.print:
        write_between("tiles.py", "\n".join(lines))


def _measured(name: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", name, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


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
