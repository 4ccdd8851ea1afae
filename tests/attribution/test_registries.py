"""A new method, a new class activation map and a new check: each is one file in its folder, and everything has it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from networks import bend, picture
from torch import nn

import deepdream.attribution
from deepdream.attribution import Question, all_checks, check, explain, explainers, methods, registry
from deepdream.attribution import checks as checks_package
from deepdream.attribution.checks import check_registry
from deepdream.cli.check_command import list_checks
from deepdream.cli.methods_command import methods as methods_command
from deepdream.errors import UsageError
from deepdream.models import Model

METHOD = """
from typing import Annotated

from deepdream.attribution import Meaning, ScoreFunction, register


@register(
    "toy-squares",
    question="Where is the gradient far from zero?",
    paper="none",
    caveat="A toy.",
    family="gradient",
    cost="1 forward, 1 backward",
    signed=False,
)
def toy_squares(score_function: ScoreFunction, *, power: Annotated[int, Meaning("The power.", least=1, most=4)] = 2):
    return score_function.gradients(score_function.image)[0].abs() ** power
"""
CAM = """
from deepdream.attribution.explainers.cams import SHARED
from deepdream.attribution.hooks import activation_and_gradient
from deepdream.attribution import register


@register("toy-cam", question="Where is the layer active?", paper="none", caveat="A toy.", **SHARED)
def toy_cam(score_function):
    activation, _ = activation_and_gradient(score_function)
    return activation.mean(dim=0)
"""
CHECK = """
from deepdream.attribution import check_of_maps
from deepdream.attribution.checks import Measurement


@check_of_maps(
    "toy-range",
    order=15,
    report="details",
    better="higher",
    question="How far apart are the map's values?",
    paper="none",
    good="large",
    cost="nothing",
)
def toy_range(context, heatmap):
    return Measurement({"range": float(heatmap.max() - heatmap.min())})
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The three files in their folders; afterwards both registries are as they were."""
    files = {
        ("explainers", "toy_method"): METHOD,
        ("explainers", "toy_cam"): CAM,
        ("checks", "toy_check"): CHECK,
    }
    before = dict(methods()), dict(all_checks())
    for (folder, name), text in files.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.py").write_text(text)
    for package in (explainers, checks_package):
        folder = tmp_path / package.__name__.rpartition(".")[2]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    for module in (registry, check_registry):
        module._load.cache_clear()
    importlib.invalidate_caches()
    yield
    for module, entries in ((registry._METHODS, before[0]), (check_registry._CHECKS, before[1])):
        module.clear()
        module.update(entries)
    for folder, name in files:
        sys.modules.pop(f"deepdream.attribution.{folder}.{name}", None)
    for module in (registry, check_registry):
        module._load.cache_clear()


@pytest.mark.usefixtures("toys")
def test_a_toy_method_and_a_toy_cam_are_listed_and_explained() -> None:
    assert {"toy-squares", "toy-cam"} <= set(methods())
    model, image = bend(), picture(16)
    squares = explain(model, image, "toy-squares", 1)
    assert torch.equal(squares.attribution, explain(model, image, "saliency", 1).attribution.abs() ** 2)
    cubes = explain(model, image, "toy-squares", 1, **registry.read_options("toy-squares", ["power=3"]))
    assert cubes.options == {"power": 3}
    with pytest.raises(UsageError, match="power must be a whole number, at least 1, at most 4, not 5"):
        explain(model, image, "toy-squares", 1, power=5)
    assert explain(model, image, "toy-cam", 1, layer="act").options == {"layer": "act"}


@pytest.mark.usefixtures("toys")
def test_the_command_line_and_the_documentation_have_the_toys(capsys: pytest.CaptureFixture[str]) -> None:
    methods_command(["toy-squares", "toy-cam"], as_json=True)
    squares, cam = json.loads(capsys.readouterr().out)
    assert (squares["name"], squares["options"][0]["values"]) == (
        "toy-squares",
        "a whole number, at least 1, at most 4",
    )
    assert (cam["family"], cam["needs"]) == ("cam", "a late layer with a grid of positions")
    methods_command(["toy-squares"], markdown=True)
    table = capsys.readouterr().out
    assert "| `toy-squares` | Where is the gradient far from zero? | no | no |" in table
    assert "| `toy-squares` | `power` | 2 | a whole number, at least 1, at most 4 | The power. |" in table
    list_checks(as_json=True)
    assert "toy-range" in [entry["name"] for entry in json.loads(capsys.readouterr().out)["checks"]]


@pytest.mark.usefixtures("toys")
def test_a_toy_check_has_its_place_and_stands_beside_its_controls() -> None:
    names = list(all_checks())
    assert names.index("degeneracy") < names.index("toy-range") < names.index("completeness")
    (result,) = check(bend(), picture(16), "saliency", question=Question(1), checks="toy-range")
    assert set(result.controls) == {"random maps", "centered blob", "edge detector"}
    assert result.value is not None
    from deepdream.report import usual_checks

    assert "toy-range" in usual_checks()


def test_check_runs_all_checks_of_several_methods() -> None:
    results = check(bend(), picture(16), ["saliency", "input-x-gradient"], question=Question(1, seed=4))
    assert [(r.check, r.method) for r in results] == [
        (name, method) for name in all_checks() for method in ("saliency", "input-x-gradient")
    ]
    assert all(result.verdict for result in results)
    assert {r.value is None for r in results if r.check == "pointing-game"} == {True}


def test_check_says_what_is_wrong() -> None:
    model, image = bend(), picture(16)
    for words, text in (
        ({"methods": "salience"}, "No method 'salience'"),
        ({"checks": "delection"}, "No check 'delection'. Did you mean 'deletion'"),
        ({"question": Question(9)}, "No class 9 in small"),
        ({"target": 1, "against": 1}, "cannot be compared with itself"),
        ({"methods": "rise", "samples": 0}, "samples must be a whole number, at least 1"),
    ):
        with pytest.raises(UsageError, match=text):
            check(model, image, **words)  # type: ignore[arg-type]
    flat = Model.wrap(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4)), name="flat", input_size=16)
    with pytest.raises(UsageError, match="grad-cam does not apply to flat: flat has no layer with a spatial"):
        check(flat, image, "grad-cam", checks="degeneracy")


def test_the_package_is_complete_and_loads_torch_on_first_use() -> None:
    package = deepdream.attribution
    assert package.__all__ == dir(package) == sorted(package._MODULES)
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018
    code = "import sys, deepdream.attribution; from deepdream.attribution import Question; Question('cat')"
    code += "; assert not {'torch', 'captum', 'numpy', 'matplotlib'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
