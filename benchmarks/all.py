"""Everything in under fifteen minutes on two free cores: `make bench`. Writes the tables into RESULTS.md.

python benchmarks/all.py [--rounds 1] [--threads 1 --measure cpu] [--print]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dream
import explain
import gpu
import many
from pairs import command_line, machine, options_of, write_between

#: The command line, which ends where the first step begins.
FIRST_STEP = """
import os
from deepdream.cli import main
from deepdream.dreaming import loop
loop.advance = lambda *_: os._exit(0)
main.main()
"""
PICTURE = Path(__file__).parents[1] / "images" / "cat.jpg"


def main() -> None:
    parser = options_of(__doc__)
    parser.set_defaults(rounds=1, network=None, method=None)
    parser.add_argument("--print", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    lines = [f"`{command_line()}`; {machine(options)}.", ""]
    lines += ["Dreams, 1024x683, 4 octaves x 10 gradients, float32:", "", *dream.table(options), ""]
    lines += ["Explanations of a picture of 224x224:", "", *explain.table(options), ""]
    lines += [
        f"{many.COUNT} pictures of 224x224, 2 octaves x 10 gradients, in batches:",
        "",
        *many.table(options),
        "",
    ]
    lines += ["On a GPU, 4 octaves x 10 gradients, embedded network:", "", *gpu.table("cuda"), ""]
    lines += _starts()
    if options.print:
        print("\n".join(lines))
    else:
        write_between("all.py", "\n".join(lines))


def _starts() -> list[str]:
    """How long a process takes, the median of five."""
    with tempfile.TemporaryDirectory() as folder:
        run = ["run", str(PICTURE), "--steps", "1", "--octaves", "1", "--size", "224", "--quiet"]
        run += ["-o", f"{folder}/a.png", "--overwrite"]
        program = [sys.executable, "-m", "deepdream"]
        commands = {
            "--help": [*program, "--help"],
            "run, until its first step": [sys.executable, "-c", FIRST_STEP, *run],
            "run, one step at 224, picture saved": [*program, *run],
        }
        lines = ["| `deepdream` | s, median of 5 (range) |", "|---|---|"]
        for name, words in commands.items():
            seconds = [_seconds(words) for _ in range(5)]
            span = f"({min(seconds):.2f} to {max(seconds):.2f})"
            lines.append(f"| {name} | {statistics.median(seconds):.2f} {span} |")
    return lines


def _seconds(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
