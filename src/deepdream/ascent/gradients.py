"""Making a gradient into a good direction: smoothing, color, size.

The raw gradient of a network with strided convolutions carries a checkerboard and much hiss (Odena, Dumoulin,
Olah 2016, Distill; measured here in docs/recipes.md). Each function below takes and gives (B, 3, H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.color import correlation_root, mix_channels

_BAND = 1_500_000  # pixels that are filtered at once
_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)


def gaussian_kernel(sigma: float, *, radius: int | None = None) -> Tensor:
    """(2 r + 1,) samples of a Gaussian of ``sigma`` pixels that sum to one; r is 3 sigma if not given."""
    radius = max(1, round(3 * sigma)) if radius is None else radius
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    return (weights / weights.sum()).float()


def blur(gradient: Tensor, sigma: float) -> Tensor:
    """``gradient`` convolved with a Gaussian of ``sigma`` pixels, borders reflected where there is room."""
    line = gaussian_kernel(sigma)
    return _filter(_filter(gradient, line[:, None]), line[None, :])


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
        if min(image.shape[-2:]) < 8:
            break
        low = _down(image)
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
    """Every band of the Laplacian pyramid divided by its root mean square, so that all speak equally loud.

    Source: the TensorFlow DeepDream notebook (lap_normalize, 4 levels).
    """
    return laplacian_merge([band / _floor(_rms(band)) for band in laplacian_split(gradient, levels)])


def prefer_photo_colors(gradient: Tensor, share: float) -> Tensor:
    """Mix in ``share`` of the gradient as seen through the color statistics of photographs.

    With C the root of the color correlation, steepest ascent in decorrelated colors moves RGB by C C^T g. Both
    parts are brought to unit standard deviation before they are mixed.
    """
    if share == 0:
        return gradient
    root = correlation_root()
    photo = mix_channels(gradient, root @ root.T)
    photo *= share / _floor(_std(photo))  # in place: a large picture has no room for one copy more
    return photo.addcmul_(gradient, (1 - share) / _floor(_std(gradient)))


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


def unit_size(gradient: Tensor, normalization: str) -> Tensor:
    """``gradient`` over its mean absolute value or its standard deviation, each picture by itself."""
    if normalization == "mean-abs":
        return gradient / _floor(gradient.abs().mean(dim=(1, 2, 3), keepdim=True))
    if normalization == "std":
        return gradient / _floor(_std(gradient))
    return gradient


def _std(gradient: Tensor) -> Tensor:
    return gradient.std(dim=(1, 2, 3), keepdim=True)


def _rms(band: Tensor) -> Tensor:
    return band.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def _floor(size: Tensor) -> Tensor:
    # A gradient that is zero everywhere stays zero instead of becoming NaN.
    return size.clamp_min(1e-20)


def _filter(image: Tensor, kernel: Tensor) -> Tensor:
    """``image`` convolved with ``kernel``, band by band where it is large: a convolution wants copies of it."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    height, width = image.shape[-2:]
    how = "reflect" if height > down and width > right else "replicate"
    channels = image.shape[1]
    weight = kernel.to(image).expand(channels, 1, *kernel.shape)
    rows = max(2 * down + 1, _BAND // width)
    if height <= rows:
        return F.conv2d(F.pad(image, (right, right, down, down), mode=how), weight, groups=channels)
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
        filtered[..., top:bottom, :] = F.conv2d(band, weight, groups=channels)
    return filtered


def _binomial() -> Tensor:
    line = torch.tensor(_BINOMIAL)
    return (line[:, None] * line[None, :] / line.sum() ** 2).expand(3, 1, 5, 5)


def _down(image: Tensor) -> Tensor:
    return F.conv2d(F.pad(image, (2,) * 4, mode="replicate"), _binomial().to(image), stride=2, groups=3)


def _up(low: Tensor, like: Tensor) -> Tensor:
    kernel = 4 * _binomial().to(low)
    spread = F.conv_transpose2d(F.pad(low, (1,) * 4, mode="replicate"), kernel, stride=2, groups=3)
    top = left = 4
    return spread[..., top : top + like.shape[-2], left : left + like.shape[-1]]
