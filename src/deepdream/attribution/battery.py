"""Every method on one network: does it apply, does it sum, does its identity hold?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.attribution import layer_identities, pixel_identities  # noqa: F401 - their import registers them
from deepdream.attribution.baselines import blur
from deepdream.attribution.explaining import check_applies
from deepdream.attribution.explanation import completeness_gap
from deepdream.attribution.identity import identities, run_method
from deepdream.attribution.question import Question
from deepdream.attribution.registry import Method, methods
from deepdream.attribution.score_function import ScoreFunction
from deepdream.errors import UsageError
from deepdream.models import Model, is_own_code, load_model
from deepdream.models.copies import copied

#: One network of every kind that matters to a method: rectifiers of all kinds, reused, functional and in place;
#: branches, overlapping pools, products, layer norms, attention.
NETWORKS = (
    "efficientnet_lite0",
    "resnet18",
    "googlenet",
    "mobilenet_v3_small",
    "densenet121",
    "convnext_tiny",
    "efficientnet_b0",
    "vit_b_16",
)
#: A promise is kept where it is missed by less than this share.
TOLERANCE = 0.01
#: Pixels of the picture, where the network takes any size.
SIDE = 96
#: Methods that double the steps of a path until it sums, or say by how much it does not.
_PATHS = ("integrated-gradients", "blur-ig")
#: Their most steps, and those on a network that takes no picture smaller than its own.
MOST_STEPS, MOST_STEPS_LARGE = 800, 100
# Few samples: a sum that is exact is exact for any number of them.
_SMALL: dict[str, dict[str, Any]] = {
    "deep-lift-shap": {"samples": 2},
    "shapley": {"segments": 4},
    "shapley-sampling": {"samples": 2, "segments": 6},
    "kernel-shap": {"samples": 12, "segments": 6},
}


@dataclass(frozen=True)
class BatteryResult:
    """What came of one method on one network.

    Attributes:
        error: By how much its promise was missed, as a share; None where it does not apply.
        reason: Why it does not apply.
        steps: How many a path took.
        warned: Whether a note of the method says by how much it misses.
    """

    method: str
    error: float | None
    reason: str | None = None
    steps: int | None = None
    tolerance: float = TOLERANCE
    warned: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {name: getattr(self, name) for name in ("method", "error", "passed", "steps", "reason")}

    @property
    def passed(self) -> bool:
        """Whether the promise was kept, a warning where a path does not sum included, or nothing was promised."""
        return self.error is None or self.error < self.tolerance or self.warned

    @property
    def verdict(self) -> str:
        """A few words for a table."""
        if self.error is None:
            return "does not apply"
        steps = "" if self.steps is None else f" at {self.steps} steps"
        if self.error < self.tolerance:
            return f"{self.error:.1%}{steps}"
        return f"warns: {self.error:.1%}{steps}" if self.warned else f"**missed by {self.error:.1%}**{steps}"


def promise_of(method: Method) -> str:
    """What the battery measures, in words."""
    if method.name in identities():
        return identities()[method.name].words
    if method.name in _PATHS:
        return "sums to the rise, or warns by how much it does not"
    return "sums to the rise" if method.complete else "none"


def try_methods(model: Model, image: Tensor) -> Iterator[BatteryResult]:
    """Each method of the registry, in the registry's order, on the class that rises most."""
    target = rising_class(model, image)
    return (try_method(method, model, image, target) for method in methods().values())


def try_method(method: Method, model: Model, image: Tensor, target: int) -> BatteryResult:
    """One method, or the reason why it does not apply."""
    score_function = ScoreFunction.of(model, image, Question(target))
    try:
        check_applies(method, score_function)
    except UsageError as reason:
        return BatteryResult(method.name, None, str(reason))
    if method.name in identities():
        own = identities()[method.name]
        return BatteryResult(method.name, own.error(score_function), tolerance=own.tolerance)
    path = method.name in _PATHS
    options = _SMALL.get(method.name, {})
    if path:
        options = {"most": MOST_STEPS_LARGE if model.preprocessing.fixed else MOST_STEPS}
    outcome = run_method(score_function, method.name, **options)
    start = outcome.baseline_score
    start = score_function.score_of(score_function.baseline) if start is None else start
    error = completeness_gap(float(outcome.values.double().sum()), score_function.image_score, start)
    warned = any("not converged" in note and f"{error:.1%}" in note for note in outcome.notes)
    steps = outcome.options["steps"] if path else None
    return BatteryResult(method.name, error, steps=steps, warned=path and warned)


def rising_class(model: Model, image: Tensor) -> int:
    """The class whose logit stands highest above both its baselines, black and a strong blur."""
    with torch.no_grad():
        ends = [model(end) for end in (torch.zeros_like(image), blur(image, 50 * image.shape[-1] / 224))]
        rises = torch.stack([model(image) - logits for logits in ends])
    return int(rises.amin(dim=0)[0].argmax())


def network_for_trial(name: str, weights: str | None = None) -> Model:
    """A network of the catalog, by default with seeded random weights; the embedded one and the user's with their own.

    Random weights are made to matter: see :func:`awakened`.
    """
    if weights is None and name != NETWORKS[0] and not is_own_code(name):
        weights = "random:0"
    model = load_model(name, weights=weights, device="cpu")
    random = weights is not None and weights.startswith("random")
    return replace(model, module=awakened(model)) if random else model


def picture_for_trial(model: Model) -> Tensor:
    """(1, 3, side, side): seeded blots of a few pixels, for fine noise is no picture once it is blurred."""
    return _blots(model, 1, torch.Generator().manual_seed(0))


def _blots(model: Model, count: int, random: torch.Generator) -> Tensor:
    size = model.preprocessing.size if model.preprocessing.fixed else (SIDE, SIDE)
    noise = torch.rand(count, model.channels, *size, generator=random)
    return (0.5 + 4 * (blur(noise, sigma=3.0) - 0.5)).clamp(0, 1)


def awakened(model: Model) -> nn.Module:
    """A copy whose random weights reach the logits.

    Untrained networks often give almost no output: scores of 1e-14 below batch norms without statistics, scales so
    small that a network is linear, heads of zeros. That a map sums there proves little.
    """
    twin = copied(model.module)
    random = torch.Generator().manual_seed(1)
    for name, parameter in twin.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.constant_(parameter, 0.5)
        elif parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=random)
    norms = [part for part in twin.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    blots = (
        _blots(model, 8, random) * torch.linspace(0, 1, 8)[:, None, None, None]
    )  # as on the path from black
    # Fine noise too, on which a readable copy is compared: unseen, it becomes logits of 26,000, all rounding.
    noise = torch.rand(2, *blots.shape[1:], generator=random)
    with torch.no_grad():
        twin(model.normalize(torch.cat([blots, noise])))
    return twin.eval()
