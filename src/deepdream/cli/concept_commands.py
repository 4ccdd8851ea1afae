"""The commands ``channels`` and ``concepts``: what carried a prediction, below the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.fed_picture import (
    AgainstOption,
    BaselineOption,
    FedPicture,
    JsonOption,
    LayerOption,
    Photo,
    SeedOption,
    TargetOption,
)
from deepdream.cli.groups import grouped
from deepdream.cli.input_output_files import expand_inputs
from deepdream.cli.options import NetworkChoice
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.attribution.channels import ChannelScores
    from deepdream.attribution.concept_activation import ConceptScore


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    for command in (channels, concepts):
        app.command()(grouped(command))


def channels(
    *,
    image: Photo,
    layer: LayerOption = "auto",
    target: TargetOption = None,
    against: AgainstOption = None,
    baseline: BaselineOption = "black",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Points on the path; default: doubled.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many channels to list.")] = 10,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """List which channels of a layer carried a prediction (layer conductance).

    Example: deepdream channels images/cat.jpg --layer blocks.6
    """
    from deepdream.attribution.channels import explain_channels

    scene = FedPicture.open(image, choice)
    found = explain_channels(
        scene.network, scene.image, target, layer=layer, against=against, baseline=baseline, steps=steps
    )
    rise = found.score - found.baseline_score
    rows = [
        {"channel": channel, "score": score, "share": score / rise if rise else None}
        for channel, score in found.top(top)
    ]
    _put_channels(image, found, rows, as_json)


def concepts(
    *,
    image: Photo,
    concept: Annotated[Path, typer.Option("--concept", help="A folder of pictures that show the concept.")],
    without: Annotated[
        Path | None,
        typer.Option("--without", help="A folder of pictures that do not. Default: the same, scrambled."),
    ] = None,
    layer: LayerOption = "auto",
    target: TargetOption = None,
    seed: SeedOption = 0,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """Ask whether a concept, given by example pictures, supports the class (TCAV).

    Example: deepdream concepts images/cat.jpg --concept stripes/ --without plain/
    """
    from deepdream.attribution.concept_activation import explain_concept

    scene = FedPicture.open(image, choice)
    examples = _folder(scene, concept)
    others = _folder(scene, without) if without else []
    found = explain_concept(
        scene.network, scene.image, examples, others, target, concept=concept.name, layer=layer, seed=seed
    )
    _put_concept(image, found, as_json)


def _put_channels(image: Path, found: ChannelScores, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        document = {"schema": 1, "input": str(image)}
        names = (
            "layer",
            "target",
            "label",
            "against",
            "score",
            "baseline_score",
            "completeness_error",
            "steps",
        )
        document |= {name: getattr(found, name) for name in (*names, "forwards", "backwards")}
        put_json({**document, "notes": list(found.notes), "channels": rows, "sum": float(found.scores.sum())})
        return
    rise = found.score - found.baseline_score
    put(
        f"{image}: {found.label}; layer {found.layer}, {len(found.scores)} channels, {rise:.4g} logits to share"
    )
    put_table(
        ("channel", "logits", "share"), [(r["channel"], r["score"], f"{r['share'] or 0:.1%}") for r in rows]
    )
    put(
        f"All {len(found.scores)} sum to {float(found.scores.sum()):.4g} (error {found.completeness_error:.2%})."
    )
    for note in found.notes:
        say(f"deepdream: {note}.")


def _folder(scene: FedPicture, folder: Path) -> list[Tensor]:
    from deepdream.images import read_picture

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of pictures.")
    return [scene.network.crop(read_picture(path).tensor()) for path in expand_inputs([str(folder)])]


def _put_concept(image: Path, found: ConceptScore, as_json: bool) -> None:
    from deepdream.attribution.concept_activation import RUNS

    mean, spread = found.control
    if as_json:
        names = ("concept", "layer", "target", "label", "sensitivity", "positive", "accuracy", "significant")
        document = {name: getattr(found, name) for name in (*names, "examples", "counterexamples")}
        control = {"mean": mean, "standard_deviation": spread}
        put_json(
            {"schema": 1, "input": str(image), **document, "control": control, "notes": list(found.notes)}
        )
        return
    verdict = "supports" if found.sensitivity > 0 else "counts against"
    if not found.significant:
        verdict = "has no provable part in"
    put(f"{image}: the concept {found.concept!r} {verdict} {found.label!r} at layer {found.layer}.")
    put(
        f"A step toward the concept changes the logit by {found.sensitivity:.4g}, on average over "
        f"{RUNS} fits; {found.positive:.0%} of them say it rises."
    )
    put(f"Fits to shuffled labels say {mean:.4g} ± {spread:.4g}: beyond twice that spread it counts.")
    put(f"Examples never seen are told apart in {found.accuracy:.0%} of the cases (50% is chance).")
    for note in found.notes:
        say(f"deepdream: {note}.")
