"""The devices that torch can compute on."""

from __future__ import annotations

import torch

from deepdream.errors import UsageError


def choose_device(text: str) -> torch.device:
    """The device ``text`` names; ``auto`` is CUDA where there is one, else MPS, else the CPU.

    Raises:
        UsageError: no such device here; with those that are.
    """
    there = devices()
    if text == "auto":
        return torch.device("cuda" if "cuda" in there else "mps" if "mps" in there else "cpu")
    if text not in there:
        raise UsageError(f"No device {text!r} here. There are: auto, {', '.join(there)}.")
    return torch.device(text)


def devices() -> list[str]:
    """Every device of this machine that torch can use, by name."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    graphics = ["cuda", *(f"cuda:{index}" for index in range(count))] if count else []
    return ["cpu", *graphics, *(["mps"] if torch.backends.mps.is_available() else [])]
