"""Which sizes of pictures a network accepts, and how many positions its layers have, found by trying."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from deepdream.models.network import Model


class PictureSizes:
    """The measured sizes of one model. A size is measured once, with black pictures and without gradients."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._minimum: dict[tuple[str, ...], int] = {}
        self._positions: dict[tuple[str, int, int], int] = {}

    def minimum(self, layers: Iterable[str]) -> int:
        """The side in pixels of the smallest square picture from which ``layers`` can be computed."""
        names = tuple(sorted(set(layers)))
        plan = self.model.preprocessing
        if plan.fixed:
            return plan.crop
        if names not in self._minimum:
            low, high = 0, plan.crop  # low fails, high works
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if self._works(middle, names) else (middle, high)
            self._minimum[names] = high
        return self._minimum[names]

    def positions(self, layer: str, height: int, width: int) -> int:
        """How many positions h * w the output of ``layer`` has for a picture of this size.

        Read off two strips of the picture, one as high and one as wide, so that a huge picture costs little.
        """
        key = (layer, height, width)
        if key not in self._positions:
            thin = max(self.minimum([layer]), self.model.layer(layer).stride or 1)
            shapes = [self._shapes(*strip, [layer])[layer] for strip in ((height, thin), (thin, width))]
            self._positions[key] = shapes[0][-2] * shapes[1][-1]
        return self._positions[key]

    def _shapes(self, height: int, width: int, names: Iterable[str]) -> dict[str, torch.Size]:
        parameters = self.model.module.parameters()
        dtype = next((p.dtype for p in parameters if p.is_floating_point()), torch.float32)
        black = torch.zeros(1, self.model.channels, height, width, device=self.model.device, dtype=dtype)
        with torch.no_grad():
            return {name: output.shape for name, output in self.model.activations(black, names).items()}

    def _works(self, side: int, names: tuple[str, ...]) -> bool:
        # Networks refuse a picture that is too small in whatever way their first failing operation does.
        try:
            self._shapes(side, side, names)
        except (RuntimeError, ValueError, AssertionError):
            return False
        return True
