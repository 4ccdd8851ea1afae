"""How an input is read, and a picture as its network is fed with it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.sources import STDIN, is_noise, is_stdin
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.images import Picture
    from deepdream.models import Model


def read_source(source: str | Path, *, value_range: str = "auto", max_pixels: int = 64_000_000) -> Picture:
    """The picture in a file, or in standard input for ``-``, which is named ``stdin`` in every record.

    Raises:
        PictureError: it cannot be read.
    """
    from deepdream.images import read_picture

    if not is_stdin(source):
        return read_picture(Path(source), value_range=value_range, max_pixels=max_pixels)
    return read_picture(sys.stdin.buffer.read(), name="stdin", value_range=value_range, max_pixels=max_pixels)


@dataclass(frozen=True)
class InputOptions:
    """How an input is read.

    Attributes:
        size: ``640`` for the longer side, ``800x600`` for exactly that; None leaves the picture as it is.
        value_range: How stored numbers become [0, 1], as ``deepdream.images.read_picture`` takes it.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    size: str | None = None
    value_range: str = "auto"
    max_pixels: int = 64_000_000

    def read(self, source: str, *, seed: int) -> Picture:
        """The picture, or seeded noise for the word ``noise``. Raises PictureError, UsageError."""
        from deepdream.dreaming.source_pictures import noise_picture, parse_size

        if is_noise(source):
            size = self.size or "512"
            height, width = parse_size(size if "x" in size.lower() else f"{size}x{size}", 1, 1)
            self._check(height, width)
            return noise_picture(height, width, seed)
        picture = read_source(source, value_range=self.value_range, max_pixels=self.max_pixels)
        if self.size:
            self._check(*parse_size(self.size, picture.height, picture.width))
        return picture

    def size_for(self, source: str) -> str | None:
        """The size to resize to; noise has it already."""
        return None if is_noise(source) else self.size

    def _check(self, height: int, width: int) -> None:
        if height * width > self.max_pixels:
            raise UsageError(
                f"--size {self.size} would be {width}x{height}, more than the limit of {self.max_pixels:,} "
                "pixels. Make it smaller, or raise the limit with --max-pixels."
            )


@dataclass(frozen=True, eq=False)
class FedPicture:
    """A picture and the part of it that the network is fed with.

    Attributes:
        source: The input, as it was given.
        image: (1, 3, crop, crop), RGB in [0, 1].
        size: Height and width of the whole picture.
    """

    source: Path
    network: Model
    image: Tensor
    size: tuple[int, int]
    sha256: str

    @classmethod
    def open(cls, source: str | Path, network: Model) -> FedPicture:
        """Read ``source``. Raises PictureError."""
        return cls.of(source, read_source(source), network)

    @classmethod
    def of(cls, source: str | Path, picture: Picture, network: Model) -> FedPicture:
        """A picture that was read before."""
        size = (picture.height, picture.width)
        return cls(Path(source), network, network.crop(picture.tensor()), size, picture.sha256)

    @property
    def item(self) -> str:
        """The input as text for tables and JSON."""
        return STDIN if is_stdin(self.source) else str(self.source)

    def probability(self, target: int) -> float:
        """The probability of class ``target``; of a regression its number."""
        return float(self._probabilities[target])

    @property
    def top(self) -> int:
        """The most probable class."""
        return int(self._probabilities.argmax())

    @cached_property
    def _probabilities(self) -> Tensor:
        import torch

        with torch.no_grad():
            return self.network.answers(self.network(self.image)[0])
