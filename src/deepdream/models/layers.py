"""What a network is made of: one probe pass lists its layers in order of execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary


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
        spatial: Whether its output is (B, C, h, w) with more than one position.
        main: Whether it stands at the network's first levels: what a short listing shows.
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


@dataclass(frozen=True)
class _Reach:
    """How far one value of a tensor sees into the input, and how far apart neighbors lie (pixels)."""

    field: float = 1.0
    jump: float = 1.0


_WHOLE = _Reach(float("inf"), float("inf"))
_aten = torch.ops.aten
_MIXING = {  # operations that mix all positions
    _aten.bmm, _aten.baddbmm,
    _aten.adaptive_avg_pool2d, _aten._adaptive_avg_pool2d, _aten.adaptive_max_pool2d,
    _aten._scaled_dot_product_flash_attention_for_cpu, _aten._scaled_dot_product_flash_attention,
    _aten._scaled_dot_product_efficient_attention, _aten._native_multi_head_attention,
}  # fmt: skip
_POOLS = {_aten.max_pool2d_with_indices, _aten.avg_pool2d, _aten.max_pool2d}


class _ReachMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Carries the receptive field along with every tensor of a forward pass.

    A window of k positions, dilated by d, on a grid of jump j widens the field by (k-1)*d*j; a stride s
    multiplies the jump (Araujo, Norris, Sim 2019, Computing Receptive Fields, Distill). Where branches meet
    the widest counts.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reach: Any = WeakIdKeyDictionary()
        self.reach[start] = _Reach()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Left at True, torch wraps the method below so that its first call imports torch._dynamo: 2.5 s of
        # CPU time for a compiler that is not used here.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        sources = [self.reach[t] for t in _tensors(args) if t in self.reach]
        if sources:
            reach = self._after(func.overloadpacket, args, sources)
            for output in _tensors((result,)):
                self.reach[output] = reach
        return result

    def _after(self, operation: Any, args: tuple[Any, ...], sources: list[_Reach]) -> _Reach:
        widest = _Reach(max(s.field for s in sources), max(s.jump for s in sources))
        if operation is _aten.convolution:
            kernel, stride, dilation = args[1].shape[-1], args[3][-1], args[5][-1]
            return _window(widest, kernel, stride, dilation)
        if operation in _POOLS:
            kernel = args[1][-1]
            return _window(widest, kernel, args[2][-1] if len(args) > 2 and args[2] else kernel, 1)
        if operation in _MIXING or (operation is _aten.mean and args[0].dim() == 4 and _pools(args)):
            return _WHOLE
        return widest


def _pools(args: tuple[Any, ...]) -> bool:
    return len(args) < 2 or any(axis in (2, 3, -1, -2) for axis in args[1] or (2,))


def _window(reach: _Reach, kernel: int, stride: int, dilation: int) -> _Reach:
    if reach == _WHOLE:
        return _WHOLE  # and not 0 * infinity
    return _Reach(reach.field + (kernel - 1) * dilation * reach.jump, reach.jump * stride)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def probe_layers(network: nn.Module, example: Tensor) -> dict[str, Layer]:
    """Every named module that gives one tensor, in the order in which they finish.

    Args:
        network: In evaluation mode; not changed.
        example: A normalized (1, 3, H, W) input.
    """
    mode = _ReachMode(example)
    found: dict[str, tuple[nn.Module, torch.Size, _Reach, int]] = {}

    def note(name: str, module: nn.Module, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() >= 2:
            runs = found.pop(name)[3] + 1 if name in found else 1
            found[name] = (module, output.shape, mode.reach.get(output, _WHOLE), runs)

    names = {module: name for name, module in network.named_modules() if name}
    watchers = {module: _noting(note, name) for module, name in names.items()}
    with single_thread(network), torch.no_grad(), hooked(watchers), mode:
        network(example)
    return {
        name: _layer(name, module, shape, reach, runs, (index + 1) / len(found), network)
        for index, (name, (module, shape, reach, runs)) in enumerate(found.items())
    }


def _noting(note: Callable[[str, nn.Module, Any], None], name: str) -> Callable[[nn.Module, Any], None]:
    return lambda module, output: note(name, module, output)


def _layer(
    name: str,
    module: nn.Module,
    shape: torch.Size,
    reach: _Reach,
    runs: int,
    depth: float,
    network: nn.Module,
) -> Layer:
    spatial = len(shape) == 4 and shape[-1] * shape[-2] > 1
    # Some networks (Swin) keep channels last: (B, h, w, C).
    channels = shape[1] if len(shape) != 3 else shape[2]
    finite = reach.field != float("inf") and spatial
    return Layer(
        name=name,
        kind=type(module).__name__,
        channels=channels,
        stride=round(reach.jump) if finite else None,
        receptive_field=round(reach.field) if finite else None,
        runs=runs,
        depth=depth,
        spatial=spatial,
        main=_is_main(name, network),
    )


def _is_main(name: str, network: nn.Module) -> bool:
    """A child of the network, or, where that is a sequence of stages, one of those (``features.12``, ``blocks.4``)."""
    parent, _, _ = name.rpartition(".")
    if parent:
        return "." not in parent and _is_sequence(network.get_submodule(parent))
    module = network.get_submodule(name)
    return not (_is_sequence(module) and any(True for _ in module.children()))


def _is_sequence(module: nn.Module) -> bool:
    return isinstance(module, (nn.Sequential, nn.ModuleList))


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
