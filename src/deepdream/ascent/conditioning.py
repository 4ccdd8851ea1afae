"""From a gradient to the direction of a step: small objects that compose.

Written as text with ``+`` between them, in the order in which they work, and made so in Python, too:

    >>> print(parse_conditioning("cascade(0.5)+photo_colors(0.6) + unit(std)"))
    cascade(0.5) + photo_colors(0.6) + unit(std)
    >>> print(Gaussian(0.8) + Laplacian(4) + Unit("mean-abs"))
    gaussian(0.8) + laplacian(4) + unit(mean-abs)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from deepdream.ascent.call_text import Language
from deepdream.ascent.color_correlation import correlation_root
from deepdream.ascent.gradient_filters import blur, cascade, equalize_bands
from deepdream.ascent.mixing import Mixed
from deepdream.errors import UsageError
from deepdream.plan import Plan


@dataclass(frozen=True, eq=False)
class Moment:
    """When and where a gradient is conditioned.

    Attributes:
        progress: The share of the octave that will be done after this step, above 0 to 1.
        emphasis: (B, 1, H, W) weights of the pixels; None for the same weight everywhere.
    """

    progress: float
    emphasis: Tensor | None = None


#: How parts are written; a new part is a dataclass under ``@LANGUAGE.register`` with the range of each field.
LANGUAGE: Language[Part] = Language("conditioning", "cascade(0.5) + photo_colors(0.6) + unit(std)")


@dataclass(frozen=True)
class Part:
    """One thing that is done to a gradient; parts are joined by ``+``."""

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:  # noqa: ARG002
        """What becomes of ``gradient``, each picture of the batch by itself."""
        return gradient

    def __add__(self, other: Part | Conditioning) -> Conditioning:
        return Conditioning((self,)) + other

    def __str__(self) -> str:
        return str(Conditioning((self,)))


@dataclass(frozen=True)
class Conditioning:
    """Parts that work one after the other; none leave the gradient as it is.

    Raises:
        UsageError: ``per_layer`` not at the beginning, or more than one ``calm``.
    """

    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if any(isinstance(part, PerLayer) for part in self.parts[1:]):
            raise UsageError("per_layer() must stand at the beginning: it works before the terms are summed.")
        if sum(isinstance(part, Calm) for part in self.parts) > 1:
            raise UsageError("calm() may stand only once.")

    def __add__(self, other: Part | Conditioning) -> Conditioning:
        return Conditioning(self.parts + ((other,) if isinstance(other, Part) else other.parts))

    def __str__(self) -> str:
        return LANGUAGE.join(self.parts)

    def apply(self, gradient: Tensor, moment: Moment, *, own: bool = False) -> Tensor:
        """The direction that ``gradient`` (B, 3, H, W) becomes; ``own`` allows it to be written over."""
        direction = Mixed(gradient, own=own)
        for part in self.parts:
            direction = part.condition(direction, moment)
        return direction.tensor()

    def only(self, *kinds: type[Part]) -> Conditioning:
        """Those of the parts that are of these kinds."""
        return Conditioning(tuple(part for part in self.parts if isinstance(part, kinds)))

    @property
    def per_layer(self) -> bool:
        """Whether the terms of an objective are brought to the same size before they are summed."""
        return any(isinstance(part, PerLayer) for part in self.parts)

    @property
    def calm(self) -> float:
        """How much less is dreamed where the picture is flat."""
        return next((part.amount for part in self.parts if isinstance(part, Calm)), 0.0)


@LANGUAGE.register()
@dataclass(frozen=True)
class PerLayer(Part):
    """Each term's gradient over its root mean square, before the terms are summed.

    A weight is then how far a term moves a typical pixel, whatever its layer's units. Source: Crowson,
    crowsonkb/deep_dream, which does so with the layers of a dream.
    """


@LANGUAGE.register((0.1, 100))
@dataclass(frozen=True)
class Gaussian(Part):
    """Blurred by a Gaussian of ``sigma`` pixels."""

    sigma: float

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:  # noqa: ARG002
        return gradient.filtered(lambda values: blur(values, self.sigma))


@LANGUAGE.register((0.1, 2.5))
@dataclass(frozen=True)
class Cascade(Part):
    """The mean of three Gaussian blurs that widen over the octave, from ``narrowest`` pixels; see ``cascade``."""

    narrowest: float

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:
        return gradient.filtered(lambda values: cascade(values, moment.progress, self.narrowest))


@LANGUAGE.register((1, 12))
@dataclass(frozen=True)
class Laplacian(Part):
    """``levels`` bands of the Laplacian pyramid brought to the same strength; see ``equalize_bands``."""

    levels: int

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:  # noqa: ARG002
        return Mixed(equalize_bands(gradient.tensor(), self.levels), own=True)


@LANGUAGE.register((0, 1))
@dataclass(frozen=True)
class PhotoColors(Part):
    """Mixed with ``share`` of the gradient as seen through the color statistics of photographs.

    With C the root of the color correlation, steepest ascent in decorrelated colors moves RGB by C C^T g. Both
    parts are brought to unit standard deviation before they are mixed.
    """

    share: float

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:  # noqa: ARG002
        # From the sums of the channels' products: neither the plain nor the mixed gradient is written out.
        root = correlation_root().to(gradient.values)
        color = root @ root.T
        plain, photo = gradient.std(), gradient.mixed(color).std()
        same = torch.eye(3).to(color)
        return gradient.mixed((1 - self.share) / _floor(plain) * same + self.share / _floor(photo) * color)


@LANGUAGE.register((0, 1))
@dataclass(frozen=True)
class Calm(Part):
    """Up to ``amount`` less where the picture is flat; see ``texture_emphasis``, which gives the weights."""

    amount: float

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:
        return gradient if moment.emphasis is None else gradient.weighed(moment.emphasis)


@LANGUAGE.register(("std", "mean-abs"))
@dataclass(frozen=True)
class Unit(Part):
    """Over its ``size``: the standard deviation (``std``), or the mean absolute value (``mean-abs``)."""

    size: str

    def condition(self, gradient: Mixed, moment: Moment) -> Mixed:  # noqa: ARG002
        if self.size == "std":
            return gradient.mixed(1 / _floor(gradient.std()))
        values = gradient.tensor()
        # One picture after the other: a batch at once takes longer, and rounds otherwise.
        sizes = torch.stack([one.abs().mean() for one in values]).view(-1, 1, 1)
        return Mixed(values, own=gradient.own).mixed(1 / _floor(sizes))


@lru_cache(maxsize=256)  # the text is read again at every step of a dream
def parse_conditioning(text: str) -> Conditioning:
    """What ``text`` spells; an empty text is the conditioning that does nothing.

    Raises:
        UnknownNameError: no such part.
        UsageError: anything else that cannot be read, a number outside its range, or parts that do not go together.
    """
    return Conditioning(LANGUAGE.parse(text))


def conditioning_of(plan: Plan) -> Conditioning:
    """The plan's conditioning, or the one that its smoothing, colors, calm and normalization come to.

    Raises what ``parse_conditioning`` raises.
    """
    if plan.conditioning:
        return parse_conditioning(plan.conditioning)
    return Conditioning(tuple(_parts(plan)))


def _parts(plan: Plan) -> list[Part]:
    smoothings: dict[str, Part] = {
        "gaussian": Gaussian(plan.blur),
        "cascade": Cascade(plan.blur),
        "laplacian": Laplacian(4),
    }
    # half-sum is the score of the first notebook, which sums the layers as they are.
    parts: list[Part] = [PerLayer()] if plan.reduction == "mean" else []
    if plan.smoothing != "none":
        parts.append(smoothings[plan.smoothing])
    if plan.color:
        parts.append(PhotoColors(plan.color))
    if plan.calm:
        parts.append(Calm(plan.calm))
    if plan.normalization != "none":
        parts.append(Unit(plan.normalization))
    return parts


def _floor(size: Tensor) -> Tensor:
    # A gradient that is zero everywhere stays zero instead of becoming NaN.
    return torch.where(size > 0, size, torch.ones_like(size))
