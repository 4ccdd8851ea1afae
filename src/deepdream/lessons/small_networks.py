"""Small convolutional networks that are trained in seconds, on digits."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.lecture.training import GradientDescent, TrainingSettings
from deepdream.tensors import generator

#: Enough for digits on one core in seconds.
SETTINGS = TrainingSettings(lr=0.05, momentum=0.9, batch_size=32, epochs=8)


class SmallCNN(nn.Module):
    """Two convolutions with a ReLU each, the second of stride 2, and a linear layer on what is left.

    Weights are drawn with He's deviation (arXiv:1502.01852) from a generator of their own.
    """

    def __init__(self, channels: int, side: int, classes: int, *, seed: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.relu2 = nn.ReLU()
        self.head = nn.Linear(16 * (side // 2) ** 2, classes)
        chance = generator(seed)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2, self.head):
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(0, math.sqrt(2 / fan_in), generator=chance)
                assert layer.bias is not None
                layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, side, side) to logits (B, classes)."""
        features = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        logits: Tensor = self.head(features.flatten(1))
        return logits


def train_small(
    network: nn.Module, images: Tensor, y: Tensor, settings: TrainingSettings = SETTINGS
) -> nn.Module:
    """The network after training on ``images`` (n, C, H, W) and classes ``y`` (n,), in place; frozen."""
    optimizer = GradientDescent(network.parameters(), settings)
    chance = generator(settings.seed)
    for _ in range(settings.epochs):
        order = torch.randperm(len(images), generator=chance)
        for batch in torch.split(order, settings.batch_size or len(images)):
            optimizer.zero_grad()
            F.cross_entropy(network(images[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    optimizer.zero_grad()
    return network.eval().requires_grad_(False)


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, y: Tensor) -> float:
    """The share of pictures that get their class."""
    return float((network(images).argmax(dim=1) == y).double().mean())
