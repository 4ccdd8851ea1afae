"""Every method of the registry: finite, of the right shape, the same for the same seed, leaving no trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from networks import bend, formula, network_for, picture
from torch import Tensor, nn

from deepdream.attribution import Explanation, Outcome, ScoreFunction, battery, explain, methods, registry
from deepdream.attribution.battery import (
    NETWORKS,
    BatteryResult,
    awakened,
    network_for_trial,
    picture_for_trial,
    promise_of,
    try_method,
    try_methods,
)
from deepdream.models import Model, load_model

#: Small enough for a loop over everything.
QUICK: dict[str, dict[str, Any]] = {
    "smoothgrad": {"samples": 3},
    "smoothgrad-squared": {"samples": 3},
    "vargrad": {"samples": 3},
    "integrated-gradients": {"most": 50},
    "gradient-shap": {"samples": 3},
    "blur-ig": {"steps": 8},
    "guided-ig": {"steps": 8},
    "score-cam": {"samples": 4},
    "occlusion": {"window": 4},
    "feature-ablation": {"segments": 6},
    "rise": {"samples": 12, "grid": 3},
    "deep-lift-shap": {"samples": 2},
    "shapley": {"segments": 4},
    "shapley-sampling": {"samples": 2, "segments": 6},
    "kernel-shap": {"samples": 20, "segments": 6},
    "lime": {"samples": 20, "segments": 6},
    "xrai": {"steps": 4},
    "extremal-perturbation": {"steps": 3},
}
SIDE = 16


@pytest.fixture(scope="module")
def model() -> Model:
    return bend(nn.ReLU6, SIDE)


def quick(model: Model, name: str, image: Tensor, **more: Any) -> Explanation:
    return explain(model, image, name, 1, **QUICK.get(name, {}), **more)


@pytest.mark.parametrize("name", methods())
def test_a_map_is_finite_of_the_pictures_size_and_the_same_for_the_same_seed(name: str) -> None:
    model = network_for(name, SIDE)
    size = (SIDE, 14) if model.name != "small" or model.preprocessing.crop == SIDE else (32, 24)
    image = picture(max(size))[..., : size[0], : size[1]]
    before = torch.random.get_rng_state()
    one, recompute = (quick(model, name, image, seed=3) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one.heatmap.shape == size
    assert one.heatmap.dtype == torch.float32
    assert one.heatmap.isfinite().all()
    assert torch.equal(one.heatmap, recompute.heatmap)
    assert one.forwards >= 1
    assert (one.label, one.target, one.against) == ("class 1", 1, None)
    assert one.attribution is None or one.attribution.shape == (3, *size)
    if not methods()[name].signed:
        assert (one.heatmap >= 0).all()
    if methods()[name].complete:
        assert one.completeness_error is not None


@pytest.mark.parametrize("name", methods())
def test_the_users_network_is_as_it_was(name: str) -> None:
    model = network_for(name, SIDE)
    module = model.module
    before = {key: value.clone() for key, value in module.state_dict().items()}
    kinds = [(type(part), part.training) for part in module.modules()]
    gradients = [parameter.requires_grad for parameter in module.parameters()]
    quick(model, name, picture(model.preprocessing.crop))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert [(type(part), part.training) for part in module.modules()] == kinds
    assert [parameter.requires_grad for parameter in module.parameters()] == gradients
    assert not any(
        part._forward_hooks or part._backward_hooks or part._forward_pre_hooks for part in module.modules()
    )
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize(
    "name", ["smoothgrad", "gradient-shap", "rise", "shapley-sampling", "kernel-shap", "lime"]
)
def test_another_seed_gives_another_map(name: str, model: Model) -> None:
    one, other = (quick(model, name, picture(SIDE), seed=seed) for seed in (0, 1))
    assert not torch.equal(one.heatmap, other.heatmap)


@pytest.mark.parametrize(
    "name", ["smoothgrad", "rise", "integrated-gradients", "shapley", "lime", "xrai", "blur-ig"]
)
# A unit at its kink may fall on either side when a chunk of another size is rounded otherwise.
def test_chunks_do_not_change_a_map(name: str, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdream.attribution.score_function import ScoreFunction

    whole = quick(model, name, picture(SIDE))
    monkeypatch.setattr(ScoreFunction, "chunk", property(lambda _: 1))
    single = quick(model, name, picture(SIDE))
    assert torch.allclose(whole.heatmap, single.heatmap, rtol=0, atol=5e-3 * float(whole.heatmap.abs().max()))


def test_registry_says_everything_about_every_method() -> None:
    for name, method in methods().items():
        assert name == method.name == name.lower()
        assert method.question.endswith("?")
        assert any(mark in method.paper for mark in ("arXiv", "DOI", "1953"))
        assert all((method.caveat, method.needs, method.cost, method.unit))
        if method.budgeted is not None:
            assert method.budgeted.option in method.options


@pytest.fixture(scope="module")
def trials() -> dict[str, BatteryResult]:
    """On a smooth network: slopes are measured, and at a kink there is none."""
    return {trial.method: trial for trial in try_methods(bend(nn.SiLU, 48), picture(48))}


@pytest.mark.parametrize("name", methods())
def test_every_method_keeps_its_promise(name: str, trials: dict[str, BatteryResult]) -> None:
    assert promise_of(methods()[name]) != "none"
    trial = trials[name]
    if trial.reason is not None:  # a method that needs attention, which the smooth network has not
        trial = try_method(methods()[name], network_for(name), picture(32), 1)
    assert trial.reason is None
    assert trial.passed, trial.verdict


@pytest.mark.parametrize("name", methods())
def test_a_wrong_map_does_not_keep_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = methods()[name]

    def run(score_function: ScoreFunction, options: Mapping[str, Any]) -> Outcome:
        outcome = entry.run(score_function, options)
        return replace(outcome, values=1.5 * outcome.values)

    wrong = replace(entry, run=run)
    monkeypatch.setitem(registry._METHODS, name, wrong)
    model, image = bend(nn.SiLU, 48), picture(48)
    if entry.applies(model) is not None:
        model, image = network_for(name), picture(32)
    assert not try_method(wrong, model, image, 1).passed


def test_random_weights_are_made_to_matter() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    nn.init.zeros_(module[-1].weight)
    nn.init.constant_(module[0].weight, 1e-3)
    twin = awakened(Model.wrap(module.eval(), input_size=SIDE))
    activation = twin[:3](torch.rand(4, 3, 96, 96)).detach()
    assert float(activation.std()) > 0.1
    assert twin[-1].weight.any()
    assert not module[-1].weight.any()
    assert not any(part.training for part in twin.modules())


def test_a_path_that_does_not_sum_keeps_its_promise_where_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(battery, "MOST_STEPS", 50)
    steep = formula(lambda x: (500 * (x.mean(dim=(1, 2, 3)) - 0.123)).sigmoid())
    entry = methods()["integrated-gradients"]
    warned = try_method(entry, steep, picture(), 0)
    assert warned.error is not None
    assert warned.error > 0.01
    assert (warned.steps, warned.passed) == (50, True)
    assert warned.verdict == f"warns: {warned.error:.1%} at 50 steps"

    def silent(score_function: ScoreFunction, options: Mapping[str, Any]) -> Outcome:
        return replace(entry.run(score_function, options), notes=())

    monkeypatch.setitem(registry._METHODS, entry.name, replace(entry, run=silent))
    assert not try_method(entry, steep, picture(), 0).passed


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS[1:])
def test_networks_of_every_kind_are_explained_or_refused_with_a_reason(network: str) -> None:
    model = network_for_trial(network)
    found = list(try_methods(model, picture_for_trial(model)))
    assert [trial.method for trial in found] == list(methods())
    assert not [(trial.method, trial.verdict) for trial in found if not trial.passed]
    refused = [trial for trial in found if trial.reason]
    assert ([trial.method for trial in refused] == ["attention-rollout"]) == (network != "vit_b_16")
    for trial in refused:
        assert trial.reason.startswith(f"{trial.method} does not apply to {network}: ")


@pytest.mark.weights
def test_the_embedded_network_is_explained_completely() -> None:
    model = load_model("efficientnet_lite0", device="cpu")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    lifted = explain(model, image, "deep-lift", 7)
    assert lifted.completeness_error < 1e-4
    integrated = explain(model, image, "integrated-gradients", 7, most=50)
    assert integrated.completeness_error < 0.01 or any("not converged" in note for note in integrated.notes)
    for name in ("guided-backprop", "deconvolution", "lrp"):
        assert not any("identical" in note for note in explain(model, image, name, 7).notes)
