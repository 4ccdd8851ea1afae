"""Time explanations against the usual libraries, in alternating fresh processes.

python benchmarks/explain.py [--method occlusion] [--rounds 2] [--threads 1 --measure cpu] [--against NAME]
"""

from __future__ import annotations

import argparse

from pairs import HEADER, machine, options_of, rows

RIVALS = {
    "integrated-gradients": ["captum", "captum, tuned"],
    "smoothgrad": ["captum", "captum, tuned"],
    "occlusion": ["captum", "captum, tuned"],
    "rise": ["loop, one by one", "loop, tuned"],
    "score-cam": ["grad-cam"],
    "ablation-cam": ["grad-cam"],
}


def table(options: argparse.Namespace) -> list[str]:
    """The Markdown lines."""
    lines = list(HEADER)
    for method in options.method or RIVALS:
        lines += rows("explain", method, options.against or RIVALS[method], options)
    return lines


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--method", action="append", choices=list(RIVALS))
    options = parser.parse_args()
    print(f"224x224, embedded network, float32. {machine(options)}")
    print("\n".join(HEADER))
    table(options)


if __name__ == "__main__":
    main()
