"""Smoothing a gradient, and where it counts less; its colors and its size are in ``conditioning``.

The raw gradient of a network with strided convolutions carries a checkerboard and much hiss (Odena, Dumoulin,
Olah 2016, Distill; measured here in docs/presets.md). Each function below takes and gives (B, 3, H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream import native

_BAND = 1_500_000  # pixels that are filtered at once
_LANES = 48  # channels of a depthwise convolution that a processor's vector units are full with
_HIGHEST = 241  # rows of a kernel that the C routine takes
_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
_Filter = native.structure("Filter", "x y kernel", f"{native.SIZES} kernel_rows kernel_columns reflect")


def gaussian_kernel(sigma: float, *, radius: int | None = None) -> Tensor:
    """(2 r + 1,) samples of a Gaussian of ``sigma`` pixels that sum to one; r is 3 sigma if not given."""
    radius = max(1, round(3 * sigma)) if radius is None else radius
    # In float64, so that the weights sum to one in float32 whatever the radius.
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    return (weights / weights.sum()).float()


def blur(gradient: Tensor, sigma: float) -> Tensor:
    """``gradient`` convolved with a Gaussian of ``sigma`` pixels; borders are reflected where they can be."""
    # A Gaussian is separable: two passes with a line cost far less than one with a square.
    line = gaussian_kernel(sigma)[None, :]
    return _filter(_filter(gradient.mT, line).mT, line)


def cascade(gradient: Tensor, progress: float, narrowest: float = 0.5) -> Tensor:
    """The mean of three Gaussian blurs whose widths grow over an octave.

    ``progress`` runs from 1/steps to 1, and sigma with it from ``narrowest`` to 2.5 pixels; the three are
    sigma/2, sigma and 2 sigma wide, in a 9x9 window, and summed into one kernel, which gives the same at a
    third of the cost.

    Source: gordicaleksa/pytorch-deepdream, CascadeGaussianSmoothing, where ``narrowest`` is 0.5.
    """
    sigma = narrowest + (2.5 - narrowest) * progress
    lines = [gaussian_kernel(sigma * factor, radius=4) for factor in (0.5, 1.0, 2.0)]
    return _filter(gradient, sum((line[:, None] * line[None, :] for line in lines), torch.zeros(9, 9)) / 3)


def laplacian_split(image: Tensor, levels: int) -> list[Tensor]:
    """The Laplacian pyramid of ``image``: ``levels`` bands from fine to coarse, then what is left.

    Source: the TensorFlow DeepDream notebook (lap_split_n), after Burt & Adelson 1983. Bands coarser than the
    picture allows are left out.
    """
    bands: list[Tensor] = []
    for _ in range(levels):
        if min(image.shape[-2:]) < 8:  # smaller than the kernel and its border
            break
        low = F.conv2d(F.pad(image, (2,) * 4, mode="replicate"), _binomial().to(image), stride=2, groups=3)
        bands.append(image - _up(low, image))
        image = low
    return [*bands, image]


def laplacian_merge(bands: list[Tensor]) -> Tensor:
    """The picture of which ``bands`` are the pyramid; the inverse of ``laplacian_split``."""
    image = bands[-1]
    for band in reversed(bands[:-1]):
        image = _up(image, band) + band
    return image


def equalize_bands(gradient: Tensor, levels: int = 4) -> Tensor:
    """Every band of the Laplacian pyramid divided by its root mean square, so that all have the same strength.

    Source: the TensorFlow DeepDream notebook (lap_normalize, 4 levels).
    """
    bands = []
    for band in laplacian_split(gradient, levels):
        # One picture after the other: the axes of a batch at once take longer, and round differently.
        squares = torch.stack([picture.square().mean() for picture in band]).view(-1, 1, 1, 1)
        # A band that is zero everywhere stays zero instead of becoming NaN.
        bands.append(band / squares.sqrt().clamp_min(1e-20))
    return laplacian_merge(bands)


def texture_emphasis(picture: Tensor, calm: float, *, window: float = 6.0, visible: float = 0.02) -> Tensor:
    """(B, 1, H, W) weights: 1 where ``picture`` is textured, down to 1 - ``calm`` where it is flat.

    The eye overlooks changes in texture and sees them in a clear sky (visual masking; Legge & Foley 1980), and
    there the network has nothing to work on but its own grid. The local standard deviation s of the
    brightness, in a Gaussian window of ``window`` pixels, gives s / (s + ``visible``).
    """
    height, width = picture.shape[-2:]
    rows, halo = max(1, _BAND // width), 2 * round(3 * window)  # two blurs reach so far
    bands = []
    for top in range(0, height, rows):
        first, last = max(0, top - halo), min(height, top + rows + halo)
        weights = _emphasis(picture[..., first:last, :], calm, window, visible)
        bands.append(weights[..., top - first : min(top + rows, height) - first, :])
    return bands[0] if len(bands) == 1 else torch.cat(bands, dim=2)


def _emphasis(picture: Tensor, calm: float, window: float, visible: float) -> Tensor:
    gray = picture.mean(dim=1, keepdim=True)
    mean = blur(gray, window)
    deviation = blur((gray - mean).square(), window).clamp_min(0).sqrt()
    return 1 - calm + calm * deviation / (deviation + visible)


def _filter(image: Tensor, kernel: Tensor) -> Tensor:
    """``image`` convolved with ``kernel``, band by band where it is large: a convolution wants copies of it."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    height, width = image.shape[-2:]
    how = "reflect" if height > down and width > right else "replicate"
    kernel = kernel.to(image)
    if (
        native.usable(image)
        and len(kernel) <= _HIGHEST
        and not (torch.is_grad_enabled() and image.requires_grad)
    ):
        return _filter_planes(image, kernel, reflect=how == "reflect")
    rows = max(2 * down + 1, _BAND // width)
    if height <= rows:
        return _convolve(F.pad(image, (right, right, down, down), mode=how), kernel)
    filtered = torch.empty_like(image)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - down), min(height, bottom + down)
        above, below = max(0, down - top), max(0, bottom + down - height)
        # The band with its surroundings; what lies beyond the picture is reflected as in the whole.
        if below and last - first <= below:
            first = max(0, last - below - 1)
        band = F.pad(image[..., first:last, :], (right, right, above, below), mode=how)
        skip = top - down - (first - above)
        band = band[..., skip : skip + bottom - top + 2 * down, :]
        filtered[..., top:bottom, :] = _convolve(band, kernel)
    return filtered


def _filter_planes(image: Tensor, kernel: Tensor, *, reflect: bool) -> Tensor:
    """As ``_filter`` by a kernel in C, which makes no copies and takes a fraction of the time."""
    planes = image.contiguous().view(-1, 1, *image.shape[-2:])
    filtered = torch.empty_like(planes)
    # The routine reads three rows of zeros above and below the kernel.
    between = F.pad(kernel, (0, 0, 3, 3))
    shape = {"kernel_rows": kernel.shape[0], "kernel_columns": kernel.shape[1]}
    native.call("filter", _Filter, planes, filtered, kernel=between, reflect=int(reflect), **shape)
    return filtered.view(image.shape)


def _convolve(padded: Tensor, kernel: Tensor) -> Tensor:
    """``padded`` convolved with ``kernel`` where that lies wholly inside, each channel by itself.

    A processor takes the same time for three channels as for sixteen, so strips of the picture lie side by side
    as channels.
    """
    channels, height = padded.shape[1], padded.shape[2] - kernel.shape[0] + 1
    most = min(_LANES // channels, height // kernel.shape[0]) if padded.device.type == "cpu" else 0
    own = -(-height // max(1, most))
    if own == height:
        return F.conv2d(padded, kernel.expand(channels, 1, *kernel.shape), groups=channels)
    tops = [min(top, height - own) for top in range(0, height, own)]  # the last one may overlap
    count = channels * len(tops)
    strips = [padded[..., top : top + own + kernel.shape[0] - 1, :] for top in tops]
    beside = torch.stack(strips, dim=2).flatten(1, 2).contiguous(memory_format=torch.channels_last)
    filtered = F.conv2d(beside, kernel.expand(count, 1, *kernel.shape), groups=count)
    apart = torch.unflatten(filtered, 1, (channels, len(tops))).unbind(2)
    return torch.cat([part[..., i * own - tops[i] :, :] for i, part in enumerate(apart)], dim=2)


def _binomial() -> Tensor:
    line = torch.tensor(_BINOMIAL)
    return (line[:, None] * line[None, :] / line.sum() ** 2).expand(3, 1, 5, 5)


def _up(low: Tensor, like: Tensor) -> Tensor:
    # Three of four pixels are zeros before the blur, so it is made four times as strong.
    kernel = 4 * _binomial().to(low)
    spread = F.conv_transpose2d(F.pad(low, (1,) * 4, mode="replicate"), kernel, stride=2, groups=3)
    top = left = 4
    return spread[..., top : top + like.shape[-2], left : left + like.shape[-1]]
