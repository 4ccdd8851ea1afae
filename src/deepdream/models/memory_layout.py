"""Whether a network computes the same with channels-last memory, which is faster on most processors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepdream.models.copies import evaluation_copy
from deepdream.models.layers import single_thread
from deepdream.models.prepare import arranged

#: The note of a network that fails or differs with channels last.
CONTIGUOUS = "uses contiguous memory, which it needs; most networks are faster with channels last"
#: Largest relative change of the logits and of their gradient that counts as rounding.
_TOLERANCES = (1e-3, 1e-2)


def runs_channels_last(module: nn.Module, example: Tensor) -> bool:
    """Whether a channels-last copy gives the same logits and gradients as ``module`` does with contiguous memory.

    ``x.view(B, -1)`` after a convolution fails with channels-last memory, and ``as_strided`` gives other numbers
    without an error. A network that fails with either layout counts as one that can use channels last: the layout is
    not its problem.

    Args:
        module: Not changed.
        example: Normalized pictures (B, C, H, W), different ones, since equal ones could hide a mixed order.
    """
    twin = evaluation_copy(module)
    with single_thread(twin):
        try:
            expected = _pass(twin, example.contiguous())
        except Exception:  # noqa: BLE001 - a user's network may raise anything
            return True
        try:
            # Arranged as for use: poolings and convolutions of this package give channels last, too.
            result = _pass(arranged(twin, example), example.contiguous(memory_format=torch.channels_last))
        except Exception:  # noqa: BLE001 - as above
            return False
    # Gradients too: a constant in the logits can hide a small wrong part that depends on the picture.
    return all(
        float((ours - theirs).norm()) <= limit * float(theirs.norm())
        for ours, theirs, limit in zip(result, expected, _TOLERANCES, strict=True)
    )


def _pass(network: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, and the gradient of a fixed mixture of them for ``pictures``, zero where there is none."""
    with torch.enable_grad():
        fed = pictures.detach().requires_grad_()
        logits = network(fed.clone())  # some networks write into their input
        mixture = torch.linspace(-1, 1, logits.numel(), device=logits.device, dtype=logits.dtype)
        score = (logits.reshape(-1) * mixture).sum()
        gradient = torch.autograd.grad(score, fed, allow_unused=True)[0] if score.requires_grad else None
    return logits.detach(), torch.zeros_like(fed) if gradient is None else gradient
