"""The command ``presets``: the named sets of settings, built-in and the user's own."""

from __future__ import annotations

import typer

from deepdream.cli.options import JsonOption
from deepdream.cli.terminal import put, put_json
from deepdream.errors import UsageError
from deepdream.plan import PRESETS, Preset, own_preset_files, presets_folder, read_preset


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(presets)


def presets(json: JsonOption = False) -> None:
    """List the presets: named sets of settings for --preset, built-in ones and your own.

    Your own presets are the files NAME.toml in ~/.config/deepdream/presets (under XDG_CONFIG_HOME where that is
    set). Make one from a dream that you like:

      deepdream info dream.png --preset > ~/.config/deepdream/presets/mine.toml

    Example: deepdream presets
    """
    rows: list[tuple[Preset, str, str]] = [(preset, "built-in", "") for preset in PRESETS.values()]
    damaged: dict[str, str] = {}
    for name, path in own_preset_files().items():
        if name in PRESETS:
            damaged[path.name] = f"The name {name!r} is that of a built-in preset, which is used instead."
            continue
        try:
            rows.append((read_preset(path), "own", str(path)))
        except UsageError as error:
            damaged[path.name] = str(error)
    if json:
        entries = [
            {"name": preset.name, "kind": kind, "summary": preset.summary, "source": preset.source,
             "settings": dict(preset.settings)}
            for preset, kind, _ in rows
        ]  # fmt: skip
        put_json({"schema": 1, "presets": entries, "damaged": damaged})
        return
    for preset, _, where in rows:
        put(f"{preset.name:<12}{preset.summary}" + (f" ({where})" if where else ""))
    for file_name, message in damaged.items():
        put(f"{file_name}: not usable. {message}")
    if all(kind == "built-in" for _, kind, _ in rows):
        put(f"You have no presets in {presets_folder()}.")
