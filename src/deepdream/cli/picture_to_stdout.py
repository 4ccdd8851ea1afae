"""``-o -``: the picture of a command on standard output, for pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepdream.errors import InterruptedRunError, UsageError

STDOUT = "-"


def writes_picture(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with ``-o -``: nothing but the PNG that it writes goes to stdout, and only when it is whole."""

    @wraps(command)
    def run(**options: Any) -> None:
        output = options.get("output")
        if str(output) != STDOUT:
            command(**options)
            return
        if options.get("json") or options.get("as_json"):
            raise UsageError("-o - puts the picture on stdout, where --json would be. Name a file with -o.")
        if getattr(options.get("keeping"), "checkpoint_every", 0):
            raise UsageError("--checkpoint-every keeps a state beside the output. Name a file with -o.")
        with TemporaryDirectory(prefix="deepdream-") as folder:
            path = Path(folder) / "stdout.png"
            place = path if isinstance(output, Path) else str(path)
            _run_quietly(command, {**options, "output": place})
            content = path.read_bytes()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    return run


def _run_quietly(command: Callable[..., None], options: dict[str, Any]) -> None:
    """What the command prints is dropped. Raises InterruptedRunError, without the name of a file that is gone."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            command(**options)
        except InterruptedRunError as error:
            raise InterruptedRunError("stopped; nothing was written.", error.exit_code - 128) from error
