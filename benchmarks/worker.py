"""One job in a process of its own: prepare, warm up, time, print JSON. Called by the scripts beside it.

python benchmarks/worker.py dream efficientnet_lite0 "plain loop" [--threads 1]
python benchmarks/worker.py explain occlusion ours
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["dream", "explain", "many"])
    parser.add_argument("subject", help="a network, a method, or how many pictures")
    parser.add_argument("name", help="a contestant")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch chooses")
    options = parser.parse_args()

    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    print(json.dumps(_measured(options.kind, options.subject, options.name)))


def _measured(kind: str, subject: str, name: str) -> dict[str, float]:
    if kind == "dream":
        import contestants

        if name == "floor":
            wall, cpu = contestants.floor_seconds(subject)
            return {"wall": wall, "cpu": cpu, "extra_mb": 0.0}
        return timed(contestants.CONTESTANTS[name](subject))
    if kind == "many":
        import many

        return _warm(many.job(name))
    import explainers

    return _warm(explainers.job(subject, name))


def _warm(job: Callable[[], object]) -> dict[str, float]:
    """As ``timed``, after a first run, whose memory is counted."""
    before = _peak_mb()
    job()
    return {**timed(job), "extra_mb": _peak_mb() - before}


def timed(job: Callable[[], object]) -> dict[str, float]:
    """Seconds by the clock and of the processors, the median of three runs where one takes under two seconds."""
    before = _peak_mb()
    runs = [_once(job)]
    while runs[0][0] < 2 and len(runs) < 3:
        runs.append(_once(job))
    wall, cpu = (statistics.median(run[side] for run in runs) for side in (0, 1))
    return {"wall": wall, "cpu": cpu, "extra_mb": _peak_mb() - before}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _once(job: Callable[[], object]) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - began, time.process_time() - used


if __name__ == "__main__":
    main()
