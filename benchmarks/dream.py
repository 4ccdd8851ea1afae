"""Time the dream job against other ways to do it, in alternating fresh processes.

python benchmarks/dream.py [--network efficientnet_lite0] [--rounds 3] [--threads 2] [--against NAME ...]
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", action="append", choices=["efficientnet_lite0", "googlenet"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch chooses")
    parser.add_argument("--against", action="append", help="contestants; all if not given")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_time_one(options.one, options.network[0], options.threads)))
        return
    for network in options.network or ["efficientnet_lite0", "googlenet"]:
        _compare(network, options)


def _time_one(name: str, network: str, threads: int) -> dict[str, float]:
    import torch

    from contestants import CONTESTANTS

    if threads:
        torch.set_num_threads(threads)
    job = CONTESTANTS[name](network)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    job()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "extra_mb": (peak - before) / 1024, "threads": torch.get_num_threads()}


def _compare(network: str, options: argparse.Namespace) -> None:
    names = options.against or ["plain loop", "pytorch-deepdream's loop", "lucent"]
    print(f"\n{network}, 1024x683, 4 octaves x 10 gradients, {platform.processor() or platform.machine()}")
    print(f"{'against':28} {'ours s':>8} {'theirs s':>9} {'ratio, median of pairs':>24}")
    for name in names:
        pairs = [
            (_run("ours", network, options), _run(name, network, options)) for _ in range(options.rounds)
        ]
        if any(theirs is None for _, theirs in pairs):
            print(f"{name:28} skipped: not installed, or it cannot do this job")
            continue
        ratios = [theirs["seconds"] / mine["seconds"] for mine, theirs in pairs]
        mine, theirs = (statistics.median(pair[side]["seconds"] for pair in pairs) for side in (0, 1))
        span = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:28} {mine:8.2f} {theirs:9.2f} {statistics.median(ratios):10.2f}x {span}")


def _run(name: str, network: str, options: argparse.Namespace) -> dict[str, float] | None:
    command = [
        sys.executable,
        __file__,
        "--one",
        name,
        "--network",
        network,
        "--threads",
        str(options.threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


if __name__ == "__main__":
    main()
