"""The kinds of objectives that read the picture itself; one usually subtracts them.

They are counted in their own units (a channel value from 0 to 1), also beside other terms: what is nearly
satisfied must push less, and not more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent.algebra import objective_kind
from deepdream.ascent.arguments import number
from deepdream.ascent.term_inputs import INPUT, Reference, TermInputs


@objective_kind(penalty=True)
def total_variation(inputs: TermInputs) -> Tensor:
    """The mean absolute difference of neighboring pixels; subtract it for smoother pictures."""
    # A picture one pixel wide has no neighbors across: the mean of no differences is taken as zero.
    differences = [inputs.image.diff(dim=dim).abs() for dim in (2, 3)]
    return sum((inputs.total(d) for d in differences if d.numel()), inputs.image.new_zeros(()))


@objective_kind(number("gray", 0.5), penalty=True)
def l1(inputs: TermInputs, gray: float) -> Tensor:
    """The mean absolute distance of the pixels from a gray."""
    return inputs.total((inputs.image - gray).abs())


@objective_kind(number("gray", 0.5), penalty=True)
def l2(inputs: TermInputs, gray: float) -> Tensor:
    """The mean squared distance of the pixels from a gray."""
    return inputs.total((inputs.image - gray).square())


@objective_kind(penalty=True)
def blur(inputs: TermInputs) -> Tensor:
    """Half the mean squared distance from the blurred picture: lucid's ``blur_input_each_step``.

    With ``-k*blur()`` each step replaces a share of the picture by its blurred self.
    """
    # The blurred picture is a fixed target: its own gradient would pull the neighbors, too.
    image = inputs.image.detach()
    kernel = torch.full((1, 1, 3, 3), 0.5, device=image.device, dtype=image.dtype)
    kernel[..., 1, 1] = 1
    flat = image.reshape(-1, 1, *image.shape[-2:])
    # At the border the weights that lie outside the picture are left out, so that no dark frame appears.
    weight = F.conv2d(torch.ones_like(flat[:1]), kernel, padding=1)
    blurred = (F.conv2d(flat, kernel, padding=1) / weight).reshape(image.shape)
    return inputs.total((inputs.image - blurred).square()) / 2


@objective_kind(penalty=True, references=lambda: (Reference("picture", INPUT),))
def distance(inputs: TermInputs) -> Tensor:
    """The mean squared distance from the picture before the dream."""
    return inputs.total((inputs.image - inputs.references[Reference("picture", INPUT)]).square())
