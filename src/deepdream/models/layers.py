"""What a network is made of: one probe pass lists its layers in order of execution."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from deepdream.models.layer_axes import LayerAxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Layer:
    """One named part of a network whose output is a single tensor.

    Attributes:
        name: The module's path, such as ``blocks.4``.
        kind: The module's class, such as ``Conv2d``.
        channels: Size of the channel axis of its output.
        stride: Input pixels between neighboring positions of its output; None where there is no such grid.
        receptive_field: Side in pixels of the square of input that one position can see (ignoring
            borders); None for the whole picture.
        runs: How often the module runs in one pass; hooks read the last run.
        depth: Share of the pass that is done when it finishes, 0 to 1.
        spatial: Whether its output has more than one position, and where they are in it is known.
        main: Whether it stands at the network's first levels: what a short listing shows.
        axes: How its output becomes (B, C, h, w); None where it is not spatial.
        refusal: Why an output that has several positions, or may have, is not spatial.
    """

    name: str
    kind: str
    channels: int
    stride: int | None
    receptive_field: int | None
    runs: int
    depth: float
    spatial: bool
    main: bool
    axes: LayerAxes | None = None
    refusal: str = ""

    @property
    def shows(self) -> str:
        """What such a layer tends to show, judged by how much of the picture one unit sees.

        Words for people, not a measurement: Olah et al. 2017 (Feature Visualization, Distill) for GoogLeNet; for
        the embedded network the sheet of ``deepdream layers --sheet`` was looked at.
        """
        if self.receptive_field is None:
            return "the picture as a whole"
        return next(words for limit, words in _SHOWS if self.receptive_field <= limit)

    @property
    def stage(self) -> bool:
        """Whether it is a part of which a sheet should show a dream: not a bare norm, activation or padding."""
        return not self.kind.startswith(_HELPERS)


#: Up to this receptive field (pixels), such words.
_SHOWS = (
    (12, "colors and edges"),
    (40, "lines and fine texture"),
    (100, "strokes and weaves"),
    (200, "patterns: scales, spirals, dots"),
    (500, "parts: eyes, noses, fur, ornaments"),
    (float("inf"), "objects and scenes"),
)
_HELPERS = (
    "BatchNorm",
    "ReLU",
    "SamePad",
    "Identity",
    "Dropout",
    "Hardswish",
    "SiLU",
    "GELU",
    "LayerNorm",
    "FoldedNorm",
)


@contextmanager
def hooked(watchers: dict[nn.Module, Callable[[nn.Module, Any], None]]) -> Iterator[None]:
    """Call each watcher with (module, output) whenever its module has run; always removed again.

    The only place where this package hooks a forward pass for reading. A watcher's return value is dropped,
    so that it can never replace the layer's output.
    """

    def watch(watcher: Callable[[nn.Module, Any], None]) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            watcher(module, output)

        return hook

    handles = [module.register_forward_hook(watch(watcher)) for module, watcher in watchers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def single_thread(network: nn.Module) -> Iterator[None]:
    """One thread for a single small pass of a network of up to 30 million weights, then as many as before.

    Where other processes want the same cores, every operation of a small pass waits for the slowest thread:
    a probe of the embedded network took 2 s instead of 0.1 s there.
    """
    threads = torch.get_num_threads()
    small = sum(weight.numel() for weight in network.parameters()) <= 30_000_000
    if small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if small:
            torch.set_num_threads(threads)


class evaluating:  # noqa: N801 - used as a verb
    """The module in evaluation mode for a while; every submodule's mode is restored."""

    def __init__(self, module: nn.Module) -> None:
        self.modes = {part: part.training for part in module.modules()}

    def __enter__(self) -> None:
        for part in self.modes:
            part.training = False

    def __exit__(self, *_: object) -> None:
        for part, mode in self.modes.items():
            part.training = mode


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The deepest layer of interest has run; nothing after it is needed."""


def outputs_of(
    layers: Sequence[Layer], network: nn.Module, run: Callable[[], Any], *, whole: bool
) -> tuple[dict[str, Tensor], Any]:
    """The outputs of ``layers`` by name while ``run`` computes, and what it returns.

    Unless the ``whole`` network is needed, it stops at the deepest of the layers and returns None for the rest.
    """
    remaining = {layer.name: layer.runs for layer in layers}
    last = None if whole else max(layers, key=lambda layer: layer.depth).name
    captured: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[[nn.Module, Any], None]:
        def keep(_: nn.Module, output: Tensor) -> None:
            remaining[name] -= 1
            if remaining[name] == 0 and name == last:
                captured[name] = output
                raise _Reached
            # What runs next may write into this tensor (an in-place addition), so keep a copy.
            captured[name] = output.clone() if remaining[name] == 0 else output

        return keep

    try:
        with hooked({network.get_submodule(layer.name): watch(layer.name) for layer in layers}):
            return captured, run()
    except _Reached:
        return captured, None
