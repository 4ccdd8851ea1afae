"""The user's own presets: TOML files, read without torch.

A file holds a summary and a table of settings:

    summary = "soft and slow"

    [settings]
    octaves = 6
    strength = "none"

``~/.config/deepdream/presets/NAME.toml`` (under ``XDG_CONFIG_HOME`` where that is set) is the preset ``NAME``.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.plan.dream_settings import CONDITIONING, PERSONAL, Plan
from deepdream.plan.presets import Preset

_LARGEST = 100_000  # bytes; a preset has some forty lines
_ENTRIES = ("summary", "source", "settings")


def is_preset_file(name: str) -> bool:
    """Whether ``name`` means a file and not the name of a preset."""
    return name.endswith(".toml") or "/" in name or os.sep in name


def presets_folder() -> Path:
    """Where the user's own presets lie."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification of XDG says that a relative path there must be ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path("~/.config").expanduser()
    return root / "deepdream" / "presets"


def own_preset_files() -> dict[str, Path]:
    """The files of the user's own presets by name, sorted; none where there is no such folder."""
    try:
        # Sorted, since a folder is listed in another order on every system.
        return {path.stem: path for path in sorted(presets_folder().glob("*.toml"))}
    except OSError:
        return {}


def read_preset(path: str | Path) -> Preset:
    """The preset in a file, named as the file.

    Raises:
        UnknownNameError: an unknown setting.
        UsageError: no such file, not TOML, or a value of the wrong type or outside its range.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path.name} is too large for a preset.")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = "There is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UsageError(f"Cannot read the preset {path}: {reason}.") from error
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        reason = str(error).splitlines()[0][:100].removesuffix(".")
        raise UsageError(f"The preset {path.name} is not valid TOML: {reason}.") from error
    for entry in document:
        if entry not in _ENTRIES:
            raise UnknownNameError("entry", entry[:40], _ENTRIES, where=path.name)
    settings = document.get("settings", {})
    if not isinstance(settings, dict) or not settings:
        raise UsageError(f"The preset {path.name} needs a table [settings] with at least one setting.")
    summary = document.get("summary", "")
    source = document.get("source", "")
    if not isinstance(summary, str) or not isinstance(source, str) or not f"{summary}{source}".isprintable():
        raise UsageError(f"The summary and the source in {path.name} are one line of text each.")
    return Preset(path.stem, summary, source or path.name, _checked(settings, path.name))


def _checked(settings: dict[str, Any], name: str) -> dict[str, Any]:
    types = {entry.name: str(entry.type) for entry in fields(Plan)}
    for key, value in settings.items():
        if key not in types:
            raise UnknownNameError("setting", key[:40], types, where=name)
        if key in PERSONAL:
            raise UsageError(f"The setting {key!r} in {name} belongs to one dream. Give it as an option.")
        if value == "none" and types[key].endswith("| None"):  # TOML has no null
            settings[key] = None
    try:
        Plan.from_dict(settings)
    except UsageError as error:
        raise UsageError(f"In the preset {name}: {error}") from error
    if ("rate" in settings or settings.get("stop_at")) and "strength" not in settings:
        settings["strength"] = None  # as with options: the rate, or the distance, decides
    return settings


def preset_text(plan: Plan, *, summary: str = "") -> str:
    """The text of a file with the settings of ``plan``, without those that belong to one dream.

    >>> print(preset_text(Plan(steps=20)).splitlines()[5])
    steps = 20
    """
    left_out = {*PERSONAL, *(CONDITIONING if plan.conditioning else ())}
    lines = [f"summary = {_toml(summary)}", "", "[settings]"]
    for name, value in plan.to_dict().items():
        if name not in left_out:
            lines.append(f"{name} = {_toml('none' if value is None else value)}")
    return "\n".join(lines)


def _toml(value: object) -> str:
    """A string, number or boolean, which JSON spells as TOML does.

    The delete character is the exception: JSON allows it in a string as it is, TOML does not.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
