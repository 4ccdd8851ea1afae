"""The embedded network block by block, there and back: our own kernels, torch's operations, and the arithmetic.

python benchmarks/kernels.py [--threads 1] [--size 1024x683]
ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/kernels.py --lanes 8

Processor milliseconds, the fastest of nine. The arithmetic is that of the convolutions in one direction, at the speed
of a 3x3 convolution of 256 channels in the same process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from deepdream import native
from deepdream.cli.process import keep_large_blocks
from deepdream.models import load_model
from deepdream.models.chain import Chain
from deepdream.models.efficientnet_lite import EfficientNetLite


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", default="1024x683")
    parser.add_argument("--lanes", type=int, choices=(8, 16), help="our own kernels for AVX2 or AVX-512")
    options = parser.parse_args()
    if options.lanes:
        native.lanes = lambda: options.lanes if native.library() else 0
    keep_large_blocks()
    torch.set_num_threads(options.threads)
    width, height = map(int, options.size.split("x"))
    network = load_model("efficientnet_lite0", device="cpu")._prepared.network
    assert isinstance(network, EfficientNetLite)
    print(f"{options.size}, {options.threads} threads, kernels: {native.describe()}\n")
    print(
        "| block | arithmetic | torch's, forward | ours | torch's, back | ours |\n|---|---|---|---|---|---|"
    )
    x = torch.randn(1, 3, height, width).contiguous(memory_format=torch.channels_last)
    speed, totals = _peak(), [0.0] * 5
    with torch.no_grad():
        for name, chain in _chains(network):
            row = _row(chain, x, speed)
            totals = [total + value for total, value in zip(totals, row, strict=True)]
            print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |", flush=True)
            x = chain.run(x, None)
    print("| all | " + " | ".join(f"{value:.1f}" for value in totals) + " |")


def _chains(network: EfficientNetLite) -> list[tuple[str, Chain]]:
    assert network.stem_chain is not None
    blocks = [
        (f"blocks.{name}", block.chain)
        for name, block in network.blocks.named_modules()
        if hasattr(block, "chain")
    ]
    return [("stem", network.stem_chain), *blocks]


def _row(chain: Chain, x: Tensor, speed: float) -> list[float]:
    library, multiplied, z = native.library, 0, x
    for frozen, bounded in chain.links:
        z = frozen(z, bounded=bounded)
        multiplied += z.numel() * frozen.weight[0].numel()
    pulled, times = torch.randn_like(z), []
    for kernels in (lambda: None, library):
        native.library = kernels  # type: ignore[assignment]
        kept: list[Tensor] = []
        chain.run(x, kept)
        times.append(_fastest(lambda: chain.run(x, [])))
        times.append(_fastest(lambda kept=kept: chain.pull_back(pulled, x, list(kept))))  # type: ignore[misc]
    (forward, back), (our_forward, our_back) = times[:2], times[2:]
    return [2e3 * multiplied / speed, forward, our_forward, back, our_back]


def _peak() -> float:
    """Operations in a processor second."""
    convolution = (
        torch.nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False).to(memory_format=torch.channels_last)
    )
    x = torch.randn(1, 256, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        return 2e3 * 64 * 64 * 256 * 256 * 9 / _fastest(lambda: convolution(x))


def _fastest(job: Callable[[], object]) -> float:
    times = []
    for _ in range(9):
        began = time.process_time()
        job()
        times.append(time.process_time() - began)
    return 1e3 * min(times)


if __name__ == "__main__":
    main()
