"""What belongs to the process and not to a command: signals and the memory allocator."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deepdream.cli.terminal import say

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_KEPT_PRIMITIVES = "512"


class StoppedBySignal(BaseException):
    """SIGINT or SIGTERM arrived where there was nothing to save."""

    def __init__(self, number: int) -> None:
        super().__init__("stopped")
        self.exit_code = 128 + number


def raise_on_signals() -> None:
    """Let SIGINT and SIGTERM raise ``StoppedBySignal`` instead of killing the process with a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise)


def _raise(number: int, _: FrameType | None) -> None:
    raise StoppedBySignal(number)


class Interruption:
    """Whether the user or the system has asked to stop; ``number`` is the signal, 0 while nobody has.

    ``words`` are printed on stderr at the first signal, where the work in progress takes a while.
    """

    def __init__(self, words: str = "") -> None:
        self.number, self.words = 0, words

    def note(self, number: int, frame: FrameType | None) -> None:
        """The first signal is remembered; the second stops at once."""
        if self.number:
            _raise(number, frame)
        self.number = number
        if self.words:
            say(self.words)


@contextmanager
def interruptible(words: str = "") -> Iterator[Interruption]:
    """Inside, a first SIGINT or SIGTERM only sets ``number``, so that work can be saved; ``words`` are printed then."""
    interruption = Interruption(words)
    before = {n: signal.signal(n, interruption.note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def keep_large_blocks() -> None:
    """Tell glibc to keep large blocks instead of returning each one to the kernel.

    A gradient allocates the same hundreds of megabytes at every step; by default each block above 32 MB is
    mapped and page-faulted anew. Results are the same to the bit. Nothing happens on other C libraries.

    oneDNN, which computes the convolutions, keeps what it prepares for every new shape. Large pictures are cut into
    ever new shapes, and what is kept between large blocks keeps these apart: so it keeps fewer here.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # another C library, such as musl
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KEPT_PRIMITIVES)
