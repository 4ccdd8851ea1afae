"""One pass through a user's network: what it gives, and what it needs for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from deepdream.errors import DeepDreamError, UsageError
from deepdream.models.adapters import adapted, as_logits, part_of, parts_of
from deepdream.models.copies import evaluation_copy
from deepdream.models.layers import single_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Names of logits in the outputs of common libraries, the most certain first.
_NAMES = ("logits", "class_logits", "cls_logits", "pred_logits", "logit", "output", "out", "pred", "scores")


@dataclass(frozen=True)
class Trial:
    """A network that was tried on pictures.

    Attributes:
        module: It, or it made to give logits (B, classes) for pictures alone.
        logits: What it gave, (2, classes); None where it failed.
        resizable: Whether it takes another size than the one that was tried; None where it failed.
    """

    module: nn.Module
    logits: Tensor | None
    resizable: bool | None


def tried(module: nn.Module, example: Tensor, *, name: str, labels: Sequence[str] = ()) -> Trial:
    """Run a copy of ``module`` on normalized pictures (2, C, H, W), and choose the logits of its output.

    A network that fails is no error here: what it raises belongs to its first use.

    Raises:
        UsageError: the output has several parts, and it is not clear which are the logits.
    """
    if any(is_lazy(value) for value in module.parameters()):  # of a part that no pass runs
        return Trial(module, None, None)
    twin = evaluation_copy(module)
    with single_thread(twin):
        for gradient in (False, True):
            try:
                result = _output(twin, example, gradient=gradient)
            except DeepDreamError:  # an argument of Model.wrap that does not fit
                raise
            except (Exception, SystemExit):  # noqa: BLE001, S112 - a user's network may raise anything
                continue
            key = _key_of_logits(result, name=name, classes=len(labels))
            values = result if key is None else part_of(result, key)
            if (
                not isinstance(values, Tensor)
                or not values.is_floating_point()
                or values.shape[:1] != example.shape[:1]
                or any(side != 1 for side in values.shape[2:])
            ):
                return Trial(module, None, None)
            logits = as_logits(values, values.dim())
            if gradient or key is not None or values.dim() != 2:
                module = adapted(module, output=key, axes=values.dim(), gradient=gradient)
            return Trial(module, logits.detach(), _is_resizable(twin, example, key, gradient=gradient))
    return Trial(module, None, None)


def _output(network: nn.Module, pictures: Tensor, *, gradient: bool) -> Any:
    with torch.set_grad_enabled(gradient):
        return network(pictures.detach().clone().requires_grad_(gradient))


def _is_resizable(network: nn.Module, example: Tensor, key: Any, *, gradient: bool) -> bool:
    """Whether a larger size works: 32 pixels more, as strides of convolutions allow, or twice the size."""
    height, width = example.shape[-2:]
    for size in ((height + 32, width + 32), (2 * height, 2 * width)):
        try:
            result = _output(network, example.new_zeros(1, example.shape[1], *size), gradient=gradient)
        except Exception:  # noqa: BLE001, S112 - as above
            continue
        # x.view(-1, 400) may take a larger map for several pictures.
        if len(result if key is None else part_of(result, key)) == 1:
            return True
    return False


def _key_of_logits(result: Any, *, name: str, classes: int) -> Any:
    """The key of the logits in an output of several parts; None for a tensor, and where nothing is near."""
    parts = parts_of(result)
    logits = {
        key: value
        for key, value in parts.items()
        if isinstance(value, Tensor) and value.is_floating_point() and value.dim() == 2
    }
    for key in _NAMES:
        if key in logits:
            return key
    if len(logits) > 1 and classes:
        logits = {k: v for k, v in logits.items() if v.shape[1] == classes} or logits
    if len(logits) > 1:
        shapes = ", ".join(f"output={key!r} is {tuple(value.shape)}" for key, value in logits.items())
        raise UsageError(
            f"{name} gives several tensors that may be the logits. Choose one with Model.wrap(network, output=...): "
            f"{shapes} for two pictures."
        )
    return next(iter(logits), None)
