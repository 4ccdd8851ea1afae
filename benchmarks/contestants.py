"""The same dream job, done by us and by others: 1024x683, 4 octaves of 10 gradients, float32.

A contestant prepares (not timed: imports, weights, one warm-up gradient) and returns the function to time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdream.images import read_picture
from deepdream.models import load_model

HEIGHT, WIDTH = 683, 1024
OCTAVES, SCALE, STEPS = 4, 1.4, 10
DEVICE, PRECISION = "cpu", "float32"  # set by gpu.py
PICTURE = Path(__file__).parents[1] / "images" / "pagoda.jpg"
NETWORKS = {"efficientnet_lite0": ("blocks.4", None), "googlenet": ("inception4c", "random")}

Job = Callable[[], None]


def photo() -> Tensor:
    """The job's picture, (1, 3, 683, 1024) in [0, 1]."""
    image = read_picture(PICTURE).tensor().to(DEVICE)
    return F.interpolate(image, size=(HEIGHT, WIDTH), mode="bicubic", antialias=True).clamp(0, 1)


def ours(network: str) -> Job:
    """This project, preset balanced, with the command line's process settings."""
    from deepdream.cli.process import keep_large_blocks
    from deepdream.dreaming import dream
    from deepdream.plan import plan_for

    keep_large_blocks()
    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights, device=DEVICE)
    image = photo()
    settings = {
        "objective": f"layer({layer})",
        "octaves": OCTAVES,
        "octave_scale": SCALE,
        "precision": PRECISION,
    }
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
    model = load_model(network, weights=weights, device=DEVICE)
    module = model.module.eval().requires_grad_(True)
    mean, std = (
        torch.tensor(v, device=DEVICE).view(1, 3, 1, 1)
        for v in (model.preprocessing.mean, model.preprocessing.std)
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
    model = load_model(network, weights=weights, device=DEVICE)
    module = model.module.eval().requires_grad_(False)
    mean, std = (
        torch.tensor(v, device=DEVICE).view(1, 3, 1, 1)
        for v in (model.preprocessing.mean, model.preprocessing.std)
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
    model = load_model(network, weights=weights, device=DEVICE)
    mean, std = (
        torch.tensor(v, device=DEVICE).view(1, 3, 1, 1)
        for v in (model.preprocessing.mean, model.preprocessing.std)
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


def torch_dreams(network: str) -> Job:
    """torch-dreams' render from a given picture at the same sizes (extra ``peers``).

    Its parameter is the picture's spectrum; its only random transform here is a translation by up to 3 %.
    """
    from torch_dreams import Dreamer
    from torch_dreams.custom_image_param import CustomImageParam
    from torchvision.transforms import RandomAffine

    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights, device=DEVICE)
    dreamer = Dreamer(model.module.eval(), quiet=True, device="cpu")
    dreamer.set_custom_transforms(RandomAffine(degrees=0, translate=(0.03, 0.03)))
    part = model.module.get_submodule(layer)

    def energy(outputs: list[Tensor]) -> Tensor:
        return -outputs[0].square().mean()

    def at(size: tuple[int, int], steps: int) -> None:
        image = F.interpolate(photo(), size=size, mode="bicubic").clamp(0.01, 0.99)
        parameter = CustomImageParam(image, device="cpu")
        dreamer.render([part], parameter, iters=steps, lr=3e-4, custom_func=energy)

    at((224, 224), 1)

    def job() -> None:
        for size in _sizes():
            at(size, STEPS)

    return job


def floor_seconds(network: str) -> tuple[float, float]:
    """The job's arithmetic at the speed of a large 3x3 convolution, by the clock and of the processors.

    A gradient costs the forward pass twice: each convolution once, and once back to its input.
    """
    layer, weights = NETWORKS[network]
    model = load_model(network, weights=weights, device=DEVICE)
    total = [0.0]

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        total[0] += 2.0 * output.numel() * module.weight[0].numel()

    def stop(*_: object) -> None:
        raise _Reached

    for module in model.module.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    model.module.get_submodule(layer).register_forward_hook(stop)
    for size in _sizes():
        with torch.no_grad(), suppress(_Reached):
            model.module.eval()(torch.zeros(1, 3, *size))
    work = 2 * STEPS * total[0]
    wall, cpu = (work / speed for speed in _peaks())
    return wall, cpu


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    pass


def _peaks() -> tuple[float, float]:
    """Operations per second of a 3x3 convolution of 128 channels, channels last; per processor second, too."""
    x = torch.randn(1, 128, 128, 128).contiguous(memory_format=torch.channels_last)
    convolution = (
        nn.Conv2d(128, 128, 3, padding=1).requires_grad_(False).to(memory_format=torch.channels_last)
    )
    wall, cpu = [], []
    for _ in range(40):
        began, used = time.perf_counter(), time.process_time()
        convolution(x)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    work = 2 * 128 * 128 * 9 * 128 * 128
    return work / min(wall), work / min(cpu)


CONTESTANTS = {
    "ours": ours, "plain loop": plain, "pytorch-deepdream's loop": cascade_loop, "lucent": lucent,
    "torch-dreams": torch_dreams,
}  # fmt: skip


class _Normalized(nn.Module):
    def __init__(self, module: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.module, self.mean, self.std = module, mean, std

    def forward(self, x: Tensor) -> Tensor:
        return self.module((x - self.mean) / self.std)


def _gauss(gradient: Tensor, sigma: float) -> Tensor:
    x = torch.arange(-4, 5, dtype=torch.float32, device=gradient.device)
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
