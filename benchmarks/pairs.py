"""Comparing jobs in alternating fresh processes: A B C, A B C, ...; a ratio is taken within each round."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
WORKER = Path(__file__).parent / "worker.py"


def options_of(description: str | None) -> argparse.ArgumentParser:
    """The options that all the scripts share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch chooses")
    parser.add_argument("--against", action="append", help="contestants; all if not given")
    parser.add_argument(
        "--measure",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: processor seconds, for one thread on a busy machine",
    )
    return parser


def machine(options: argparse.Namespace) -> str:
    """What ran the jobs, and how they were timed."""
    import torch

    return (
        f"{platform.machine()}, {torch.get_num_threads() if not options.threads else options.threads} threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}; "
        f"{options.rounds} rounds, {options.measure} seconds"
    )


def command_line() -> str:
    """What was typed, as it stands in a table's caption."""
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def write_between(script: str, text: str) -> None:
    """Put ``text`` into RESULTS.md, in the place of ``script``. Exits where there is none."""
    begin, end = f"<!-- made by benchmarks/{script}: begin -->", "<!-- end -->"
    before, found, rest = RESULTS.read_text(encoding="utf-8").partition(begin)
    if not found:
        sys.exit(f"{RESULTS.name} has no place for {script}")
    after = rest.partition(end)[2]
    RESULTS.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def rows(kind: str, subject: str, names: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Markdown lines of a table: against, ours s, theirs s, ratio (range), extra MB ours and theirs."""
    rounds = [
        {name: _run(kind, subject, name, options) for name in ["ours", *names]} for _ in range(options.rounds)
    ]
    found = []
    for name in names:
        pairs = [(one["ours"], one[name]) for one in rounds]
        if any(ours is None or theirs is None for ours, theirs in pairs):
            found.append(f"| {subject} | {name} | skipped: not installed, or it cannot do this job | | | |")
            continue
        ratios = [theirs[options.measure] / ours[options.measure] for ours, theirs in pairs]
        ours_s, theirs_s = (statistics.median(p[i][options.measure] for p in pairs) for i in (0, 1))
        memory = " / ".join(f"{statistics.median(p[i]['extra_mb'] for p in pairs):.0f}" for i in (0, 1))
        ratio = f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
        found.append(f"| {subject} | {name} | {ours_s:.2f} | {theirs_s:.2f} | {ratio} | {memory} |")
        print(found[-1], flush=True)
    return found


HEADER = [
    "| job | against | ours, s | theirs, s | ratio, median (range) | extra memory, MB: ours / theirs |",
    "|---|---|---|---|---|---|",
]


def _run(kind: str, subject: str, name: str, options: argparse.Namespace) -> dict[str, float] | None:
    command = [sys.executable, str(WORKER), kind, subject, name, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{subject}, {name}: {(done.stderr.strip() or '?').splitlines()[-1][:150]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
