"""Files that a setting refers to: a base name and a hash in the text, found again by both.

A guide picture, a mask or a vector stands in a plan as ``"dahlia.jpg#1a2b3c4d5e6f"``. The user writes a path
once; ``Resource.of`` reads the file and keeps its base name and hash, so that a recipe holds nothing private and
follows nobody's path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deepdream.errors import PictureError, UsageError
from deepdream.provenance.files import sha256_of

#: Hexadecimal digits of the SHA-256 that are kept.
DIGITS = 12
_PINNED = re.compile(rf"(?P<name>.+)#(?P<digest>[0-9a-f]{{{DIGITS}}})", re.DOTALL)


@dataclass(frozen=True)
class Resource:
    """A file by its base name and the first 12 hexadecimal digits of its SHA-256.

    >>> print(Resource.parse("dahlia.jpg#1a2b3c4d5e6f"))
    dahlia.jpg#1a2b3c4d5e6f

    Raises:
        UsageError: the name is no base name, or the digest is no hash.
    """

    name: str
    digest: str

    def __post_init__(self) -> None:
        bad = {"/", "\\"} & set(self.name) or self.name in ("", ".", "..")
        if bad or not self.name.isprintable() or len(self.name.encode()) > 250:
            raise UsageError(f"{self.name[:60]!r} is not the base name of a file.")
        if not re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", self.digest):
            raise UsageError(f"{self.digest[:70]!r} is not the first {DIGITS} digits of a SHA-256.")

    @classmethod
    def of(cls, path: Path | str) -> Resource:
        """What ``path``, which the user has named, is called from now on. Raises PictureError: no such file."""
        path = Path(path)
        try:
            there = path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            raise PictureError(f"There is no file {str(path)[:200]}. Check the path.")
        try:
            return cls(path.name, sha256_of(path)[:DIGITS])
        except OSError as error:
            raise PictureError(f"Cannot read {path}: {error.strerror or error}.") from error

    @classmethod
    def parse(cls, text: str) -> Resource:
        """The resource that ``name#digest`` spells. Raises UsageError."""
        match = _PINNED.fullmatch(text)
        if match is None:
            raise UsageError(f"{text[:60]!r} is not a name and a hash, as in dahlia.jpg#1a2b3c4d5e6f.")
        return cls(match["name"], match["digest"])

    def __str__(self) -> str:
        return f"{self.name}#{self.digest}"


def is_pinned(text: str) -> bool:
    """Whether ``text`` is a name with a hash already, and not a path that the user wrote."""
    return _PINNED.fullmatch(text) is not None


def find_resource(resource: Resource, search_paths: Iterable[Path] = ()) -> Path:
    """Where the file lies: in one of ``search_paths``, the current folder or ``images``, with the same hash.

    Args:
        places: Folders, or files whose folders are meant (the input, the output).

    Raises:
        PictureError: it is in none of them.
    """
    folders = [place if place.is_dir() else place.parent for place in search_paths]
    folders = list(dict.fromkeys([*folders, Path(), Path("images")]))
    for folder in folders:
        candidate = folder / resource.name
        if candidate.is_file() and sha256_of(candidate).startswith(resource.digest):
            return candidate
    looked = ", ".join(str(folder) for folder in folders)
    raise PictureError(
        f"There is no {resource.name} with the hash {resource.digest}... in: {looked}. Copy it into one of them."
    )


def pin(text: str, search_paths: Iterable[Path] = ()) -> tuple[Resource, Path]:
    """The resource that ``text`` means and where it lies: a path of the user's own, or a name with a hash.

    A path is followed: only for what the user typed, never for a stranger's text (see ``is_pinned``).

    Raises:
        PictureError: there is no such file.
    """
    if is_pinned(text):
        resource = Resource.parse(text)
        return resource, find_resource(resource, search_paths)
    return Resource.of(text), Path(text)
