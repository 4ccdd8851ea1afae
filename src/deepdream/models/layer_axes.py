"""Where the channels and the positions of a layer's output are: followed through the network, or tried out.

An output with four axes is not always (B, C, h, w): blocks of Swin and ConvNeXt give (B, h, w, C), attention gives
(B, heads, tokens, channels) or (B, heads, tokens, tokens), and windows may be folded into the batch axis. Transformers
give tokens (B, N, C), of which some are no place of the picture. A map of such an output, drawn as if it were
(B, C, h, w), would be wrong without a word; so an order of axes is used only when it has been established.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from deepdream.errors import UsageError
from deepdream.tensors import generator

#: The axes of (B, C, h, w) that hold channels, height and width.
CHANNELS_FIRST = (1, 2, 3)
#: Centers of the changed squares, as shares of height and width; off the diagonal, which a transposed grid would keep.
_PLACES = (
    (0.14, 0.36), (0.36, 0.86), (0.64, 0.14), (0.86, 0.64), (0.25, 0.71), (0.07, 0.93),
)  # fmt: skip
_HALF = 1 / 14  # of the side of a changed square, as a share of the picture's
#: So many of the places must be found again; a pretrained network may answer elsewhere to one.
_FEWEST = 5
#: Tokens beside the grid: class, distillation and register tokens.
_MOST_EXTRA = 16


@dataclass(frozen=True)
class LayerAxes:
    """The order of the axes of a layer's output.

    Attributes:
        order: Which axes hold channels, height and width of an output with four axes; None for tokens.
        tokens: The axis of the tokens, 1 or 2, of an output with three axes.
        before, after: Tokens before and after the grid, such as a class token, which are no place of the picture.
        cell: Height and width in pixels of the part of the picture that a token stands for.
    """

    order: tuple[int, int, int] | None = CHANNELS_FIRST
    tokens: int = 0
    before: int = 0
    after: int = 0
    cell: tuple[float, float] = (1.0, 1.0)

    @property
    def plain(self) -> bool:
        """Whether the output is (B, C, h, w) as it is."""
        return self.order == CHANNELS_FIRST

    def to_map(self, output: Tensor, size: tuple[int, int]) -> Tensor:
        """The output for pictures of ``size`` (H, W) as (B, C, h, w), without the tokens beside the grid.

        Raises:
            UsageError: the number of tokens is that of no grid of this size.
        """
        if self.order is not None:
            return output if self.plain else output.permute(0, *self.order)
        rows, columns = self.grid(output.shape[self.tokens], size)
        tokens = output.narrow(self.tokens, self.before, rows * columns)
        return tokens.movedim(self.tokens, 2).reshape(len(output), -1, rows, columns)

    def put_back(self, maps: Tensor, output: Tensor, size: tuple[int, int]) -> Tensor:
        """``maps`` (N, C, h, w) in the place of what ``to_map`` gave of ``output``, whose other tokens stay."""
        if self.order is not None:
            if self.plain:
                return maps
            inverse = [0, 0, 0, 0]
            for source, target in enumerate((0, *self.order)):
                inverse[target] = source
            return maps.permute(*inverse)
        rows, columns = self.grid(output.shape[self.tokens], size)
        result = output.expand(len(maps), *output.shape[1:]) if len(output) == 1 else output
        result = result.clone()
        flat = maps.reshape(len(maps), maps.shape[1], rows * columns).movedim(2, self.tokens)
        result.narrow(self.tokens, self.before, rows * columns).copy_(flat)
        return result

    def grid(self, count: int, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of ``count`` tokens, those beside the grid included, of a picture of ``size`` (H, W).

        Raises:
            UsageError: so many tokens are no grid of this size.
        """
        inside = count - self.before - self.after
        sides = [side / pixels for side, pixels in zip(size, self.cell, strict=True)]
        for rows in {math.floor(sides[0]), math.ceil(sides[0]), round(sides[0])}:
            if rows > 0 and inside % rows == 0 and abs(inside // rows - sides[1]) <= 1:
                return rows, inside // rows
        raise UsageError(f"{inside} tokens are no grid of a picture of {size[1]}x{size[0]} pixels.")


class AxesProbe:
    """Establishes the axes of outputs: a change at a place of the picture must change the output most at that place.

    Attributes:
        pictures: (1 + places, C, H, W) in [0, 1]: random noise, and the same with one square inverted.
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        height, width = size
        base = torch.rand(1, channels, height, width, generator=generator(0))
        self.size, self.pictures = size, base.repeat(1 + len(_PLACES), 1, 1, 1)
        self.squares = [
            tuple(
                (max(0, math.floor((center - _HALF) * side)), math.ceil((center + _HALF) * side))
                for center, side in zip(place, size, strict=True)
            )
            for place in _PLACES
        ]
        for picture, ((top, bottom), (left, right)) in zip(self.pictures[1:], self.squares, strict=True):
            picture[:, top:bottom, left:right] = 1 - picture[:, top:bottom, left:right]

    def axes_of(self, output: Tensor) -> LayerAxes | str:
        """The axes of a layer's output for ``pictures``, or in one sentence why it has none that can be used."""
        if len(output) != len(self.pictures):
            return "its first axis is not the batch: windows or heads of the attention are folded into it"
        if output.dim() not in (3, 4) or not output.is_floating_point():
            return f"its output {tuple(output.shape[1:])} has no axes of height and width"
        change = (output[1:].float() - output[:1].float()).square()
        if not bool(change.any()):
            return "it does not depend on the picture"
        fits: list[tuple[int, LayerAxes]] = []
        for axes in self._candidates(output):
            maps = axes.to_map(change, self.size).sum(dim=1)
            if maps[0].numel() > 1:
                fits.append((self._found(maps), axes))
        most = max((count for count, _ in fits), default=0)
        if most < _FEWEST:
            return "a change at one place of the picture does not show at one place of its output"
        return next(axes for count, axes in fits if count == most)

    def _candidates(self, output: Tensor) -> Iterator[LayerAxes]:
        """Orders of axes that the shape allows, the usual ones first."""
        if output.dim() == 4:
            usual = (CHANNELS_FIRST, (3, 1, 2))
            others = [(c, h, w) for c, h, w in permutations(CHANNELS_FIRST) if (c, h, w) not in usual]
            yield from map(LayerAxes, (*usual, *others))
            return
        height, width = self.size
        for axis in (1, 2):
            count = output.shape[axis]
            for rows in range(1, count + 1):
                columns = round(rows * width / height)
                extra = count - rows * columns
                if columns < 1 or not 0 <= extra <= _MOST_EXTRA:
                    continue
                cell = (height / rows, width / columns)
                for before in dict.fromkeys((extra, 0)):
                    yield LayerAxes(None, axis, before, extra - before, cell)

    def _found(self, maps: Tensor) -> int:
        """How many of the changed squares have the largest change of (places, h, w) in a cell that they touch."""
        rows, columns = maps.shape[1:]
        count = 0
        for values, ((top, bottom), (left, right)) in zip(maps, self.squares, strict=True):
            row, column = divmod(int(values.argmax()), columns)
            touches = (
                row * self.size[0] / rows < bottom
                and (row + 1) * self.size[0] / rows > top
                and column * self.size[1] / columns < right
                and (column + 1) * self.size[1] / columns > left
            )
            count += touches and bool(values.max() > values.min())
        return count


def establish(
    run: Callable[[Callable[[str, Tensor], None]], None], probe: AxesProbe, names: list[str]
) -> Mapping[str, LayerAxes | str]:
    """The axes of layers that could not be followed, by name.

    Args:
        run: Runs the network on the probe's pictures and calls its argument with the name and output of each layer.
    """
    results: dict[str, LayerAxes | str] = {}

    def note(name: str, output: Tensor) -> None:
        # Judged at once, since the outputs of all layers would not fit into memory.
        results[name] = probe.axes_of(output)

    # A user's network may raise anything, for example at a batch of more than one picture.
    with suppress(Exception):
        run(note)
    return {name: results.get(name, "the network does not run on a batch of pictures") for name in names}
