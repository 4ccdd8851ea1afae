"""What the shell offers after Tab: names of layers, networks, methods, presets, classes and checks.

Loading torch takes seconds, and a shell waits for less than one. So every name here comes from a file that is read as
text: names of methods and checks from the decorators that register them, layers from ``layer_names.json``, which
``python -m deepdream.cli.layer_names`` writes. tests/cli/test_completion.py compares them with the registries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer.core

import deepdream
from deepdream.plan import PRESETS, Plan, own_preset_files

_PACKAGE = Path(deepdream.__file__).parent
_LAYERS = Path(__file__).with_name("layer_names.json")
_DECORATOR = re.compile(r'^@(?:register|check_of_\w+)\(\s*"([\w-]+)"', re.MULTILINE)
_SETTINGS = {entry.name: entry for entry in fields(Plan)}
_DEFAULT_MODEL = "efficientnet_lite0"

#: From the parser's context to the names that an option or argument takes.
Source = Callable[[Any], Iterable[str]]


def layer_names(context: Any) -> list[str]:
    """The main layers of the network in the command line so far; none of a network that is not in the file."""
    chosen = context.params.get("models") or context.params.get("model") or [_DEFAULT_MODEL]
    models = [chosen] if isinstance(chosen, str) else chosen
    known = json.loads(_LAYERS.read_text(encoding="utf-8"))
    return [name for model in models[:1] for name in known.get(model, ())]


def model_names(_: Any) -> list[str]:
    """The networks that come with the installation or with torchvision."""
    rows = json.loads((_PACKAGE / "models" / "torchvision.json").read_text(encoding="utf-8"))
    embedded = [f"efficientnet_lite{index}" for index in range(3)]
    return [*embedded, *(row["network"] for row in rows if row["default"])]


def class_names(_: Any) -> list[str]:
    """The classes of ImageNet."""
    labels: list[str] = json.loads((_PACKAGE / "models" / "imagenet_labels.json").read_text(encoding="utf-8"))
    return labels


def method_names(_: Any) -> list[str]:
    """The registered methods of explanation."""
    return _registered(_PACKAGE / "attribution" / "explainers")


def check_names(_: Any) -> list[str]:
    """The registered checks."""
    return _registered(_PACKAGE / "attribution" / "checks")


def preset_names(_: Any) -> list[str]:
    """The built-in presets and the user's own."""
    return [*PRESETS, *own_preset_files()]


def setting_words(_: Any) -> list[str]:
    """``NAME=`` for every setting, and ``NAME=VALUE`` for those with choices."""
    words = [f"{name}=" for name in _SETTINGS]
    return words + [
        f"{name}={choice}" for name, entry in _SETTINGS.items() for choice in entry.metadata["choices"]
    ]


def _registered(folder: Path) -> list[str]:
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    return [name for text in texts for name in _DECORATOR.findall(text)]


#: By the option, or by the command and its argument, where the names come from.
SOURCES: dict[str, Source] = {
    "--layer": layer_names,
    "--minus": layer_names,
    "visualize targets": layer_names,
    "--model": model_names,
    "--try": model_names,
    "layers model": model_names,
    "--class": class_names,
    "--target": class_names,
    "--against": class_names,
    "--method": lambda context: [*method_names(context), "all"],
    "--methods": method_names,
    "methods names": method_names,
    "--checks": check_names,
    "--preset": preset_names,
    "--set": setting_words,
    # The options of a method are read from its function, which takes torch.
    "explain settings": lambda _: [],
}


def add_completion(name: str, command: Any) -> None:
    """Let the parameters of the command ``name``, and of the commands in it, complete from ``SOURCES``."""
    for part, nested in getattr(command, "commands", {}).items():
        add_completion(part, nested)
    for parameter in command.params:
        source = SOURCES.get(f"{name} {parameter.name}")
        source = source or next((SOURCES[option] for option in parameter.opts if option in SOURCES), None)
        source = source or _choices(parameter)
        if source is not None and not getattr(parameter, "is_flag", False):
            parameter.shell_complete = _completer(source)


def _choices(parameter: Any) -> Source | None:
    """The choices of a setting of the plan whose option this is."""
    choices = _SETTINGS[parameter.name].metadata["choices"] if parameter.name in _SETTINGS else ()
    return (lambda _: choices) if choices else None


def _completer(source: Source) -> Callable[[Any, str], list[Any]]:
    def complete(context: Any, incomplete: str) -> list[Any]:
        # Of a list with commas the last name is completed, and those before it stay.
        before, comma, last = incomplete.rpartition(",")
        item = typer.core.CompletionItem  # type: ignore[attr-defined]
        names = [name for name in source(context) if name.casefold().startswith(last.casefold())]
        return [item(f"{before}{comma}{name}") for name in names]

    return complete
