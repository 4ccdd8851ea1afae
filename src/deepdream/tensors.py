"""Small things every room needs to do with tensors."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import torch
from torch import Tensor


def generator(seed: int) -> torch.Generator:
    """A random generator of one's own (on the CPU, so that every device draws the same numbers)."""
    return torch.Generator().manual_seed(seed)


def sent_to(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` in float32 on ``device``; to a CUDA device from pinned memory, without waiting for the copy."""
    tensor = tensor.float()
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def doubled(values: Tensor) -> Tensor:
    """``values`` in float64; on the CPU where their device (MPS) knows no such numbers."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def root_mean_square(values: Tensor) -> float:
    """The root of the mean of the squares, as a number."""
    return float(doubled(values).square().mean().sqrt())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is one of the ways in which memory runs out (torch has two, Python one)."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def give_back_memory() -> None:
    """Return freed memory to the system, where the C library (glibc) holds it back; nothing elsewhere.

    For between the stages of work on a large picture, each of which leaves blocks that the next cannot use.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    trim(0)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free where ``device`` computes; None where nobody says (other systems, other devices)."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu" or not sys.platform.startswith("linux"):
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    available = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return available[0] if available else None


def resident_memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
