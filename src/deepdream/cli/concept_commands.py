"""The commands ``channels`` and ``concepts``: what carried a prediction, below the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.fed_picture import FedPicture
from deepdream.batch.sources import expand_inputs
from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice
from deepdream.cli.picture_options import (
    AgainstOption,
    BaselineOption,
    JsonOption,
    LayerOption,
    Photo,
    SeedOption,
    TargetOption,
)
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


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
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="Points on the path from the baseline. By default they are doubled until the sum is right.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="The number of channels to list.")] = 10,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """List the channels of a layer that contributed most to a prediction (layer conductance).

    Example: deepdream channels images/cat.jpg --layer blocks.6
    """
    from deepdream.attribution.channels import explain_channels

    fed = FedPicture.open(image, choice.load())
    scores = explain_channels(
        fed.network, fed.image, target, layer=layer, against=against, baseline=baseline, steps=steps
    )
    document = scores.to_dict(top)
    if as_json:
        put_json({"schema": 1, "input": str(image), **document})
        return
    count, rise = len(scores.scores), scores.score - scores.baseline_score
    put(f"{image}: {scores.label}; layer {scores.layer}, {count} channels, {rise:.4g} logits to share")
    rows = [(row["channel"], row["score"], f"{row['share'] or 0:.1%}") for row in document["channels"]]
    put_table(("channel", "logits", "share"), rows)
    put(f"All {count} sum to {document['sum']:.4g} (error {scores.completeness_error:.2%}).")
    for note in scores.notes:
        say(f"deepdream: {note}.")


def concepts(
    *,
    image: Photo,
    concept: Annotated[Path, typer.Option("--concept", help="A folder of pictures that show the concept.")],
    without: Annotated[
        Path | None,
        typer.Option(
            "--without",
            help="A folder of pictures without the concept. By default scrambled copies of those that show it.",
            show_default=False,
        ),
    ] = None,
    layer: LayerOption = "auto",
    target: TargetOption = None,
    seed: SeedOption = 0,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """Measure whether a concept, given by example pictures, supports the class (TCAV).

    Example: deepdream concepts images/cat.jpg --concept stripes/ --without plain/
    """
    from deepdream.attribution.concept_activation import RUNS, explain_concept

    fed = FedPicture.open(image, choice.load())
    score = explain_concept(
        fed.network,
        fed.image,
        _pictures_of(fed, concept),
        _pictures_of(fed, without) if without else [],
        target,
        concept=concept.name,
        layer=layer,
        seed=seed,
    )
    if as_json:
        put_json({"schema": 1, "input": str(image), **score.to_dict()})
        return
    verdict = "supports" if score.sensitivity > 0 else "counts against"
    if not score.significant:
        verdict = "has no provable part in"
    mean, spread = score.control
    put(f"{image}: the concept {score.concept!r} {verdict} {score.label!r} at layer {score.layer}.")
    put(
        f"A step toward the concept changes the logit by {score.sensitivity:.4g}, on average over {RUNS} fits; "
        f"it rises in {score.positive:.0%} of them."
    )
    put(f"Fits to shuffled labels give {mean:.4g} ± {spread:.4g}: beyond twice that spread it counts.")
    put(f"The fits recognize {score.accuracy:.0%} of the examples that were held back (50% is random).")
    for note in score.notes:
        say(f"deepdream: {note}.")


def _pictures_of(fed: FedPicture, folder: Path) -> list[Tensor]:
    """The pictures of a folder, (1, 3, H, W) each, at the size to feed."""
    from deepdream.images import read_picture

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of pictures.")
    return [fed.network.crop(read_picture(path).tensor()) for path in expand_inputs([str(folder)])]
