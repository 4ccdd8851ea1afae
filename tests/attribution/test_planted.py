"""Pictures in which the right answer is known: one object the class is made of, one that belongs to another class."""

from __future__ import annotations

import pytest
import torch
from networks import seeded
from torch import Tensor, nn

from deepdream.attribution import Explanation, explain, methods
from deepdream.attribution.checks import control_maps
from deepdream.attribution.checks.localization import TOLERANCE, mass_inside, points_inside
from deepdream.models import Model

SIDE, OBJECT = 56, 20
#: Rows and columns of the red and of the blue object, none of them in the center.
PLACES = (((2, 3), (32, 30)), ((33, 4), (3, 33)), ((34, 34), (12, 2)))
RED, BLUE = 0, 1


class SeesColors(nn.Module):
    """Logits are the amount of red, the amount of blue, and a constant; a third channel sees brightness for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.color = nn.Conv2d(3, 3, 1)
        self.smooth = nn.Conv2d(3, 3, 3, 1, 1, groups=3, bias=False)
        self.act, self.late = nn.ReLU(), nn.ReLU()
        self.head = nn.Linear(3, 3)
        with torch.no_grad():
            self.color.weight.copy_(
                torch.tensor([[1.0, -0.5, -0.5], [-0.5, -0.5, 1.0], [0.3, 0.3, 0.3]])[..., None, None]
            )
            self.color.bias.copy_(torch.tensor([-0.3, -0.3, 0.0]))
            self.smooth.weight.fill_(1 / 9)
            self.head.weight.copy_(torch.diag(torch.tensor([60.0, 60.0, 0.0])))
            self.head.bias.copy_(torch.tensor([-2.0, -2.0, 0.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.late(self.smooth(self.act(self.color(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.wrap(
        SeesColors().eval(), labels=("red", "blue", "none"), name="sees-colors", input_size=SIDE
    )


def planted(places: tuple[tuple[int, int], tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """(1, 3, 56, 56): gray noise with a red and a blue square; and where each lies, (2, 56, 56) bool."""
    image = (0.2 + 0.4 * seeded((1, 1, SIDE, SIDE), 4)).repeat(1, 3, 1, 1)
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.bool)
    for mask, (row, column), color in zip(masks, places, (0, 2), strict=True):
        mask[row : row + OBJECT, column : column + OBJECT] = True
        square = 0.1 * seeded((3, OBJECT, OBJECT), 5)
        square[color] += 0.8
        image[0, :, row : row + OBJECT, column : column + OBJECT] = square
    return image, masks


#: Their caveats say why: they do not know the class, or not which units were active, or only where it is unstable.
BLIND = {"eigen-cam", "deconvolution", "vargrad"}


#: A search that need not be as long as by default.
QUICK = {"extremal-perturbation": {"steps": 60}}


def found(model: Model, name: str) -> list[tuple[Explanation, Tensor, float]]:
    """For each of three pictures and both classes: the map, where the class lies, and the best control's mass there."""
    answers = []
    for places in PLACES:
        image, masks = planted(places)
        controls = control_maps(image, seed=0).values()
        for target in (RED, BLUE):
            best = max(mass_inside(control, masks[target]) for control in controls)
            answers.append((explain(model, image, name, target, **QUICK.get(name, {})), masks[target], best))
    return answers


@pytest.mark.parametrize(
    "name", [name for name, method in methods().items() if name not in BLIND and method.family != "attention"]
)
def test_the_object_that_the_class_is_made_of_is_found_and_the_other_is_not(name: str, model: Model) -> None:
    for explanation, mask, best_control in found(model, name):
        assert explanation.score > 0.5  # above the constant class
        assert points_inside(explanation.heatmap, mask, TOLERANCE * SIDE / 224)
        assert mass_inside(explanation.heatmap, mask) > 2.5 * best_control


@pytest.mark.parametrize("name", sorted(BLIND))
def test_what_a_caveat_warns_of_is_so(name: str, model: Model) -> None:
    masses = [mass_inside(explanation.heatmap, mask) for explanation, mask, _ in found(model, name)]
    assert max(masses) < 1.2 * OBJECT**2 / SIDE**2
