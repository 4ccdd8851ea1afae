"""Where results go: names, what exists already, and whether it can be written."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from deepdream.batch.sources import is_there, spelled, stem_of
from deepdream.errors import OutputError, UsageError
from deepdream.images.formats import still_formats

#: Bytes of a picture's name that stand in the name of a result.
_LONGEST = 120


class Existing(Enum):
    """What to do with an output that is already there."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    SKIP = "skip"
    NUMBER = "number"

    @classmethod
    def of(cls, *, overwrite: bool, skip: bool, number: bool) -> Existing:
        """The one that was chosen. Raises UsageError for two at once."""
        chosen = [
            policy
            for policy, on in ((cls.OVERWRITE, overwrite), (cls.SKIP, skip), (cls.NUMBER, number))
            if on
        ]
        if len(chosen) > 1:
            raise UsageError("Choose one of --overwrite, --skip-existing and --number.")
        return chosen[0] if chosen else cls.REFUSE


@dataclass(frozen=True)
class Job:
    """One input and its output; ``skip`` where the output is there already and may stay."""

    source: Path
    output: Path
    skip: bool = False


def plan_outputs(sources: Sequence[Path], output: str | None, tail: str, existing: Existing) -> list[Job]:
    """Where each result goes: ``output`` itself, a folder, or ``outputs/{stem}_{tail}.png``.

    Raises:
        OutputError: an output exists and may not be replaced, or a result would replace an input.
        UsageError: one output file for several inputs.
    """
    folder = Path("outputs") if output is None else Path(output)
    named = output is not None and not _is_folder(output)
    if named and len(sources) > 1:
        raise UsageError(f"{len(sources)} inputs cannot share the output {output}. Give a folder with -o.")
    stems = unique_stems(sources)
    paths = [folder if named else folder / f"{stems[source]}_{tail}.png" for source in sources]
    jobs: list[Job] = []
    inputs = {source.resolve() for source in sources}
    for source, path in zip(sources, paths, strict=True):
        if path.resolve() in inputs:
            raise OutputError(f"{path} is itself an input. Choose another output with -o.")
        jobs.append(_job(source, path, existing))
    return jobs


def unique_stems(sources: Sequence[Path]) -> dict[Path, str]:
    """A short name for every picture that no other has, not even where large and small letters are one.

    The file's stem where only one has it, else its name, else its path from the folder of all; where even
    these agree, a number is added.

    >>> unique_stems([Path("a/x.png"), Path("a/x.jpg"), Path("a/y.jpg")])[Path("a/x.jpg")]
    'x-jpg'
    """
    stems, names = (Counter(text.casefold() for text in texts) for texts in
                    ([stem_of(p) for p in sources], [p.name for p in sources]))  # fmt: skip
    top = Path(os.path.commonpath([path.absolute().parent for path in sources]))
    unique, used = dict[Path, str](), set[str]()
    for path in sources:
        whole = path.name if names[path.name.casefold()] == 1 else str(path.absolute().relative_to(top))
        stem = stem_of(path)
        stem = stem if stems[stem.casefold()] == 1 else re.sub(r"[/\\.]", "-", whole)
        stem = os.fsencode(stem)[:_LONGEST].decode("utf-8", "replace")
        numbers = (f"{stem}_{number}" for number in itertools.count(2))
        unique[path] = next(name for name in itertools.chain([stem], numbers) if name.casefold() not in used)
        used.add(unique[path].casefold())
    return unique


def _is_folder(output: str) -> bool:
    return (
        output.endswith(("/", "\\"))
        or (is_there(Path(output)) and Path(output).is_dir())
        or not Path(output).suffix
    )


def _job(source: Path, path: Path, existing: Existing) -> Job:
    if is_there(source) and is_there(path) and source.samefile(path):
        raise OutputError(f"{path} is the input itself. Choose another output with -o.")
    if not is_there(path) or existing is Existing.OVERWRITE:
        return Job(source, path)
    if existing is Existing.SKIP:
        return Job(source, path, skip=True)
    if existing is Existing.NUMBER:
        return Job(source, numbered(path))
    raise OutputError(
        f"{path} exists. Use --overwrite, --skip-existing or --number, or another name with -o."
    )


def numbered(path: Path) -> Path:
    """The first of ``name_2.png``, ``name_3.png``, ... that is free."""
    number = 2
    while (candidate := path.with_stem(f"{path.stem}_{number}")).exists():
        number += 1
    return candidate


def check_writable(path: Path, *, bits: int = 8) -> None:
    """Look before hours of work whether ``path`` can be written: its format, and the folder's rights.

    Raises:
        UsageError: no such picture format, or no such bits in it.
        OutputError: a folder in the way, or no right to write.
    """
    if bits not in (8, 16):
        raise UsageError(f"--bits is 8 or 16, not {bits}.")
    formats = still_formats()
    format = formats.get(path.suffix.lower())
    if format is None:
        raise UsageError(f"Cannot write pictures as {path.suffix!r}. Use one of {', '.join(formats)}.")
    if bits not in format.bits:
        deep = " or ".join(
            entry.suffixes[0] for entry in dict.fromkeys(formats.values()) if bits in entry.bits
        )
        raise UsageError(f"No {bits} bits per sample in {format.name}. Use {deep}.")
    check_place(path)


def check_place(path: Path) -> None:
    """Look before the work whether a file can be written at ``path``: its name, and the folder's rights.

    Raises:
        OutputError: a folder in the way, a name too long, or no right to write.
    """
    if len(os.fsencode(path.name)) > 240:  # most file systems hold 255 bytes, and a temporary name is longer
        raise OutputError(f"Cannot write {path.name[:40]}...: the name is too long. Choose another with -o.")
    if path.is_dir():
        raise OutputError(f"Cannot write {path}: it is a folder. Choose another place with -o.")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir() or not _takes_files(there):
        raise OutputError(f"Cannot write {path}: no permission in {there}. Choose another place with -o.")


def _takes_files(folder: Path) -> bool:
    """Whether a file can be made in ``folder``: tried, since rights alone do not tell (root, /proc, a full disk)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_transparent(path: Path) -> None:
    """Raises UsageError if ``path`` has a format without transparency."""
    format = still_formats().get(path.suffix.lower())
    if format is not None and not format.alpha:
        raise UsageError(f"{path.suffix} holds no transparency. Name the output .png, .webp or .tif with -o.")


def check_free(path: Path | None, *, overwrite: bool) -> None:
    """Raises OutputError if ``path`` exists and may not be replaced; None is no file."""
    if path is not None and path.exists() and not overwrite:
        raise OutputError(f"{path} exists. Use --overwrite, or another name.")


def refuse_existing(paths: Iterable[Path]) -> None:
    """Raises OutputError: one of ``paths`` exists, or cannot be written."""
    for path in paths:
        check_place(path)
        if path.exists():
            raise OutputError(f"{path} exists. Use --overwrite, or another folder with -o.")


def beside(outputs: Mapping[str, Path], taken: set[str], *, done: set[str]) -> dict[str, Path]:
    """The outputs of items that are not in ``done``, numbered where an item that is done has the name."""
    free: dict[str, Path] = {}
    for item, path in outputs.items():
        if spelled(item) in done:
            continue
        number, candidate = 2, path
        while spelled(candidate.name) in taken:
            number, candidate = number + 1, path.with_stem(f"{path.stem}_{number}")
        free[item] = candidate
    return free
