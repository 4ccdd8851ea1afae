"""The dream job on a GPU, timed by CUDA events; without one every row says that it was skipped.

python benchmarks/dream.py --device cuda
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable

SIZES = {"1024x683": (683, 1024), "4096x2731": (2731, 4096)}
NAMES = ("ours", "ours, bfloat16", "plain loop", "pytorch-deepdream's loop")
HEADER = ["| picture | how | s, median of 5 (range) | GPU memory, MB |", "|---|---|---|---|"]


def table(device: str) -> list[str]:
    """The Markdown lines: 4 octaves x 10 gradients, embedded network at ``blocks.4``."""
    import torch

    reason = None if torch.cuda.is_available() else "no CUDA device here"
    return [*HEADER, *(_row(size, name, device, reason) for size in SIZES for name in NAMES)]


def _row(size: str, name: str, device: str, reason: str | None) -> str:
    if reason is None:
        command = [sys.executable, __file__, "--size", size, "--name", name, "--device", device]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found = json.loads(done.stdout.splitlines()[-1])
            seconds = found["seconds"]
            span = f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"
            return f"| {size} | {name} | {span} | {found['mb']:.0f} |"
        reason = (done.stderr.strip() or "?").splitlines()[-1][:100]
    return f"| {size} | {name} | skipped: {reason} | |"


def _measured(job: Callable[[], None]) -> dict[str, object]:
    """Seconds of five runs after one to warm up, and the most memory that tensors held."""
    import torch

    job()
    torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(5):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        job()
        ended.record()
        torch.cuda.synchronize()
        seconds.append(began.elapsed_time(ended) / 1000)
    return {"seconds": seconds, "mb": torch.cuda.max_memory_allocated() / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), required=True)
    parser.add_argument("--name", choices=NAMES, required=True)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()

    import contestants

    contestants.DEVICE = options.device
    contestants.HEIGHT, contestants.WIDTH = SIZES[options.size]
    name, _, precision = options.name.partition(", ")
    contestants.PRECISION = precision or "float32"
    print(json.dumps(_measured(contestants.CONTESTANTS[name]("efficientnet_lite0"))))


if __name__ == "__main__":
    main()
