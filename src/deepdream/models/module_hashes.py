"""A hash of the parameters and buffers of a module."""

from __future__ import annotations

import hashlib

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from deepdream.errors import UsageError


def weights_hash(module: nn.Module) -> str:
    """SHA-256 of all parameters and buffers: names, types, shapes and bytes.

    Raises:
        UsageError: weights that are no plain numbers (sparse, quantized), or have no shape yet.
    """
    digest = hashlib.sha256()
    for name, value in sorted(
        [*module.named_parameters(), *module.named_buffers()], key=lambda pair: pair[0]
    ):
        if is_lazy(value):
            raise UsageError(
                f"The weights {name} have no shape yet: run one batch through the network first."
            )
        if value.is_meta:
            raise UsageError(
                f"The weights {name} are on the device meta, which holds no numbers. Make the network on the CPU."
            )
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        try:
            numbers = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        except (RuntimeError, NotImplementedError) as error:
            raise UsageError(f"The weights {name} are no plain numbers ({value.dtype}).") from error
        digest.update(numbers.data)
    return digest.hexdigest()
