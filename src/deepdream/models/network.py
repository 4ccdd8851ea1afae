"""A network that knows how to be fed and what its parts are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models.class_names import find_class
from deepdream.models.copies import evaluation_copy, has_computed_weights, unchanged
from deepdream.models.fed_network import FedNetwork
from deepdream.models.layer_probe import probe_layers
from deepdream.models.layers import Layer, outputs_of
from deepdream.models.picture_sizes import PictureSizes
from deepdream.models.precision import LOWER, Passage, lowered
from deepdream.models.prepare import Prepared, plain_copy, prepare
from deepdream.models.records import Preprocessing, WeightsRecord
from deepdream.models.wrapping import fields_of

#: Asks ``activations`` for the network's own output.
LOGITS = "logits"


@dataclass(eq=False)
class Model(FedNetwork):
    """A convolutional classifier, fed with RGB pictures (B, 3, H, W) in [0, 1].

    It does the normalization and knows labels, layer names and size limits. The module that is passed in is never
    changed: a prepared copy is used (see ``prepare``). ``address`` is what ``load_model`` was given, if not the name.
    A network of one ``channels`` is fed with RGB pictures made gray, one of another number with tensors alone.
    ``kind`` says what its outputs are: ``softmax``, ``sigmoid`` or ``regression``. ``channels_last`` is its memory
    layout, None where that is not tried yet; ``notes`` say what was found out about it.
    """

    module: nn.Module
    name: str = "model"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    labels: Sequence[str] = ()
    weights: WeightsRecord = field(default_factory=WeightsRecord)
    preferred_layer: str | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = field(default="float32", kw_only=True)
    channels: int = field(default=3, kw_only=True)
    kind: str = field(default="softmax", kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    channels_last: bool | None = field(default=None, kw_only=True)
    address: str = field(default="", kw_only=True)

    @classmethod
    def wrap(
        cls,
        module: nn.Module,
        *,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        labels: Sequence[str] = (),
        name: str = "",
        input_size: int | tuple[int, int] = 224,
        fixed: bool = False,
        channels: int = 3,
        extra: Sequence[Any] = (),
        output: Any = None,
        kind: str | None = None,
    ) -> Model:
        """A model around the caller's own module, which takes normalized batches (B, channels, H, W).

        Args:
            module: Never changed. DataParallel and ``torch.compile`` are taken off.
            mean, std: Per channel, for pictures in [0, 1]; one number is used for every channel.
            labels: The names of the classes in order, or a dict of index to name or of name to index.
            name: What the network is called; its class's name by default.
            input_size, fixed: Side of the square that is classified, or (height, width); it takes no other size.
            channels: 1: pictures are made gray. Other numbers than 1 and 3: only tensors can be given.
            extra: Constant inputs after the picture; tensors are expanded to the batch where their first axis is 1.
            output: Key, attribute or index of the logits in what the network gives.
            kind: ``softmax`` (one of several classes), ``sigmoid`` (each class by itself) or ``regression``.
        """
        return cls(**fields_of(module, mean=mean, std=std, labels=labels, name=name, input_size=input_size, fixed=fixed,
                               channels=channels, extra=extra, output=output, kind=kind))  # fmt: skip

    def __call__(self, image: Tensor) -> Tensor:
        """The logits (B, classes) of pictures (B, 3, H, W) in [0, 1], taken as they are: no resize, no crop."""
        passage = Passage(self.precision)
        logits = self._prepared(passage.enter(self.normalize(image)))
        if not isinstance(logits, Tensor):
            raise UsageError(f"{self.name} gives {type(logits).__name__}, not one tensor of logits.")
        return passage.leave(logits)

    def in_precision(self, precision: str) -> Model:
        """This model, float32 outside, with its network in ``bfloat16`` or ``float16`` (a draft); remembered.

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

        Those of spatial layers are (B, C, h, w), whatever order of axes the layer has: tokens stand on their grid,
        without class tokens, and channels come first.

        Stops at the deepest wanted layer; differentiable in ``image``. The name ``logits`` gives the
        network's own output.

        Raises:
            UnknownNameError: no such layer.
        """
        names = list(dict.fromkeys(layers))
        wanted = [self.layer(name) for name in names if name != LOGITS]
        plain = any(layer.name in self._prepared.changed for layer in wanted)
        prepared = self._plain if plain else self._prepared
        passage = Passage(self.precision)
        x = passage.enter(self.normalize(image))
        captured, logits = outputs_of(wanted, prepared.network, lambda: prepared(x), whole=LOGITS in names)
        if logits is not None:
            captured[LOGITS] = logits
        outputs = {name: passage.leave(prepared.turned(captured[name])) for name in names}
        size = (image.shape[-2], image.shape[-1])
        for layer in wanted:
            if layer.axes is not None and not layer.axes.plain:
                outputs[layer.name] = layer.axes.to_map(outputs[layer.name], size)
        return outputs

    def classify(self, image: Tensor, *, top: int = 5) -> list[list[tuple[int, str, float]]]:
        """For each picture the ``top`` classes as (index, label, value of ``answers``), the largest first."""
        with torch.no_grad():
            probabilities = self.answers(self(self.crop(image)))
        values, indexes = probabilities.topk(min(top, probabilities.shape[1]), dim=1)
        return [
            [(int(i), self.label(int(i)), float(p)) for i, p in zip(row, chances, strict=True)]
            for row, chances in zip(indexes, values, strict=True)
        ]

    def label(self, index: int) -> str:
        """The name of class ``index``, or ``class 7`` where no names are known."""
        return self.labels[index] if 0 <= index < len(self.labels) else f"class {index}"

    def find_class(self, text: str) -> int:
        """The index of a class given by index or by name ("golden retriever"; a unique part will do).

        Raises UnknownNameError with the nearest names, or UsageError: no such index, or several classes match.
        """
        return find_class(text, self.labels, classes=self.classes, network=self.name)

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
        # Weights that are computed at each pass are no layers, and are not in the copies.
        network = evaluation_copy(self.module) if has_computed_weights(self.module) else self.module
        with unchanged(network):
            return MappingProxyType(probe_layers(network, self._example, self.normalize))

    def layer(self, name: str) -> Layer:
        """The layer ``name``. Raises UnknownNameError with the nearest names."""
        if name not in self.layers:
            listing = f"deepdream layers {self.address or self.name}"
            raise UnknownNameError("layer", name, self.layers, where=self.name, listing=listing)
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
        """The number of logits of ``name``: ``logits``, or those of a network beside this one."""
        self.check_layer(name)
        return self.classes

    @property
    def recommended_layer(self) -> str:
        """The layer to dream at by default: two thirds up, among the main spatial layers."""
        if self.preferred_layer:
            return self.preferred_layer
        spatial = [layer for layer in self.layers.values() if layer.spatial]
        if not spatial:
            raise UsageError(f"{self.name} has no layer with a spatial output; choose one with --layer.")
        # Where the first levels are few (an encoder as a whole), the blocks inside them are the stages.
        blocks = [
            layer for layer in spatial if any(True for _ in self.module.get_submodule(layer.name).children())
        ]
        for layers in ([layer for layer in spatial if layer.main], blocks, spatial):
            nearest = min(layers, key=lambda layer: abs(layer.depth - 0.62), default=None)
            if nearest is not None and abs(nearest.depth - 0.62) <= 0.25:
                return nearest.name
        return min(spatial, key=lambda layer: abs(layer.depth - 0.62)).name

    def minimum_size(self, layers: Iterable[str]) -> int:
        """The side in pixels of the smallest square picture from which ``layers`` can be computed."""
        return self._sizes.minimum(layers)

    def positions(self, layer: str, height: int, width: int) -> int:
        """How many positions h * w a layer's output has for a picture of this size; remembered.

        Read off two strips of the picture, one as high and one as wide, so that a huge picture costs little.
        """
        return self._sizes.positions(layer, height, width)

    @cached_property
    def _sizes(self) -> PictureSizes:
        return PictureSizes(self)

    @cached_property
    def _prepared(self) -> Prepared:
        dtype, layout = LOWER.get(self.precision), self.uses_channels_last
        return prepare(self.module, self._example, dtype=dtype, channels_last=layout)

    @cached_property
    def _plain(self) -> Prepared:
        """A frozen copy whose every part gives its own output (rarely needed)."""
        dtype, layout = LOWER.get(self.precision), self.uses_channels_last
        return plain_copy(self.module, self._example, dtype, channels_last=layout)

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>, {len(self.layers)} layers, weights: {self.weights.origin}"
