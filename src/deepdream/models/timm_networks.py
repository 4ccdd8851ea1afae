"""timm's networks (extra ``timm``): architectures and the facts about their published weights.

timm's own download is not used: without a network it tries for most of a minute. Its weights lie on the
Hugging Face hub as safetensors, which our downloader fetches.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.models.cache import hub_folder
from deepdream.models.families import NetworkFamily, WeightLocation, register
from deepdream.models.records import CatalogEntry, Preprocessing

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm:"
_HUB = "https://huggingface.co"
_FILE = "model.safetensors"


def entry(name: str) -> CatalogEntry:
    """What timm knows about ``timm:NAME`` (``timm:resnet18`` or ``timm:resnet18.a1_in1k``).

    Raises:
        UsageError: timm is not installed.
        UnknownNameError: with the nearest names.
    """
    timm = _timm()
    network = name.removeprefix(PREFIX)
    if not timm.is_model(network):
        names = [PREFIX + known for known in timm.list_models()]
        raise UnknownNameError("model", name, names, listing="deepdream models list --source timm")
    known = timm.get_pretrained_cfg(network)
    repository = known.hf_hub_id or "" if known else ""
    # Weights under another name are in their author's layout, which only timm can convert.
    direct = repository and not known.hf_hub_filename and not known.custom_load
    return CatalogEntry(
        name=name,
        network=network,
        source="timm",
        file=f"{repository.replace('/', '--') or network}--{_FILE}",
        url=f"{_HUB}/{repository}/resolve/main/{_FILE}" if direct else None,
        license=(known and known.license) or "unknown",
        trained_on=(known and known.tag) or "unknown",
        classes=known.num_classes if known else 1000,
        minimum_size=(known.min_input_size or (0, 1))[-1] if known else 1,
        preprocessing=_preprocessing(known) if known else Preprocessing(),
    )


def names() -> list[str]:
    """Every network of the installed timm that has published weights, as ``load_model`` takes it."""
    return [PREFIX + name for name in _timm().list_models(pretrained=True)]


def _build(entry: CatalogEntry, classes: int, _: bool) -> nn.Module:
    """timm's architecture with ``classes`` logits and random weights."""
    module: nn.Module = _timm().create_model(entry.network, pretrained=False, num_classes=classes)
    return module


def _hub_locations(entry: CatalogEntry) -> Iterator[WeightLocation]:
    """Where timm itself has downloaded the weights."""
    repository, _, name = entry.file.rpartition("--")
    for path in sorted((hub_folder() / f"models--{repository}" / "snapshots").glob(f"*/{name}")):
        digest = path.resolve().name  # large files lie in blobs/ under their sha256
        if len(digest) == 64:
            yield WeightLocation(path, f"file {entry.file} from timm", sha256=digest)


def installed() -> bool:
    """Whether timm is there, without importing it."""
    return importlib.util.find_spec("timm") is not None


def _timm() -> Any:
    if not installed():
        raise UsageError('timm\'s networks need the package timm: pip install "deepdream[timm]".')
    import timm

    return timm


def _preprocessing(known: Any) -> Preprocessing:
    size = known.input_size[-1]
    red, green, blue = known.mean
    std_red, std_green, std_blue = known.std
    interpolation = "bilinear" if known.interpolation == "bilinear" else "bicubic"
    return Preprocessing(
        (red, green, blue),
        (std_red, std_green, std_blue),
        resize=int(size / known.crop_pct),  # timm rounds down, too
        crop=size,
        interpolation=interpolation,
        fixed=bool(known.fixed_input_size),
    )


register(
    NetworkFamily("timm", _build, prefix=PREFIX, entry=entry, names=names, cached_elsewhere=_hub_locations)
)
