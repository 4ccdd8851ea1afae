"""What is tried with a network of a user's file when it is loaded, and what to do where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from deepdream.errors import UsageError
from deepdream.models.adapters import WRAPPER
from deepdream.models.class_names import check_label_count
from deepdream.models.copies import unchanged
from deepdream.models.feeding import channel_statistics, normalized
from deepdream.models.feeding_checks import check_first_norm, check_statistics
from deepdream.models.input_sizes import working_input
from deepdream.models.own_code import OwnCode, guarded, kind_of
from deepdream.models.script_state import as_script
from deepdream.tensors import generator

if TYPE_CHECKING:
    from deepdream.models.network import Model


def check(code: OwnCode, model: Model) -> Model:
    """Try the network on two pictures of its size; the model with what was found out as its notes.

    Raises:
        UsageError: it fails, or does not give finite logits (B, classes) with a gradient, one for each label.
    """
    plan = model.preprocessing
    shape = (2, model.channels, *plan.size)
    pictures = torch.rand(shape, generator=generator(0), device="cpu").to(model.device)
    size = f"pictures {shape}"
    with as_script(code.path), unchanged(model.module):
        with torch.enable_grad():
            # As in plain torch first, so that an error is the network's, not that of a layout or a copy.
            fed = normalized(pictures, *channel_statistics(plan, model.device), channels_last=False)
            fed.requires_grad_()
            # A copy of it goes in, for a network may write into its input.
            logits = _tried(code, model, f"its network, given {size},", lambda: model.module(fed.clone()))
            _check_logits(code, logits, size, model.labels)
            _check_gradient(code, logits, fed)
        with torch.no_grad():
            # What explains and dreams is a copy that is arranged anew: it must run, too.
            results = _tried(code, model, f"a copy of its network, given {size},", lambda: model(pictures))
            again = model.module(fed.detach().clone())
        if not _close(again, logits, 1e-4):
            question = "is there a dropout without training=self.training in it?"
            model.notes += (f"it gives other logits each time: {question}",)
        elif not _close(results, logits, 0.02):  # TF32 and folded norms are rounding, too
            raise UsageError(
                f"A copy of the network of {code} gives other logits than the network itself. Its forward may "
                f"use a network that is not its own (self). {WRAPPER}"
            )
        # Not before: weights of a file come after the network was wrapped.
        if logits.shape[1] == 1 and model.kind == "softmax":
            model.notes += (
                "it has one output and its kind is not given: the output is shown as a number. If it is the logit of a "
                'yes or no, return Model.wrap(network, kind="sigmoid"); if it is a number, kind="regression"',
            )
        suspicions = check_statistics(plan) + check_first_norm(model.module, plan, model.channels)
    model.notes = tuple(dict.fromkeys((*model.notes, *suspicions)))
    return model


def _close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> bool:
    return bool((ours - theirs).norm() <= tolerance * theirs.norm() + 1e-6)


def _check_gradient(code: OwnCode, logits: torch.Tensor, fed: torch.Tensor) -> None:
    """Raises UsageError where the picture gets no gradient, though the weights of a head may get one."""
    gradients = guarded(
        code,
        "the backward pass of its network",
        lambda: torch.autograd.grad(logits.sum(), fed, allow_unused=True),
    )
    if gradients[0] is None:
        raise UsageError(
            f"The network of {code} gives logits without a gradient with respect to the picture: a part of its "
            "forward runs under torch.no_grad, after a detach or in NumPy. Remove that: weights are frozen here anyway."
        )


def _tried(code: OwnCode, model: Model, what: str, call: Any) -> Any:
    try:
        return guarded(code, what, call)
    except UsageError as error:
        raise UsageError(f"{error} {_advice(model, error.__cause__)}") from error.__cause__


def _advice(model: Model, cause: BaseException | None) -> str:
    """What to do about a network that cannot be run on pictures of its size."""
    if isinstance(cause, TypeError) and "positional argument" in str(cause):
        return f"Give it constant second inputs: Model.wrap(network, extra=(tensor, ...)). {WRAPPER}"
    works = working_input(model.module)
    if works is not None and works != (model.channels, *set(model.preprocessing.size)):
        channels, side = works
        return f"It runs with Model.wrap(network, channels={channels}, input_size={side})."
    return WRAPPER


def _check_logits(code: OwnCode, logits: Any, size: str, labels: Any) -> None:
    if not isinstance(logits, torch.Tensor):
        raise UsageError(
            f"The network of {code} gives {kind_of(logits)}, not one tensor (B, classes) of logits. "
            f"Name their place with Model.wrap(network, output=...). {WRAPPER}"
        )
    if logits.dim() != 2 or len(logits) != 2 or not logits.is_floating_point():
        raise UsageError(
            f"The network of {code} gives {kind_of(logits)} for {size}, not logits (2, classes). {WRAPPER}"
        )
    if not bool(logits.isfinite().all()):
        raise UsageError(
            f"The network of {code} gives NaN or infinity for {size}. Check its weights, and mean and std."
        )
    if not logits.requires_grad:
        raise UsageError(
            f"The network of {code} gives logits without a gradient: is there a torch.no_grad or a detach in it?"
        )
    if "Sigmoid" in type(logits.grad_fn).__name__:
        raise UsageError(
            f"The network of {code} ends in a sigmoid: leave it out, and return "
            'Model.wrap(network, kind="sigmoid"), so that logits are explained.'
        )
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(dim=1), torch.ones(()).to(logits), atol=1e-4):
        raise UsageError(
            f"The network of {code} gives probabilities: leave out its softmax, and give logits."
        )
    check_label_count(labels, logits.shape[1], str(code))
