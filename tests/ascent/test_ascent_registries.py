"""One toy of each kind that can be added: one decorated function or class, and it is read, listed and exported."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import deepdream
import deepdream.ascent
from deepdream.ascent import LAYER, OBJECTIVES, TermInputs, number, objective_kind, parse_objective
from deepdream.ascent.algebra import _MAKERS
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.conditioning import LANGUAGE as PARTS
from deepdream.ascent.conditioning import Moment, Part, parse_conditioning
from deepdream.ascent.mixing import Mixed
from deepdream.ascent.parameterizations import PARAMETERIZATIONS, check_start, parameterization_for, register
from deepdream.ascent.parameterizations.protocol import Squashed
from deepdream.ascent.random_changes import LANGUAGE as TRANSFORMS
from deepdream.ascent.random_changes import Change
from deepdream.ascent.terms import _KINDS
from deepdream.ascent.transforms import draw_all, parse_transforms
from deepdream.dreaming import dream, start
from deepdream.models import Model
from deepdream.plan import PARAMETERIZATION_NAMES, PRESETS, Plan, Preset, plan_for
from deepdream.tensors import generator


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Every registry as it was before the test."""
    tables: tuple[Any, ...] = (
        _KINDS, _MAKERS, PARTS.names, PARTS.ranges, TRANSFORMS.names, TRANSFORMS.ranges, PARAMETERIZATIONS, PRESETS,
    )  # fmt: skip
    before, names = [dict(table) for table in tables], list(PARAMETERIZATION_NAMES)
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)
    PARAMETERIZATION_NAMES[:] = names
    parse_conditioning.cache_clear()


def gradient(model: Model, text: str, image: Tensor) -> Tensor:
    return measure_gradient(model, parse_objective(text), image, Plan(jitter=0), generator(0))[0]


def test_an_objective(tiny_model: Model, command: Any) -> None:
    @objective_kind(LAYER, number("floor", 0), spread="whole")
    def toy_peak(inputs: TermInputs, name: str, floor: float) -> Tensor:
        """The largest activation of a layer."""
        return inputs.activations[name].amax() - floor

    assert str(toy_peak("second")) == "toy_peak(second)"
    assert parse_objective("2*toy_peak(second, 0.5)") == 2 * toy_peak("second", 0.5)
    assert deepdream.toy_peak is deepdream.ascent.toy_peak is OBJECTIVES["toy_peak"]  # type: ignore[attr-defined]
    assert "toy_peak" in deepdream.__all__
    assert "toy_peak" in dir(deepdream)
    assert gradient(tiny_model, "toy_peak(second)", torch.rand(1, 3, 32, 32)).abs().max() > 0
    assert "toy_peak(layer, [floor])\n    The largest activation of a layer." in command("objectives").out
    entry = json.loads(command("objectives", "--json").out)["objectives"][-1]
    assert entry == {
        "name": "toy_peak", "signature": "toy_peak(layer, [floor])", "summary": "The largest activation of a layer.",
        "local": False, "penalty": False,
    }  # fmt: skip


def test_a_penalty(tiny_model: Model, command: Any) -> None:
    @objective_kind(penalty=True)
    def toy_redness(inputs: TermInputs) -> Tensor:
        """The mean of the red channel."""
        return inputs.total(inputs.image[:, :1])

    pulled = gradient(tiny_model, "-1*toy_redness()", torch.rand(1, 3, 8, 8))
    assert torch.equal(pulled[:, 0], torch.full((1, 8, 8), -1 / 64))
    assert pulled[:, 1:].abs().max() == 0
    assert "| `toy_redness()` | The mean of the red channel. | yes | subtracted |" in (
        command("objectives", "--markdown").out
    )


def test_a_part_of_a_conditioning() -> None:
    @PARTS.register((0, 10))
    @dataclass(frozen=True)
    class ToyFactor(Part):
        factor: float

        def condition(self, gradient: Mixed, moment: Moment) -> Mixed:
            return Mixed(self.factor * gradient.tensor(), own=True)

    conditioning = parse_conditioning("toy_factor(3) + unit(std)")
    assert str(conditioning) == "toy_factor(3) + unit(std)"
    values = torch.rand(1, 3, 4, 4)
    assert torch.equal(parse_conditioning("toy_factor(3)").apply(values, Moment(1.0)), 3 * values)


def test_a_transform(tiny_model: Model, photo: Tensor) -> None:
    @TRANSFORMS.register()
    @dataclass(frozen=True)
    class ToyMirror:
        def draw(self, height: int, width: int, rng: torch.Generator) -> Change:
            return lambda image: image.flip(-1)

        def needs(self, side: int) -> int:
            return side

    image = torch.rand(1, 3, 6, 8)
    change = draw_all(parse_transforms("toy_mirror() + toy_mirror() + toy_mirror()"), 6, 8, generator(0))
    assert torch.equal(change(image), image.flip(-1))
    plan = plan_for(objective="layer(second)", octaves=1, steps=2, transforms="toy_mirror()")
    assert list(dream(tiny_model, plan, photo))


def test_a_parameterization(tiny_model: Model, photo: Tensor) -> None:
    @register("toy-square")
    class ToySquare(Squashed):
        """Pixels as squares."""

        def encode(self, image: Tensor) -> Tensor:
            return image.clamp_min(1e-3).sqrt()

        def decode(self, parameters: Tensor, height: int, width: int) -> Tensor:
            return parameters.square().clamp(0, 1)

        def start(self, count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
            return 0.7 + 0.01 * torch.randn(count, 3, height, width, generator=rng)

    plan = plan_for(objective="layer(second)", octaves=2, steps=2, parameterization="toy-square")
    check_start(plan)
    assert isinstance(parameterization_for(plan), ToySquare)
    steps = list(dream(tiny_model, plan, photo))
    assert 0 <= float(steps[-1].image.min()) <= float(steps[-1].image.max()) <= 1
    assert start(tiny_model, plan, photo).plan.parameterization == "toy-square"


def test_a_preset(command: Any) -> None:
    PRESETS["toy"] = Preset("toy", "quick and rough", "this test", {"octaves": 1, "steps": 2})
    assert plan_for("toy") == Plan(preset="toy", octaves=1, steps=2)
    assert "toy         quick and rough" in command("presets").out


def test_the_files_of_parameterizations_register_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new module of the package is imported without being named anywhere."""
    import deepdream.ascent.parameterizations as package

    text = (
        "from deepdream.ascent.parameterizations.pixels import Pixels\n"
        "from deepdream.ascent.parameterizations.protocol import register\n"
        "register('toy-file')(Pixels)\n"
    )
    (tmp_path / "toy_file.py").write_text(text)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    package.import_all()
    assert "toy-file" in PARAMETERIZATIONS
    sys.modules.pop("deepdream.ascent.parameterizations.toy_file")
