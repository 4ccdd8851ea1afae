"""Small networks as users write them: each is odd in one way, and runs in plain torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Networks by name; each gives logits (B, 3), or something that holds them.
NETWORKS: dict[str, Callable[[], nn.Module]] = {}


def odd(make: Any) -> Any:
    NETWORKS[make.__name__] = make
    return make


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()
        )
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.features(x).mean((2, 3)))


@odd
class ViewFlatten(Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8 * 16 * 16, 3)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.features(x).view(x.size(0), -1))


@odd
class Gram(Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        f = f.view(f.shape[0], 8, -1)
        return self.fc((f @ f.transpose(1, 2) / f.shape[2]).view(len(x), -1))


@odd
class GroupStatistics(Base):
    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        b, c, h, w = f.shape
        g = f.view(b, 2, c // 2 * h * w)
        g = (g - g.mean(2, keepdim=True)) / (g.std(2, keepdim=True) + 1e-5)
        return self.fc(g.view(b, c, h, w).amax((2, 3)))


@odd
class Strided(Base):
    """Wrong numbers, and no error, where memory is channels last."""

    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        b, c, h, w = f.shape
        return self.fc(f.as_strided((b, c, h * w), (c * h * w, h * w, 1)).amax(2))


@odd
class ContiguityAssert(Base):
    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        assert f.is_contiguous()
        return self.fc(f.mean((2, 3)))


@odd
class ColumnLSTM(Base):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.rnn(self.features(x).mean(2).transpose(1, 2))[0][:, -1])


@odd
class ComplexInside(Base):
    def forward(self, x: Tensor) -> Any:
        return self.fc(torch.fft.fft2(self.features(x)).abs().mean((2, 3)) / 100)


@odd
class Float64(Base):
    def __init__(self) -> None:
        super().__init__()
        self.double()


@odd
class Half(Base):
    def __init__(self) -> None:
        super().__init__()
        self.half()


@odd
class BufferInForward(Base):
    def forward(self, x: Tensor) -> Any:
        if not hasattr(self, "ramp"):
            self.register_buffer("ramp", torch.linspace(0, 1, x.shape[-1]))
        return super().forward(x * self.ramp)


@odd
class WritesIntoInput(Base):
    def forward(self, x: Tensor) -> Any:
        x.mul_(2).sub_(0.5)
        return super().forward(x)


@odd
def traced() -> nn.Module:
    return torch.fx.symbolic_trace(Base())


@odd
class TiedWeights(Base):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, 1, 1), nn.Conv2d(3, 3, 3, 1, 1)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Any:
        return super().forward(self.b(self.a(x)))


@odd
def lazy() -> nn.Module:
    return nn.Sequential(
        nn.LazyConv2d(8, 3, 2),
        nn.ReLU(),
        nn.LazyConv2d(8, 3, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


@odd
class OwnGetattr(Base):
    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("features"), name)


@odd
class CannotBeCopied(Base):
    def __init__(self) -> None:
        super().__init__()
        self.lock, self.numbers, self.rng = threading.Lock(), (i for i in range(3)), torch.Generator()
        self.words = sys.__stderr__

    def forward(self, x: Tensor) -> Any:
        with self.lock:
            return super().forward(x)


@odd
class HooksItsMaps(Base):
    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        f.register_hook(lambda g: setattr(self, "gradient", g))
        return self.fc(f.mean((2, 3)))


@odd
class KeepsItsMaps(Base):
    def forward(self, x: Tensor) -> Any:
        self.maps = self.features(x)
        if self.maps.requires_grad:
            self.maps.retain_grad()
        return self.fc(self.maps.mean((2, 3)))


@odd
class DifferentiatesInside(Base):
    def forward(self, x: Tensor) -> Any:
        x = x if x.requires_grad else x.requires_grad_()
        energy = self.features(x).square().mean((1, 2, 3)).sum()
        (gradient,) = torch.autograd.grad(energy, x, create_graph=True)
        return super().forward(x + gradient)


@odd
class CountsItsCalls(Base):
    def __init__(self) -> None:
        super().__init__()
        self.calls, self.sizes = 0, [torch.Size()]
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        self.sizes.append(x.shape)
        self.total += 1
        return super().forward(x)


@odd
def data_parallel() -> nn.Module:
    return nn.DataParallel(Base())


@odd
def compiled() -> nn.Module:
    return torch.compile(Base())  # type: ignore[return-value]


@odd
def compiled_parts() -> nn.Module:
    network = Base()
    network.features = torch.compile(network.features)  # type: ignore[assignment]
    network.fc.compile()
    return network


@odd
class InstanceForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 3)
        self.forward = lambda x: self.fc(self.conv(x).mean((2, 3)))


@dataclass
class Output:
    loss: Any
    logits: Tensor
    states: tuple[Tensor, ...]


@odd
class HuggingFaceLike(Base):
    def forward(self, pixel_values: Tensor, labels: Any = None) -> Any:
        return Output(None, super().forward(pixel_values), (pixel_values,))


@odd
class DetectionLike(Base):
    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        return {"boxes": f.flatten(2), "classes": self.fc(f.mean((2, 3))), "levels": [f]}


@odd
class TupleOutput(Base):
    def forward(self, x: Tensor) -> Any:
        f = self.features(x)
        return self.fc(f.mean((2, 3))), f


@odd
class LastConvolution(Base):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Any:
        return F.adaptive_avg_pool2d(self.head(self.features(x)), 1)


def with_computed_weight(compute: Callable[[nn.Module], nn.Module]) -> nn.Module:
    network = Base()
    network.features[0] = compute(network.features[0])
    return network


@odd
def old_weight_norm() -> nn.Module:
    return with_computed_weight(nn.utils.weight_norm)


@odd
def old_spectral_norm() -> nn.Module:
    return with_computed_weight(nn.utils.spectral_norm)


@odd
def weight_norm() -> nn.Module:
    return with_computed_weight(nn.utils.parametrizations.weight_norm)


@odd
def spectral_norm() -> nn.Module:
    return with_computed_weight(nn.utils.parametrizations.spectral_norm)


@odd
def pruned() -> nn.Module:
    from torch.nn.utils.prune import l1_unstructured

    return with_computed_weight(lambda conv: l1_unstructured(conv, "weight", 0.5))
