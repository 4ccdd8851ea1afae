"""The command ``info``: how a picture was made, read from the recipe inside it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.options import JsonOption
from deepdream.cli.terminal import put, put_json
from deepdream.errors import PictureError, UsageError
from deepdream.plan import preset_text

if TYPE_CHECKING:
    from deepdream.provenance import Recipe

Made = Annotated[Path, typer.Argument(help="A picture that deepdream made.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(info)


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
    from deepdream.images import read_recipe
    from deepdream.provenance import is_sheet_text, read_sheet_text

    if preset:
        if json:
            raise UsageError("Give --preset or --json, not both.")
        put(preset_text(recipe_of(picture).plan, summary=f"the settings of {picture.name}"))
        return
    _check_picture(picture)
    text = read_recipe(picture)
    if text is not None and is_sheet_text(text):
        sheet = read_sheet_text(text)
        if json:
            put_json(sheet.to_dict())
        else:
            put(
                f"{picture.name}: {sheet.kind} of {len(sheet.cells)} cells"
                + ("" if sheet.finished else ", interrupted")
            )
            _put_entry(
                "made from", f"{sheet.input.get('name')} (sha256 {str(sheet.input.get('sha256'))[:12]}...)"
            )
            for axis, values in sheet.axes.items():
                _put_entry("varied", f"{axis}: {', '.join(map(str, values))}")
            if sheet.fixed:
                _put_entry("settings", " ".join(f"{key}={value}" for key, value in sheet.fixed.items()))
            for cell in sheet.cells:
                words = ", ".join(f"{key} {value}" for key, value in cell["settings"].items())
                measures = " ".join(f"{key}={value}" for key, value in cell.get("measures", {}).items())
                _put_entry("cell", f"{words}: {measures or cell.get('error')}")
        return
    recipe = recipe_of(picture)
    if json:
        put_json(recipe.to_dict())
    else:
        _put_recipe(picture.name, recipe)


def _put_recipe(name: str, recipe: Recipe) -> None:
    model = recipe.model
    put(f"{name}: {recipe.width}x{recipe.height}" + ("" if recipe.finished else ", interrupted"))
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
        _put_entry("memory", f"short: {shrinks_in_words(recipe)}")
    _put_entry("versions", ", ".join(f"{k} {v}" for k, v in recipe.versions.items()))
    if recipe.decided_by:
        _put_entry("decided by", recipe.decided_by)


def _put_entry(label: str, text: str) -> None:
    """One fact after its label; in a terminal wrapped between words, with later lines indented."""
    # Elsewhere a line is whole, so that grep finds it.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    first, rest = f"{label:<11}", " " * 11
    put(textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))


def shrinks_in_words(recipe: Recipe) -> str:
    """From which step the dream continued in tiles, and of which size, because memory was short."""
    return ", ".join(f"tiles of {core} pixels from step {step} on" for step, core in recipe.shrinks)


def recipe_of(path: Path) -> Recipe:
    """The recipe inside a picture. Raises PictureError: none, damaged, or that of a sheet."""
    from deepdream.images import read_recipe
    from deepdream.provenance import is_sheet_text, read_recipe_text

    _check_picture(path)
    text = read_recipe(path)
    if text is None:
        raise PictureError(
            f"{path.name} holds no recipe. A dream has one unless it was written with --no-metadata; a drawing of an "
            "explanation has none."
        )
    if is_sheet_text(text):
        raise PictureError(
            f"{path.name} is a sheet of several dreams. Give one of its cells (--cells keeps them)."
        )
    return read_recipe_text(text)


def _check_picture(path: Path) -> None:
    """Raises PictureError: ``path`` is one of the other files that deepdream writes, which hold no recipe."""
    suffix, record = path.suffix.lower(), path.with_suffix(".json")
    if suffix == ".csv" and record.is_file():
        raise PictureError(f"{path.name} is a table; how it was made is in {record}.")
    if suffix in (".npy", ".npz", ".csv", ".html", ".json", ".svg", ".pdf"):
        raise PictureError(
            f"{path.name} is not a picture with a recipe. Only dreams and their sheets have one."
        )
