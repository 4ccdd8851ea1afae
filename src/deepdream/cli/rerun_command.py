"""The command ``rerun``: make a picture again from the recipe inside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.dreams import DreamTask
from deepdream.batch.fed_picture import InputOptions
from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.recorded import differences, recorded_networks
from deepdream.cli.batch_output import dream_one
from deepdream.cli.info_command import Made, recipe_of, shrinks_in_words
from deepdream.cli.options import (
    DeviceOption,
    JsonOption,
    MaxPixels,
    OwnModels,
    Quiet,
    WeightsOption,
)
from deepdream.cli.terminal import put, put_json, say
from deepdream.errors import PictureError, UsageError

if TYPE_CHECKING:
    from deepdream.provenance import Recipe


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(rerun)


def rerun(
    picture: Made,
    source: Annotated[
        Path | None, typer.Option("--input", help="The picture from which it was made.")
    ] = None,
    own: OwnModels = None,
    weights: WeightsOption = None,
    device: DeviceOption = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The output file. The default is name_again.png beside the picture."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    max_pixels: MaxPixels = 64_000_000,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Make a picture again from its recipe: the same pixels, bit for bit, with the same versions and processor.

    The original is searched at --input, beside the picture, in this folder and in images/. It must have the
    hash of the recipe.

    Example: deepdream rerun outputs/pagoda_efficientnet_lite0_blocks.4.png
    """
    import torch

    from deepdream.dreaming.checkpoint import OutputOptions

    recipe = recipe_of(picture)
    _check_trust(recipe, picture, max_pixels)
    target = output or picture.with_stem(f"{picture.stem}_again")
    if target.resolve() == picture.resolve():
        raise UsageError("The output would replace the picture whose recipe is read. Choose another -o.")
    check_free(target, overwrite=overwrite)
    check_writable(target, bits=recipe.bits)
    origin = _find_input(recipe, picture, source)
    spec = recorded_networks(recipe, weights, device, own or ())
    differing = differences(recipe, spec.load())
    if not recipe.finished:
        differing.append("the picture was interrupted; this is the whole dream")
    if recipe.shrinks:
        differing.append(f"memory was short: {shrinks_in_words(recipe)}")
    for line in differing:
        say(f"deepdream: differs from then: {line}")
    # Sums over threads round differently, so the same bits need the same number.
    torch.set_num_threads(recipe.threads)
    task = DreamTask(
        spec,
        recipe.plan,
        {str(origin): str(target)},
        InputOptions(f"{recipe.width}x{recipe.height}", recipe.input.get("range", "auto"), max_pixels),
        OutputOptions(recipe.bits, decided_by=recipe.decided_by),
        search_paths=(picture, *([source] if source else [])),
    )
    result = dream_one(task, str(origin), quiet=quiet)
    same = _same_pixels(picture, target, max_pixels)
    if not quiet:
        batch = recipe.batch_size > 1
        rounding = " (it was dreamed in a batch, where sums may round otherwise)" if batch else ""
        say("the same pixels, bit for bit" if same else f"the pixels differ{rounding}")
    if json:
        put_json({"schema": 1, "results": [{**result, "same_pixels": same, "differences": differing}]})
    else:
        put(str(target))


def _find_input(recipe: Recipe, picture: Path, given: Path | None) -> Path:
    """The original, by name and hash; the name in a recipe is untrusted and was checked to be a base name."""
    from deepdream.provenance import sha256_of

    name, sha256 = recipe.input["name"], recipe.input["sha256"]
    if name == "noise":
        return Path(name)
    candidates = [given] if given else [folder / name for folder in (picture.parent, Path(), Path("images"))]
    for path in candidates:
        # The hash decides: a photo of the same name that was edited since would give another picture.
        if path.is_file() and sha256_of(path) == sha256:
            return path
    paths = ", ".join(map(str, candidates))
    raise PictureError(
        f"The original {name} with hash {sha256[:12]}... is not at {paths}. Give it with --input."
    )


def _check_trust(recipe: Recipe, picture: Path, max_pixels: int) -> None:
    """Refuse a recipe that was changed: a recipe is untrusted input.

    Raises:
        PictureError: it has another size than its picture, or names a file by its path.
    """
    from deepdream.ascent import parse_objective
    from deepdream.ascent.resolving import refuse_paths
    from deepdream.images import read_picture

    actual = read_picture(picture, max_pixels=max_pixels)
    # A small file whose recipe names a huge size would take all memory.
    if (actual.width, actual.height) != (recipe.width, recipe.height):
        raise PictureError(
            f"The recipe in {picture.name} is for {recipe.width}x{recipe.height} pixels; the picture has "
            f"{actual.width}x{actual.height}. It was changed after it was made."
        )
    refuse_paths(parse_objective(recipe.plan.objective))


def _same_pixels(first: Path, second: Path, max_pixels: int) -> bool:
    """Whether two pictures are equal bit for bit, their opacity included."""
    from deepdream.images import read_picture

    one, other = (read_picture(path, max_pixels=max_pixels) for path in (first, second))
    opacities = [None if picture.alpha is None else picture.alpha.tobytes() for picture in (one, other)]
    same = one.pixels.shape == other.pixels.shape and bool((one.pixels == other.pixels).all())
    return same and opacities[0] == opacities[1]
