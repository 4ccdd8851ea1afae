"""Time the dream job against other ways to do it, in alternating fresh processes.

python benchmarks/dream.py [--network efficientnet_lite0] [--rounds 2] [--threads 1 --measure cpu] [--against NAME]
python benchmarks/dream.py --device cuda
"""

from __future__ import annotations

import argparse

import gpu
from pairs import HEADER, machine, options_of, rows

RIVALS = {
    "efficientnet_lite0": ["plain loop", "pytorch-deepdream's loop", "lucent", "torch-dreams", "floor"],
    "googlenet": ["plain loop", "pytorch-deepdream's loop", "lucent", "floor"],
}


def table(options: argparse.Namespace) -> list[str]:
    """The Markdown lines; ``floor`` is the arithmetic at the speed of a large 3x3 convolution."""
    lines = list(HEADER)
    for network in options.network or RIVALS:
        lines += rows("dream", network, options.against or RIVALS[network], options)
    return lines


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--network", action="append", choices=list(RIVALS))
    parser.add_argument("--device", default="cpu", help="cuda: on a GPU, timed by its own events")
    options = parser.parse_args()
    if options.device != "cpu":
        print("\n".join(gpu.table(options.device)))
        return
    print(f"1024x683, 4 octaves x 10 gradients, float32. {machine(options)}")
    print("\n".join(HEADER))
    table(options)


if __name__ == "__main__":
    main()
