"""The commands ``info`` and ``rerun``: see how a picture was made, and make it again."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.batch.dreams import DreamTask, InputOptions
from deepdream.batch.outputs import check_free, check_writable
from deepdream.batch.recorded import differences, recorded_networks
from deepdream.cli.batch_output import dream_one
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
from deepdream.plan import preset_text

if TYPE_CHECKING:
    from deepdream.provenance import Recipe, SheetRecord

_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")

Made = Annotated[Path, typer.Argument(help="A picture that deepdream made.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(info)
    app.command()(rerun)


def info(
    picture: Made,
    preset: Annotated[
        bool, typer.Option("--preset", help="Print the settings as the text of a preset, for a .toml file.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the recipe inside a picture: network, layer, every setting, versions, hashes.

    Examples:

      deepdream info outputs/pagoda_efficientnet_lite0_blocks.4.png

      deepdream info dream.png --preset > mine.toml
    """
    if preset:
        if json:
            raise UsageError("Give --preset or --json, not both.")
        put(preset_text(recipe_of(picture).plan, summary=f"the settings of {picture.name}"))
        return
    if sheet := _sheet_of(picture):
        _put_sheet(picture, sheet, json=json)
        return
    recipe = recipe_of(picture)
    if json:
        put_json(recipe.to_dict())
        return
    model = recipe.model
    put(f"{picture.name}: {recipe.width}x{recipe.height}" + ("" if recipe.finished else ", interrupted"))
    _put_entry("made from", f"{recipe.input['name']} (sha256 {recipe.input['sha256'][:12]}...)")
    _put_entry("network", f"{model['name']}, {model.get('origin')}, {model.get('license')} license")
    _put_entry("weights", f"sha256 {model.get('sha256')}")
    if model.get("code"):
        _put_entry("made by", f"{model['code']} (sha256 {model['code_sha256'][:12]}...)")
    for other in recipe.networks:
        _put_entry("with", f"{other['name']}, {other.get('origin')}, sha256 {other.get('sha256')}")
    _put_entry("climbed", recipe.plan.objective)
    _put_entry("octaves", " ".join(f"{w}x{h}" for h, w in recipe.octaves))
    _put_entry("settings", " ".join(f"{k}={v}" for k, v in recipe.plan.to_dict().items() if k != "objective"))
    _put_entry("measures", " ".join(f"{k}={v:.3g}" for k, v in recipe.measures.items()))
    if recipe.gains:
        _put_entry("gains", " ".join(f"x{gain:.3g}" for gain in recipe.gains) + " (activation, per octave)")
    for when, classes in (("before", recipe.before), ("after", recipe.after)):
        if classes:
            _put_entry(when, ", ".join(f"{entry.label} {entry.probability:.1%}" for entry in classes))
    beside = f", together with {recipe.batch_size - 1} others" if recipe.batch_size > 1 else ""
    threads = f"{recipe.threads} thread{'s' if recipe.threads > 1 else ''}"
    draft = f", a draft in {recipe.plan.precision}" if recipe.plan.precision != "float32" else ""
    _put_entry("ran on", f"{recipe.device}, {threads}{beside}{draft}")
    if recipe.shrinks:
        _put_entry("memory", f"short: {_shrinks_in_words(recipe)}")
    _put_entry("versions", ", ".join(f"{k} {v}" for k, v in recipe.versions.items()))
    if recipe.decided_by:
        _put_entry("decided by", recipe.decided_by)


def _shrinks_in_words(recipe: Recipe) -> str:
    return ", ".join(f"tiles of {core} from step {step} on" for step, core in recipe.shrinks)


def _sheet_of(path: Path) -> SheetRecord | None:
    """The description of a sweep inside ``path``; None where there is none. Raises PictureError."""
    from deepdream.images import read_recipe
    from deepdream.provenance import is_sheet_text, read_sheet_text

    text = read_recipe(path)
    return read_sheet_text(text) if text is not None and is_sheet_text(text) else None


def _put_sheet(path: Path, sheet: SheetRecord, *, json: bool) -> None:
    if json:
        put_json(sheet.to_dict())
        return
    put(
        f"{path.name}: {sheet.kind} of {len(sheet.cells)} cells" + ("" if sheet.finished else ", interrupted")
    )
    _put_entry("made from", f"{sheet.input.get('name')} (sha256 {str(sheet.input.get('sha256'))[:12]}...)")
    for name, values in sheet.axes.items():
        _put_entry("varied", f"{name}: {', '.join(map(str, values))}")
    if sheet.fixed:
        _put_entry("settings", " ".join(f"{name}={value}" for name, value in sheet.fixed.items()))
    for cell in sheet.cells:
        words = ", ".join(f"{name} {value}" for name, value in cell["settings"].items())
        found = " ".join(f"{name}={value}" for name, value in cell.get("measures", {}).items())
        _put_entry("cell", f"{words}: {found or cell.get('error')}")


def _put_entry(label: str, text: str) -> None:
    """A line of ``info``; in a terminal wrapped between words, under its own beginning."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    first, rest = f"{label:<11}", " " * 11
    put(textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))


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
        differing.append(f"memory was short: {_shrinks_in_words(recipe)}")
    for line in differing:
        say(f"deepdream: differs from then: {line}")
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


def recipe_of(path: Path) -> Recipe:
    """The recipe inside a picture. Raises PictureError: none, damaged, or that of a sheet."""
    from deepdream.images import read_recipe
    from deepdream.provenance import is_sheet_text, read_recipe_text

    text = read_recipe(path)
    if text is None:
        raise PictureError(
            f"{path.name} holds no recipe: deepdream did not make it, or wrote it with --no-metadata."
        )
    if is_sheet_text(text):
        raise PictureError(
            f"{path.name} is a sheet of several dreams. Give one of its cells (--cells keeps them)."
        )
    return read_recipe_text(text)


def _find_input(recipe: Recipe, picture: Path, given: Path | None) -> Path:
    """The original, by name and hash; the name in a recipe is a stranger's and was checked to be a base name."""
    from deepdream.provenance import sha256_of

    name, wanted = recipe.input["name"], recipe.input["sha256"]
    if name == "noise":
        return Path(name)
    places = [given] if given else [folder / name for folder in (picture.parent, Path(), Path("images"))]
    for place in places:
        if place.is_file() and sha256_of(place) == wanted:
            return place
    looked = ", ".join(str(place) for place in places)
    raise PictureError(
        f"The original {name} with hash {wanted[:12]}... is not at {looked}. Give it with --input."
    )


def _check_trust(recipe: Recipe, picture: Path, max_pixels: int) -> None:
    """What a stranger's recipe may not ask for: another size than its picture has, or a file by its path.

    Raises:
        PictureError: it asks for that.
    """
    from deepdream.ascent import parse_objective
    from deepdream.ascent.resolving import refuse_paths
    from deepdream.images import read_picture

    made = read_picture(picture, max_pixels=max_pixels)
    if (made.width, made.height) != (recipe.width, recipe.height):
        raise PictureError(
            f"The recipe in {picture.name} is for {recipe.width}x{recipe.height} pixels; the picture has "
            f"{made.width}x{made.height}. It was changed after it was made."
        )
    refuse_paths(parse_objective(recipe.plan.objective))


def _same_pixels(first: Path, second: Path, max_pixels: int) -> bool:
    from deepdream.images import read_picture

    one, two = (read_picture(path, max_pixels=max_pixels) for path in (first, second))
    covers = [None if picture.alpha is None else picture.alpha.tobytes() for picture in (one, two)]
    same = one.pixels.shape == two.pixels.shape and bool((one.pixels == two.pixels).all())
    return same and covers[0] == covers[1]
