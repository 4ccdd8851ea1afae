"""Which tensors of a checkpoint are a network's weights: training scripts nest, prefix and average them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from deepdream.errors import UnknownNameError, WeightsError
from deepdream.models.weight_files import SUFFIXES, Tensors, check_finite, some

#: Entries of training that are no weights, whatever they are called.
_TRAINING = re.compile(r"optim|sched|scaler|callbacks|loops|hyper_?param|args|hparams", re.IGNORECASE)
#: Weights that are an average over training steps, or those of a second network that follows the first.
_AVERAGED = re.compile(
    r"(^|[._])(ema|swa|avg|averaged?|shadow|teacher|momentum|target)([._]|$)", re.IGNORECASE
)
#: Parts of names that wrappers add anywhere: ``torch.compile``, DataParallel, checkpointing and FSDP.
_WRAPPERS = {"_orig_mod", "module", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}
#: Counters that are no weights: of batch norms, of ``AveragedModel`` (SWA), and of the profiler thop.
_COUNTERS = ("num_batches_tracked", "n_averaged", "total_ops", "total_params")


@dataclass(frozen=True)
class CheckpointFile:
    """A weight file, and which of several sets of weights in it is meant: ``FILE`` or ``FILE:KEY``.

    >>> CheckpointFile.parse("runs/last.ckpt:state_dict_ema")
    CheckpointFile(path=PosixPath('runs/last.ckpt'), key='state_dict_ema')
    """

    path: Path
    key: str = ""

    @classmethod
    def parse(cls, text: str | Path) -> CheckpointFile:
        """What ``text`` names; a file whose name holds a colon is itself."""
        endings = "|".join(map(re.escape, SUFFIXES))
        parts = re.fullmatch(rf"(.+(?:{endings})):([^/\\]+)", str(text), re.IGNORECASE)
        if parts is None or Path(text).exists():
            return cls(Path(text))
        return cls(Path(parts[1]), parts[2])

    @property
    def origin(self) -> str:
        """How a record calls it: by its base name."""
        return f"file {self.path.name}:{self.key}" if self.key else f"file {self.path.name}"


@dataclass(frozen=True)
class _Candidate:
    """One set of tensors of a checkpoint under the names of a network.

    Attributes:
        key: What it is called: the keys it is nested in, and the prefix of its names.
        tensors: Under the network's names where these are known, under their own otherwise.
        outside: The names that do not begin with the prefix.
        hits: The number of the network's names that it has.
    """

    key: str
    tensors: Tensors
    outside: tuple[str, ...]
    hits: int


def weights_for(
    expected: Mapping[str, Tensor], content: Any, file: CheckpointFile
) -> tuple[Tensors, tuple[str, ...]]:
    """The tensors of a checkpoint that belong to a network, by the network's names, and what to say about them.

    Of all nested dicts and all common prefixes of names the one with the most of the network's names is chosen;
    plain weights come before averaged ones (EMA, SWA).

    Args:
        expected: The network's ``state_dict``.
        content: What the file holds.
        file: Its name for messages, and the key of the set that the user chose.

    Raises:
        WeightsError: no named tensors, or values that are not finite.
        UnknownNameError: no set of that key.
    """
    sets = dict(_nested(content))
    if not sets:
        raise WeightsError(
            f"Refused {file.path}: it holds {type(content).__name__}, not named tensors. "
            "Save the network's state_dict()."
        )
    candidates = [c for key, tensors in sets.items() for c in _candidates(key, tensors, expected)]
    # The order of the file decides between equals, since sorting is stable.
    candidates.sort(key=lambda c: (-c.hits, bool(_AVERAGED.search(c.key))))
    keys = [c.key for c in candidates if c.key and c.hits == candidates[0].hits]
    chosen = candidates[0]
    if file.key:
        key = _plain(file.key)
        matches = [c for c in candidates if c.key in (file.key, key) or c.key.startswith(f"{key}.")]
        if not matches:
            raise UnknownNameError("weights", file.key, keys, where=str(file.path))
        return _checked(matches[0], file), ()
    notes = []
    others = [key for key in keys if key != chosen.key]
    if others and chosen.hits:
        taken = chosen.key or "the first set"
        notes.append(
            f"{file.path.name} holds several sets of weights: {taken} is used; "
            f"--weights {file.path.name}:{others[0]} uses {others[0]}"
        )
    outside = [name for name in chosen.outside if not name.endswith(_COUNTERS)]
    if outside and not others:
        notes.append(f"{len(outside)} tensors of {file.path.name} are not used ({some(outside)})")
    return _checked(chosen, file), tuple(notes)


def _checked(candidate: _Candidate, file: CheckpointFile) -> Tensors:
    check_finite(candidate.tensors, file.path)
    return candidate.tensors


def _nested(content: Any, key: str = "", depth: int = 4) -> Iterator[tuple[str, Tensors]]:
    """Every dict in ``content`` that holds named tensors, by the keys that lead to it."""
    if not isinstance(content, Mapping) or not depth:
        return
    tensors = {
        name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield key, tensors
    for name, value in content.items():
        if isinstance(name, str) and not _TRAINING.search(name):
            yield from _nested(value, f"{key}.{name}".removeprefix("."), depth - 1)


def _candidates(key: str, tensors: Tensors, expected: Mapping[str, Tensor]) -> Iterator[_Candidate]:
    """``tensors`` without each prefix that makes any of their names one of ``expected``."""
    # Where the network itself is a wrapper, all its names share a prefix that the file need not have.
    shared = _common_prefix([name for name in expected if not name.endswith(_COUNTERS)])
    names = {_plain(name).removeprefix(_plain(shared)): name for name in expected}
    plain = {_plain(name): name for name in tensors}
    if len(plain) < len(tensors) or len(names) < len(
        expected
    ):  # such words are part of the network's own names
        names, plain, shared = {name: name for name in expected}, {name: name for name in tensors}, ""
    prefixes: Counter[str] = Counter()
    for name in plain:
        parts = name.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in names:
                prefixes["".join(f"{part}." for part in parts[:cut])] += 1
    if not prefixes:  # the caller may know the network by the order of its tensors
        yield _Candidate(key, tensors, (), 0)
    for prefix, hits in prefixes.most_common():
        inside = {name.removeprefix(prefix): own for name, own in plain.items() if name.startswith(prefix)}
        renamed = {
            names.get(name, name): tensors[own]
            for name, own in inside.items()
            if name in names or not name.endswith(_COUNTERS)
        }
        outside = tuple(own for name, own in plain.items() if not name.startswith(prefix))
        yield _Candidate(f"{key}.{prefix}".strip("."), renamed, outside, hits)


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _common_prefix(names: list[str]) -> str:
    """The longest "a.b." that all names begin with."""
    parts = [name.split(".")[:-1] for name in names]
    prefix = ""
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        prefix += f"{column[0]}."
    return prefix
