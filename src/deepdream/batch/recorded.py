"""The network that a recipe names, loaded again for ``rerun`` and ``resume``, and what differs from then."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepdream.batch.task import NetworkSpec
from deepdream.errors import PictureError, UsageError, WeightsError

if TYPE_CHECKING:
    from deepdream.models import Model
    from deepdream.provenance import Recipe

_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")


def recorded_networks(
    recipe: Recipe, weights: str | None, device: str, own: Sequence[str] = ()
) -> NetworkSpec:
    """The network, or networks, of a recipe; ``weights`` and ``device`` where the user chose others.

    Args:
        own: Functions of the user's own (``FILE.py:FUNCTION``) that make networks: only what is named here is run.

    Raises:
        PictureError: a stranger's recipe names a file as its network.
        UsageError: a network was made by a function of the user's own, which only the user can give again.
        WeightsError: the weights were a file of the user's own, which only the user can give again.
    """
    from deepdream.ascent import parse_objective

    records = [recipe.model, *recipe.networks]
    waiting = list(own)
    names = [name_of_network(record, waiting) for record in records]
    if waiting:
        functions = [str(record["code"]) for record in records if record.get("code")]
        what = f"a network made by {' and '.join(functions)}" if functions else "a built-in network"
        raise UsageError(f"--model {waiting[0]} is not needed: this picture was made with {what}.")
    chosen = tuple(
        weights if weights and not index else weights_of(record) for index, record in enumerate(records)
    )
    named = len(names) > 1 or any("/" in layer for layer in parse_objective(recipe.plan.objective).layers)
    where = device or device_of(recipe)
    return NetworkSpec(tuple(names), chosen, where) if named else NetworkSpec(names[0], chosen[0], where)


def name_of_network(record: Mapping[str, Any], own: list[str]) -> str:
    """What ``load_model`` takes for a record; a function of the user's own is taken out of ``own``.

    The name of such a file in a recipe is a stranger's text, and no file is run because of it.
    """
    from deepdream.models import is_own_code

    name, code = str(record["name"]), record.get("code")
    if code:
        same = [text for text in own if text.endswith(code)] or own
        if not same:
            raise UsageError(
                f"This picture was made with a network of {code}. Give that file: --model {code}."
            )
        return own.pop(own.index(same[0]))
    if "/" in name or "\\" in name or name.endswith(_FILES) or is_own_code(name):
        raise PictureError("The recipe names a file as its network; it is not opened.")
    return name


def weights_of(model: Mapping[str, Any]) -> str | None:
    """What ``--weights`` must have said; None for the network's published weights.

    Raises:
        WeightsError: it was a file of the user's own, which only the user can give again.
    """
    origin = str(model.get("origin", ""))
    if match := re.fullmatch(r"seeded random \(seed (\d+)\)", origin):
        return f"random:{match[1]}"
    if origin.startswith("file ") and " from " not in origin:
        raise WeightsError(
            f"This picture was made with the weights of {origin}. Give that file with --weights."
        )
    return None


def differences(recipe: Recipe, network: Model) -> list[str]:
    """What is not as it was when the picture was made, in words."""
    lines = [f"{name} was {then}, is {now}" for name, (then, now) in recipe.changed_versions().items()]
    then = [recipe.model.get("sha256"), *(record.get("sha256") for record in recipe.networks)]
    models = (network, *network.members)
    for model, record in zip(models, (recipe.model, *recipe.networks), strict=False):
        if model.weights.code != record.get("code", ""):
            lines.append(f"the network was made by {record.get('code')}, is by {model.weights.code}")
        elif model.weights.code_sha256 != record.get("code_sha256"):
            lines.append(f"the file of {record.get('code')} has another hash")
    if [model.weights.sha256 for model in models] != then:
        lines.append("the weights have another hash")
    if str(network.device) != recipe.device:
        lines.append(f"the device was {recipe.device}, is {network.device}")
    return lines


def device_of(recipe: Recipe) -> str:
    """The recipe's device where this machine has it, else whatever there is."""
    from deepdream.models.devices import devices

    return recipe.device if recipe.device in devices() else "auto"


def check_network(network: Model, recipe: Recipe) -> None:
    """Raises WeightsError: it is not the network with which the dream began."""
    for model, record in zip((network, *network.members), (recipe.model, *recipe.networks), strict=True):
        if model.weights.code != record.get("code", ""):
            raise WeightsError(
                f"The dream began with a network of {record.get('code')}. Give that one with --model, not "
                f"{model.weights.code}, which may feed it otherwise."
            )
        if model.weights.sha256 != record["sha256"]:
            how = f"Is {record['code']} as it was?" if record.get("code") else "Give them with --weights."
            raise WeightsError(
                f"The dream began with other weights of {record['name']} (sha256 "
                f"{str(record['sha256'])[:12]}...). {how}"
            )
