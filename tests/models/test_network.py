"""``Model``: what goes in, what comes out, and that using a network never changes it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model, load_model
from deepdream.models.prepare import prepare
from deepdream.models.records import Preprocessing

PICTURE = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(2))


def snapshot(module: nn.Module) -> dict[str, Any]:
    """Everything about a network that its use could change."""
    return {
        "tensors": {name: value.clone() for name, value in module.state_dict().items()},
        "identity": {name: id(value) for name, value in module.named_parameters()},
        "gradients": {name: (p.requires_grad, p.grad is None) for name, p in module.named_parameters()},
        "modules": {
            name: (id(part), part.training, part.extra_repr()) for name, part in module.named_modules()
        },
        "hooks": {
            name: len(part._forward_hooks) + len(part._forward_pre_hooks)
            for name, part in module.named_modules()
        },
        "strides": {name: value.stride() for name, value in module.named_parameters()},
    }


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    tensors, now = before.pop("tensors"), after.pop("tensors")
    assert before == after
    assert tensors.keys() == now.keys()
    assert all(torch.equal(tensors[name], now[name]) for name in tensors)


def use(model: Model) -> None:
    """Everything a caller can do, failures included."""
    picture = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1)).requires_grad_()
    last = next(reversed(model.layers))
    model(picture).sum().backward()
    model.activations(picture, [model.recommended_layer, last])
    model.classify(picture.detach())
    model.minimum_size([model.recommended_layer])
    repr(model._repr_html_())
    for wrong in ("no such layer", ""):
        with pytest.raises(UnknownNameError):
            model.activations(picture, [wrong])
    with pytest.raises(RuntimeError):
        model.activations(torch.rand(1, 3, 0, 0), [last])


@pytest.mark.parametrize("training", [True, False])
def test_use_leaves_the_callers_module_as_it_was(tiny: nn.Module, training: bool) -> None:
    tiny.train(training)
    tiny.body[1].eval()  # a mode of its own must survive, too
    before = snapshot(tiny)
    model = Model.wrap(tiny, input_size=32)
    use(model)
    assert_same(before, snapshot(tiny))
    assert all(not part._forward_hooks for part in model._prepared.network.modules())
    assert all(not part._forward_hooks for part in model._plain.network.modules())


@pytest.mark.weights
def test_use_leaves_the_embedded_network_as_it_was() -> None:
    model = load_model(device="cpu")
    before = snapshot(model.module)
    use(model)
    assert_same(before, snapshot(model.module))


def test_logits_are_those_of_the_module_on_normalized_pictures(tiny: nn.Module, tiny_model: Model) -> None:
    with torch.no_grad():
        expected = tiny((PICTURE - 0.5) / 0.25)
    torch.testing.assert_close(tiny_model(PICTURE), expected, rtol=1e-4, atol=1e-5)


def test_folding_is_exact_within_a_ten_thousandth_and_takes_up_every_norm(tiny: nn.Module) -> None:
    folded = prepare(tiny, torch.rand(1, 3, 32, 32))
    assert folded.changed == {"stem.0", "body.0"}
    with torch.no_grad():
        expected, got = tiny(PICTURE), folded(PICTURE)
    assert float((expected - got).norm() / expected.norm()) < 1e-4
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.network.modules())
    assert [name for name, _ in folded.network.named_modules()] == [name for name, _ in tiny.named_modules()]


@pytest.mark.weights
def test_folding_the_embedded_network_is_exact_within_a_ten_thousandth() -> None:
    model = load_model(device="cpu")
    assert len(model._prepared.changed) == 54  # all of its convolutions and paddings
    with torch.no_grad():
        expected = model.module(model.normalize(PICTURE))
    assert float((model(PICTURE) - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.weights
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (63, 98)], ids=str)
def test_merged_paddings_give_the_gradient_of_the_untouched_network_in_float64(size: tuple[int, int]) -> None:
    """Even and odd sizes: the padding that TensorFlow's SAME puts right and below depends on them."""
    model = load_model(device="cpu")
    assert model._prepared.mirrored
    exact = copy.deepcopy(model.module).double()
    picture = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    ours, theirs = picture.clone().requires_grad_(), picture.double().requires_grad_()
    activation = model.activations(ours, ["blocks.4"])["blocks.4"]
    expected = exact.blocks[:5](exact.act1(exact.bn1(exact.conv_stem(exact.pad((theirs - 0.5) / 0.5)))))
    torch.testing.assert_close(activation.double(), expected, rtol=1e-3, atol=1e-3)
    (got,) = torch.autograd.grad(activation.square().mean(), ours)
    (wanted,) = torch.autograd.grad(expected.square().mean(), theirs)
    assert float((got - wanted).norm() / wanted.norm()) < 1e-2
    assert float(torch.cosine_similarity(got.double().flatten(), wanted.flatten(), dim=0)) > 0.9999


def test_a_norm_that_would_not_fold_exactly_is_left_alone(tiny: nn.Module) -> None:
    class Twice(nn.Module):
        """Its convolution runs twice, and the norm only behind one run."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
            self.norm.running_var.fill_(9)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x)) + self.conv(x)

    twice = Twice().eval()
    prepared = prepare(twice, PICTURE)
    assert prepared.changed == frozenset()
    with torch.no_grad():
        torch.testing.assert_close(prepared(PICTURE), twice(PICTURE))


def hooked_outputs(module: nn.Module, names: list[str], x: Tensor) -> dict[str, Tensor]:
    """Activations by plain hooks on a copy without in-place steps: slow and literal."""
    twin = copy.deepcopy(module).eval()
    for part in twin.modules():
        if hasattr(part, "inplace"):
            part.inplace = False
    found: dict[str, Tensor] = {}
    for name in names:
        twin.get_submodule(name).register_forward_hook(
            lambda _, __, y, name=name: found.__setitem__(name, y.detach())
        )
    twin(x)
    return found


def test_activations_equal_plain_hooks_at_every_layer(tiny: nn.Module, tiny_model: Model) -> None:
    names = list(tiny_model.layers)
    expected = hooked_outputs(tiny, names, (PICTURE - 0.5) / 0.25)
    together = tiny_model.activations(PICTURE, names)
    for name in names:
        alone = tiny_model.activations(PICTURE, [name])[name]
        torch.testing.assert_close(together[name], expected[name], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.weights
def test_activations_of_the_embedded_network_equal_plain_hooks() -> None:
    model = load_model(device="cpu")
    names = ["bn1", "blocks.1.0.bn2", "blocks.2", "blocks.4.2.conv_dw", "blocks.4"]
    expected = hooked_outputs(model.module, names, model.normalize(PICTURE))
    for name, found in model.activations(PICTURE, names).items():
        torch.testing.assert_close(found, expected[name], rtol=1e-3, atol=1e-4)


def test_nothing_runs_behind_the_deepest_wanted_layer(tiny: nn.Module) -> None:
    ran: list[str] = []
    model = Model.wrap(tiny, input_size=32)
    model._prepared.network.head.register_forward_hook(lambda *_: ran.append("head"))
    model.activations(PICTURE, ["body.2", "stem"])
    assert ran == []
    model.activations(PICTURE, ["head"])
    assert ran == ["head"]


def test_activations_can_be_differentiated_and_weights_get_no_gradient(tiny_model: Model) -> None:
    picture = PICTURE.clone().requires_grad_()
    tiny_model.activations(picture, ["body"])["body"].mean().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in tiny_model._prepared.network.parameters())


@pytest.mark.parametrize(
    "wrong",
    [torch.rand(3, 8, 8), torch.rand(1, 1, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)],
    ids=["no batch", "gray", "bytes"],
)
def test_what_is_no_picture_is_refused(tiny_model: Model, wrong: Tensor) -> None:
    with pytest.raises(UsageError, match=r"float pictures \(B, 3, H, W\) in \[0, 1\]"):
        tiny_model(wrong)


def test_a_network_that_gives_no_single_tensor_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(UsageError, match="gives tuple, not one tensor"):
        Model.wrap(Pair())(PICTURE)


# --- classes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "index"), [("4", 4), ("dog", 3), ("BEE", 1), ("carp", 2), (" ant ", 0)])
def test_a_class_is_found_by_index_name_or_unique_part(tiny_model: Model, text: str, index: int) -> None:
    assert tiny_model.find_class(text) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "No class 5 in Tiny: it has 5, from 0 to 4."),
        ("-1", "No class -1 in Tiny: it has 5, from 0 to 4."),
        ("a", "3 classes of Tiny contain 'a': 'ant', 'carpenter bee', 'cat'"),
        ("dgo", "No class 'dgo' in Tiny. Did you mean 'dog'?"),
    ],
)
def test_a_class_that_is_not_found_is_answered_with_what_there_is(
    tiny_model: Model, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        tiny_model.find_class(text)
    assert str(caught.value).startswith(message)


def test_a_whole_word_comes_before_a_part_of_one(tiny_model: Model) -> None:
    model = replace(tiny_model, labels=("oystercatcher", "tiger cat", "cattle", "dog", "polecat"))
    assert model.find_class("cat") == 1
    model = replace(tiny_model, labels=("oystercatcher", "tiger cat", "Persian cat", "dog", "polecat"))
    with pytest.raises(
        UsageError, match=r"2 classes of Tiny contain 'cat': 'tiger cat', 'Persian cat'\. Give one"
    ):
        model.find_class("cat")


def test_a_long_list_of_classes_says_how_many_more(tiny_model: Model) -> None:
    labels = tuple(f"cat {i}" for i in range(11))
    with pytest.raises(UsageError, match=r"11 classes .* 'cat 7' and 3 more\. Give one"):
        replace(tiny_model, labels=labels).find_class("cat")


def test_classify_gives_the_most_probable_first(tiny: nn.Module, tiny_model: Model) -> None:
    rows = tiny_model.classify(PICTURE, top=3)
    with torch.no_grad():
        expected = tiny((tiny_model.crop(PICTURE) - 0.5) / 0.25).softmax(1)
    for row, chances in zip(rows, expected, strict=True):
        assert [index for index, _, _ in row] == chances.argsort(descending=True)[:3].tolist()
        assert [chance for _, _, chance in row] == pytest.approx(sorted(chances.tolist())[:-4:-1], rel=1e-4)
        assert all(label == tiny_model.labels[index] for index, label, _ in row)


@pytest.mark.parametrize(("height", "width"), [(333, 500), (500, 333), (100, 101), (224, 224), (683, 1024)])
@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "vit_b_16"])
def test_crop_equals_torchvisions_resize_and_center_crop(height: int, width: int, name: str) -> None:
    from torchvision.transforms import v2

    from deepdream.models.catalog import find_entry

    plan = find_entry(name).preprocessing
    picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    mode = v2.InterpolationMode(plan.interpolation)
    witness = v2.Compose(
        [v2.Resize(plan.resize, interpolation=mode, antialias=True), v2.CenterCrop(plan.crop)]
    )
    found = Model(nn.Identity(), preprocessing=plan).crop(picture)
    torch.testing.assert_close(found, witness(picture).clamp(0, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (90, 30), (300, 20), (64, 64)])
def test_what_was_cropped_is_laid_where_it_came_from(height: int, width: int) -> None:
    """A smooth ramp comes back in the square that was seen; around it is nothing."""
    model = Model(nn.Identity(), preprocessing=Preprocessing((0.5,) * 3, (0.5,) * 3, resize=64, crop=56))
    ramp = (torch.arange(height)[:, None] / height + torch.arange(width) / width) / 4 + 0.3
    picture = ramp.expand(1, 3, -1, -1)
    back = model.uncrop(model.crop(picture), height, width)
    seen = back[0, 0] > 0.29
    error = (back[0] - picture[0]).abs()[:, seen]
    assert float(error.median()) < 0.01
    rows, columns = seen.any(dim=1).nonzero().flatten(), seen.any(dim=0).nonzero().flatten()
    side = round(56 / 64 * min(height, width))
    assert abs(len(rows) - side) <= 2
    assert abs(len(columns) - side) <= 2
    assert abs(int(rows[0]) + int(rows[-1]) + 1 - height) <= 2
    assert abs(int(columns[0]) + int(columns[-1]) + 1 - width) <= 2
    assert float(back[0, 0][~seen].max() if (~seen).any() else 0) < 0.29


# --- layers ----------------------------------------------------------------------------------------------


def test_layers_are_listed_in_order_with_what_a_reader_needs(tiny_model: Model) -> None:
    assert list(tiny_model.layers) == [
        "stem.0",
        "stem.1",
        "stem.2",
        "stem",
        "body.0",
        "body.1",
        "body.2",
        "body",
        "head",
    ]
    body = tiny_model.layer("body.0")
    assert (body.kind, body.channels, body.stride, body.receptive_field, body.runs) == ("Conv2d", 12, 4, 7, 1)
    assert tiny_model.layer("head").receptive_field is None
    assert not tiny_model.layer("head").spatial
    depths = [layer.depth for layer in tiny_model.layers.values()]
    assert depths == sorted(depths)
    assert depths[-1] == 1


def test_an_unknown_layer_brings_the_nearest(tiny_model: Model) -> None:
    with pytest.raises(UnknownNameError) as caught:
        tiny_model.layer("body0")
    assert str(caught.value).startswith("No layer 'body0' in Tiny. Did you mean 'body.0'")


def test_a_receptive_field_behind_global_mixing_stays_the_whole_picture() -> None:
    """A 1x1 convolution widens by 0 times the jump, and 0 * infinity is no number."""
    gate = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 3, 1), nn.Upsample(scale_factor=4), nn.Conv2d(3, 3, 3)
    )
    layers = Model.wrap(gate, input_size=32).layers
    assert layers["3"].spatial
    assert layers["3"].receptive_field is None


def positive_copy(module: nn.Module) -> nn.Module:
    """Positive weights, no norms, no clipping: then no path from a pixel can cancel or die."""
    twin = copy.deepcopy(module)
    for name, part in list(twin.named_modules()):
        if isinstance(part, (nn.BatchNorm2d, nn.ReLU6, nn.ReLU)):
            parent, _, child = name.rpartition(".")
            setattr(twin.get_submodule(parent), child, nn.Identity())
        elif isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, 1.0 / part.weight[0].numel())
    return twin


@pytest.mark.weights
@pytest.mark.parametrize(
    ("layer", "field", "stride", "side"),
    [("blocks.4", 339, 16, 384), ("blocks.2", 67, 8, 96), ("conv_stem", 3, 2, 32)],
)
def test_receptive_field_is_the_extent_of_the_gradient(
    layer: str, field: int, stride: int, side: int
) -> None:
    model = load_model(device="cpu")
    assert (model.layer(layer).receptive_field, model.layer(layer).stride) == (field, stride)
    witness = Model.wrap(positive_copy(model.module), input_size=side)
    picture = torch.zeros(1, 3, side, side, requires_grad=True)
    output = witness.activations(picture, [layer])[layer]
    middle = output.shape[-1] // 2
    output[0, :, middle, middle].sum().backward()
    assert picture.grad is not None
    columns = picture.grad[0].abs().sum((0, 1)).nonzero()
    assert int(columns.max() - columns.min()) + 1 == field


def test_the_smallest_legal_picture_is_found_and_one_pixel_less_fails() -> None:
    strict = nn.Sequential(nn.Conv2d(3, 4, 5), nn.Conv2d(4, 4, 5, stride=2))
    model = Model.wrap(strict, input_size=32)
    assert model.minimum_size(["0"]) == 5
    assert model.minimum_size(["1"]) == 9
    with pytest.raises(RuntimeError):
        model.activations(torch.rand(1, 3, 8, 8), ["1"])


def test_probing_leaves_the_number_of_threads_even_after_a_failure(tiny: nn.Module) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Model.wrap(tiny, input_size=32).layers  # noqa: B018
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError):
            Model.wrap(nn.Linear(3, 2), input_size=32).layers  # noqa: B018
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_labels_are_made_up_where_there_are_none(tiny: nn.Module) -> None:
    model = Model.wrap(tiny, input_size=32)
    assert model.classes == 5
    assert model.label(2) == "class 2"
    assert model(PICTURE).softmax(1).sum(1).tolist() == pytest.approx([1, 1])
