"""A page to play with: one file, no server. Sliders for a neuron, a threshold and the network's state."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

import torch

from deepdream.lecture.play import Play

__all__ = ["play_page"]


def play_page(play: Play, *, dark: bool = False) -> str:
    """The page as text. It holds the samples and the weights of every saved state, and computes by itself.

    >>> from deepdream.lecture.datasets import toy
    >>> from deepdream.lecture.play import train_playground
    >>> from deepdream.lecture.training import TrainingSettings
    >>> play_page(train_playground(toy("gauss"), [2], TrainingSettings(epochs=20)))[:15]
    '<!DOCTYPE html>'
    """
    numbers = json.dumps(_numbers(play), separators=(",", ":")).replace("<", "\\u003c")
    about = f"{play.model} on {play.dataset.about} (columns standardized)"
    parts = {"ABOUT": html.escape(about), "NUMBERS": numbers, "THEME": "dark" if dark else "light"}
    # One file without a server: samples and weights are embedded, and the browser computes the network.
    page = (resources.files("deepdream.lecture") / "words" / "playground.html").read_text("utf-8")
    for name, value in parts.items():
        page = page.replace(f"@{name}@", value)
    return page


def _numbers(play: Play) -> dict[str, Any]:
    states = []
    for epoch, model in play.states():
        layers = [{"W": _short(layer.weight), "b": _short(layer.bias)} for layer in model.linear]
        result = play.history.epochs[epoch]
        states.append({"epoch": epoch, "loss": result.loss, "accuracy": result.accuracy, "layers": layers})
    return {
        "X": _short(torch.as_tensor(play.dataset.X)),
        "y": play.dataset.y.tolist(),
        "activations": [f.name for f in play.model.activations],
        "states": states,
    }


def _short(values: torch.Tensor) -> Any:
    # Four decimals are more than a screen shows, and keep the page small.
    return torch.round(values.detach(), decimals=4).tolist()
