"""A network that knows how to be fed and what its parts are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models.feeding import cropped, normalized, uncropped
from deepdream.models.layers import Layer, hooked, probe_layers
from deepdream.models.precision import LOWER, Passage, lowered
from deepdream.models.prepare import Prepared, plain_copy, prepare
from deepdream.models.records import Preprocessing, WeightsRecord
from deepdream.tensors import doubled, generator

#: Asks ``activations`` for the network's own output.
LOGITS = "logits"


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The deepest wanted layer has run; nothing after it is needed."""


@dataclass(eq=False)
class Model:
    """A convolutional classifier, fed with RGB pictures (B, 3, H, W) in [0, 1].

    Normalization, labels, layer names and size limits are its business and nobody else's. The module that
    was handed in is never changed: work is done by a prepared copy (see ``prepare``). ``address`` is what
    ``load_model`` was given, where that is not the name.
    """

    module: nn.Module
    name: str = "model"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    labels: Sequence[str] = ()
    weights: WeightsRecord = field(default_factory=WeightsRecord)
    preferred_layer: str | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = field(default="float32", kw_only=True)
    address: str = field(default="", kw_only=True)

    @classmethod
    def wrap(
        cls,
        module: nn.Module,
        *,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        labels: Sequence[str] = (),
        name: str = "",
        input_size: int = 224,
        fixed: bool = False,
    ) -> Model:
        """A model around the caller's own module, which takes normalized (B, 3, H, W) batches."""
        sizes = {"resize": round(input_size * 8 / 7), "crop": input_size, "fixed": fixed}
        preprocessing = Preprocessing(_three(mean), _three(std), **sizes)  # type: ignore[arg-type]
        first = next(iter(module.parameters()), None)
        device = first.device if first is not None else torch.device("cpu")
        return cls(module, name or type(module).__name__, preprocessing, tuple(labels), device=device)

    def __call__(self, image: Tensor) -> Tensor:
        """The logits (B, classes) of pictures (B, 3, H, W) in [0, 1], taken as they are: no resize, no crop."""
        passage = Passage(self.precision)
        logits = self._prepared(passage.enter(self.normalize(image)))
        if not isinstance(logits, Tensor):
            raise UsageError(f"{self.name} gives {type(logits).__name__}, not one tensor of logits.")
        return passage.leave(logits)

    def in_precision(self, precision: str) -> Model:
        """This model with its network in ``bfloat16`` or ``float16``, a draft; itself for ``float32``.

        Pictures, activations and gradients are float32 outside of the network. Made once, and remembered.

        Raises:
            UnknownNameError: no such precision.
            UsageError: the network does not run so on this device.
        """
        if precision == self.precision:
            return self
        if precision not in self._twins:
            self._twins[precision] = self._lowered(precision)
        return self._twins[precision]

    def _lowered(self, precision: str) -> Model:
        return lowered(self, precision)

    @cached_property
    def _twins(self) -> dict[str, Model]:
        return {}

    def activations(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """The outputs of ``layers`` for pictures (B, 3, H, W) in [0, 1], by name.

        Stops at the deepest wanted layer; differentiable in ``image``. The name ``logits`` gives the
        network's own output.

        Raises:
            UnknownNameError: no such layer.
        """
        names = list(dict.fromkeys(layers))
        wanted = [self.layer(name) for name in names if name != LOGITS]
        plain = any(layer.name in self._prepared.changed for layer in wanted)
        prepared = self._plain if plain else self._prepared
        left = {layer.name: layer.runs for layer in wanted}
        last = None if LOGITS in names else max(wanted, key=lambda layer: layer.depth).name
        captured: dict[str, Tensor] = {}

        def watch(name: str) -> Any:
            def keep(_: nn.Module, output: Tensor) -> None:
                left[name] -= 1
                if left[name] == 0 and name == last:
                    captured[name] = output
                    raise _Reached
                # What runs next may write into this tensor (an in-place addition), so keep a copy.
                captured[name] = output.clone() if left[name] == 0 else output

            return keep

        passage = Passage(self.precision)
        x = passage.enter(self.normalize(image))
        try:
            with hooked({prepared.network.get_submodule(layer.name): watch(layer.name) for layer in wanted}):
                captured[LOGITS] = prepared(x)
        except _Reached:
            pass
        return {name: passage.leave(prepared.turned(captured[name])) for name in names}

    def normalize(self, image: Tensor) -> Tensor:
        """(image - mean) / std, on this model's device, channels last.

        Raises:
            UsageError: not a (B, 3, H, W) floating-point tensor.
        """
        if image.dim() != 4 or image.shape[1] != 3 or not image.is_floating_point():
            raise UsageError(
                f"A model takes float pictures (B, 3, H, W) in [0, 1], not {image.dtype} {tuple(image.shape)}."
            )
        return normalized(image.to(self.device), *self._statistics)

    def classify(self, image: Tensor, *, top: int = 5) -> list[list[tuple[int, str, float]]]:
        """For each picture the ``top`` classes as (index, label, probability), most probable first."""
        with torch.no_grad():
            probabilities = doubled(self(self.crop(image))).softmax(dim=1)
        values, indexes = probabilities.topk(min(top, probabilities.shape[1]), dim=1)
        return [
            [(int(i), self.label(int(i)), float(p)) for i, p in zip(row, chances, strict=True)]
            for row, chances in zip(indexes, values, strict=True)
        ]

    def crop(self, image: Tensor) -> Tensor:
        """What is classified: the shorter side resized, then a centered square (B, 3, crop, crop)."""
        return cropped(image, self.preprocessing)

    def uncrop(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, C, H, W): ``values`` (B, C, crop, crop) of what ``crop`` saw, in their place; zero around it."""
        return uncropped(values, self.preprocessing, height, width)

    def label(self, index: int) -> str:
        """The name of class ``index``, or ``class 7`` where no names are known."""
        return self.labels[index] if 0 <= index < len(self.labels) else f"class {index}"

    def find_class(self, text: str) -> int:
        """The index of a class given by index or by name ("golden retriever"; a unique part will do).

        Raises:
            UnknownNameError: no class, or several classes, answer to ``text``.
        """
        if text.lstrip("-").isdigit():
            if 0 <= int(text) < self.classes:
                return int(text)
            raise UsageError(
                f"No class {text} in {self.name}: it has {self.classes}, from 0 to {self.classes - 1}."
            )
        wanted = text.casefold().strip()
        exact = [i for i, label in enumerate(self.labels) if label.casefold() == wanted]
        part = exact or [i for i, label in enumerate(self.labels) if wanted in label.casefold()]
        # "cat" means a cat, not an oystercatcher: whole words come first.
        part = [i for i in part if re.search(rf"\b{re.escape(wanted)}\b", self.labels[i].casefold())] or part
        if len(part) == 1 or exact:
            return part[0]
        if part:
            names = ", ".join(repr(self.labels[i]) for i in part[:8])
            more = f" and {len(part) - 8} more" if len(part) > 8 else ""
            raise UsageError(
                f"{len(part)} classes of {self.name} contain {text!r}: {names}{more}. Give one of them whole."
            )
        raise UnknownNameError("class", text, self.labels, where=self.name)

    def find_class_of(self, text: str, network: str = "") -> int:
        """As ``find_class``, in ``network`` where there are several; this one has no other."""
        if network and network != self.name:
            raise UnknownNameError("network", network, [self.name])
        return self.find_class(text)

    @cached_property
    def classes(self) -> int:
        """How many logits the network gives."""
        return len(self.labels) or int(self(self._example_picture).shape[1])

    @cached_property
    def layers(self) -> Mapping[str, Layer]:
        """Every layer by name, in order of execution (one probe pass, then remembered)."""
        with _evaluating(self.module):
            return MappingProxyType(probe_layers(self.module, self._example))

    def layer(self, name: str) -> Layer:
        """The layer ``name``. Raises UnknownNameError with the nearest names."""
        if name not in self.layers:
            raise UnknownNameError(
                "layer",
                name,
                self.layers,
                where=self.name,
                listing=f"deepdream layers {self.address or self.name}",
            )
        return self.layers[name]

    def check_layer(self, name: str) -> None:
        """Raises UnknownNameError if ``name`` is neither a layer nor ``logits``."""
        if name != LOGITS:
            self.layer(name)

    @property
    def members(self) -> tuple[Model, ...]:
        """The networks beside this one; none, but in ``Networks``."""
        return ()

    def class_count(self, name: str = LOGITS) -> int:
        """How many logits ``name`` gives: ``logits``, or those of a network beside this one."""
        self.check_layer(name)
        return self.classes

    @property
    def recommended_layer(self) -> str:
        """The layer to dream at by default: two thirds up, among the main spatial layers."""
        if self.preferred_layer:
            return self.preferred_layer
        spatial = [layer for layer in self.layers.values() if layer.spatial and layer.main]
        if not spatial:
            spatial = [layer for layer in self.layers.values() if layer.spatial]
        if not spatial:
            raise UsageError(f"{self.name} has no layer with a spatial output; choose one with --layer.")
        return min(spatial, key=lambda layer: abs(layer.depth - 0.62)).name

    def minimum_size(self, layers: Iterable[str]) -> int:
        """The side in pixels of the smallest square picture from which ``layers`` can be computed."""
        names = tuple(sorted(set(layers)))
        if self.preprocessing.fixed:
            return self.preprocessing.crop
        if names not in self._minimum_sizes:
            self._minimum_sizes[names] = self._search_minimum(names)
        return self._minimum_sizes[names]

    def positions(self, layer: str, height: int, width: int) -> int:
        """How many positions h * w a layer's output has for a picture of this size; remembered.

        Read off two strips of the picture, one as high and one as wide, so that a huge picture costs little.
        """
        key = (layer, height, width)
        if key not in self._positions:
            thin = max(self.minimum_size([layer]), self.layer(layer).stride or 1)
            strips = [(height, thin), (thin, width)]
            with torch.no_grad():
                shapes = [self.activations(self._zeros(*strip), [layer])[layer].shape for strip in strips]
            self._positions[key] = shapes[0][-2] * shapes[1][-1]
        return self._positions[key]

    @cached_property
    def _positions(self) -> dict[tuple[str, int, int], int]:
        return {}

    def _zeros(self, height: int, width: int) -> Tensor:
        return torch.zeros(1, 3, height, width, device=self.device, dtype=self._dtype)

    @property
    def _dtype(self) -> torch.dtype:
        return next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)

    def _search_minimum(self, names: tuple[str, ...]) -> int:
        low, high = 0, self.preprocessing.crop  # low fails, high works
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._works_at(middle, names) else (middle, high)
        return high

    def _works_at(self, side: int, names: tuple[str, ...]) -> bool:
        try:
            with torch.no_grad():
                self.activations(self._zeros(side, side), names)
        except (RuntimeError, ValueError, AssertionError):
            return False
        return True

    @cached_property
    def _minimum_sizes(self) -> dict[tuple[str, ...], int]:
        return {}

    @cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        shape = (1, 3, 1, 1)
        plan = self.preprocessing
        mean = torch.tensor(plan.mean, dtype=torch.float64).view(shape).to(self.device, torch.float32)
        std = torch.tensor(plan.std, dtype=torch.float64).view(shape).to(self.device, torch.float32)
        return mean, std

    @cached_property
    def _example_picture(self) -> Tensor:
        side = self.preprocessing.crop
        return torch.rand(1, 3, side, side, generator=generator(0)).to(self._dtype)

    @property
    def _example(self) -> Tensor:
        return self.normalize(self._example_picture)

    @cached_property
    def _prepared(self) -> Prepared:
        with _evaluating(self.module):
            return prepare(self.module, self._example, dtype=LOWER.get(self.precision))

    @cached_property
    def _plain(self) -> Prepared:
        """A frozen copy whose every part gives its own output (rarely needed)."""
        with _evaluating(self.module):
            return plain_copy(self.module, self._example, LOWER.get(self.precision))

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>, {len(self.layers)} layers, weights: {self.weights.origin}"


class _evaluating:  # noqa: N801 - used as a verb
    """The module in evaluation mode for a while; every submodule's mode is restored."""

    def __init__(self, module: nn.Module) -> None:
        self.modes = {part: part.training for part in module.modules()}

    def __enter__(self) -> None:
        for part in self.modes:
            part.training = False

    def __exit__(self, *_: object) -> None:
        for part, mode in self.modes.items():
            part.training = mode


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        values = [values[0]] * 3
    red, green, blue = (float(v) for v in values)
    return red, green, blue
