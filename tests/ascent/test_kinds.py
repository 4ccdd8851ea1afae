"""Every kind of objective: it can be climbed, and its score is that of a literal computation."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from deepdream.ascent import (
    Objective,
    blur,
    caricature,
    channel,
    direction,
    distance,
    diversity,
    guide,
    interpolate,
    l1,
    l2,
    layer,
    logit,
    masked,
    neuron,
    total_variation,
)
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.objectives import KINDS, Reference, TermInputs
from deepdream.ascent.references import references_for
from deepdream.ascent.tiling import Tiling
from deepdream.errors import UsageError
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.tensors import generator

FLOWER, LEFT = "flower.png#000000000000", "left.png#000000000001"
VECTOR = [0.5, -1.0, 2.0, 0.0, 0.3, -0.2, 0.1, 1.0, -0.7, 0.4, 0.0, -0.3]
STILL = Plan(jitter=0)

# One of each kind, as it would be asked of the small network. A kind that is missing here fails below.
EXAMPLES = {
    "layer": layer("second"),
    "channel": channel("second", 4),
    "neuron": neuron("second", 4, 0.25, 0.75),
    "direction": direction("second", VECTOR, 2),
    "logit": logit(2),
    "guide": guide("second", FLOWER),
    "caricature": caricature("second", FLOWER, 1),
    "diversity": diversity("second"),
    "interpolate": interpolate("first", 1, "second", 4),
    "total_variation": total_variation(),
    "l1": l1(),
    "l2": l2(0.2),
    "blur": blur(),
    "distance": distance(),
}


@pytest.fixture
def contents() -> dict[tuple[str, str], Tensor]:
    """What the files of the examples hold."""
    rng = generator(11)
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., :32] = 1
    return {("picture", FLOWER): torch.rand(1, 3, 40, 40, generator=rng), ("mask", LEFT): mask}


def found_for(
    objective: Objective, model: Model, contents: Mapping[tuple[str, str], Tensor], base: Tensor
) -> dict[Reference, Tensor]:
    return references_for(objective, model, contents, lambda: base)


def pictures_for(kind: str, photo: Tensor) -> Tensor:
    """Two pictures where a kind compares them; not the very input, which lies at distance zero."""
    away = (photo + 0.02 * torch.randn(photo.shape, generator=generator(4))).clamp(0, 1)
    return torch.cat([away, 1 - away.flip(3)]) if kind == "diversity" else away


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("sign", [1, -1], ids=["up", "down"])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_can_be_climbed(
    kind: str, sign: int, tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    objective = sign * EXAMPLES[kind]
    found = found_for(objective, tiny_model, contents, photo)
    image, first = pictures_for(kind, photo), None
    for _ in range(10):
        gradient, score = measure_gradient(
            tiny_model, objective, image, STILL, generator(0), references=found
        )
        first = score if first is None else first
        assert gradient.abs().max() > 0
        image = (image + 0.002 * gradient / gradient.abs().mean()).clamp(0, 1)
    assert first is not None
    assert measure_gradient(tiny_model, objective, image, STILL, generator(0), references=found)[1] > first


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_negative_weight_turns_the_gradient(
    kind: str, tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    found = found_for(EXAMPLES[kind], tiny_model, contents, photo)
    image = pictures_for(kind, photo)
    up, score = measure_gradient(tiny_model, EXAMPLES[kind], image, STILL, generator(0), references=found)
    down, negative = measure_gradient(
        tiny_model, -EXAMPLES[kind], image, STILL, generator(0), references=found
    )
    assert float(negative) == -float(score)
    torch.testing.assert_close(down, -up)


def test_half_sum_is_google_s_set_the_difference_to_the_activation(tiny_model: Model, photo: Tensor) -> None:
    """``dst.diff[:] = dst.data`` in Google's notebook: act.backward(act)."""
    plan = Plan(jitter=0, reduction="half-sum")
    gradient, score = measure_gradient(tiny_model, layer("second"), photo, plan, generator(0))
    image = photo.clone().requires_grad_()
    activation = tiny_model.activations(image, ["second"])["second"]
    activation.backward(activation.detach())
    torch.testing.assert_close(gradient, image.grad)
    torch.testing.assert_close(score, activation.detach().square().sum() / 2)


def test_the_guide_is_google_s_objective_guide(
    tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    """The notebook's lines, in NumPy, give the gradient at the layer; the chain rule does the rest."""
    plan = Plan(jitter=0, reduction="half-sum")
    found = found_for(guide("second", FLOWER), tiny_model, contents, photo)
    gradient, _ = measure_gradient(
        tiny_model, guide("second", FLOWER), photo, plan, generator(0), references=found
    )

    flower = F.interpolate(contents[("picture", FLOWER)], size=(55, 55), mode="bilinear", antialias=True)
    guide_features = tiny_model.activations(flower, ["second"])["second"][0].numpy()
    image = photo.clone().requires_grad_()
    activation = tiny_model.activations(image, ["second"])["second"]
    x, y = activation[0].detach().numpy(), guide_features
    ch = x.shape[0]
    x, y = x.reshape(ch, -1), y.reshape(ch, -1)
    A = x.T.dot(y)
    diff = np.zeros_like(activation.detach().numpy())
    diff[0].reshape(ch, -1)[:] = y[:, A.argmax(1)]
    activation.backward(torch.from_numpy(diff))
    torch.testing.assert_close(gradient, image.grad, rtol=1e-4, atol=1e-6)


def test_a_large_guide_is_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdream.ascent import kinds

    x, bank = torch.randn(2, 5, 7, 6, generator=generator(0)), torch.randn(90, 5, generator=generator(1))
    whole = kinds._best_matches(x, bank)
    monkeypatch.setattr(kinds, "_AT_ONCE", 200)
    torch.testing.assert_close(kinds._best_matches(x, bank), whole)
    assert torch.equal(whole[1, :, 3, 2], bank[(bank @ x[1, :, 3, 2]).argmax()])


def lucid_dot_cossim(x: np.ndarray, y: np.ndarray, cossim_pow: float) -> float:
    """lucid/optvis/objectives.py, ``_dot_cossim``: channels last, the mean over positions."""
    eps = 1e-4
    xy_dot = (x * y).sum(-1)
    if cossim_pow == 0:
        return float(xy_dot.mean())
    x_mags, y_mags = np.sqrt((x * x).sum(-1)), np.sqrt((y * y).sum(-1))
    cossims = xy_dot / (eps + x_mags) / (eps + y_mags)
    return float((xy_dot * np.maximum(0.1, cossims) ** cossim_pow).mean())


def lucid_diversity(layer_t: np.ndarray) -> float:
    """lucid/optvis/objectives.py, ``diversity``: channels last."""
    batch_n, _, _, channels = layer_t.shape
    flattened = layer_t.reshape(batch_n, -1, channels)
    grams = np.einsum("bnc,bnd->bcd", flattened, flattened)
    grams = grams / np.sqrt((grams**2).sum(axis=(1, 2), keepdims=True))
    return (
        sum((grams[i] * grams[j]).sum() for i in range(batch_n) for j in range(batch_n) if j != i) / batch_n
    )


def lucid_blur(image: np.ndarray) -> np.ndarray:
    """``_tf_blur`` with w=3: 0.5 around 1, over the sum of the weights that lie inside."""
    out = np.zeros_like(image)
    height, width = image.shape[-2:]
    for r in range(height):
        for c in range(width):
            near = [
                (0.5 if (dr, dc) != (0, 0) else 1.0, r + dr, c + dc)
                for dr in (-1, 0, 1)
                for dc in (-1, 0, 1)
                if 0 <= r + dr < height and 0 <= c + dc < width
            ]
            out[..., r, c] = sum(w * image[..., i, j] for w, i, j in near) / sum(w for w, _, _ in near)
    return out


def test_values_are_those_of_a_direct_computation(
    tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    network = tiny_model.module.eval()
    image = pictures_for("any", photo)

    def through(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            early = network.first((x - 0.5) / 0.25)
            hidden = network.second(network.norm(early).relu())
            return early, hidden, network.head(hidden.relu().mean((2, 3)))

    early, hidden, logits = through(image)
    flower = contents[("picture", FLOWER)][..., 5:35, :]  # the middle 4:3 of a square
    _, portrait, _ = through(F.interpolate(flower, size=(48, 64), mode="bilinear", antialias=True))
    _, petals, _ = through(
        F.interpolate(contents[("picture", FLOWER)], size=(55, 55), mode="bilinear", antialias=True)
    )
    across = (image[..., 1:] - image[..., :-1]).abs().mean()
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    last = lambda t: t.movedim(1, -1).numpy()  # noqa: E731 - channels last, as lucid has them
    dots = torch.einsum("chw,cn->hwn", hidden[0], petals[0].flatten(1))
    both = torch.cat([hidden, through(1 - image.flip(3))[1]])
    expected = {
        "layer": hidden.square().mean(),
        "channel": hidden[0, 4].mean(),
        "neuron": hidden[0, 4, 3, 12],  # of 12 x 16 positions
        "direction": lucid_dot_cossim(last(hidden), np.array(VECTOR), 2),
        "logit": logits[0, 2],
        "guide": dots.max(dim=2).values.mean(),
        "caricature": lucid_dot_cossim(last(hidden), last(portrait), 1),
        "diversity": -lucid_diversity(last(both)),
        "interpolate": (early[0, 1].mean() + hidden[0, 4].mean()) / 2,
        "total_variation": across + down,
        "l1": (image - 0.5).abs().mean(),
        "l2": (image - 0.2).square().mean(),
        "blur": ((image.numpy() - lucid_blur(image.numpy())) ** 2).mean() / 2,
        "distance": (image - photo).square().mean(),
    }
    for kind, objective in EXAMPLES.items():
        found = found_for(objective, tiny_model, contents, photo)
        _, score = measure_gradient(
            tiny_model, objective, pictures_for(kind, photo), STILL, generator(0), references=found
        )
        assert float(score) == pytest.approx(float(expected[kind]), rel=1e-4, abs=1e-6), kind


def test_interpolation_goes_from_one_channel_to_the_other(tiny_model: Model, photo: Tensor) -> None:
    """lucid's ``channel_interpolate``: weights 0, 1/2, 1 in a batch of three."""
    image = torch.cat([photo, photo.flip(2), photo.flip(3)])
    found = tiny_model.activations(image, ["first", "second"])
    one, two = found["first"][:, 1].mean((1, 2)), found["second"][:, 4].mean((1, 2))
    weights = torch.tensor([0.0, 0.5, 1.0])
    _, score = measure_gradient(tiny_model, EXAMPLES["interpolate"], image, STILL, generator(0))
    torch.testing.assert_close(score, ((1 - weights) * one + weights * two).mean())


@pytest.mark.parametrize("kind", [name for name in EXAMPLES if KINDS[name].spread == "mean"])
def test_under_a_mask_only_the_positions_below_it_count(
    kind: str, tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    """The score under a mask and that under its opposite are the score."""
    right = {**contents, ("mask", "right.png#000000000002"): 1 - contents[("mask", LEFT)]}
    image = pictures_for(kind, photo)

    def score(objective: Objective) -> float:
        found = found_for(objective, tiny_model, right, photo)
        return float(measure_gradient(tiny_model, objective, image, STILL, generator(0), references=found)[1])

    halves = [score(masked(EXAMPLES[kind], name)) for name in (LEFT, "right.png#000000000002")]
    assert sum(halves) == pytest.approx(score(EXAMPLES[kind]), rel=1e-3, abs=1e-6)
    assert halves[0] != pytest.approx(halves[1], rel=1e-3)


def test_a_masked_layer_is_climbed_where_the_mask_is_bright(
    tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    objective = masked(layer("second"), LEFT)
    found = found_for(objective, tiny_model, contents, photo)
    gradient, _ = measure_gradient(tiny_model, objective, photo, STILL, generator(0), references=found)
    assert float(gradient[..., :30].abs().mean()) > 0
    assert float(gradient[..., 40:].abs().max()) == 0  # out of the receptive field of the left half


def test_what_lies_under_the_picture_is_rolled_with_it(
    tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    """At every offset the gradient stays under the mask, and around the neuron's place."""
    rolling = Plan(jitter=8)
    half = masked(layer("second"), LEFT)
    found = found_for(half, tiny_model, contents, photo)
    place = neuron("second", 4, 0.25, 0.75)
    spot = found_for(place, tiny_model, contents, photo)
    for seed in range(6):
        gradient, _ = measure_gradient(tiny_model, half, photo, rolling, generator(seed), references=found)
        strength = gradient.abs().sum((0, 1, 2))
        assert float(strength[8:26].mean()) > 20 * float(strength[40:56].mean())
        gradient, _ = measure_gradient(tiny_model, place, photo, rolling, generator(seed), references=spot)
        rows, columns = gradient.abs().sum((0, 1)).nonzero().T
        assert abs(float(rows.float().mean()) - 12) < 6
        assert abs(float(columns.float().mean()) - 48) < 6


def test_a_soft_mask_falls_off_gently(
    tiny_model: Model, photo: Tensor, contents: dict[tuple[str, str], Tensor]
) -> None:
    (hard,) = found_for(masked(layer("second"), LEFT), tiny_model, contents, photo).values()
    (soft,) = found_for(masked(layer("second"), LEFT, 0.1), tiny_model, contents, photo).values()
    assert float(hard.diff(dim=3).abs().max()) == 1
    assert float(soft.diff(dim=3).abs().max()) < 0.1
    assert float(soft.mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", [name for name in EXAMPLES if EXAMPLES[name].local])
@pytest.mark.parametrize("mask", [False, True], ids=["bare", "masked"])
def test_in_tiles_with_an_exact_halo_the_gradient_is_that_of_the_whole_picture(
    kind: str, mask: bool, tiny_model: Model, contents: dict[tuple[str, str], Tensor]
) -> None:
    base = torch.rand(1, 3, 150, 222, generator=generator(1))
    image = (base + 0.05 * torch.randn(base.shape, generator=generator(2))).clamp(0, 1)
    objective = masked(EXAMPLES[kind], LEFT) if mask else EXAMPLES[kind]
    if mask:
        big = torch.zeros(1, 1, 150, 222)
        big[..., 10:190] = 1
        contents = {**contents, ("mask", LEFT): big}
    found = found_for(objective, tiny_model, contents, base)
    whole, _ = measure_gradient(tiny_model, objective, image, STILL, generator(0), references=found)
    tiled, _ = measure_gradient(
        tiny_model, objective, image, STILL, generator(2), tiling=Tiling(96, 8, 4), references=found
    )
    # A tile's share is that of its positions in one layer: not quite that of its pairs of pixels, or of two layers.
    loose = 0.02 if kind in ("total_variation", "interpolate") else 1e-5
    assert float((tiled - whole).norm() / whole.norm()) < loose


def test_several_terms_are_balanced_alike_in_tiles(
    tiny_model: Model, contents: dict[tuple[str, str], Tensor]
) -> None:
    image = torch.rand(1, 3, 152, 224, generator=generator(1))
    objective = layer("second") + 2 * channel("first", 3) - 0.5 * guide("second", FLOWER) - total_variation()
    found = found_for(objective, tiny_model, contents, image)
    whole, _ = measure_gradient(tiny_model, objective, image, STILL, generator(0), references=found)
    tiled, _ = measure_gradient(
        tiny_model, objective, image, STILL, generator(2), tiling=Tiling(96, 8, 4), references=found
    )
    assert float((tiled - whole).norm() / whole.norm()) < 0.05


def test_only_what_has_positions_is_local() -> None:
    assert {name for name, example in EXAMPLES.items() if not example.local} == {"logit", "diversity"}


def test_a_picture_one_pixel_wide_has_a_total_variation() -> None:
    image = torch.tensor([0.0, 0.25, 1.0]).expand(1, 3, 3)[..., None]  # 3 rows, 1 column
    ((_, score),) = total_variation().scores(TermInputs({}, image))
    assert float(score) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (channel("second", 12), "second has channels 0 to 11; there is no channel 12."),
        (channel("second", -1), "there is no channel -1."),
        (logit(5), "The network has classes 0 to 4; there is no class 5."),
        (logit(-1), "there is no class -1."),
        (logit("cat"), "The class 'cat' has to be looked up in a network first."),
        (direction("second", [1, 2]), "second has 12 channels; this direction has 2 numbers."),
        (diversity("second"), "diversity() compares the pictures of a batch, and here is only one."),
    ],
)
def test_what_is_not_there_is_said(
    objective: Objective, message: str, tiny_model: Model, photo: Tensor
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        measure_gradient(tiny_model, objective, photo, STILL, generator(0))
