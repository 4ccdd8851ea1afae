"""``explain``: wrong questions, targets, budgets, notes; and how explanations are drawn."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import bend, formula, picture, wrapped
from torch import nn

from deepdream.attribution import Question, explain, find_layer, make_baseline, methods
from deepdream.attribution.baselines import blur
from deepdream.attribution.explaining import heatmap_of
from deepdream.attribution.explanation import QUANTILE
from deepdream.attribution.pictures import caption_of, color_scale, draw, draw_all, overlay
from deepdream.attribution.registry import find_method
from deepdream.attribution.score_function import enlarge
from deepdream.attribution.segments import cells, count_of, superpixels
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "gradcam"}, "No method 'gradcam'. Did you mean 'grad-cam'"),
        ({"target": -1}, "No class -1 in small: it has 4, from 0 to 3."),
        ({"target": 4}, "No class 4 in small: it has 4, from 0 to 3."),
        ({"target": 1, "against": 1}, "cannot be compared with itself; choose another class."),
        ({"baseline": "grey"}, "No baseline 'grey'"),
        ({"method": "grad-cam", "layer": "firsd"}, "No layer 'firsd' in small. Did you mean 'first'"),
        ({"method": "grad-cam", "layer": "gate"}, "Layer 'gate' of small has no positions to map"),
        ({"samples": 3}, "integrated-gradients has no option 'samples'. Its options: steps, most."),
        ({"step": 3}, "integrated-gradients has no option 'step'. Did you mean 'steps'?"),
        ({"steps": -3}, "steps must be a whole number, at least 1, not -3."),
        ({"steps": 2.5}, "steps must be a whole number, at least 1, not 2.5."),
        ({"method": "rise", "keep": float("nan")}, "keep must be a number, above 0, at most 1, not nan."),
        ({"method": "grad-cam", "rectify": 1}, "rectify must be true or false, not 1."),
        ({"method": "lrp", "rule": "gamma"}, "No rule 'gamma'. There are: composite, epsilon."),
        (
            {"method": "shapley", "segments": 20},
            "segments must be a whole number, at least 1, at most 14, not 20.",
        ),
        (
            {"method": "extremal-perturbation", "area": 2.0},
            "area must be a number, above 0, below 1, not 2.0.",
        ),
        ({"method": "occlusion", "window": 99}, "A window of 99 with stride"),
    ],
)
def test_wrong_questions_get_one_clear_line(options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(bend(), picture(16), **options)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "image", [torch.zeros(3, 8, 8), torch.zeros(2, 3, 8, 8), torch.zeros(1, 3, 8, 8).byte()]
)
def test_a_picture_of_another_form_is_refused(image: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"one float tensor \(1, 3, H, W\)"):
        explain(bend(), image)


def test_without_a_target_the_top_class_is_explained() -> None:
    model, image = bend(), picture(16)
    with torch.no_grad():
        top = int(model(image)[0].argmax())
    assert explain(model, image, "saliency").target == top
    assert explain(formula(lambda x: x.sum(dim=(1, 2, 3))), picture(), "saliency", "yes").label == "yes"


def test_smoothgrad_with_one_sample_and_no_noise_is_the_gradient() -> None:
    model, image = bend(), picture(16)
    found = explain(model, image, "smoothgrad", 1, samples=1, noise=0.0)
    assert torch.allclose(found.attribution, explain(model, image, "saliency", 1).attribution)
    assert found.notes == ("identical to the gradient",)


def test_integrated_gradients_stop_after_two_good_sums_and_say_when_they_do_not() -> None:
    found = explain(bend(nn.SiLU), picture(16), "integrated-gradients", 1)
    assert found.options["steps"] == 50
    assert found.forwards == found.backwards == 51
    steep = formula(lambda x: (500 * (x.mean(dim=(1, 2, 3)) - 0.123)).sigmoid())
    assert any("not converged" in note for note in explain(steep, picture(), most=25).notes)


class Clock(nn.Module):
    """A last layer by which every picture takes a millisecond; copies of it are one clock."""

    seconds = 0.0

    def __deepcopy__(self, _: dict[int, object]) -> Clock:
        return self

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        self.seconds += 1e-3 * len(logits)
        return logits


def clocked(clock: Clock) -> Model:
    model = bend()
    return replace(model, module=nn.Sequential(model.module, clock))


def test_a_budget_sets_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.seconds)
    few, many = (explain(clocked(clock), picture(16), "rise", 1, budget=seconds) for seconds in (0.1, 0.4))
    assert 8 <= few.options["samples"] < many.options["samples"]
    assert explain(bend(), picture(16), "rise", 1, budget=5.0, samples=9).options["samples"] == 9


@pytest.mark.parametrize(
    "name",
    ["smoothgrad", "rise", "occlusion", "shapley", "kernel-shap", "ablation-cam", "guided-ig"],
)
def test_a_budget_is_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.seconds)
    found = explain(clocked(clock), picture(16), name, 1, budget=0.3)
    assert 0 < clock.seconds < 0.33
    assert found.heatmap.isfinite().all()


def test_a_sampling_stops_when_its_time_is_spent_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.seconds)
    for name in ("rise", "smoothgrad", "shapley-sampling", "kernel-shap", "lime"):
        found = explain(clocked(clock), picture(16), name, 1, budget=1e-3, samples=2000)
        assert found.options["samples"] < 2000
        assert f"the time ended after {found.options['samples']} of 2000 samples" in found.notes
    found = explain(clocked(clock), picture(16), "guided-ig", 1, budget=0.02, steps=2000)
    assert found.options["steps"] < 2000
    assert f"the time ended after {found.options['steps']} of 2000 steps" in found.notes
    few = explain(bend(), picture(16), "ablation-cam", 1, samples=2)
    assert few.options["samples"] == 2


def test_half_precision_networks_are_explained_in_float32() -> None:
    whole, half = bend(nn.SiLU), bend(nn.SiLU)
    half.module.half()
    found = explain(half, picture(16), "integrated-gradients", 1)
    assert found.completeness_error < 0.01
    assert next(half.module.parameters()).dtype == torch.float16
    wanted = explain(whole, picture(16), "integrated-gradients", 1).heatmap
    assert torch.allclose(found.heatmap, wanted, atol=0.02 * float(wanted.abs().max()))


def test_automatic_layer_is_the_last_with_a_grid() -> None:
    model = bend()
    assert find_layer(model, "auto").name == "act"
    assert explain(model, picture(16), "grad-cam", 1).options["layer"] == "act"


def test_baselines() -> None:
    image = picture(16)
    assert not make_baseline(image, "black").any()
    assert (make_baseline(image, "white") == 1).all()
    mean = make_baseline(image, "mean")
    assert torch.allclose(mean, image.mean(dim=(2, 3), keepdim=True).expand_as(image))
    assert torch.equal(make_baseline(image, "noise", 3), make_baseline(image, "noise", 3))
    assert make_baseline(image, "blur").var() < image.var()


def test_a_blur_keeps_the_mean_of_a_constant_and_is_the_gaussian() -> None:
    assert torch.allclose(blur(torch.full((1, 3, 9, 7), 0.3), 4.0), torch.tensor(0.3))
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1
    found = blur(point, 2.0)[0, 0]
    assert float(found[20, 22] / found[20, 20]) == pytest.approx(2.718281828 ** (-0.5), rel=1e-3)
    assert torch.equal(blur(point, 0.0), point)


def test_superpixels_cover_the_picture_with_about_as_many_regions() -> None:
    image = picture(40)
    for count in (1, 9, 25):
        found = superpixels(image, count)
        assert found.shape == (40, 40)
        assert found.unique().tolist() == list(range(count_of(found)))
        assert count_of(found) <= count + 2
    assert superpixels(picture(3), 9).tolist() == cells((3, 3), 3, 3).tolist()
    halves = torch.cat([torch.zeros(1, 3, 20, 9), torch.ones(1, 3, 20, 11)], dim=3)
    assert count_of(superpixels(halves, 2)) == 2
    assert (superpixels(halves, 2)[:, 9:] == superpixels(halves, 2)[0, 19]).all()


def test_the_tokens_of_a_transformer_stand_on_their_grid() -> None:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 4, 4, 4)
            self.mix = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.GELU())
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.patches(x).flatten(2).transpose(1, 2)).mean(dim=1))

    model, image = wrapped(Patches(), 16), picture(16)
    assert explain(model, image, "grad-cam").options["layer"] == "mix"
    with torch.no_grad():
        tokens = model.module.mix(model.module.patches(model.normalize(image)).flatten(2).transpose(1, 2))
    weights = model.module.head.weight[1] / 16
    expected = (tokens @ weights).relu().reshape(4, 4)
    torch.testing.assert_close(
        explain(model, image, "grad-cam", 1).heatmap, enlarge(expected.detach(), (16, 16))
    )


def test_resized_maps_keep_the_mean() -> None:
    found = explain(bend(), picture(16), "saliency", 1)
    assert torch.allclose(found.resized(4, 4).mean(), found.heatmap.mean(), atol=1e-6)
    assert found.resized(16, 16) is found.heatmap
    assert found.resized(32, 32).shape == (32, 32)


def test_drawings_say_what_is_shown(tmp_path: Path) -> None:
    model, image = bend(), picture(16)
    signed, unsigned = (explain(model, image, name, 1) for name in ("deep-lift", "grad-cam"))
    for style in ("side-by-side", "overlay", "heatmap", "panel"):
        figure = draw(signed, image, probability=0.5, style=style)
        assert figure.title == "Why “class 1” (50%)?  deep-lift"
    against = explain(model, image, "lrp", 1, against=2)
    assert draw(against, image, probability=0.5).title == "Why “class 1” (50%) and not “class 2”?  lrp"
    assert color_scale(against)[1].vmin == -color_scale(against)[1].vmax
    assert "Orange supports the class, blue counts against it" in caption_of(signed)
    assert "Sums to the score within" in caption_of(signed)
    assert "Layer act" in caption_of(unsigned)
    assert draw(unsigned, image, probability=0.5).save(tmp_path / "one.png").stat().st_size > 5000
    sheet = draw_all([signed, unsigned], image, probability=0.5)
    assert sheet.save(tmp_path / "all.png").stat().st_size > 5000
    for found in (signed, unsigned):
        painted = overlay(found, image)
        assert painted.shape == (16, 16, 3)
        assert 0 <= painted.min() <= painted.max() <= 1
    assert 0.9 < QUANTILE < 1


def test_an_overlay_is_the_picture_where_the_map_is_weak() -> None:
    """Nothing is painted at zero, more the stronger a place is, and no line where the sign changes."""
    found = explain(bend(), picture(16), "deep-lift", 1)
    ramp = torch.linspace(-1, 1, 17).repeat(17, 1)
    found = replace(found, heatmap=ramp, attribution=None)
    gray = torch.full((1, 3, 17, 17), 0.5)
    painted = overlay(found, gray)
    away = np.abs(painted - painted[:, 8:9]).max(-1)[0]
    assert np.ptp(painted[0, 8]) < 1e-6  # gray at zero
    assert (np.diff(away[8:]) > 0).all()
    assert (np.diff(away[:9]) < 0).all()
    assert painted[0, 16, 0] > painted[0, 16, 2]  # orange for
    assert painted[0, 0, 2] > painted[0, 0, 0]  # blue against


def test_a_sum_that_misses_is_called_so() -> None:
    found = explain(bend(), picture(16), "deep-lift", 1)
    assert "Misses the sum that it should have by 49.1%." in caption_of(
        replace(found, completeness_error=0.491)
    )
    assert "Sums to the score within 0.01%." in caption_of(replace(found, completeness_error=0.0))


def test_passes_in_words() -> None:
    found = explain(bend(), picture(16), "saliency", 1)
    assert found.passes == "1 forward and 1 backward pass"
    assert replace(found, forwards=1051).passes == "1,051 forward and 1 backward passes"


def test_numbers_of_an_explanation() -> None:
    found = explain(bend(), picture(16), "integrated-gradients", 1, against=0, most=25)
    numbers = found.to_dict()
    assert numbers["method"] == "integrated-gradients"
    assert numbers["against"] == 0
    assert numbers["completeness_error"] == found.completeness_error
    row, column = numbers["top_pixel"]["row"], numbers["top_pixel"]["column"]
    assert float(found.heatmap[row, column]) == float(found.heatmap.max())


def test_an_unknown_method_lists_the_way_out() -> None:
    with pytest.raises(UnknownNameError, match="`deepdream methods` lists all"):
        explain(bend(), picture(16), "wizardry")
    assert len(methods()) == 33


@pytest.mark.parametrize("name", ["rise", "smoothgrad", "occlusion", "shapley", "kernel-shap"])
def test_the_usual_passes_give_the_usual_map(name: str) -> None:
    model, image = bend(), picture(28)
    usual = find_method(name).usual_passes
    assert usual is not None
    made = explain(model, image, name, 1)
    assert torch.equal(explain(model, image, name, 1, passes=usual).heatmap, made.heatmap)
    assert explain(model, image, name, 1, passes=max(2, usual // 8)).forwards < made.forwards


@pytest.mark.parametrize("name", ["saliency", "grad-cam", "rise", "integrated-gradients", "guided-backprop"])
def test_the_map_alone_is_the_explanations(name: str) -> None:
    model, image = bend(), picture(16)
    assert torch.equal(
        heatmap_of(model, image, name, Question(1, seed=3)), explain(model, image, name, 1, seed=3).heatmap
    )
