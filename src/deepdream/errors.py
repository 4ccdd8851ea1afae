"""Every error this package raises on purpose, and the exit code the command line gives for it.

An error says what was wrong and what to do next, in one line where that is possible; nothing here prints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DeepDreamError(Exception):
    """Base of all errors that a user can cause or mend. ``exit_code`` is what the command line returns."""

    exit_code = 1


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
