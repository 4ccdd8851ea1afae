"""A sweep: axes as they are written, and cells that carry their own preset and can be kept."""

from __future__ import annotations

import pytest
from torch import Tensor

from deepdream.dreaming import parse_axis, variations
from deepdream.errors import UnknownNameError, UsageError
from deepdream.images import Picture
from deepdream.plan import plan_for

FAST = {"octaves": 1, "objective": "layer(second)"}


@pytest.fixture
def picture(photo: Tensor) -> Picture:
    return Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "ab" * 32)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("steps=5,10,20", "steps", (5, 10, 20)),
        ("steps = 5 , 5,7", "steps", (5, 7)),
        ("octave-scale=1.2,1.4", "octave_scale", (1.2, 1.4)),
        ("strength=0.04:0.12:3", "strength", (0.04, 0.08, 0.12)),
        ("steps=1:4:3", "steps", (1, 2, 4)),
        ("strength=none,0.1", "strength", (None, 0.1)),
        ("detail=yes,no", "detail", (True, False)),
        ("layer=a.1,a.2+a.3", "layer", ("a.1", "a.2+a.3")),
        ("layer=a.1:17", "layer", ("a.1:17",)),
        ("objective=channel(a, 1),layer(b)", "objective", ("channel(a, 1)", "layer(b)")),
        ("size=64,80x60", "size", ("64", "80x60")),
    ],
)
def test_an_axis_is_read(text: str, name: str, values: tuple[object, ...]) -> None:
    axis = parse_axis(text)
    assert (axis.name, axis.values) == (name, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz=5", "No setting 'stepz'. Did you mean 'steps'"),
        ("steps", "Cannot read the axis 'steps'. Example: steps=5,10,20"),
        ("steps=5,,7", "Cannot read the axis"),
        ("steps=a", "The setting 'steps' takes int, not 'a'"),
        ("detail=perhaps", "The setting 'detail' takes bool"),
        ("strength=0:1:1", "Cannot read the range '0:1:1'"),
        ("strength=0:1:x", "Cannot read the range"),
    ],
)
def test_an_axis_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_axis(text)


def test_cells_are_every_combination_row_by_row() -> None:
    cells = variations(parse_axis("layer=first,second+act"), parse_axis("steps=2,3"), {"seed": 7})
    assert [(c.row, c.column, c.plan.objective, c.plan.steps, c.plan.seed) for c in cells] == [
        (0, 0, "layer(first)", 2, 7),
        (0, 1, "layer(second) + layer(act)", 2, 7),
        (1, 0, "layer(first)", 3, 7),
        (1, 1, "layer(second) + layer(act)", 3, 7),
    ]


def test_a_layer_is_said_as_in_run() -> None:
    cells = variations(parse_axis("layer=a.4:17,a.3-5,a.*+b,layer(a, 2)"), None, {})
    assert [c.plan.objective for c in cells] == ["a.4:17", "a.3-5", "a.* + layer(b)", "layer(a, 2)"]


def test_a_recipe_brings_its_own_settings_and_an_axis_wins_over_them() -> None:
    cells = variations(parse_axis("preset=classic,smooth"), parse_axis("octaves=2,3"), {})
    assert [cell.plan for cell in cells] == [
        plan_for(preset, octaves=octaves) for octaves in (2, 3) for preset in ("classic", "smooth")
    ]
    (nothing, _) = variations(parse_axis("strength=none,0.1"), None, {})
    assert nothing.plan.strength is None


def test_what_cannot_be_combined() -> None:
    steps = parse_axis("steps=1,2")
    with pytest.raises(UsageError, match="steps is given twice"):
        variations(steps, steps, {})
    with pytest.raises(UsageError, match="steps is given twice"):
        variations(steps, None, {"steps": 3})
    with pytest.raises(UsageError, match="layer and objective both say"):
        variations(parse_axis("layer=a"), None, {"objective": "layer(b)"})
    with pytest.raises(UsageError, match="steps must lie between 1 and 10000, not 0"):
        variations(parse_axis("steps=1,0"), None, {})
    with pytest.raises(UnknownNameError, match="No preset 'clasic'"):
        variations(parse_axis("preset=clasic"), None, {})
    with pytest.raises(UsageError, match="more than a sheet holds"):
        variations(parse_axis("seed=0:15:16"), parse_axis("steps=1:16:16"), {})
