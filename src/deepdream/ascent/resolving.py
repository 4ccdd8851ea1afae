"""From an objective as it was written to one that can be computed: names looked up, files read.

``resolve`` writes out wildcards and looks up classes; ``pin_files`` replaces the paths that a user typed by base
names and hashes and reads the files; ``refuse_paths`` is for texts of strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from deepdream.ascent.algebra import Objective
from deepdream.ascent.arguments import LAYER, VECTOR, Parameter
from deepdream.ascent.term_inputs import LOGITS, Reference, TermInputs
from deepdream.ascent.terms import KINDS, Term
from deepdream.errors import PictureError, UsageError
from deepdream.images import read_picture
from deepdream.models import Model
from deepdream.provenance import Resource, pin

_RANGE = re.compile(r"(.*?)(\d+)-(\d+)(.*)", re.DOTALL)
_LONGEST_RANGE = 1000


def resolve(objective: Objective, model: Model, *, batch: int = 1) -> Objective:
    """The same objective with wildcards written out and classes as numbers, every name looked up.

    Args:
        batch: How many pictures are optimized at once.

    Raises:
        UnknownNameError: a layer or class that the network does not have.
        UsageError: a channel or class that is not there, or a kind that does not apply.
    """
    written_out = Objective(
        tuple((weight, one) for weight, term in objective.terms for one in _written_out(term, model))
    )
    terms = tuple((weight, _numbered(term, model)) for weight, term in written_out.terms)
    resolved = Objective(terms)
    for name in resolved.layers:
        model.check_layer(name)
    # Scored once on zeros: every term checks its own indexes, before hours of work.
    resolved.scores(_blank_inputs(resolved, model, batch))
    return resolved


def layers_like(pattern: str, names: Sequence[str]) -> list[str]:
    """The layers that ``blocks.*`` (one part of a name) or ``blocks.3-5`` means, or the layer of that very name."""
    if pattern in names or not set(pattern) & {"*", "-"}:
        return [pattern]
    patterns = [pattern]
    if match := _RANGE.fullmatch(pattern):
        before, first, last, after = match.groups()
        if int(last) - int(first) > _LONGEST_RANGE:
            raise UsageError(f"The range {pattern[:60]!r} is too long.")
        patterns = [f"{before}{number}{after}" for number in range(int(first), int(last) + 1)]
    matching = [name for name in names if any(_alike(name, one) for one in patterns)]
    return matching or [pattern]


def _alike(name: str, pattern: str) -> bool:
    # Part by part: a * stands for one part of a name and never for a dot.
    parts, patterns = name.split("."), pattern.split(".")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _written_out(term: Term, model: Model) -> list[Term]:
    pairs = zip(term.arguments, KINDS[term.kind].parameters, strict=True)
    names = [str(v) for v, p in pairs if p.role == LAYER.role and set(str(v)) & {"*", "-"}]
    if not names:
        return [term]

    def renamed(layer: str) -> Term:
        return term.replaced(lambda v, p: layer if p.role == LAYER.role and v == names[0] else v)

    return [renamed(layer) for layer in layers_like(names[0], list(model.layers))]


def _numbered(term: Term, model: Model) -> Term:
    """A class by its name as a number, in the network that the term names."""
    if term.kind != "logit" or not isinstance(term.arguments[0], str):
        return term
    which, network = term.arguments
    model.check_layer(f"{network}/{LOGITS}" if network else LOGITS)
    return Term("logit", (model.find_class_of(str(which), str(network)), network))


def _blank_inputs(objective: Objective, model: Model, batch: int) -> TermInputs:
    """Zeros in place of activations: enough for every term to find an index that does not exist."""

    def channels(name: str) -> int:
        return model.class_count(name) if name.endswith(LOGITS) else model.layer(name).channels

    blank = {name: torch.zeros(batch, channels(name), 1, 1) for name in objective.layers}
    logits = {name: value.flatten(1) for name, value in blank.items() if name.endswith(LOGITS)}
    references = {
        reference: _blank(reference, channels(reference.layer) if reference.layer else 3)
        for reference in objective.references
    }
    return TermInputs({**blank, **logits}, torch.zeros(batch, 3, 1, 1), references=references)


def _blank(reference: Reference, channels: int) -> Tensor:
    if reference.role in ("mask", "spot"):
        return torch.zeros(1, 1, 1, 1)
    return torch.zeros(
        {"picture": (1, channels, 1, 1), "bank": (1, channels)}.get(reference.role, (channels,))
    )


def pin_files(
    objective: Objective,
    search_paths: Iterable[Path] = (),
    vectors: Mapping[Resource, Tensor] = MappingProxyType({}),
) -> tuple[Objective, dict[tuple[str, str], Tensor]]:
    """The objective with base names and hashes for its files, and what they hold, by (role, resource).

    Pictures are (1, 3, H, W) in [0, 1], masks (1, 1, H, W), vectors (C,). A path that the user typed is followed;
    a name with a hash is looked for in ``vectors``, and then in ``search_paths``, the current folder and ``images``.

    Raises:
        PictureError: a file that is not there, not readable, or not what it should be.
    """
    search_paths = tuple(search_paths)
    names: dict[str | Resource, Resource] = {}
    contents: dict[tuple[str, str], Tensor] = {}
    for source, parameter in objective.sources:
        if isinstance(source, Resource) and source in vectors:
            names[source] = source
            contents[parameter.name, str(source)] = vectors[source]
            continue
        names[source], path = pin(str(source), search_paths)
        key = (parameter.name, str(names[source]))
        contents[key] = _read(path, parameter)
    pinned = objective.replaced(
        lambda value, parameter: (
            names[value]
            if (value, parameter) in objective.sources and isinstance(value, (str, Resource))
            else value
        )
    )
    return pinned, contents


def refuse_paths(objective: Objective) -> None:
    """Raises PictureError if an objective from elsewhere names a file by anything but base name and hash."""
    for source, _ in objective.sources:
        if not isinstance(source, Resource):
            raise PictureError(f"The recipe names the file {source[:60]!r} without a hash; it is not opened.")


def _read(path: Path, parameter: Parameter) -> Tensor:
    if parameter.role == VECTOR.role:
        return _read_vector(path)
    if parameter.name == "mask":
        return read_mask(path)
    return read_picture(path).tensor()


def read_mask(path: Path) -> Tensor:
    """The mask (1, 1, H, W) in [0, 1] that a picture is: white counts.

    Laid on black, so that a mask may also be a cut-out: what is transparent does not count.
    """
    return read_picture(path, matte=(0.0, 0.0, 0.0)).tensor().mean(dim=1, keepdim=True)


def _read_vector(path: Path) -> Tensor:
    """The one tensor of a .npy or .safetensors file, flat. Raises PictureError: not such a file."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            (tensor,) = load(path.read_bytes()).values()
        else:
            # Unpickling would run code from the file.
            tensor = torch.from_numpy(np.load(path, allow_pickle=False))
        vector = tensor.flatten().to(torch.float32)
    except Exception as error:  # readers of damaged files raise anything
        raise PictureError(
            f"{path.name} holds no vector: give a .npy file, or a .safetensors file with one tensor."
        ) from error
    if not vector.isfinite().all():
        raise PictureError(f"{path.name} holds numbers that are not finite.")
    return vector
