"""Every error this package raises on purpose, and the exit code the command line gives for it.

An error says what was wrong and what to do next, in one line where that is possible; nothing here prints.
"""

from __future__ import annotations

import copyreg
import difflib
from collections.abc import Iterable
from typing import Any


class DeepDreamError(Exception):
    """Base of all errors that a user can cause or mend. ``exit_code`` is what the command line returns."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers send errors to their parent. By default unpickling calls __init__ with the finished text, which
        # subclasses that compose their text from other arguments cannot take.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]


class UsageError(DeepDreamError):
    """A wrong option, an unknown name, or a request that does not apply to this network."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A layer, model, preset or other name that does not exist.

    >>> print(UnknownNameError("layer", "block4", ["blocks.4", "conv_stem"], where="efficientnet_lite0",
    ...                        listing="deepdream layers"))
    No layer 'block4' in efficientnet_lite0. Did you mean 'blocks.4'? `deepdream layers` lists all.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, where: str = "", listing: str = ""
    ) -> None:
        known = list(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        folded = {k.casefold(): k for k in known}
        if name.casefold() in folded:
            near = [folded[name.casefold()]]
        text = f"No {kind} {name!r}" + (f" in {where}" if where else "") + "."
        if near:
            text += f" Did you mean {' or '.join(repr(n) for n in near)}?"
        elif len(known) <= 12:
            text += f" There are: {', '.join(known)}."
        if listing:
            text += f" `{listing}` lists all."
        super().__init__(text)
        self.suggestions = near


class PictureError(DeepDreamError):
    """A picture that is missing, unreadable, unsupported or too large."""

    exit_code = 3


class WeightsError(DeepDreamError):
    """Weights that are missing, refused (hash, format, shapes) or cannot be downloaded."""

    exit_code = 4


class MemoryExhaustedError(DeepDreamError):
    """Out of memory after every fallback."""

    exit_code = 5


class SomeInputsFailedError(DeepDreamError):
    """A batch went to its end, and some of its inputs failed."""

    exit_code = 6


class OutputError(DeepDreamError):
    """An output that exists already or cannot be written."""

    exit_code = 7


class InterruptedRunError(DeepDreamError):
    """Stopped by the user (SIGINT) or the system (SIGTERM); what was done so far has been saved."""

    def __init__(self, message: str, signal_number: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
