"""What a network is made of: one probe pass lists its layers in order of execution."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from deepdream.models.layer_axes import AxesProbe, LayerAxes, establish
from deepdream.models.receptive_fields import WHOLE, Reach, ReachMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


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


def probe_layers(
    network: nn.Module, example: Tensor, normalize: Callable[[Tensor], Tensor] = lambda pictures: pictures
) -> dict[str, Layer]:
    """Every named module that gives one tensor, in the order in which they finish.

    Outputs of plain convolutional networks are followed in one pass. Where axes are lost on the way (tokens,
    attention, reshaping), a second pass with seven pictures tries which order of axes is right.

    Args:
        network: In evaluation mode; not changed.
        example: A normalized (1, C, H, W) input.
        normalize: What makes pictures in [0, 1] such inputs.
    """
    mode = ReachMode(example)
    found: dict[str, tuple[nn.Module, torch.Size, Reach, int]] = {}

    def note(name: str, module: nn.Module, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() >= 2:
            runs = found.pop(name)[3] + 1 if name in found else 1
            found[name] = (module, output.shape, mode.reach.get(output, WHOLE), runs)

    names = {module: name for name, module in network.named_modules() if name}
    watchers = {module: _noting(note, name) for module, name in names.items()}
    with single_thread(network), torch.no_grad(), hooked(watchers), mode:
        network(example)
    unknown = [
        name
        for name, (_, shape, reach, _) in found.items()
        if len(shape) in (3, 4) and reach.axes is None and math.prod(shape[1:]) > max(shape[1:])
    ]
    axes = _tried(network, example, {name: found[name] for name in unknown}, normalize) if unknown else {}
    return {
        name: _layer(
            name,
            module,
            shape,
            reach,
            runs,
            (index + 1) / len(found),
            network,
            axes.get(name, _followed(shape, reach)),
        )
        for index, (name, (module, shape, reach, runs)) in enumerate(found.items())
    }


def _tried(
    network: nn.Module,
    example: Tensor,
    unknown: dict[str, tuple[nn.Module, torch.Size, Reach, int]],
    normalize: Callable[[Tensor], Tensor],
) -> Mapping[str, LayerAxes | str]:
    """The axes of the ``unknown`` outputs, by one pass of pictures that differ at known places."""
    probe = AxesProbe(example.shape[1], (example.shape[2], example.shape[3]))

    def run(note_axes: Callable[[str, Tensor], None]) -> None:
        remaining = {name: runs for name, (_, _, _, runs) in unknown.items()}

        def watch(name: str) -> Callable[[nn.Module, Any], None]:
            def last_run(_: nn.Module, output: Any) -> None:
                remaining[name] -= 1
                if remaining[name] == 0:
                    note_axes(name, output)

            return last_run

        watchers = {module: watch(name) for name, (module, _, _, _) in unknown.items()}
        with single_thread(network), torch.no_grad(), hooked(watchers):
            network(normalize(probe.pictures.to(example)))

    return establish(run, probe, list(unknown))


def _followed(shape: torch.Size, reach: Reach) -> LayerAxes | str:
    """The axes of an output that was followed through the network; a word for one that has no positions."""
    return LayerAxes(reach.axes) if len(shape) == 4 and reach.axes is not None else ""


def _noting(note: Callable[[str, nn.Module, Any], None], name: str) -> Callable[[nn.Module, Any], None]:
    return lambda module, output: note(name, module, output)


def _layer(
    name: str,
    module: nn.Module,
    shape: torch.Size,
    reach: Reach,
    runs: int,
    depth: float,
    network: nn.Module,
    axes: LayerAxes | str,
) -> Layer:
    refusal, known = (axes, None) if isinstance(axes, str) else ("", axes)
    channels = shape[1] if len(shape) != 3 else shape[2]
    if known is not None and known.order is not None:
        channel, row, column = known.order
        channels, positions = shape[channel], shape[row] * shape[column]
        known = known if positions > 1 else None
    elif known is not None:
        channels = shape[3 - known.tokens]
    spatial = known is not None
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
        axes=known,
        refusal=refusal,
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
