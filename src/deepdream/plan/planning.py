"""From a preset, or from the plan of a dream, and other settings to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from deepdream.errors import UnknownNameError, UsageError
from deepdream.plan.dream_settings import CONDITIONING, PERSONAL, Plan
from deepdream.plan.preset_files import is_preset_file, own_preset_files, read_preset
from deepdream.plan.presets import PRESETS, Preset


def find_preset(name: str) -> Preset:
    """The built-in preset ``name``, the user's own of that name, or that in a file ``name`` (``FILE.toml``).

    Raises:
        UnknownNameError: no such preset.
        UsageError: a file that cannot be read.
    """
    if name in PRESETS:
        return PRESETS[name]
    if is_preset_file(name):
        return read_preset(name)
    # Built-in names come first, so that a command in the documentation means the same on every machine.
    own = own_preset_files()
    if name not in own:
        raise UnknownNameError("preset", name[:60], [*PRESETS, *own], listing="deepdream presets")
    return read_preset(own[name])


def plan_for(preset: str = "balanced", **overrides: Any) -> Plan:
    """The settings of ``preset`` with ``overrides`` (those that are not None) in their place.

    A conditioning replaces the settings of the preset in ``CONDITIONING``, and each of these replaces its
    conditioning. A rate without a strength lets the rate decide how strong the dream becomes; a distance to stop at
    replaces the strength, and a strength the distance.

    Raises:
        UnknownNameError: no such preset or setting.
        UsageError: a value outside its range, settings that exclude each other, or a damaged file of a preset.
    """
    chosen = find_preset(preset)
    return override(replace(Plan(), preset=chosen.name, **chosen.settings), overrides)


def override(plan: Plan, overrides: Mapping[str, Any]) -> Plan:
    """``plan`` with ``overrides`` (those that are not None) in place of its settings, as in ``plan_for``."""
    given = {name: value for name, value in overrides.items() if value is not None}
    known = [entry.name for entry in fields(Plan)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    replaced = [name for name in CONDITIONING if name in given]
    if given.get("conditioning") and replaced:
        raise UsageError(f"Give a conditioning or {', '.join(replaced)}, not both.")
    if "stop_at" in given and "strength" in given:
        raise UsageError("Give a strength or a distance to stop at, not both.")
    # A setting that is given switches off the one that it excludes, whichever of them the preset has.
    settings = dict(given)
    if replaced:
        settings["conditioning"] = ""
    if "strength" in given:
        settings["stop_at"] = ""
    elif "rate" in given or "stop_at" in given:
        settings["strength"] = None
    return replace(plan, **settings)


def plan_like(plan: Plan) -> Plan:
    """``plan`` for another picture: the settings that belong to one dream (``PERSONAL``) have their defaults.

    What is optimized, the preset's name and the seed are kept.
    """
    names = ("objective", "preset", "seed")
    defaults = Plan().to_dict()
    return replace(plan, **{name: defaults[name] for name in PERSONAL if name not in names})
