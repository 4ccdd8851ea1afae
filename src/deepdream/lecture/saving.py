"""A network as a small JSON file: sizes, activations and weights, to be read by eye or by a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from deepdream.errors import UsageError
from deepdream.lecture.mlp import MLP
from deepdream.provenance.files import write_text

__all__ = ["load_network", "save_network"]


def save_network(model: MLP, path: str | Path) -> None:
    """Write ``model`` to a JSON file. Floats keep every bit.

    >>> save_network(MLP([2, 1]), "network.json")
    >>> load_network("network.json")
    MLP(2-1, sigmoid)
    """
    names = [f.name for f in model.activations]
    # Python writes the shortest decimals that give the same float64 back, so nothing is lost.
    layers = [{"weight": layer.weight.tolist(), "bias": layer.bias.tolist()} for layer in model.linear]
    write_text(Path(path), json.dumps({"sizes": model.sizes, "activations": names, "layers": layers}))


def load_network(path: str | Path) -> MLP:
    """The network of a file that :func:`save_network` wrote. Raises UsageError.

    >>> save_network(MLP([2, 3, 1]), "network.json")
    >>> load_network("network.json").sizes
    (2, 3, 1)
    """
    try:
        state: Any = json.loads(Path(path).read_text(encoding="utf-8"))
        model = MLP(state["sizes"], state["activations"][0], output=state["activations"][-1], init="zeros")
        # JSON and not a pickle: a file from a stranger can hold numbers, never code.
        with torch.no_grad():
            for layer, saved in zip(model.linear, state["layers"], strict=True):
                layer.weight.copy_(torch.tensor(saved["weight"], dtype=torch.float64))
                layer.bias.copy_(torch.tensor(saved["bias"], dtype=torch.float64))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise UsageError(
            f"{path} is not a network that 'deepdream lecture mlp --save-state' wrote."
        ) from error
    return model
