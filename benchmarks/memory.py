"""How time and memory grow with the picture: one `deepdream run` per size, each in a fresh process.

python benchmarks/memory.py [--megapixels 1 3 12 100] [--steps 2] [--octaves 2] [--model efficientnet_lite0]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "images" / "cat.jpg"
# In a process of its own: a child's peak on Linux begins at its parent's.
ENLARGE = """
import sys
from PIL import Image
with Image.open(sys.argv[1]) as photo:
    photo.resize((int(sys.argv[3]), int(sys.argv[4]))).save(sys.argv[2], quality=90)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 3, 12, 100])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--octaves", type=int, default=2)
    parser.add_argument("--model", default="efficientnet_lite0")
    options = parser.parse_args()
    print(
        f"{options.model}, recipe balanced, {options.octaves} octaves x {options.steps} steps, 4:3 pictures"
    )
    print(f"{'pixels':>16} {'peak memory':>12} {'seconds':>8}")
    for megapixels in options.megapixels:
        width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
        peak, seconds = _measure(width, round(width * 3 / 4), options)
        print(f"{width:>7} x {round(width * 3 / 4):<6} {peak:>9.2f} GB {seconds:>8.1f}", flush=True)


def _measure(width: int, height: int, options: argparse.Namespace) -> tuple[float, float]:
    """The most memory that a run held, in 10^9 bytes, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        photo, dream = Path(folder) / "photo.jpg", Path(folder) / "dream.png"
        subprocess.run(
            [sys.executable, "-c", ENLARGE, str(PHOTO), str(photo), str(width), str(height)], check=True
        )
        command = [sys.executable, "-m", "deepdream", "run", str(photo), "-o", str(dream), "--quiet"]
        command += ["--model", options.model, "--max-pixels", "200000000", "--device", "cpu"]
        command += ["--steps", str(options.steps), "--octaves", str(options.octaves)]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"the run of {width}x{height} pixels failed")
        return usage.ru_maxrss * 1024 / 1e9, time.perf_counter() - began


if __name__ == "__main__":
    main()
