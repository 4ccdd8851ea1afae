"""Compiled kernels (native.c) for what torch's operations do slowly for one picture on a processor.

They are built with the package where there is a compiler that knows GNU C, and run on x86-64 with AVX2 or AVX-512.
Elsewhere, and where the environment's ``DEEPDREAM_KERNELS`` is ``none``, ``library`` is None. Every caller
computes the same without it.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

#: That of native.c: a library that was built from another one is not used.
_VERSION = 1


def structure(name: str, pointers: str, numbers: str) -> type[Any]:
    """A structure of native.c: its pointers, its numbers, and the number of threads."""
    fields: list[tuple[str, Any]] = [(field, ctypes.c_void_p) for field in pointers.split()]
    fields += [(field, ctypes.c_int32) for field in (*numbers.split(), "threads")]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


#: The sizes of what goes in and what comes out; every structure has them, and x and y.
SIZES = "pictures rows_in columns_in rows_out columns_out"


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None: not built, built from other sources, not for this processor, or switched off."""
    if os.environ.get("DEEPDREAM_KERNELS") == "none":
        return None
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name("_native" + suffix)
        if not path.is_file():
            continue
        try:
            loaded = ctypes.CDLL(str(path))  # finds the OpenMP that torch has loaded
        except OSError:
            continue
        if loaded.version() == _VERSION and loaded.lanes():
            return loaded
    return None


def lanes() -> int:
    """Floats in a vector of the kernels: 16 with AVX-512, 8 with AVX2, 0 where there are none."""
    loaded = library()
    return 0 if loaded is None else int(loaded.lanes())


def kind() -> str:
    """``AVX-512``, ``AVX2``, or ``none`` where torch's operations do everything."""
    return {16: "AVX-512", 8: "AVX2"}.get(lanes(), "none")


def describe() -> str:
    """Which kernels run, in words."""
    missing = "torch's (ours were not built, are not for this processor, or are switched off)"
    return f"our own, {kind()}" if lanes() else missing


def usable(x: Tensor, *channels: int) -> bool:
    """Whether the kernels take ``x``; each of ``channels`` must fill whole vectors."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    return fits and lanes() > 0 and not any(count % lanes() for count in channels)


def call(name: str, kind: type[Any], x: Tensor, y: Tensor, **fields: Tensor | int | None) -> None:
    """Let the kernel ``name`` turn ``x`` into ``y`` (both channels last); None is a null pointer."""
    loaded = library()
    assert loaded is not None
    values = {n: v.data_ptr() if isinstance(v, Tensor) else v for n, v in fields.items() if v is not None}
    sizes = zip(SIZES.split(), (len(x), *x.shape[-2:], *y.shape[-2:]), strict=True)
    pointers = {"x": x.data_ptr(), "y": y.data_ptr()}
    filled = kind(threads=torch.get_num_threads(), **pointers, **dict(sizes), **values)
    getattr(loaded, name)(ctypes.byref(filled), ctypes.c_int32(lanes()))


def whole(bias: Tensor) -> Tensor:
    """Padded to whole vectors."""
    return F.pad(bias, (0, -len(bias) % lanes())).contiguous()


def panels(matrix: Tensor) -> Tensor:
    """(K, N) in the order in which it is read: panels of three vectors of columns, the last of as many as are left."""
    padded = F.pad(matrix, (0, -matrix.shape[1] % lanes()))
    return torch.cat([panel.flatten() for panel in torch.split(padded, 3 * lanes(), dim=1)])
