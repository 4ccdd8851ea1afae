"""One probe pass lists the layers of a network in order of execution, with what each of them gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from deepdream.models.layer_axes import AxesProbe, LayerAxes, establish
from deepdream.models.layers import Layer, hooked, single_thread
from deepdream.models.receptive_fields import WHOLE, Reach, ReachMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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
