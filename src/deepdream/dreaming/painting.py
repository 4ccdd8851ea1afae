"""The pictures of an atlas, batch by batch, kept in a file beside the output until all are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deepdream.dreaming.atlas import Atlas
from deepdream.dreaming.directions import visualize_directions
from deepdream.errors import OutputError
from deepdream.models import Model
from deepdream.provenance import write_bytes

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Brush:
    """How every cell of an atlas is painted.

    Attributes:
        size: Side of a cell, in pixels.
        steps: Gradient steps.
        seed: Of the noise and the transforms.
        batch: Cells in one network pass.
    """

    size: int = 80
    steps: int = 64
    seed: int = 0
    batch: int = 16


def paint(
    model: Model,
    atlas: Atlas,
    brush: Brush | None = None,
    *,
    state: Path | None = None,
    watch: Callable[[int, int], bool | None] = lambda _, __: None,
) -> list[Floats] | None:
    """A picture (size, size, 3) in [0, 1] for every tile of ``atlas``, in order.

    With ``state`` every finished batch is kept in that file, and those that it holds already are not painted again;
    the caller removes it in the end. A file of another atlas is begun anew. ``watch`` gets how many of how many
    steps are done; where it returns True, the result is None.

    Raises:
        OutputError: the state cannot be written.
    """
    brush = brush or Brush()
    vectors = atlas.directions
    key = key_of(model, atlas, brush)
    done = read_state(state, key) if state is not None else []
    batches = range(len(done), len(vectors), brush.batch)
    total = len(batches) * brush.steps
    for number, first in enumerate(batches):

        def count(step: int, before: int = number * brush.steps) -> bool | None:
            return watch(before + step, total)

        some = vectors[first : first + brush.batch]
        pictures = visualize_directions(
            model, atlas.layer, some, size=brush.size, steps=brush.steps, seed=brush.seed, watch=count
        )
        if pictures is None:
            return None
        done += list(pictures.cpu().permute(0, 2, 3, 1).numpy())
        if state is not None:
            _write_state(state, key, done)
    return done


def key_of(model: Model, atlas: Atlas, brush: Brush) -> str:
    """What the pictures depend on, hashed: weights, layer, directions and brush."""
    told = {"weights": model.weights.sha256, "model": model.name, "layer": atlas.layer, **asdict(brush)}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    digest.update(atlas.directions.contiguous().numpy().tobytes())
    return digest.hexdigest()


def state_beside(output: Path) -> Path:
    """Where the state of an unfinished atlas is: beside the output, named after it."""
    return output.with_name(f"{output.name}.atlas-state")


def read_state(path: Path, key: str) -> list[Floats]:
    """The finished pictures in ``path``; none where it is missing, damaged, or of another atlas."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return []
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return []
            found = file.get_tensor("pictures")
    except (SafetensorError, OSError):
        return []
    return list(found.numpy()) if found.dim() == 4 and found.dtype == torch.float32 else []


def _write_state(path: Path, key: str, pictures: list[Floats]) -> None:
    from safetensors.torch import save

    try:
        write_bytes(
            path,
            save(
                {"pictures": torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))},
                metadata={"key": key},
            ),
        )
    except OutputError as error:
        raise OutputError(f"The unfinished atlas cannot be kept: {error}") from error
