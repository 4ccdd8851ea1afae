"""The animals of ImageNet: how much of a network's world they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from deepdream.models import Model

#: Classes of ILSVRC 2012 in its usual order: 0 tench to 397 puffer are the animals, 151 Chihuahua to 268 Mexican
#: hairless the breeds of dogs.
ANIMALS, DOGS = range(398), range(151, 269)
_CLASSES = 1000
_SIGNS = {0: "tench", 151: "chihuahua", 268: "mexican hairless", 397: "puffer", 398: "abacus"}


@dataclass(frozen=True)
class Share:
    """How much of a distribution is animals, and how much is dogs, 0 to 1."""

    animals: float
    dogs: float

    def to_dict(self) -> Mapping[str, float]:
        return {"animals": self.animals, "dogs": self.dogs}


#: What a network that knows nothing would say: every class alike.
BY_CHANCE = Share(len(ANIMALS) / _CLASSES, len(DOGS) / _CLASSES)


def knows_animals(model: Model) -> bool:
    """Whether the classes are ImageNet's thousand in their usual order, judged by five of their names."""
    return len(model.labels) == _CLASSES and all(
        model.label(index).casefold().startswith(name) for index, name in _SIGNS.items()
    )


def share_of_animals(probabilities: Tensor) -> Share:
    """The summed probability (classes,) of the 398 animals, and of the 118 dogs among them."""
    animals, dogs = (float(probabilities[group.start : group.stop].sum()) for group in (ANIMALS, DOGS))
    return Share(animals, dogs)
