"""Parameterizations: the numbers that are optimized, and how they become a picture."""

from __future__ import annotations

import importlib
import pkgutil

import torch
from torch import Tensor

from deepdream.ascent.parameterizations.cppn import CPPN
from deepdream.ascent.parameterizations.fourier import Fourier
from deepdream.ascent.parameterizations.maco import MACO
from deepdream.ascent.parameterizations.palette import Palette
from deepdream.ascent.parameterizations.pixels import Colors, Logit, Pixels
from deepdream.ascent.parameterizations.protocol import PARAMETERIZATIONS, Parameterization, register
from deepdream.ascent.parameterizations.pyramid import LaplacianPyramid, Shared
from deepdream.ascent.resampling import resize, resize_picture
from deepdream.errors import UsageError
from deepdream.plan import Plan, parse_magnitudes
from deepdream.tensors import make_room

__all__ = [
    "CPPN",
    "MACO",
    "PARAMETERIZATIONS",
    "Colors",
    "Fourier",
    "LaplacianPyramid",
    "Logit",
    "Palette",
    "Parameterization",
    "Pixels",
    "Shared",
    "check_start",
    "move_detail",
    "parameterization_for",
    "register",
]


def import_all() -> None:
    """Import every module of this package, which registers its parameterizations: a new one needs no list."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


import_all()


def parameterization_for(plan: Plan) -> Parameterization:
    """The parameterization of the plan, with its colors and, where it is transparent, its opacity."""
    palette = Palette(plan.decorrelated, plan.alpha)
    if plan.parameterization == "maco" and plan.magnitudes:
        return MACO(palette, parse_magnitudes(plan.magnitudes))
    return PARAMETERIZATIONS[plan.parameterization](palette)


def check_start(plan: Plan) -> None:
    """Raises UsageError where the parameterization cannot hold the picture that the plan starts from."""
    name = plan.parameterization
    if plan.alpha:
        if plan.parameterization == "cppn":
            # Every weight moves opacity everywhere: it is gone before anything is painted, whatever was tried.
            raise UsageError(
                "A cppn cannot be transparent: choose another parameterization, such as fourier."
            )
        if plan.start != "noise":
            raise UsageError("A transparent picture is made from noise: use `deepdream visualize --alpha`.")
        if plan.mask or plan.keep != "nothing" or plan.blend < 1:
            raise UsageError("A transparent picture has no original, so mask, keep and blend do not apply.")
    elif parameterization_for(plan).exact:
        return
    if plan.start != "noise":
        raise UsageError(
            f"The parameterization {name!r} cannot hold a given picture exactly. "
            "Use `deepdream visualize`, or start from noise."
        )
    if plan.strength is not None or plan.stop_at:
        what = "A transparent picture" if plan.alpha else f"The parameterization {name!r}"
        raise UsageError(
            f"{what} cannot scale its change afterwards, so --strength and --stop-at do not apply. "
            "Use --rate and --steps."
        )


def move_detail(
    parameterization: Parameterization,
    parameters: Tensor,
    base: Tensor,
    larger: Tensor,
    *,
    how: str = "bicubic",
) -> Tensor:
    """The parameters at a larger size: what the dream added to ``base``, enlarged and laid onto ``larger``.

    The sharp original is taken anew at every size, so the photograph's own detail is never blurred. Where no
    picture can be written exactly there is no original: a CPPN paints any size, and phases are those of the
    enlarged picture. ``base`` and ``larger`` are (B, 3, H, W), half opaque where there is opacity.
    """
    height, width = larger.shape[-2:]
    if isinstance(parameterization, CPPN):
        return parameters
    if parameterization.palette.opacity:
        base, larger = _half_opaque(base), _half_opaque(larger)
    if isinstance(parameterization, (Pixels, Logit)):
        detail = resize(parameters - parameterization.encode(base), height, width, how=how)
        make_room(detail)
        moved = detail.add_(parameterization.encode(larger))
        make_room(moved)
        return moved
    dreamed = parameterization.decode(parameters, *base.shape[-2:])
    if not parameterization.exact:
        return parameterization.encode(resize_picture(dreamed, height, width))
    return parameterization.encode((larger + resize(dreamed - base, height, width, how=how)).clamp(0, 1))


def _half_opaque(image: Tensor) -> Tensor:
    return torch.cat([image, torch.full_like(image[:, :1], 0.5)], dim=1)
