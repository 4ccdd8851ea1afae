"""Several networks in one dream: layers with a network's name before them are that network's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from torch import Tensor

from deepdream.errors import UsageError
from deepdream.models.layers import Layer
from deepdream.models.network import LOGITS, Model
from deepdream.models.precision import lowered


@dataclass(eq=False)
class Networks(Model):
    """The first network, with others beside it: ``efficientnet_lite1/blocks.4`` is a layer of that one.

    Names without a prefix, the classes and the labels are the first network's.
    """

    others: Mapping[str, Model] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Sequence[Model]) -> Networks:
        """These networks, on one device. Raises UsageError: two of one name, or on two devices."""
        first, *rest = models
        others = {model.name: model for model in models}
        if len(others) < len(models):
            raise UsageError("Two networks of one dream have the same name. Give one of them another.")
        if any(model.device != first.device for model in rest):
            raise UsageError("The networks of one dream must be on one device.")
        return cls(
            first.module,
            first.name,
            first.preprocessing,
            first.labels,
            first.weights,
            first.preferred_layer,
            first.device,
            others,
            address=first.address,
            channels=first.channels,
            kind=first.kind,
            notes=first.notes,
            channels_last=first.channels_last,
        )

    def _lowered(self, precision: str) -> Networks:
        others = {name: model.in_precision(precision) for name, model in self.others.items()}
        return lowered(self, precision, others=others)

    @property
    def members(self) -> tuple[Model, ...]:
        return tuple(model for name, model in self.others.items() if name != self.name)

    @cached_property
    def layers(self) -> Mapping[str, Layer]:
        """The first network's layers by name, then those of every network with its name before them."""
        prefixed = {
            f"{m}/{name}": layer for m, model in self.others.items() for name, layer in model.layers.items()
        }
        return MappingProxyType({**super().layers, **prefixed})

    def check_layer(self, name: str) -> None:
        network, inner = self._whose(name)
        if network is None:
            super().check_layer(name)
        else:
            network.check_layer(inner)

    def class_count(self, name: str = LOGITS) -> int:
        network, _ = self._whose(name)
        return self.classes if network is None else network.classes

    def find_class_of(self, text: str, network: str = "") -> int:
        return self._whose(f"{network}/")[0].find_class(text) if network else self.find_class(text)  # type: ignore[union-attr]

    def activations(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """As ``Model.activations``; every network with a named layer runs once."""
        names = list(dict.fromkeys(layers))
        outputs: dict[str, Tensor] = {}
        for network, names_of in self._by_network(names).items():
            if network:
                answers = self.others[network].activations(image, names_of.values())
            else:
                answers = super().activations(image, names_of.values())
            outputs |= {name: answers[inner] for name, inner in names_of.items()}
        return {name: outputs[name] for name in names}

    def minimum_size(self, layers: Iterable[str]) -> int:
        sizes = [1]
        for network, names_of in self._by_network(list(layers)).items():
            if network:
                sizes.append(self.others[network].minimum_size(names_of.values()))
            else:
                sizes.append(super().minimum_size(names_of.values()))
        return max(sizes)

    def positions(self, layer: str, height: int, width: int) -> int:
        network, inner = self._whose(layer)
        if network is None:
            return super().positions(layer, height, width)
        return network.positions(inner, height, width)

    def _whose(self, name: str) -> tuple[Model | None, str]:
        prefix, slash, inner = name.rpartition("/")
        if slash and prefix not in self.others:
            raise UsageError(f"No network {prefix!r} in this dream. There are: {', '.join(self.others)}.")
        return (self.others[prefix], inner) if slash else (None, name)

    def _by_network(self, names: list[str]) -> dict[str, dict[str, str]]:
        """For every network the layers asked of it, as they are called here and there."""
        names_of: dict[str, dict[str, str]] = {}
        for name in names:
            prefix, _, inner = name.rpartition("/")
            self._whose(name)
            names_of.setdefault(prefix, {})[name] = inner
        return names_of


def combine_networks(models: Sequence[Model], *, named: bool = False) -> Model:
    """One network as it is; several, or one whose layers are called by its name (``named``), as ``Networks``."""
    return Networks.of(models) if len(models) > 1 or named else models[0]
