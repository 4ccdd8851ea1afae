"""Reading weight files as what they are, tensors: no code in them is ever run."""

from __future__ import annotations

import argparse
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from deepdream.errors import WeightsError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_NESTED = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")
_SHOWN = 3

Tensors = dict[str, Tensor]


def open_weights(path: Path) -> BufferedReader:
    """Open a weight file for reading, so that what is hashed is what is read.

    Raises:
        WeightsError: not there, not readable, or not a kind of file that can hold weights.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"{path} is not a weight file; these are: {', '.join(SUFFIXES[:3])}.")
    try:
        return path.open("rb")
    except OSError as error:
        raise WeightsError(f"Cannot read the weights {path}: {error.strerror}.") from error


def read_tensors(file: BinaryIO, path: Path) -> Tensors:
    """The tensors of an open weight file by name, on the CPU, all finite.

    A state dict inside a dict ("state_dict", "model"), and a common prefix "module.", are taken off.
    ``checkpoints.weights_for`` does more, for a network that is known.

    Raises:
        WeightsError: not weights, cut off, holds anything but tensors, or a value that is not finite.
    """
    tensors = _state_dict(read_content(file, path), path)
    check_finite(tensors, path)
    return tensors


def read_content(file: BinaryIO, path: Path) -> Any:
    """What an open weight file holds, on the CPU: tensors, and plain values around them.

    Raises:
        WeightsError: not weights, cut off, or anything that would need code of the file to be run.
    """
    read = _read_safetensors if path.suffix.lower() == ".safetensors" else _read_torch
    try:
        return read(file)
    except Exception as error:  # the readers raise many kinds, and all of them mean: not weights
        raise WeightsError(f"Refused {path}: {_diagnosis(file, path)}.") from error


def _read_torch(file: BinaryIO) -> Any:
    # What training scripts put beside the weights: settings of argparse, and NumPy's numbers. These are plain values,
    # whose construction runs no code of the file.
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    plain = [argparse.Namespace, multiarray.scalar, multiarray._reconstruct, np.ndarray, np.dtype]
    plain += [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?")]
    with torch.serialization.safe_globals(plain):
        return torch.load(file, weights_only=True, map_location="cpu")


def _read_safetensors(file: BinaryIO) -> Any:
    import safetensors.torch

    return safetensors.torch.load(file.read())


def _state_dict(content: Any, path: Path) -> Tensors:
    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"Refused {path}: it holds {type(content).__name__}, not named tensors.")
    strangers = [k for k, value in content.items() if not (isinstance(k, str) and isinstance(value, Tensor))]
    if strangers:
        raise WeightsError(
            f"Refused {path}: it holds more than named tensors ({some(map(str, strangers))}); "
            "save the network's state_dict() alone."
        )
    if all(key.startswith("module.") for key in content):  # from torch.nn.DataParallel
        return {key.removeprefix("module."): value for key, value in content.items()}
    return dict(content)


def check_finite(tensors: Tensors, path: Path) -> None:
    """Raises WeightsError where a value is NaN or infinite, or a tensor holds no plain numbers."""
    try:
        bad = [name for name, values in tensors.items() if not _finite(values)]
    except (RuntimeError, NotImplementedError) as error:  # sparse, quantized, ...
        raise WeightsError(f"Refused {path}: it holds tensors that are not plain numbers.") from error
    if bad:
        raise WeightsError(f"Refused {path}: {len(bad)} tensors hold NaN or infinity ({some(bad)}).")


def _finite(values: Tensor) -> bool:
    if not values.is_floating_point() or values.numel() == 0:
        return True
    low, high = torch.aminmax(values)  # NaN goes through both; one pass, no copy
    return bool(torch.isfinite(low) & torch.isfinite(high))


def _diagnosis(file: BinaryIO, path: Path) -> str:
    """Why a file could not be read, found by looking at it."""
    file.seek(0)
    head = file.read(4096)
    if not head:
        return "it is empty"
    if head.lstrip()[:1] == b"<":
        return "it is a web page, not weights; the download went wrong"
    if path.suffix.lower() == ".safetensors":
        return "it is cut off or not a safetensors file"
    if head.startswith(b"PK"):
        return _zip_diagnosis(file)
    if head.startswith(b"\x80"):
        return "it is cut off, or a pickle that holds more than tensors; no code from a file is ever run"
    return "it is not a weight file"


def _zip_diagnosis(file: BinaryIO) -> str:
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return "it is cut off"
    if any(name.endswith("/constants.pkl") for name in names):
        return "it is a TorchScript program; save the network's state_dict() instead"
    return "it holds more than tensors, and no code from a file is ever run; save the state_dict() alone"


def fit(module: nn.Module, tensors: Mapping[str, Tensor], *, what: str) -> None:
    """Put ``tensors`` into ``module``, which must want exactly these names and shapes.

    ``num_batches_tracked``, a counter that only training reads, may be missing (files older than 2018).

    Raises:
        WeightsError: with the first missing, unexpected and mis-shaped names.
    """
    wanted = module.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")} - set(tensors)
    got = {**tensors, **{name: torch.tensor(0) for name in counters}}
    problems = _differences(wanted, got)
    if problems:
        raise WeightsError(f"{what} does not fit: {'; '.join(problems)}.{_advice(wanted, got)}")
    complete = OrderedDict((name, got[name].to(value.dtype)) for name, value in wanted.items())
    # The layout is the installed version's, for no other would have fitted.
    complete._metadata = wanted._metadata  # type: ignore[attr-defined]
    # A module on the device "meta" has no memory to copy into and takes the tensors themselves.
    module.load_state_dict(complete, assign=any(parameter.is_meta for parameter in module.parameters()))


def _advice(wanted: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> str:
    """What to do where all names agree and only the last layer has another size."""
    wrong = [name for name, value in wanted.items() if name in got and got[name].shape != value.shape]
    last = list(wanted)[-1].rpartition(".")[0]
    if set(wanted) != set(got) or any(name.rpartition(".")[0] != last for name in wrong):
        return ""
    theirs, ours = len(got[wrong[0]]), len(wanted[wrong[0]])
    return f" The file is of a network with {theirs} classes, and this one has {ours}: make it with {theirs}."


def _differences(wanted: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> list[str]:
    shapes = [
        f"{name} is {tuple(got[name].shape)}, not {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in got and got[name].shape != value.shape
    ]
    found = {
        "missing": [name for name in wanted if name not in got],
        "unexpected": [name for name in got if name not in wanted],
        "of another shape": shapes,
    }
    return [f"{len(names)} tensors {kind} ({some(names)})" for kind, names in found.items() if names]


def rename_by_order(module: nn.Module, tensors: Tensors) -> Tensors:
    """``tensors`` under the names of ``module``, if none of the names agree and all shapes do, in order.

    The published EfficientNet-Lite files name the same tensors otherwise (``_blocks.0._bn1``).
    """
    wanted = module.state_dict()
    if len(wanted) != len(tensors) or set(wanted) & set(tensors):
        return tensors
    if any(a.shape != b.shape for a, b in zip(wanted.values(), tensors.values(), strict=True)):
        return tensors
    return dict(zip(wanted, tensors.values(), strict=True))


def some(names: Any) -> str:
    """The first of ``names``, for a message."""
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
