"""The same dream job, done by us and by others: 1024x683, 4 octaves of 10 gradients, float32.

A contestant prepares (not timed: imports, weights, one warm-up gradient) and returns the function to time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.images import read_picture
from deepdream.models import load_model

HEIGHT, WIDTH = 683, 1024
OCTAVES, SCALE, STEPS = 4, 1.4, 10
PICTURE = Path(__file__).parents[1] / "images" / "pagoda.jpg"
NETWORKS = {"efficientnet_lite0": ("blocks.4", None), "googlenet": ("inception4c", "random")}

Job = Callable[[], None]


def photo() -> Tensor:
    """The job's picture, (1, 3, 683, 1024) in [0, 1]."""
    image = read_picture(PICTURE).tensor()
    return F.interpolate(image, size=(HEIGHT, WIDTH), mode="bicubic", antialias=True).clamp(0, 1)


def ours(network: str) -> Job:
    """This project, recipe balanced, with the command line's process settings."""
    from deepdream.cli.process import keep_large_blocks
    from deepdream.dreaming import dream
    from deepdream.plan import plan_for

    keep_large_blocks()
    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights)
    image = photo()
    settings = {"objective": f"layer({layer})", "octaves": OCTAVES, "octave_scale": SCALE}
    for _ in dream(model, plan_for(**settings, steps=1), image[..., :224, :224]):
        pass

    def job() -> None:
        for step in dream(model, plan_for(**settings, steps=STEPS), image):
            last = step
        last.image  # noqa: B018 - computed when read

    return job


def plain(network: str) -> Job:
    """A plain loop: the module as it is, a full forward pass, a hook, trainable weights, clipped pixels."""
    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights)
    module = model.module.eval().requires_grad_(True)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std)
    )
    kept: dict[str, Tensor] = {}
    module.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.__setitem__("a", o))

    def step(image: Tensor) -> Tensor:
        image = image.detach().requires_grad_()
        module((image - mean) / std)
        kept["a"].square().mean().backward()
        assert image.grad is not None
        return (image + 0.02 * image.grad / image.grad.std()).detach().clamp(0, 1)

    step(photo()[..., :224, :224])
    return _octaves(step)


def cascade_loop(network: str) -> Job:
    """pytorch-deepdream's loop, written anew from its description.

    Full forward pass, frozen weights, mean squared activation, three depthwise 9x9 Gaussians per gradient,
    roll jitter, clamp to the valid range (github.com/gordicaleksa/pytorch-deepdream, MIT).
    """
    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights)
    module = model.module.eval().requires_grad_(False)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std)
    )
    kept: dict[str, Tensor] = {}
    module.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.__setitem__("a", o))
    count = [0]

    def step(image: Tensor) -> Tensor:
        down, right = torch.randint(-32, 33, (2,)).tolist()
        x = torch.roll((image - mean) / std, (down, right), (2, 3)).requires_grad_()
        module(x)
        F.mse_loss(kept["a"], torch.zeros_like(kept["a"])).backward()
        assert x.grad is not None
        sigma = (count[0] % STEPS + 1) / STEPS * 2 + 0.5
        count[0] += 1
        smooth = sum(_gauss(x.grad, sigma * factor) for factor in (0.5, 1.0, 2.0)) / 3
        smooth = (smooth - smooth.mean()) / smooth.std()
        moved = torch.roll(x.detach() + 0.09 * smooth, (-down, -right), (2, 3)) * std + mean
        return moved.clamp(0, 1)

    step(photo()[..., :224, :224])
    return _octaves(step)


def lucent(network: str) -> Job:
    """torch-lucent's render_vis at the same sizes, jitter 32 (extra ``peers``)."""
    from lucent.optvis import objectives, render, transform

    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std)
    )
    module = _Normalized(model.module, mean, std).eval()
    name = ("module_" + layer).replace(".", "_")

    @objectives.wrap_objective()
    def energy() -> Callable[[Callable[[str], Tensor]], Tensor]:
        return lambda activations: -activations(name).square().mean()

    def at(size: tuple[int, int], steps: int) -> None:
        image = F.interpolate(photo(), size=size, mode="bicubic").clamp(0.01, 0.99).requires_grad_()
        render.render_vis(
            module, energy(), lambda: ([image], lambda: image), transforms=[transform.jitter(32)],
            thresholds=(steps,), show_image=False, preprocess=False, progress=False, fixed_image_size=size,
        )  # fmt: skip

    at((224, 224), 1)

    def job() -> None:
        for size in _sizes():
            at(size, STEPS)

    return job


CONTESTANTS = {"ours": ours, "plain loop": plain, "pytorch-deepdream's loop": cascade_loop, "lucent": lucent}


class _Normalized(nn.Module):
    def __init__(self, module: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.module, self.mean, self.std = module, mean, std

    def forward(self, x: Tensor) -> Tensor:
        return self.module((x - self.mean) / self.std)


def _gauss(gradient: Tensor, sigma: float) -> Tensor:
    x = torch.arange(-4, 5, dtype=torch.float32)
    line = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = (line[:, None] * line[None, :] / line.sum() ** 2).expand(3, 1, 9, 9)
    return F.conv2d(F.pad(gradient, (4,) * 4, mode="reflect"), kernel, groups=3)


def _sizes() -> list[tuple[int, int]]:
    return [(round(HEIGHT / SCALE**k), round(WIDTH / SCALE**k)) for k in reversed(range(OCTAVES))]


def _octaves(step: Callable[[Tensor], Tensor]) -> Job:
    """The octaves of the plain loops: the whole picture is resized from one size to the next."""

    def job() -> None:
        image = photo()
        for size in _sizes():
            image = F.interpolate(image, size=size, mode="bicubic").clamp(0, 1)
            for _ in range(STEPS):
                image = step(image)

    return job
