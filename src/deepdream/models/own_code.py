"""A network of a user's Python file: a function in it that makes the network.

The file is run, with the permissions of the user, so only a file that the user names on purpose gets here:
never a name out of a recipe or any other file.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import traceback
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from deepdream.errors import DeepDreamError, UnknownNameError, UsageError
from deepdream.models.adapters import WRAPPER
from deepdream.models.combined import Networks
from deepdream.models.feeding_checks import FeedingWarning
from deepdream.models.input_sizes import wrapped_by_trial
from deepdream.models.network import Model
from deepdream.models.script_state import as_script

if TYPE_CHECKING:
    from collections.abc import Callable

_SCRIPT_HINT = (
    " The file is imported, without command line arguments: put what a script does under"
    " `if __name__ == '__main__':`."
)


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
        """What a network without a name is called."""
        return _clean(f"{self.path.stem}_{self.function}")

    @property
    def record(self) -> str:
        """How a recipe calls it: by the file's base name."""
        return f"{self.path.name}:{self.function}"


@dataclass(frozen=True)
class OwnNetwork:
    """What the function gave, and the SHA-256 of the file that was run."""

    model: Model
    sha256: str


def make(code: OwnCode) -> OwnNetwork:
    """Run the file and its function; the network in evaluation mode.

    A function or class is called without arguments. The file is run as a script would be (see ``script_state``):
    what it changes in the process is restored. What it prints goes to stderr.

    Raises:
        UsageError: no such file or function, it needs arguments, fails, or gives something else.
    """
    try:
        source = code.path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {code.path}: {error.strerror or error}.") from error
    with as_script(code.path):
        # These are notes of the model, which commands print.
        warnings.filterwarnings("ignore", category=FeedingWarning)
        result = _find(code, _run(code, source))
        if not isinstance(result, (nn.Module, Model)):
            _check_call(code, result)
            result = guarded(code, f"{code.function}()", result)
        model = _model(code, result)
    return OwnNetwork(model, hashlib.sha256(source).hexdigest())


def _run(code: OwnCode, source: bytes) -> ModuleType:
    """The file as a module: what was hashed is what runs, and nothing is written beside it."""
    module = ModuleType(f"deepdream_own_{_clean(code.path.stem)}")
    module.__file__ = str(code.path)
    sys.modules[module.__name__] = module  # where dataclasses and pickle look for it
    guarded(code, "it", lambda: exec(compile(source, str(code.path), "exec"), vars(module)))  # noqa: S102 - the user named it
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
        raise UsageError(f"{code} is {kind_of(function)}, not a function that makes a network.")
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


def guarded(code: OwnCode, what: str, call: Callable[..., Any], *values: Any) -> Any:
    """What ``call`` gives. Raises UsageError: the exception, with its line in the user's file."""
    try:
        return call(*values)
    except DeepDreamError:
        raise
    except (Exception, SystemExit) as error:
        line = _line_of(code, error)
        place = f"{code.path}, line {line}" if line else str(code.path)
        message = str(error.msg if isinstance(error, SyntaxError) else error)
        text = " ".join(message.split())[:200].removesuffix(".")
        exception = f"{type(error).__name__}: {text}" if text else type(error).__name__
        hint = _SCRIPT_HINT if isinstance(error, SystemExit) else ""
        raise UsageError(f"{place}: {what} raised {exception}.{hint}") from error


def _line_of(code: OwnCode, error: BaseException) -> int | None:
    """The last line of the user's file that ran before ``error``."""
    if isinstance(error, SyntaxError) and error.filename == str(code.path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(code.path)), None)


def _model(code: OwnCode, result: Any) -> Model:
    if isinstance(getattr(result, "module", result), torch.jit.ScriptModule):
        raise UsageError(
            f"{code} gives a TorchScript program, which cannot be taken apart. Give the module itself."
        )
    if isinstance(result, nn.Module):
        return wrapped_by_trial(result.eval(), code.name)
    if not isinstance(result, Model) or isinstance(result, Networks):
        hint = f" {WRAPPER}" if callable(result) else ""
        if isinstance(result, (tuple, list)):
            hint = " Return the network alone."
        raise UsageError(f"{code} gives {kind_of(result)}, not a torch.nn.Module or a deepdream.Model.{hint}")
    result.module.eval()
    return replace(result, name=_clean(result.name))


def kind_of(value: Any) -> str:
    """What ``value`` is, in words: ``a float32 tensor (2, 5)``, ``None``, ``a list``."""
    if value is None:
        return "None"
    name = type(value).__name__
    if isinstance(value, torch.Tensor):
        name = f"{str(value.dtype).removeprefix('torch.')} tensor {tuple(value.shape)}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _clean(name: str) -> str:
    """A name that can stand in a file's name and before a layer's."""
    return re.sub(r"[^\w.+-]+", "-", name)[:80] or "network"
