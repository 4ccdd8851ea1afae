"""Random generators, precision, devices and memory: helpers for tensors that every package needs."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import torch
from torch import Tensor

_VERY_LARGE = 30_000_000  # numbers, of ten megapixels


def generator(seed: int) -> torch.Generator:
    """A new random generator with this seed, on the CPU, so that every device draws the same numbers."""
    return torch.Generator().manual_seed(seed)


def sent_to(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` in float32 on ``device``; to a CUDA device from pinned memory, without waiting for the copy."""
    tensor = tensor.float()
    if device.type == "cuda" and tensor.device.type == "cpu":
        # From pageable memory the driver would copy twice, and wait.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def doubled(values: Tensor) -> Tensor:
    """``values`` in float64; on the CPU where their device (MPS) does not have that type."""
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


def make_room(values: Tensor) -> None:
    """``give_back_memory`` where ``values`` are a very large picture's; for a small one it costs more than it saves."""
    if values.numel() > _VERY_LARGE:
        give_back_memory()


def free_memory(device: torch.device, *, root: Path = Path("/")) -> int | None:
    """Bytes that are free where ``device`` computes; None where it is unknown (other systems, other devices).

    On the CPU that is what the machine has left or, where that is less, what a container's limit leaves (control
    groups of either version). ``root`` is where the system's files lie.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu" or not sys.platform.startswith("linux"):
        return None
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    available = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return min([*available, *_remaining_in_groups(root)]) if available else None


def _remaining_in_groups(root: Path) -> list[int]:
    """What every control group that this process is in, and every one around it, leaves of its limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    remaining: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit, use = "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, use = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        inside = Path(path.lstrip("/"))
        for group in (inside, *inside.parents):  # to the root itself, which is all that a container sees
            rest = _remaining_in(root / base / group, limit, use)
            remaining += [] if rest is None else [rest]
    return remaining


def _remaining_in(group: Path, limit: str, use: str) -> int | None:
    """What one group leaves; files that it keeps in memory without need do not count. None where it has no limit."""
    try:
        most, used = ((group / name).read_text(encoding="ascii").strip() for name in (limit, use))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    if not most.isdecimal():  # "max"
        return None
    # The kernel drops files that were read and are not in use before it refuses memory.
    words = dict(line.split() for line in lines)
    idle = int(words.get("total_inactive_file", words.get("inactive_file", 0)))
    return max(0, int(most) - int(used) + idle)


def resident_memory() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
