"""What a user's Python file may change in the process while it runs, and may not leave behind."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import torch

#: Modules that a user's file imported from its own folder, by that folder.
_IMPORTED: dict[Path, set[str]] = {}


@contextmanager
def as_script(path: Path) -> Iterator[None]:
    """Run code of the file ``path`` as a script would be run, and restore the state of the process afterwards.

    Meanwhile the file's folder can be imported from, ``sys.argv`` holds the file alone, torch's random numbers are
    seeded with 0, and what is printed goes to stderr. Afterwards everything of ``_settings``, the random numbers of
    torch, NumPy and Python, the working folder, the environment, ``sys.argv``, ``sys.path`` and the filters of
    warnings are what they were.
    """
    folder = path.parent.resolve()
    # Two files in two folders may each import their own "model.py".
    for other in [known for known in _IMPORTED if known != folder]:
        for name in _IMPORTED.pop(other):
            sys.modules.pop(name, None)
    modules = set(sys.modules)
    with _restored(), redirect_stdout(sys.stderr):
        sys.path.insert(0, str(folder))
        sys.argv[:] = [str(path)]
        torch.default_generator.manual_seed(0)
        try:
            yield
        finally:
            own = {name for name in set(sys.modules) - modules if _is_below(sys.modules[name], folder)}
            _IMPORTED.setdefault(folder, set()).update(own)


@contextmanager
def _restored() -> Iterator[None]:
    values = []
    for getter, setter in _settings():
        with suppress(RuntimeError):  # of two ways to set TF32, one cannot be read after the other was used
            values.append((setter, getter()))
    folders, words, variables = sys.path[:], sys.argv[:], dict(os.environ)
    place = Path("/")
    with suppress(OSError):  # a working folder that was deleted
        place = Path.cwd()
    with warnings.catch_warnings():
        try:
            yield
        finally:
            sys.path[:], sys.argv[:] = folders, words
            if dict(os.environ) != variables:
                os.environ.clear()
                os.environ.update(variables)
            with suppress(OSError):  # the folder may be gone
                os.chdir(place)
            # Each on its own: one setting that this version refuses must not keep the others from being restored.
            for setter, value in values:
                with suppress(RuntimeError, ValueError, TypeError):
                    setter(value)


def _settings() -> list[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Every global setting that is restored, as how to read it and how to write it."""
    cuda, dnn = torch.backends.cuda.matmul, torch.backends.cudnn
    settings: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.get_default_dtype, torch.set_default_dtype),
        (_default_device, torch.set_default_device),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (lambda: torch.is_autocast_enabled("cpu"), lambda value: torch.set_autocast_enabled("cpu", value)),
        (lambda: torch.is_autocast_enabled("cuda"), lambda value: torch.set_autocast_enabled("cuda", value)),
        (torch.random.get_rng_state, torch.random.set_rng_state),
        (random.getstate, random.setstate),
        (sys.getrecursionlimit, sys.setrecursionlimit),
        (lambda: vars(torch._tensor_str.PRINT_OPTS).copy(), vars(torch._tensor_str.PRINT_OPTS).update),
        *(_attribute(cuda, name) for name in ("allow_tf32", "allow_fp16_reduced_precision_reduction")),
        *(_attribute(dnn, name) for name in ("enabled", "benchmark", "deterministic", "allow_tf32")),
    ]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        settings.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"].random
        settings.append((numpy.get_state, numpy.set_state))
        settings.append((sys.modules["numpy"].geterr, lambda value: sys.modules["numpy"].seterr(**value)))
    return settings


def _default_device() -> torch.device | None:
    """The device that ``torch.set_default_device`` named; None where nothing did, which costs no overhead."""
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if context is None else context.device


def _attribute(holder: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    return lambda: getattr(holder, name), lambda value: setattr(holder, name, value)


def _is_below(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or "site-packages" in Path(file).parts:
        return False
    return folder in Path(file).resolve().parents
