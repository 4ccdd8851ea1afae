"""What may change, and how it becomes a picture."""

from __future__ import annotations

from torch import Tensor

from deepdream.ascent.parameterizations.cppn import CPPN
from deepdream.ascent.parameterizations.fourier import Fourier
from deepdream.ascent.parameterizations.maco import MACO
from deepdream.ascent.parameterizations.pixels import Colors, Logit, Pixels
from deepdream.ascent.parameterizations.protocol import Parameterization
from deepdream.ascent.parameterizations.pyramid import Laplacian, Shared
from deepdream.ascent.resampling import resize, resize_picture
from deepdream.errors import UsageError
from deepdream.plan import Plan

__all__ = [
    "CPPN",
    "MACO",
    "PARAMETERIZATIONS",
    "Colors",
    "Fourier",
    "Laplacian",
    "Logit",
    "Parameterization",
    "Pixels",
    "Shared",
    "check_start",
    "move_detail",
]

PARAMETERIZATIONS: dict[str, Parameterization] = {
    "pixels": Pixels(),
    "logit": Logit(),
    "colors": Colors(),
    "fourier": Fourier(),
    "laplacian": Laplacian(),
    "shared": Shared(),
    "cppn": CPPN(),
    "maco": MACO(),
}


def check_start(plan: Plan) -> None:
    """Raises UsageError where what the plan changes cannot hold the picture that it starts from, or goes back to."""
    name = plan.parameterization
    if PARAMETERIZATIONS[name].exact:
        return
    if plan.start != "noise":
        raise UsageError(
            f"The parameterization {name!r} cannot hold a given picture exactly. "
            "Use `deepdream visualize`, or start from noise."
        )
    if plan.strength is not None or plan.stop_at:
        raise UsageError(
            f"The parameterization {name!r} knows no way back to where it started. "
            "Leave the strength and the distance to stop at to the rate and the steps."
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
    enlarged picture.
    """
    height, width = larger.shape[-2:]
    if isinstance(parameterization, CPPN):
        return parameters
    if isinstance(parameterization, (Pixels, Logit)):
        detail = parameters - parameterization.encode(base)
        return parameterization.encode(larger) + resize(detail, height, width, how=how)
    dreamed = parameterization.decode(parameters, *base.shape[-2:])
    if not parameterization.exact:
        return parameterization.encode(resize_picture(dreamed, height, width))
    return parameterization.encode((larger + resize(dreamed - base, height, width, how=how)).clamp(0, 1))
