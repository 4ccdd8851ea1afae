"""A picture as the rest of the package sees it: sRGB floats, upright, with its alpha kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepdream.images.scaling import Floats

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """One picture read from a file, ready for a network.

    Attributes:
        pixels: float32 ``(H, W, 3)``, sRGB in ``[0, 1]``, C-contiguous, upright.
        alpha: float32 ``(H, W)`` in ``[0, 1]``, or None for an opaque picture. ``pixels`` already
            stands on the matte; alpha is kept so that an output can be made transparent again.
        name: base name of the file.
        sha256: SHA-256 of the file's bytes.
        notes: what the reader did, in words.
    """

    pixels: Floats
    alpha: Floats | None
    name: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    def tensor(self) -> torch.Tensor:
        """A copy of the pixels as a float32 tensor ``(1, 3, H, W)`` in ``[0, 1]``, on the CPU."""
        import torch

        return torch.from_numpy(self.pixels.transpose(2, 0, 1)[None].copy())

    def __repr__(self) -> str:
        transparency = ", with alpha" if self.alpha is not None else ""
        return f"<Picture {self.name!r}, {self.width}x{self.height}{transparency}>"

    def _repr_png_(self) -> bytes:
        from deepdream.images.writer import encode

        return encode(self.pixels, alpha=self.alpha)
