"""How many seconds of a processor each lesson takes after start-up, printing and plotting: a Markdown table.

    python benchmarks/lessons.py
    python benchmarks/lessons.py xor embed

Start-up is what a lesson costs that computes nothing (``glossary neuron``). Loading torch and scikit-learn is not
taken off: what it costs stands above the table. Processor seconds, because they hold on a busy machine; each
lesson runs in a process of its own, with one thread.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from deepdream.lecture.course import lessons

WORDS = {  # what a lesson needs to be told
    "forward": ["3", "4", "1"],
    "count": ["3", "4", "1"],
    "hyperparameters": ["3", "4", "3", "1"],
    "discuss": ["accountability"],
}
NOTHING = ["glossary", "neuron"]
HEAVY = {"tradeoff", "embed"}  # a minute, with a progress bar
DRAWS_NOTHING = {"glossary", "discuss"}


def lesson(words: list[str]) -> float:
    """Processor seconds of one lesson."""
    return seconds(["-m", "deepdream", "lecture", *words])


def seconds(words: list[str]) -> float:
    """Processor seconds, user and system, of Python with ``words`` in a fresh process."""
    command = [sys.executable, *words]
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    child = os.posix_spawn(sys.executable, command, one_thread, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed.")
    return used.ru_utime + used.ru_stime


def row(name: str, start_up: float, folder: Path) -> str:
    """The lesson's line of the table; a number over its limit is bold."""
    words = [name, *WORDS.get(name, [])]
    limits = (60, 60) if name in HEAVY else (2, 5)
    times = [lesson(words)]
    if name not in DRAWS_NOTHING:
        times.append(lesson([*words, "-o", str(folder / f"{name}.png")]))
    took = [max(0.0, time - start_up) for time in times]
    cells = [f"**{t:.1f}**" if t > limit else f"{t:.1f}" for t, limit in zip(took, limits, strict=False)]
    return f"| {' '.join(words)} | {' | '.join([*cells, '-'][:2])} |"


def main(names: list[str]) -> None:
    """Print the table for the lessons ``names``, or for all."""
    lesson(NOTHING)  # the files are in memory from here on
    start_up = min(lesson(NOTHING) for _ in range(3))
    torch, sklearn = (seconds(["-c", f"import {module}"]) for module in ("torch", "sklearn.datasets"))
    print(f"Start-up {start_up:.1f} s; loading torch takes {torch:.1f} s, scikit-learn {sklearn:.1f} s.\n")
    print("| lesson | prints, s | prints and plots, s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or [known.name for known in lessons()]:
            print(row(name, start_up, Path(folder)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
