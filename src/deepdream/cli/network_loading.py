"""The network of a command: loaded once, with a line about how it is fed where its file does not say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepdream.batch.task import NetworkSpec
from deepdream.cli.terminal import say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.models import Model


def load_network(
    name: str,
    weights: str | None,
    device: str,
    quiet: bool = False,
    *,
    offline: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Model:
    """The network that --model, --weights and --device ask for."""
    model = NetworkSpec(name, weights, device).load(offline=offline, progress=progress)
    say_feeding(model, quiet=quiet)
    return model


def load_spec(spec: NetworkSpec, *, quiet: bool = False) -> Model:
    """The network of a task that reads pictures, loaded once; a line on stderr says how a network of a file is fed.

    Raises:
        UsageError: the network takes other channels than those of pictures.
    """
    model = spec.load()
    check_takes_pictures(model)
    say_feeding(model, quiet=quiet)
    return model


def check_takes_pictures(model: Model) -> None:
    """Raises UsageError where no picture file has the channels that the network takes."""
    if model.channels not in (1, 3):
        raise UsageError(
            f"{model.name} takes {model.channels} channels, and picture files have 3. Use it from Python, where "
            f"explain and dream take tensors, or wrap a network that makes {model.channels} channels of RGB."
        )


def say_feeding(model: Model, *, quiet: bool) -> None:
    """Say how a network of a user's file is fed where the file does not say it, and what was found out about it."""
    if quiet:
        return
    plan, name = model.preprocessing, model.address or model.name
    if model.weights.code and not any(plan.mean) and set(plan.std) == {1.0}:
        colors = {1: "gray", 3: "RGB"}.get(model.channels, f"{model.channels} channels")
        height, width = plan.size
        say(
            f"{name}: fed with {colors} in [0, 1], nothing subtracted, {width}x{height}. "
            "To change this, return Model.wrap(network, mean=..., std=..., input_size=...)."
        )
    for note in model.notes:
        say(f"{name}: {note}{'' if note.endswith('?') else '.'}")
