"""The axes of a layer's output are established and not guessed: a planted red square must be found at its place."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from deepdream.attribution import explain, find_layer
from deepdream.dreaming import render
from deepdream.errors import UsageError
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.plan import plan_for

#: The square: rows 40 to 48 and columns 16 to 24 of 64 x 64; off the diagonal, where a transposed map shows.
ROWS, COLUMNS = range(40, 48), range(16, 24)


def red_square(height: int = 64, width: int = 64) -> Tensor:
    image = torch.full((1, 3, height, width), 0.5)
    image[:, 0, 40:48, 16:24], image[:, 1:, 40:48, 16:24] = 1, 0
    return image


class Patches(nn.Module):
    """Patches of 8 pixels; their first channel is red minus the mean of the rest, and class 1 counts it."""

    extra = 0

    def __init__(self, mix: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.patch, self.part, self.head = nn.Conv2d(3, 8, 8, 8), nn.Identity(), nn.Linear(8, 2)
        with torch.no_grad():
            torch.manual_seed(0)
            self.patch.weight[0, 0], self.patch.weight[0, 1:] = 1 / 64, -1 / 128  # gray gives 0
            self.patch.bias.zero_()
            self.head.weight.zero_()
            self.head.weight[1, 0] = 1
        self.tokens = nn.Parameter(torch.randn(1, self.extra, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pooled(self.part(self.arranged(self.patch(x)))))

    def arranged(self, x: Tensor) -> Tensor:
        return x

    def pooled(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class ChannelsLast(Patches):
    def arranged(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)

    def pooled(self, x: Tensor) -> Tensor:
        return x.mean((1, 2))


class ReshapedChannelsLast(ChannelsLast):
    """The same, hidden from a look at single operations."""

    def arranged(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2).reshape(len(x), x.shape[2], x.shape[3], 8)


class Transposed(Patches):
    def arranged(self, x: Tensor) -> Tensor:
        return x.transpose(2, 3).contiguous().flatten(1).reshape(len(x), 8, x.shape[3], x.shape[2])


class Tokens(Patches):
    def arranged(self, x: Tensor) -> Tensor:
        grid = x.flatten(2).transpose(1, 2)
        return torch.cat([self.tokens.expand(len(x), -1, -1), grid], dim=1)

    def pooled(self, x: Tensor) -> Tensor:
        return x[:, self.extra :].mean(1)


class ClassToken(Tokens):
    extra = 1


class Registers(Tokens):
    extra = 5


class TrailingToken(Tokens):
    extra = 1

    def arranged(self, x: Tensor) -> Tensor:
        return super().arranged(x).roll(-1, 1)

    def pooled(self, x: Tensor) -> Tensor:
        return x[:, :-1].mean(1)


class TokensLast(Patches):
    def arranged(self, x: Tensor) -> Tensor:
        return x.flatten(2)

    def pooled(self, x: Tensor) -> Tensor:
        return x.mean(2)


MAPPED = (
    ChannelsLast,
    ReshapedChannelsLast,
    Transposed,
    Tokens,
    ClassToken,
    Registers,
    TrailingToken,
    TokensLast,
)


@pytest.mark.parametrize("kind", MAPPED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_a_map_is_where_the_square_is(kind: type[Patches], size: tuple[int, int]) -> None:
    model = Model.wrap(kind(), input_size=size, fixed=True)
    layer = model.layer("part")
    assert (layer.spatial, layer.channels, layer.refusal) == (True, 8, "")
    image = red_square(*size)
    activation = model.activations(image, ["part"])["part"]
    assert activation.shape == (1, 8, size[0] // 8, size[1] // 8)
    with torch.no_grad():
        torch.testing.assert_close(activation, model.module.patch(image))
    for method in ("grad-cam", "ablation-cam", "hires-cam"):
        row, column = explain(model, image, method, 1, layer="part").peak
        assert row in ROWS, method
        assert column in COLUMNS, method


class Heads(Patches):
    """(B, heads, tokens, channels), as attention has queries: four axes, and no picture."""

    def arranged(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2).reshape(len(x), -1, 2, 4).transpose(1, 2)

    def pooled(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2).mean(1)


class AttentionMatrix(Patches):
    def arranged(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2).reshape(len(x), -1, 2, 4).transpose(1, 2)
        return (tokens @ tokens.transpose(-2, -1) / 2).softmax(-1)

    def pooled(self, x: Tensor) -> Tensor:
        return x.flatten(2)[:, :, :4].reshape(len(x), 8)


class Windows(Patches):
    """Windows of four by four positions in the batch axis."""

    def arranged(self, x: Tensor) -> Tensor:
        return x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 4, 5, 1).reshape(-1, 16, 8)

    def pooled(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 64, 8).mean(1)


class Table(Patches):
    """A table of positions, which does not look at the picture."""

    def arranged(self, x: Tensor) -> Tensor:
        positions = torch.arange(x[0, 0].numel() * 8, device=x.device).float().reshape(1, 8, *x.shape[2:])
        self.part(positions.expand_as(x).flatten(1).reshape(x.shape))
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pooled(self.arranged(self.patch(x))))


class MixedTokens(Tokens):
    """A random mixture of all tokens has no place of its own."""

    def arranged(self, x: Tensor) -> Tensor:
        tokens = super().arranged(x)
        mixture = torch.randn(64, 64, generator=torch.Generator().manual_seed(3)).to(tokens)
        return mixture @ tokens


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Heads, "does not show at one place"),
        (AttentionMatrix, "does not show at one place"),
        (Windows, "not the batch"),
        (Table, "does not depend on the picture"),
        (MixedTokens, "does not show at one place"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_has_no_places_is_refused_with_the_reason(kind: type[Patches], why: str) -> None:
    model = Model.wrap(kind(), input_size=64, fixed=True)
    layer = model.layer("part")
    assert not layer.spatial
    assert why in layer.refusal
    assert find_layer(model, "auto").name == "patch"
    with pytest.raises(UsageError, match=rf"'part'.*{why}.*The last layer that can be mapped is 'patch'"):
        explain(model, red_square(), "grad-cam", 1, layer="part")


class SideBranch(Patches):
    """The last layer with positions does nothing for the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.patch(x)
        logits = self.head(self.pooled(features))
        self.decoder(features)
        return logits


def test_auto_is_on_the_path_and_a_side_branch_is_refused() -> None:
    model = Model.wrap(SideBranch(), input_size=64)
    assert find_layer(model, "auto").name == "patch"
    with pytest.raises(UsageError, match="do not depend on layer 'decoder'"):
        find_layer(model, "decoder")


class ClassTokenHead(ClassToken):
    """A transformer's end: the class token alone goes on, so the gradient of the grid is zero after the mixing."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.LayerNorm(8, elementwise_affine=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.part(self.arranged(self.patch(x)))
        mixed = torch.cat([tokens[:, :1] + tokens[:, 1:].mean(1, keepdim=True), tokens[:, 1:]], dim=1)
        return self.head(self.last(mixed)[:, 0])


def test_auto_is_before_the_class_token_leaves_the_grid() -> None:
    model = Model.wrap(ClassTokenHead(), input_size=64, fixed=True)
    assert model.layer("last").spatial
    assert find_layer(model, "auto").name == "part"


def test_tokens_can_be_dreamed_and_a_channel_is_a_channel() -> None:
    model = Model.wrap(ClassToken(), input_size=64, fixed=True)
    picture = Picture(red_square()[0].permute(1, 2, 0).numpy(), None, "square.png", "ab" * 32)
    plan = plan_for(objective="channel(part, 0)", steps=4, strength=0.1)
    change = render(model, picture, plan).pixels - picture.pixels
    assert change[..., 0].mean() > change[..., 1:].mean() + 0.02  # redder, as channel 0 counts
    with pytest.raises(UsageError, match=r"channels 0 to 7|no channel 8|has 8 channels"):
        render(model, picture, plan_for(objective="channel(part, 8)", steps=1))


@pytest.mark.parametrize(
    ("name", "auto", "grid"),
    [
        ("timm:vit_tiny_patch16_224", "blocks.11.norm1", 14),
        ("timm:deit_tiny_distilled_patch16_224", "blocks.11.norm1", 14),
        ("swin_t", "permute", 7),
        ("vit_b_32", "encoder.layers.encoder_layer_11.ln_1", 7),
    ],
)
@pytest.mark.slow
def test_transformers_of_the_field(name: str, auto: str, grid: int) -> None:
    from deepdream.models import load_model

    model = load_model(name, weights="random", device="cpu")
    layer = find_layer(model, "auto")
    assert layer.name == auto
    image = torch.rand(1, 3, 224, 224)
    assert model.activations(image, [auto])[auto].shape == (1, layer.channels, grid, grid)
    assert math.isfinite(float(explain(model, image, "grad-cam").heatmap.sum()))
