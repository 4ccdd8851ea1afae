"""EfficientNet-Lite (Google 2020): the architecture of the embedded networks.

The Lite variants drop squeeze-and-excitation and use ReLU6, so they are made of four things only:
convolution, batch norm, ReLU6 and one padding. Stage and module names are timm's
(``tf_efficientnet_lite0``), and so is the order of the tensors in the state dict.

Source: Tan & Le 2019, EfficientNet, arXiv:1905.11946; the Lite variants:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.models.chain import Chain

#: (repeats, kernel, stride, expansion, channels) of the seven stages of EfficientNet-B0.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Scaling:
    """How a variant widens and deepens B0."""

    width: float
    depth: float


VARIANTS = {
    "efficientnet_lite0": Scaling(1.0, 1.0),
    "efficientnet_lite1": Scaling(1.0, 1.1),
    "efficientnet_lite2": Scaling(1.1, 1.2),
}


class SamePad(nn.Module):
    """Zero padding as TensorFlow's SAME: an output has ceil(size / stride) rows and columns.

    The amount depends on the input's size, and an odd remainder goes to the right and the bottom.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self._total(size) for size in x.shape[-2:])
        return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))

    def _total(self, size: int) -> int:
        return max((math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size, 0)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}"


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def _pad(kernel: int, stride: int) -> nn.Module:
    return SamePad(kernel, stride) if stride > 1 else nn.Identity()


def _depthwise(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    padding = 0 if stride > 1 else kernel // 2
    return nn.Conv2d(channels, channels, kernel, stride, padding, groups=channels, bias=False)


class _Unit(nn.Module):
    """What may run as a chain of frozen convolutions instead of part by part (see ``fuse``)."""

    chain: Chain | None = None

    def forward(self, x: Tensor) -> Tensor:
        return self.step_by_step(x) if self.chain is None else self.chain(x)

    def step_by_step(self, x: Tensor) -> Tensor:
        """The same, part by part."""
        raise NotImplementedError


class DepthwiseSeparable(_Unit):
    """Depthwise convolution, then a linear 1x1 projection (the first stage, which does not expand)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.pad = _pad(kernel, stride)
        self.conv_dw = _depthwise(before, kernel, stride)
        self.bn1, self.act1 = _norm(before), nn.ReLU6(inplace=True)
        self.conv_pw = nn.Conv2d(before, after, 1, bias=False)
        self.bn2 = _norm(after)
        self.skip = stride == 1 and before == after

    def step_by_step(self, x: Tensor) -> Tensor:
        y: Tensor = self.act1(self.bn1(self.conv_dw(self.pad(x))))
        y = self.bn2(self.conv_pw(y))
        return x + y if self.skip else y


class InvertedResidual(_Unit):
    """Expand by a 1x1 convolution, filter each channel, project back linearly; add the input if shapes allow.

    Source: Sandler et al. 2018, MobileNetV2, arXiv:1801.04381.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.conv_pw = nn.Conv2d(before, wide, 1, bias=False)
        self.bn1, self.act1 = _norm(wide), nn.ReLU6(inplace=True)
        self.pad = _pad(kernel, stride)
        self.conv_dw = _depthwise(wide, kernel, stride)
        self.bn2, self.act2 = _norm(wide), nn.ReLU6(inplace=True)
        self.conv_pwl = nn.Conv2d(wide, after, 1, bias=False)
        self.bn3 = _norm(after)
        self.skip = stride == 1 and before == after

    def step_by_step(self, x: Tensor) -> Tensor:
        y: Tensor = self.act1(self.bn1(self.conv_pw(x)))
        y = self.act2(self.bn2(self.conv_dw(self.pad(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.skip else y


class EfficientNetLite(nn.Module):
    """(B, 3, H, W) normalized picture -> (B, classes) logits; any size from about 32 pixels on."""

    stem_chain: Chain | None = None
    head_chain: Chain | None = None

    def __init__(self, scaling: Scaling, classes: int = 1000) -> None:
        super().__init__()
        self.pad = SamePad(3, 2)
        self.conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.bn1, self.act1 = _norm(32), nn.ReLU6(inplace=True)
        self.blocks = nn.Sequential(*_stages(scaling))
        self.conv_head = nn.Conv2d(_width(_STAGES[-1][-1], scaling.width), 1280, 1, bias=False)
        self.bn2, self.act2 = _norm(1280), nn.ReLU6(inplace=True)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = (self.stem_chain or self.stem)(x)
        x = (self.head_chain or self.head)(self.blocks(x))
        logits: Tensor = self.classifier(torch.flatten(self.global_pool(x), 1))
        return logits

    def stem(self, x: Tensor) -> Tensor:
        """What comes before the blocks."""
        y: Tensor = self.act1(self.bn1(self.conv_stem(self.pad(x))))
        return y

    def head(self, x: Tensor) -> Tensor:
        """What comes between the blocks and the pooling."""
        y: Tensor = self.act2(self.bn2(self.conv_head(x)))
        return y


def mirror(network: EfficientNetLite) -> frozenset[str]:
    """Make ``network`` compute on pictures turned by 180 degrees, and give its stages turned; in place.

    SAME padding puts an odd remainder right and below, which costs a padded copy of the activations. Turn the
    picture and every kernel, and the remainder lies left and above, where a convolution's own symmetric padding
    puts it: its last window never reaches the surplus on the other side. So the padding is free, at every size.

    Returns:
        The names of the paddings, which now do nothing.
    """
    paddings = {name: module for name, module in network.named_modules() if isinstance(module, SamePad)}
    for name, padding in paddings.items():
        parent = network.get_submodule(name.rpartition(".")[0])
        convolution = parent.conv_stem if isinstance(parent, EfficientNetLite) else parent.conv_dw
        assert isinstance(convolution, nn.Conv2d)
        convolution.padding = (padding.kernel // 2, padding.kernel // 2)
        parent.pad = nn.Identity()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1):
            module.weight = nn.Parameter(module.weight.flip(2, 3), requires_grad=False)
    return frozenset(paddings)


def fuse(network: EfficientNetLite) -> None:
    """Let every block of a frozen, folded and mirrored ``network`` run as one operation; in place.

    While a part inside of a block has a hook, that block runs part by part.
    """
    for block in network.modules():
        if isinstance(block, DepthwiseSeparable):
            links = [(block.conv_dw, True), (block.conv_pw, False)]
        elif isinstance(block, InvertedResidual):
            links = [(block.conv_pw, True), (block.conv_dw, True), (block.conv_pwl, False)]
        else:
            continue
        parts = list(block.modules())[1:]
        block.chain = Chain(links, parts=parts, step_by_step=block.step_by_step, skip=block.skip)
    first = [network.pad, network.conv_stem, network.bn1, network.act1]
    last = [network.conv_head, network.bn2, network.act2]
    network.stem_chain = Chain([(network.conv_stem, True)], parts=first, step_by_step=network.stem)
    network.head_chain = Chain([(network.conv_head, True)], parts=last, step_by_step=network.head)


def build(name: str, classes: int = 1000) -> EfficientNetLite:
    """The architecture ``name`` (a key of ``VARIANTS``), untrained."""
    return EfficientNetLite(VARIANTS[name], classes)


def _stages(scaling: Scaling) -> list[nn.Sequential]:
    stages, before = [], 32
    for index, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        # Lite does not deepen the first and the last stage.
        fixed = index in (0, len(_STAGES) - 1)
        count = repeats if fixed else math.ceil(repeats * scaling.depth)
        after = _width(channels, scaling.width)
        blocks: list[nn.Module] = []
        for block in range(count):
            step = stride if block == 0 else 1
            blocks.append(
                DepthwiseSeparable(before, after, kernel, step)
                if expansion == 1
                else InvertedResidual(before, after, kernel, step, expansion)
            )
            before = after
        stages.append(nn.Sequential(*blocks))
    return stages


def _width(channels: int, factor: float) -> int:
    """``channels * factor`` rounded to a multiple of 8, never down by more than a tenth."""
    width = channels * factor
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
