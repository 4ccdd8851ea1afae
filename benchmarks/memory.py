"""How memory grows with the picture: `deepdream run` in a fresh process, beside what its dry run says it will take.

python benchmarks/memory.py [--megapixels 3 12 100] [--octaves 1 2 4] [--steps 1] [--model efficientnet_lite0] [--print]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pairs import command_line, machine, write_between

PHOTO = Path(__file__).parents[1] / "images" / "cat.jpg"
# In a process of its own: a child's peak on Linux begins at its parent's.
ENLARGE = """
import sys
from PIL import Image
with Image.open(sys.argv[1]) as photo:
    photo.resize((int(sys.argv[3]), int(sys.argv[4]))).save(sys.argv[2], quality=90)
"""
HEADER = [
    "| pixels | octaves | peak memory, GB | the dry run said, GB | more than it took | seconds |",
    "|---|---|---|---|---|---|",
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megapixels", type=float, nargs="+", default=[3, 12])
    parser.add_argument("--octaves", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--print", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    options.threads, options.rounds, options.measure = 0, 1, "wall"
    lines = [f"`{command_line()}`; {options.model}, 4:3 pictures, {machine(options)}.", "", *HEADER]
    print(f"{lines[0]}\n\n" + "\n".join(HEADER))
    for megapixels in options.megapixels:
        width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
        for octaves in options.octaves:
            lines.append(_row(width, round(width * 3 / 4), octaves, options))
            print(lines[-1], flush=True)
    if not options.print:
        write_between("memory.py", "\n".join(lines))


def _row(width: int, height: int, octaves: int, options: argparse.Namespace) -> str:
    """A run and a dry run; memory is the most that the process held, in 10^9 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        photo, dream = Path(folder) / "photo.jpg", Path(folder) / "dream.png"
        subprocess.run(
            [sys.executable, "-c", ENLARGE, str(PHOTO), str(photo), str(width), str(height)], check=True
        )
        command = [sys.executable, "-m", "deepdream", "run", str(photo), "-o", str(dream), "--quiet"]
        command += ["--model", options.model, "--max-pixels", "200000000", "--device", "cpu"]
        command += ["--steps", str(options.steps), "--octaves", str(octaves)]
        dry = subprocess.run([*command, "--dry-run", "--json"], capture_output=True, text=True, check=True)
        said = json.loads(dry.stdout)["plans"][0]["estimate"]["bytes"] / 1e9
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"the run of {width}x{height} pixels failed")
        peak, seconds = usage.ru_maxrss * 1024 / 1e9, time.perf_counter() - began
    more = f"{said / peak - 1:+.0%}"
    return f"| {width} x {height} | {octaves} | {peak:.2f} | {said:.2f} | {more} | {seconds:.0f} |"


if __name__ == "__main__":
    main()
