"""Small changes that mislead the network: the fast gradient sign method and projected gradient descent."""

from __future__ import annotations

import warnings

import torch.nn.functional as F
from captum.robust import FGSM, PGD
from torch import Tensor

from deepdream.attribution.network_copies import in_float32
from deepdream.models import Model


def fgsm(
    model: Model, image: Tensor, target: int, *, epsilon: float = 2 / 255, toward: bool = False
) -> Tensor:
    """The picture after one step of ``epsilon`` along the sign of the gradient, in [0, 1].

    Goodfellow, Shlens, Szegedy 2014, arXiv:1412.6572. Away from ``target``, or ``toward`` it.
    """
    # The bounds keep the changed picture a picture.
    attack = FGSM(in_float32(model), _cost, lower_bound=0.0, upper_bound=1.0)
    changed: Tensor = attack.perturb(_fresh(model, image), epsilon=epsilon, target=target, targeted=toward)
    return changed.detach()


def pgd(
    model: Model,
    image: Tensor,
    target: int,
    *,
    epsilon: float = 2 / 255,
    steps: int = 10,
    toward: bool = False,
) -> Tensor:
    """The picture after ``steps`` of the same, never further than ``epsilon`` from it in any value.

    Madry et al. 2017, arXiv:1706.06083; started at the picture itself, so that it needs no seed.
    """
    attack = PGD(in_float32(model), _cost, lower_bound=0.0, upper_bound=1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Input Tensor 0 did not already require gradients")
        changed: Tensor = attack.perturb(
            _fresh(model, image),
            radius=epsilon,
            step_size=2.5
            * epsilon
            / steps,  # reaches the border of the box and can turn there (Madry et al.)
            step_num=steps,
            target=target,
            targeted=toward,
            random_start=False,
            norm="Linf",
        )
    return changed.detach()


def _cost(logits: Tensor, target: int) -> Tensor:
    """Cross-entropy, which both papers attack; of a network with one output, minus that.

    captum's own default takes the logarithm of what the network gives: of logits below zero that is no number.
    """
    if logits.shape[1] == 1:
        return -logits[:, 0]
    return F.cross_entropy(logits, logits.new_full((len(logits),), target).long(), reduction="none")


def _fresh(model: Model, image: Tensor) -> Tensor:
    return image.detach().to(model.device).clone().requires_grad_()
