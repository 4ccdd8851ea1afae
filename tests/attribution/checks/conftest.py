"""A network whose right answer is known: it sees red, and adds up how much."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from deepdream.attribution.checks import CheckContext
from deepdream.attribution.question import Question
from deepdream.models import Model

SIDE = 56
#: Where the planted object lies, in pixels.
OBJECT = (slice(4, 24), slice(32, 52))


class SeesRed(nn.Module):
    """Logit 0 is the mean redness of the picture above a threshold, scaled; logit 1 is a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.color = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            self.color.weight.zero_()
            self.color.bias.zero_()
            self.color.bias[0] = -0.4
            self.color.weight[0, :, 0, 0] = torch.tensor([1.0, -0.5, -0.5])
            self.head.weight.zero_()
            self.head.weight[0, 0] = 60.0
            self.head.bias.copy_(torch.tensor([-2.0, 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.color(x).relu().mean((2, 3)))


@pytest.fixture
def sees_red() -> Model:
    return Model.wrap(SeesRed().eval(), labels=("red", "not red"), name="sees-red", input_size=SIDE)


@pytest.fixture
def planted() -> Tensor:
    """(1, 3, 56, 56): gray noise with a red square off the center."""
    gray = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(4)) * 0.5 + 0.2
    image = gray.repeat(1, 3, 1, 1)
    image[0, 0][OBJECT] = 0.8 + 0.2 * torch.rand(20, 20, generator=torch.Generator().manual_seed(6))
    image[0, 1:][(slice(None), *OBJECT)] = 0.05
    return image


@pytest.fixture
def mask() -> Tensor:
    found = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    found[OBJECT] = True
    return found


@pytest.fixture
def truth(planted: Tensor) -> Tensor:
    """(H, W): how red each pixel is, which is exactly what the network adds up."""
    red, green, blue = planted[0]
    return (red - 0.5 * green - 0.5 * blue - 0.4).clamp(min=0)


@pytest.fixture
def context(sees_red: Model, planted: Tensor, mask: Tensor) -> CheckContext:
    return CheckContext(sees_red, planted, Question(0), mask=mask)
