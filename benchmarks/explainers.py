"""The same explanation, made by us and by others: embedded network, 224x224, class 208.

Ours runs with the command line's process settings. "captum" is the library with its default arguments on the module
as it is; "tuned" is the same with the batch that is best there and frozen weights. Integrated gradients take 50
steps, SmoothGrad 50 samples, occlusion a window of 15 and a stride of 8, RISE 250 masks; the two channel methods
look at all 320 channels of ``blocks.6``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contestants import photo
from deepdream.models import load_model

TARGET, LAYER, CHANNELS, MASKS = 208, "blocks.6", 320, 250
OPTIONS = {
    "integrated-gradients": {"steps": 50},
    "smoothgrad": {"samples": 50},
    "occlusion": {"window": 15, "stride": 8},
    "rise": {"samples": MASKS},
    "score-cam": {"samples": CHANNELS, "layer": LAYER},
    "ablation-cam": {"layer": LAYER},
}
Job = Callable[[], object]


def job(method: str, name: str) -> Job:
    """The function to time."""
    image = F.interpolate(photo(), size=(224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    if name == "ours":
        return _ours(method, image)
    network = _network()
    if name.endswith("tuned"):
        network.requires_grad_(False)
    if method == "rise":
        return _rise(network, image, batch=16 if name.endswith("tuned") else 1)
    return {"captum": _captum, "captum, tuned": _captum_tuned, "grad-cam": _grad_cam}[name](
        method, network, image
    )


def _ours(method: str, image: Tensor) -> Job:
    from deepdream.attribution import explain
    from deepdream.cli.process import keep_large_blocks

    keep_large_blocks()
    model = load_model("efficientnet_lite0", device="cpu")
    return lambda: explain(model, image, method, TARGET, **OPTIONS[method])


def _network() -> nn.Module:
    model = load_model("efficientnet_lite0", device="cpu")
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std)
    )
    return _Fed(model.module.requires_grad_(True), mean, std).eval()


class _Fed(nn.Module):
    def __init__(self, module: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.module, self.mean, self.std = module, mean, std

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.module((x - self.mean) / self.std)
        return found


def _captum(method: str, network: nn.Module, image: Tensor, batch: int | None = None) -> Job:
    from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency

    if method == "integrated-gradients":
        return lambda: IntegratedGradients(network).attribute(
            image, target=TARGET, n_steps=50, internal_batch_size=batch
        )
    if method == "smoothgrad":
        tunnel = NoiseTunnel(Saliency(network))
        return lambda: tunnel.attribute(
            image, nt_type="smoothgrad", nt_samples=50, nt_samples_batch_size=batch, stdevs=0.15,
            target=TARGET, abs=False,
        )  # fmt: skip
    occlusion = Occlusion(network)
    return lambda: occlusion.attribute(
        image, (3, 15, 15), (3, 8, 8), target=TARGET, perturbations_per_eval=batch or 1
    )


def _captum_tuned(method: str, network: nn.Module, image: Tensor) -> Job:
    return _captum(method, network, image, batch=16 if method == "occlusion" else 5)


def _grad_cam(method: str, network: nn.Module, image: Tensor) -> Job:
    from pytorch_grad_cam import AblationCAM, ScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    layer = network.get_submodule(f"module.{LAYER}")
    made = (ScoreCAM if method == "score-cam" else AblationCAM)(model=network, target_layers=[layer])
    return lambda: made(input_tensor=image, targets=[ClassifierOutputTarget(TARGET)])


def _rise(network: nn.Module, image: Tensor, batch: int) -> Job:
    """RISE as its paper describes it: masks of 7x7 cells, half of them open."""

    def job() -> Tensor:
        total = torch.zeros(224, 224)
        for _ in range(0, MASKS, batch):
            cells = (torch.rand(batch, 1, 8, 8) < 0.5).float()
            masks = F.interpolate(cells, size=(256, 256), mode="bilinear")[..., 16:240, 16:240]
            with torch.no_grad():
                scores = network(image * masks)[:, TARGET]
            total += (scores[:, None, None] * masks[:, 0]).sum(dim=0)
        return total

    return job
