"""A network of the user's own: a function in a Python file of hers that makes it.

The file is run, with the permissions of the user, so only a file that the user names on purpose gets here:
never a name out of a recipe or any other file.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from deepdream.errors import DeepDreamError, UnknownNameError, UsageError
from deepdream.models.combined import Networks
from deepdream.models.network import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class OwnCode:
    """A function, a class or a finished network of a Python file, as ``FILE.py:FUNCTION``.

    >>> code = OwnCode.parse("nets/small.py:build")
    >>> print(code, code.name, code.record)
    nets/small.py:build small_build small.py:build
    """

    path: Path
    function: str

    @classmethod
    def parse(cls, text: str) -> OwnCode:
        """What ``text`` names. Raises UsageError: no function is named."""
        path, _, function = text.rpartition(".py:")
        if not function.isidentifier():
            raise UsageError(f"Which function of {text} makes the network? Name it: FILE.py:FUNCTION.")
        return cls(Path(f"{path}.py"), function)

    def __str__(self) -> str:
        return f"{self.path}:{self.function}"

    @property
    def name(self) -> str:
        """What a network is called that has no name of its own."""
        return _clean(f"{self.path.stem}_{self.function}")

    @property
    def record(self) -> str:
        """How a recipe calls it: by the file's base name."""
        return f"{self.path.name}:{self.function}"


@dataclass(frozen=True)
class Made:
    """What the function gave, and the SHA-256 of the file that was run."""

    model: Model
    sha256: str


def make(code: OwnCode) -> Made:
    """Run the file and its function; the network in evaluation mode, not yet tried.

    A function or class is called without arguments. Torch's random numbers are seeded with 0 meanwhile, so that
    untrained weights are the same each time, and what the file prints goes to stderr. The file's folder can be
    imported from, as for a script.

    Raises:
        UsageError: no such file or function, it needs arguments, fails, or gives something else.
    """
    try:
        source = code.path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {code.path}: {error.strerror or error}.") from error
    with _as_a_script(code.path):
        found = _find(code, _run(code, source))
        if not isinstance(found, (nn.Module, Model)):
            _check_call(code, found)
            found = _guarded(code, f"{code.function}()", found)
    return Made(_model(code, found), hashlib.sha256(source).hexdigest())


def check(code: OwnCode, model: Model) -> None:
    """Try the network on two pictures of its size.

    Raises:
        UsageError: it fails, or does not give finite logits (B, classes) with a gradient, one for each label.
    """
    side = model.preprocessing.crop
    pictures = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    size = f"pictures (2, 3, {side}, {side})"
    with redirect_stdout(sys.stderr):
        with torch.enable_grad():
            fed = model.normalize(pictures).requires_grad_()
            logits = _guarded(code, f"its network, given {size},", model.module, fed)
        _check_logits(code, logits, size, model.labels)
        # What explains and dreams is a copy that is arranged anew: it must run, too.
        with torch.no_grad():
            _guarded(code, f"a copy of its network, given {size},", model, pictures)


@contextmanager
def _as_a_script(path: Path) -> Iterator[None]:
    """The file's folder is searched for imports, torch's randomness is seeded and stdout is kept for data."""
    before, folders = torch.random.get_rng_state(), sys.path[:]
    sys.path.insert(0, str(path.parent.resolve()))
    torch.default_generator.manual_seed(0)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path[:] = folders
        torch.random.set_rng_state(before)


def _run(code: OwnCode, source: bytes) -> ModuleType:
    """The file as a module: what was hashed is what runs, and nothing is written beside it."""
    module = ModuleType(f"deepdream_own_{_clean(code.path.stem)}")
    module.__file__ = str(code.path)
    sys.modules[module.__name__] = module  # where dataclasses and pickle look for it
    _guarded(code, "it", lambda: exec(compile(source, str(code.path), "exec"), vars(module)))  # noqa: S102 - the user named it
    return module


def _find(code: OwnCode, module: ModuleType) -> Any:
    if code.function in vars(module):
        return vars(module)[code.function]
    own = [
        name
        for name, value in vars(module).items()
        if isinstance(value, nn.Module) or (callable(value) and value.__module__ == module.__name__)
    ]
    if not own:
        raise UsageError(f"No function {code.function!r} in {code.path}: it defines none.")
    raise UnknownNameError("function", code.function, own, where=str(code.path))


def _check_call(code: OwnCode, function: Any) -> None:
    if not callable(function):
        raise UsageError(f"{code} is {_kind(function)}, not a function that makes a network.")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # of a builtin
        return
    try:
        signature.bind()
    except TypeError as error:
        raise UsageError(
            f"{code} needs arguments ({error}), and is called without. Write a function that gives them."
        ) from error


def _guarded(code: OwnCode, what: str, call: Callable[..., Any], *words: Any) -> Any:
    """What ``call`` gives. Raises UsageError: the exception, with its line in the user's file."""
    try:
        return call(*words)
    except DeepDreamError:
        raise
    except (Exception, SystemExit) as error:
        where = f", line {line}" if (line := _line_of(code, error)) else ""
        text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[
            :200
        ].removesuffix(".")
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise UsageError(f"{code.path}{where}: {what} raised {said}.") from error


def _line_of(code: OwnCode, error: BaseException) -> int | None:
    """The last line of the user's file that ran before ``error``."""
    if isinstance(error, SyntaxError) and error.filename == str(code.path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(code.path)), None)


def _model(code: OwnCode, found: Any) -> Model:
    if isinstance(getattr(found, "module", found), torch.jit.ScriptModule):
        raise UsageError(
            f"{code} gives a TorchScript program, which cannot be taken apart. Give the module itself."
        )
    if isinstance(found, nn.Module):
        return Model.wrap(found.eval(), name=code.name)
    if not isinstance(found, Model) or isinstance(found, Networks):
        raise UsageError(f"{code} gives {_kind(found)}, not a torch.nn.Module or a deepdream.Model.")
    found.module.eval()
    return replace(found, name=_clean(found.name))


def _check_logits(code: OwnCode, logits: Any, size: str, labels: Any) -> None:
    if not isinstance(logits, torch.Tensor):
        raise UsageError(
            f"The network of {code} gives {_kind(logits)}, not one tensor (B, classes) of logits."
        )
    if logits.dim() != 2 or len(logits) != 2 or not logits.is_floating_point():
        raise UsageError(f"The network of {code} gives {_kind(logits)} for {size}, not logits (2, classes).")
    if not bool(logits.isfinite().all()):
        raise UsageError(f"The network of {code} gives NaN or infinity for {size}.")
    if not logits.requires_grad:
        raise UsageError(
            f"The network of {code} gives logits without a gradient: is there a torch.no_grad or a detach in it?"
        )
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(dim=1), torch.ones(()).to(logits), atol=1e-4):
        raise UsageError(
            f"The network of {code} gives probabilities: leave out its softmax, and give logits."
        )
    if labels and len(labels) != logits.shape[1]:
        raise UsageError(f"{code} has {len(labels)} labels for {logits.shape[1]} classes.")


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor {tuple(value.shape)}"
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _clean(name: str) -> str:
    """A name that can stand in a file's name and before a layer's."""
    return re.sub(r"[^\w.+-]+", "-", name)[:80] or "network"
