"""The pictures behind a labeled sheet: a file for each cell, in the folder of --cells or in a temporary one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.run import RunOutcome
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Variation
    from deepdream.dreaming.sweeping import CellResult


@contextmanager
def cell_folder(folder: Path | None) -> Iterator[Path]:
    """``folder``; without one, a temporary folder that is removed at the end.

    Workers give back events and no pixels, so a sheet is drawn from files.
    """
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="deepdream-cells-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


def cell_paths(folder: Path, stem: str, labels: Sequence[str]) -> dict[str, str]:
    """A file for each label, named after it; two that would share a name are numbered."""
    paths: dict[str, str] = {}
    counts: dict[str, int] = {}
    for label in labels:
        name = as_file_name(f"{stem}_{label.replace(', ', '_')}", 150).rstrip("-.")
        counts[name] = counts.get(name, 0) + 1
        paths[label] = str(folder / (f"{name}.png" if counts[name] == 1 else f"{name}_{counts[name]}.png"))
    return paths


def as_file_name(label: str, longest: int = 60) -> str:
    """``label`` as a part of a file's name: letters, digits and ``.+-_``, at most ``longest`` characters."""
    return re.sub(r"[^\w.+-]+", "-", label)[:longest]


def check_cells(folder: Path | None, outputs: Mapping[str, str], *, overwrite: bool, skip: bool) -> None:
    """Look before the work whether the cells can be written.

    Raises:
        UsageError: ``skip`` without a folder.
        OutputError: a cell exists and is neither to be kept nor to be replaced, or the folder cannot be written.
    """
    if folder is None:
        if skip:
            raise UsageError("--skip-existing needs --cells, the folder in which finished cells are.")
        return
    for path in map(Path, outputs.values()):
        if not skip:
            check_free(path, overwrite=overwrite)
        check_writable(path)


def read_cells(
    variations: Mapping[str, Variation], outputs: Mapping[str, str], outcome: RunOutcome
) -> list[CellResult]:
    """What has become of the cells that are done, in the order of ``variations``."""
    from deepdream.dreaming.sweeping import CellResult

    results = []
    for item, cell in variations.items():
        if item in outcome.failures:
            results.append(CellResult(cell, error=outcome.failures[item].error))
        elif item in outcome.done:
            results.append(CellResult.read(cell, Path(outputs[item])))
    return results
