"""Which inputs a run reads: files, folders, patterns, standard input and seeded noise, as text that names each."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from deepdream.errors import PictureError, UsageError
from deepdream.images.formats import read_suffixes

#: The word that stands for seeded noise in place of a file, and the one for a picture from standard input.
NOISE, STDIN = "noise", "-"


def is_noise(source: str | Path) -> bool:
    """Whether ``source`` means seeded noise; a file of that name comes first."""
    return str(source) == NOISE and not Path(NOISE).exists()


def is_stdin(source: str | Path) -> bool:
    """Whether ``source`` means the picture that standard input holds."""
    return str(source) == STDIN


def stem_of(source: str | Path) -> str:
    """The name of an input without its folder and suffix; ``stdin`` for standard input."""
    return "stdin" if is_stdin(source) else Path(source).stem


def spelled(path: str | Path) -> str:
    """A path as text that can be written anywhere: bytes in it that are not text are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def expand_inputs(words: Sequence[str]) -> list[Path]:
    """Files as they are, folders as the pictures in them (sorted), patterns as what they match.

    Hidden files of a folder (``.x.jpg``, and macOS' ``._x.jpg``, which hold no picture) are left out.

    Raises:
        PictureError: a folder or a pattern without pictures.
        UsageError: a URL.
    """
    paths: list[Path] = []
    for word in words:
        if "://" in word:
            raise UsageError(
                f"{word[:100]} is a URL, and nothing is downloaded. Save the picture, and give its file."
            )
        path = Path(word)
        if is_there(path) and path.is_dir():
            paths += _pictures_in(path)
        elif any(mark in word for mark in "*?[") and not is_there(path):
            matches = sorted(Path(name) for name in glob.glob(word, recursive=True))
            if not matches:
                raise PictureError(f"No picture matches {word!r}.")
            paths += matches
        else:
            paths.append(path)
    return list(dict.fromkeys(paths))


def are_many(words: Sequence[str], sources: Sequence[Path], output: Path | None) -> bool:
    """Whether the results go into a folder: chosen by several pictures, by a folder or a pattern, or by the output."""
    return len(sources) > 1 or sources != [Path(words[0])] or (output is not None and output.is_dir())


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder; of one that holds only folders, such as one for each class, those of all of them."""

    suffixes = read_suffixes()

    def pictures(paths: Iterable[Path]) -> list[Path]:
        return sorted(
            path
            for path in paths
            if not path.name.startswith(".") and path.suffix.lower() in suffixes and path.is_file()
        )

    paths = pictures(folder.iterdir()) or pictures(folder.rglob("*"))
    if not paths:
        raise PictureError(f"The folder {folder} holds no pictures.")
    return paths


def is_there(path: Path) -> bool:
    """Whether ``path`` exists; a name that no file can have (too long, or with a null) does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
