"""Networks so small that the right answer can be written down."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.attribution import methods
from deepdream.models import Model

SIDE = 6


class Formula(nn.Module):
    """Two logits: a function of the picture, and zero."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        score = self.function(x)
        return torch.stack([score, torch.zeros_like(score)], dim=1)


def formula(function: Callable[[Tensor], Tensor], side: int = SIDE) -> Model:
    """A model of a formula (B, 3, side, side) -> (B,), fed with pictures as they are."""
    return Model.wrap(Formula(function), name="formula", input_size=side, labels=("yes", "no"))


def seeded(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def picture(side: int = SIDE, seed: int = 1) -> Tensor:
    return seeded((1, 3, side, side), seed)


def weights(side: int = SIDE, seed: int = 2) -> Tensor:
    return seeded((3, side, side), seed) * 2 - 1


def linear(side: int = SIDE) -> Model:
    """score = w·x + 0.5."""
    w = weights(side)
    return formula(lambda x: (x * w).sum(dim=(1, 2, 3)) + 0.5, side)


def wrapped(network: nn.Module, side: int, seed: int = 3, **more: object) -> Model:
    """A model around a network whose weights are drawn from ``seed``."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = max(1, parameter[0].numel())
            parameter.copy_(torch.randn(parameter.shape, generator=random) / fan**0.5)
    return Model.wrap(network.eval(), name="small", input_size=side, **more)  # type: ignore[arg-type]


class Bend(nn.Module):
    """A network with everything that libraries stumble over: reuse, functions, in-place, overlapping pools."""

    def __init__(self, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 1, 1)
        self.act = activation()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.second = nn.Conv2d(6, 6, 3, 1, 1)
        self.gate = nn.Linear(6, 6)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.act(self.first(x)))
        y = self.norm(self.second(x))
        y += x
        y = self.act(y)
        gate = torch.sigmoid(self.gate(y.mean(dim=(2, 3))))[:, :, None, None]
        y = torch.nn.functional.relu(y * gate, inplace=True)
        return self.head(y.mean(dim=(2, 3)))


def bend(activation: Callable[[], nn.Module] = nn.ReLU, side: int = 16) -> Model:
    return wrapped(Bend(activation), side, mean=(0.5,), std=(0.25,))


#: Channels of a token, heads, and tokens along a side of 32 pixels.
DIM, HEADS, TOKEN_SIDE = 8, 2, 4


class Attention(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.qkv, self.proj = form, nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if self.form == "fused":
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-2, -1) / (DIM / HEADS) ** 0.5).softmax(dim=-1) @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, DIM))


class Torchs(nn.Module):
    """torch's own module, which takes a fast path without weights where it can."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(DIM, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Transformer(nn.Module):
    def __init__(self, form: str, class_token: bool) -> None:
        super().__init__()
        self.patch, self.class_token = nn.Conv2d(3, DIM, 8, 8), class_token
        self.token = nn.Parameter(torch.randn(1, 1, DIM))
        self.blocks = nn.ModuleList(Torchs() if form == "torch" else Attention(form) for _ in range(3))
        self.norm, self.head = nn.Identity(), nn.Linear(DIM, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        if self.class_token:
            tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = tokens + block(tokens)
        tokens = self.norm(tokens)
        return self.head(tokens[:, 0] if self.class_token else tokens.mean(1))


def network_for(name: str, side: int = 16) -> Model:
    """The usual network of these tests, or a small transformer for a method that needs attention."""
    usual = bend(nn.ReLU6, side)
    if methods()[name].applies(usual) is None:
        return usual
    torch.manual_seed(2)
    return Model.wrap(Transformer("fused", class_token=True).eval(), name="small", input_size=8 * TOKEN_SIDE)
