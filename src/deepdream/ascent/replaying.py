"""A network's pass, forward and back, recorded once on a CUDA device and played again without Python in between.

Small pictures keep a GPU waiting for the next kernel to be started. Once the same layers have been computed for
pictures of the same size often enough, the pass is recorded as a CUDA graph (``torch.cuda.make_graphed_callables``).
The recording is compared with the network before it is used. Where they differ, or where no recording can be made,
the network is called as it is.

It has not been tested on a GPU, so it is off unless the environment's ``DEEPDREAM_CUDA_GRAPHS`` is 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from deepdream.ascent.references import NetworkReader
from deepdream.models.rectifiers import are_redirected

#: Passes of one kind before it is recorded, which itself takes about five: an octave of ten steps is not worth it.
AFTER = 16
#: The most that a recording may differ, relative to the network's own activations and gradient.
TOLERANCE = 1e-3

Pass = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass
class _Memory:
    """The last kind of pass of a network, how often it was made in a row, and its recording, if there is one."""

    kind: Any = None
    count: int = 0
    recording: Pass | None = None

    def activations(
        self, network: NetworkReader, image: Tensor, layers: tuple[str, ...]
    ) -> dict[str, Tensor]:
        # A graph fits one size, type and device only; a new kind replaces the recording and frees its memory.
        kind = (image.shape, image.dtype, image.device, layers)
        if kind != self.kind:
            self.kind, self.count, self.recording = kind, 0, None
        self.count += 1
        if self.count == AFTER:
            self.recording = _recorded(network, image, layers)
        if self.recording is None:
            return network.activations(image, layers)
        return dict(zip(layers, self.recording(image), strict=True))


_memories: WeakKeyDictionary[NetworkReader, _Memory] = WeakKeyDictionary()


def activations(network: NetworkReader, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """``network.activations(image, layers)``, differentiable in ``image``, perhaps from a recording.

    What is given is good until the next call with the same network.
    """
    if not _wanted(image):
        return network.activations(image, layers)
    return _memories.setdefault(network, _Memory()).activations(network, image, layers)


def _wanted(image: Tensor) -> bool:
    enabled = os.environ.get("DEEPDREAM_CUDA_GRAPHS") == "1"
    differentiable = torch.is_grad_enabled() and image.requires_grad and not are_redirected()
    return enabled and image.is_cuda and differentiable


def _recorded(network: NetworkReader, image: Tensor, layers: tuple[str, ...]) -> Pass | None:
    """A recording that gives what the network gives for this picture and for another one; None if there is none."""

    def run(x: Tensor) -> tuple[Tensor, ...]:
        outputs = network.activations(x, layers)
        return tuple(outputs[name] for name in layers)

    try:
        recording = cast(Pass, torch.cuda.make_graphed_callables(run, (_free(image),)))
        fits = all(_agree(run, recording, _free(one)) for one in (image, image.flip(-1)))
    except RuntimeError:  # of what cannot be recorded, or is too large
        return None
    return recording if fits else None


def _free(image: Tensor) -> Tensor:
    return image.detach().clone().requires_grad_()


def _agree(one: Pass, other: Pass, image: Tensor) -> bool:
    """Whether both give the same activations, and the same gradient of half their squares."""
    expected, actual = (_with_gradient(way, image) for way in (one, other))
    return all(bool((a - b).norm() <= TOLERANCE * a.norm()) for a, b in zip(expected, actual, strict=True))


def _with_gradient(way: Pass, image: Tensor) -> list[Tensor]:
    activations = way(image)
    pulled = torch.autograd.grad(activations, image, [value.detach() for value in activations])
    return [value.detach().clone() for value in (*activations, *pulled)]
