"""Several networks in one dream."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import Tensor, nn

from deepdream.ascent import layer, logit, parse_objective
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.resolving import resolve
from deepdream.dreaming import dream
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model, Networks
from deepdream.plan import Plan, plan_for
from deepdream.tensors import generator


@pytest.fixture
def tiny_model(small_network: nn.Module) -> Model:
    return Model.wrap(
        small_network, mean=(0.5,), std=(0.25,), labels=list("abcde"), name="tiny", input_size=64
    )


@pytest.fixture
def other(small_network: nn.Module) -> Model:
    twin = copy.deepcopy(small_network)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.mul_(-1.5)
    return Model.wrap(
        twin, mean=(0.2,), labels=["ant", "bee", "cat", "dog", "eel"], name="other", input_size=64
    )


@pytest.fixture
def both(tiny_model: Model, other: Model) -> Networks:
    return Networks.of([tiny_model, other])


def test_every_layer_is_its_network_s(both: Networks, tiny_model: Model, other: Model, photo: Tensor) -> None:
    found = both.activations(photo, ["other/second", "first", "tiny/second", "other/logits", "logits"])
    assert list(found) == ["other/second", "first", "tiny/second", "other/logits", "logits"]
    torch.testing.assert_close(found["other/second"], other.activations(photo, ["second"])["second"])
    torch.testing.assert_close(found["tiny/second"], tiny_model.activations(photo, ["second"])["second"])
    torch.testing.assert_close(found["first"], tiny_model.activations(photo, ["first"])["first"])
    torch.testing.assert_close(found["other/logits"], other(photo))
    torch.testing.assert_close(found["logits"], tiny_model(photo))


def test_the_gradient_of_a_sum_is_that_of_both(
    both: Networks, tiny_model: Model, other: Model, photo: Tensor
) -> None:
    plan = Plan(jitter=0)
    one, _ = measure_gradient(tiny_model, layer("second"), photo, plan, generator(0))
    two, _ = measure_gradient(other, layer("second"), photo, plan, generator(0))
    objective = resolve(parse_objective("second + 2*other/second"), both)
    got, _ = measure_gradient(both, objective, photo, plan, generator(0))
    expected = one / one.norm() + 2 * two / two.norm()
    torch.testing.assert_close(got / got.norm(), expected / expected.norm(), rtol=1e-3, atol=1e-5)


def test_a_dream_with_two_networks(both: Networks, photo: Tensor) -> None:
    plan = plan_for(objective="other/second:3 + second - other/first", steps=2, octaves=2)
    *_, last = dream(both, plan, photo)
    assert last.state.plan.objective == "channel(other/second, 3) + layer(second) - layer(other/first)"
    assert last.image.isfinite().all()


def test_classes_are_looked_up_in_the_network_that_is_named(both: Networks) -> None:
    assert resolve(parse_objective('logit("cat", other)'), both) == logit(2, "other")
    with pytest.raises(UnknownNameError, match="No class 'cat' in tiny"):
        resolve(parse_objective('logit("cat")'), both)
    with pytest.raises(
        UsageError, match=re.escape("No network 'third' in this dream. There are: tiny, other.")
    ):
        resolve(parse_objective('logit("cat", third)'), both)


def test_wildcards_with_a_network_s_name_are_its_own(both: Networks) -> None:
    assert str(resolve(parse_objective("other/*"), both)).count("other/") == len(both.others["other"].layers)


def test_wrong_names_are_said(both: Networks, tiny_model: Model, photo: Tensor) -> None:
    with pytest.raises(UsageError, match="No network 'third' in this dream"):
        both.check_layer("third/second")
    with pytest.raises(UnknownNameError, match="No layer 'secnd' in other"):
        both.check_layer("other/secnd")
    with pytest.raises(UsageError, match="the same name"):
        Networks.of([tiny_model, tiny_model])


def test_sizes_are_those_that_every_network_can_take(both: Networks, tiny_model: Model) -> None:
    assert both.minimum_size(["other/second", "first"]) == tiny_model.minimum_size(["first", "second"])
    assert both.positions("other/second", 48, 64) == 12 * 16
