"""Blocks of a network in one pass over memory, by kernels of our own (native.c).

An inverted residual widens its input several times, filters every channel and narrows again. Operation by operation,
the wide part is written and read at the speed of the memory, several times, and once more on the way back. Here it
never leaves the processor's cache, and one bit for each of its numbers is kept: whether its ReLU6 was open.

The kernels are built with the package where there is a compiler that knows GNU C, and run on x86-64 with AVX2 or
AVX-512; ``library`` is None elsewhere, and the same is computed by torch's operations.
"""

from __future__ import annotations

import ctypes
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


#: The sizes of what goes in and what comes out; every structure has them.
SIZES = "pictures rows_in columns_in rows_out columns_out"
_Stem = structure(
    "Stem",
    "x result kernel y",
    f"{SIZES} before colors stride first_row rows first_column columns",
)


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None: not built, built from other sources, or not for this processor."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name("_native" + suffix)
        if not path.is_file():
            continue
        try:
            found = ctypes.CDLL(str(path))  # finds the OpenMP that torch has loaded
        except OSError:
            continue
        if found.version() == _VERSION and found.lanes():
            return found
    return None


def lanes() -> int:
    """Floats in a vector of the kernels: 16 with AVX-512, 8 with AVX2, 0 where there are none."""
    found = library()
    return 0 if found is None else int(found.lanes())


def describe() -> str:
    """Which kernels run, in words."""
    kinds = {16: "our own, AVX-512", 8: "our own, AVX2"}
    return kinds.get(lanes(), "torch's (ours were not built, or are not for this processor)")


def usable(x: Tensor, *channels: int) -> bool:
    """Whether the kernels take ``x``; each of ``channels`` must fill whole vectors."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    return fits and lanes() > 0 and not any(count % lanes() for count in channels)


class Stem:
    """The way back through a strided convolution of few channels, all phases of its stride at once.

    Args:
        kernel: (s, s, C, C', rows, columns): for each phase and channel of the input what it gets from the
            gradients of its neighbors.
        first: The first neighbor's row and column, from where the phase lies.
    """

    def __init__(self, kernel: Tensor, first: list[int]) -> None:
        stride, _, colors, before, rows, columns = kernel.shape
        self.before = before
        self._geometry = {
            "before": before, "colors": colors, "stride": stride, "rows": rows, "columns": columns,
            "first_row": first[0], "first_column": first[1],
        }  # fmt: skip
        by_row = kernel.permute(4, 5, 3, 0, 1, 2).flatten(3).flatten(1, 2)
        self._kernel = torch.cat([panels(row) for row in by_row])

    def pull_back(self, gradient: Tensor, size: torch.Size, result: Tensor | None) -> Tensor:
        """(B, C', h, w) -> (B, C, H, W) of ``size``; ``result`` is that of a ReLU6 that the gradient meets first."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        found = torch.empty(size, memory_format=torch.channels_last)
        call("pull_back_stem", _Stem, gradient, found, result=result, kernel=self._kernel, **self._geometry)
        return found


def call(name: str, kind: type[Any], x: Tensor, y: Tensor, **fields: Tensor | int | None) -> None:
    """Let the kernel ``name`` turn ``x`` into ``y`` (both channels last); None is a null pointer."""
    found = library()
    assert found is not None
    values = {n: v.data_ptr() if isinstance(v, Tensor) else v for n, v in fields.items() if v is not None}
    sizes = zip(SIZES.split(), (len(x), *x.shape[-2:], *y.shape[-2:]), strict=True)
    pointers = {"x": x.data_ptr(), "y": y.data_ptr()}
    filled = kind(threads=torch.get_num_threads(), **pointers, **dict(sizes), **values)
    getattr(found, name)(ctypes.byref(filled), ctypes.c_int32(lanes()))


def whole(bias: Tensor) -> Tensor:
    """Padded to whole vectors."""
    return F.pad(bias, (0, -len(bias) % lanes())).contiguous()


def panels(matrix: Tensor) -> Tensor:
    """(K, N) in the order in which it is read: panels of three vectors of columns, the last of as many as are left."""
    padded = F.pad(matrix, (0, -matrix.shape[1] % lanes()))
    return torch.cat([panel.flatten() for panel in torch.split(padded, 3 * lanes(), dim=1)])
