"""Going on from a layer's activations, against one pass for each of them."""

from __future__ import annotations

import pytest
import torch
from networks import picture, wrapped
from torch import Tensor, nn

from deepdream.attribution import Question, ScoreFunction
from deepdream.attribution.hooks import replacing_output, scores_from


class Joining(nn.Module):
    """Two layers, of which the second's result is joined with the first's in one of three ways."""

    def __init__(self, join: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.join = join
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.third = nn.Conv2d(8 if join == "concatenated" else 4, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x).relu()
        second = self.second(first).relu()
        if self.join == "concatenated":
            second = torch.cat([first, second], dim=1)
        elif self.join == "added":
            second = first + second
        return self.third(second).relu().mean(dim=(2, 3))


@pytest.mark.parametrize(("join", "repeated"), [("alone", False), ("added", False), ("concatenated", True)])
def test_going_on_from_activations_equals_a_pass_for_each(join: str, repeated: bool) -> None:
    model, image = wrapped(Joining(join), 12), picture(12)
    score_function = ScoreFunction.of(model, image, Question(1, layer="second"))
    activations = torch.rand(150, 4, 12, 12, generator=torch.Generator().manual_seed(2))
    wanted = []
    for one in activations:
        with torch.no_grad(), replacing_output(model.module.second, 1, lambda _, one=one: one[None]):
            wanted.append(model.module(model.normalize(image))[0, 1])
    found = scores_from(score_function, activations)
    torch.testing.assert_close(found, torch.stack(wanted), rtol=1e-4, atol=1e-5)
    chunks = -(-150 // (8 * score_function.chunk))
    assert score_function.cost.forwards == (150 if repeated else chunks)
