"""A stored dream: its state in a file, from which it continues as if it had never stopped.

The file is a safetensors file. Its tensors are those of the state; its metadata hold one JSON text with the
numbers of the state, the settings and everything that the finished picture must say of itself. It may come from
anyone, so nothing in it is trusted: every number is looked at before a step is made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepdream.ascent.sizes import Octave
from deepdream.dreaming.ongoing import Dream
from deepdream.dreaming.state import State
from deepdream.errors import DeepDreamError, PictureError
from deepdream.provenance import read_recipe_text, replacing

SCHEMA = 1
_KEY = "deepdream"
_OWN = ("plan", "octaves", "files", "references")  # kept in words of their own, or made again
_FILE = "file:"  # begins the names of what the objective's files hold


@dataclass(frozen=True)
class OutputOptions:
    """How the result of a dream is written.

    Attributes:
        bits: Per sample, 8 or 16; 16 for PNG and TIFF only.
        metadata: Whether the picture holds its recipe.
        decided_by: Who answers for the picture, for its recipe.
        checkpoint_every: Steps between two checkpoints; 0 keeps none.
    """

    bits: int = 8
    metadata: bool = True
    decided_by: str = ""
    checkpoint_every: int = 0


def checkpoint_path(output: Path) -> Path:
    """The file beside ``output`` in which its dream is kept: ``dream.png.state``."""
    return output.with_name(f"{output.name}.state")


def write_checkpoint(path: Path, dream: Dream, options: OutputOptions | None = None) -> None:
    """Write ``dream`` and how its result is to be written, whole or not at all. Raises OutputError."""
    options = options or OutputOptions()
    tensors, numbers = _unpacked(dream.state)
    if dream.alpha is not None:
        tensors["alpha"] = torch.from_numpy(dream.alpha)
    document = {
        "schema": SCHEMA,
        "recipe": dream.recipe.to_text(),
        "octaves": [[o.height, o.width, o.steps] for o in dream.state.octaves],
        "state": numbers,
        "metadata": options.metadata,
        "every": options.checkpoint_every,
    }
    # A copy of its own for each: two names of one tensor are refused.
    ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    pointers: set[int] = set()
    for name, value in ready.items():
        ready[name] = value.clone() if value.data_ptr() in pointers else value
        pointers.add(value.data_ptr())
    with replacing(path) as temporary:
        try:
            save_file(ready, temporary, metadata={_KEY: json.dumps(document, allow_nan=False)})
        except SafetensorError as error:  # a full disk arrives as text
            raise OSError(str(error)) from error


def _unpacked(state: State) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the plain numbers of ``state``, by the names of its fields."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for entry in fields(State):
        value = getattr(state, entry.name)
        if entry.name in _OWN or value is None:
            continue
        if isinstance(value, Tensor):
            tensors[entry.name] = value
        elif isinstance(value, tuple) and entry.name != "shrinks":
            tensors |= {f"{entry.name}.{place}": part for place, part in enumerate(value)}
        else:
            numbers[entry.name] = value
    tensors |= {f"{_FILE}{role}:{resource}": value for (role, resource), value in state.files.items()}
    return tensors, numbers


def read_checkpoint(path: Path) -> tuple[Dream, OutputOptions]:
    """The dream in a file, which may come from anyone, on the CPU, and how its result is to be written.

    Raises:
        PictureError: there is none, or it is cut off, damaged, or of another version.
    """
    if not path.is_file():
        raise PictureError(f"There is no {path}: nothing was interrupted there, or it is finished.")
    try:
        tensors, document = _read(path)
        return _checked(tensors, document)
    except DeepDreamError as error:
        raise PictureError(f"{path.name} cannot be resumed. {error}") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:80]
        raise PictureError(f"{path.name} is cut off or damaged ({reason}): start the dream again.") from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(_KEY)
        if text is None:
            raise PictureError("It was not written by deepdream.")
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise PictureError(f"It was written by another version; this one reads schema {SCHEMA}.")
        return {name: file.get_tensor(name) for name in file.keys()}, document  # noqa: SIM118 - not a mapping


def _checked(tensors: dict[str, Tensor], document: Mapping[str, Any]) -> tuple[Dream, OutputOptions]:
    recipe = read_recipe_text(document["recipe"])
    alpha = tensors.pop("alpha", None)
    octaves = tuple(Octave(*(_whole(n, 1) for n in size)) for size in document["octaves"])
    state = State(plan=recipe.plan, octaves=octaves, **_packed(tensors, document["state"]))
    _check_state(state)
    if alpha is not None and alpha.shape != state.source.shape[-2:]:
        raise ValueError("the alpha has another size")
    if (recipe.height, recipe.width) != tuple(state.source.shape[-2:]):
        raise ValueError("the recipe has another size")
    dream = Dream(state, recipe, None if alpha is None else alpha.float().numpy())
    every = _whole(document["every"], 0)
    return dream, OutputOptions(recipe.bits, document["metadata"] is True, recipe.decided_by, every)


def _packed(tensors: dict[str, Tensor], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a state from their names in the file; a name that is no field is an error of ``State``."""
    document: dict[str, Any] = {**numbers, "files": _files(tensors)}
    own = tensors.keys() - _file_names(tensors)
    for name in sorted(own, key=lambda name: (name.partition(".")[0], len(name), name)):
        field, dot, _ = name.partition(".")
        document[field] = (*document.get(field, ()), tensors[name]) if dot else tensors[name]
    shrinks = tuple((_whole(step, 1), _whole(core, 1)) for step, core in document.get("shrinks", ()))
    return {"moments": (), **document, "shrinks": shrinks}


def _file_names(tensors: Mapping[str, Tensor]) -> set[str]:
    return {name for name in tensors if name.startswith(_FILE)}


def _files(tensors: Mapping[str, Tensor]) -> dict[tuple[str, str], Tensor]:
    """What the objective's files hold, by (role, resource)."""
    parts = {name: name.removeprefix(_FILE).partition(":") for name in _file_names(tensors)}
    return {(role, resource): tensors[name] for name, (role, _, resource) in parts.items()}


def _check_state(state: State) -> None:
    """Raises ValueError where the parts do not belong together; costs no pass over the picture."""
    octave, step = _whole(state.octave, 0), _whole(state.step, 0)
    if octave >= len(state.octaves) or step > state.octaves[octave].steps:
        raise ValueError("it stands beyond the last step")
    last, count = state.octaves[-1], state.source.shape[0]
    if tuple(state.pace.shape) != (count,) or not ((state.pace > 0) & (state.pace < math.inf)).all():
        raise ValueError("its pace is no number")
    if tuple(state.source.shape) != (count, 3, last.height, last.width):
        raise ValueError("the picture has another size")
    shape, size = state.parameters, state.size
    decoded = state.parameterization.decode(shape.to("meta"), size.height, size.width)
    if tuple(decoded.shape) != (count, 3 + state.plan.alpha, size.height, size.width):
        raise ValueError("the parameters have another size")
    if any(moment.shape != shape.shape for moment in state.moments):
        raise ValueError("the moments have another size")
    if state.emphasis is not None and tuple(state.emphasis.shape[-2:]) != (size.height, size.width):
        raise ValueError("the emphasis has another size")
    if state.mask is not None and tuple(state.mask.shape) != (1, 1, last.height, last.width):
        raise ValueError("the mask has another size")
    torch.Generator().set_state(state.rng_state)


def _whole(value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError("a count is no whole number")
    return value


def on_device(state: State, device: torch.device) -> State:
    """``state`` where the network is; the random generator and the paces stay on the CPU."""
    moved = {
        entry.name: value.to(device)
        for entry in fields(State)
        if isinstance(value := getattr(state, entry.name), Tensor) and entry.name not in ("rng_state", "pace")
    }
    return replace(state, **moved, moments=tuple(moment.to(device) for moment in state.moments))  # type: ignore[arg-type]
