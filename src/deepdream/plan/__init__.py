"""Every setting of a dream, and the presets that are named sets of them, without torch."""

from deepdream.plan.dream_settings import CONDITIONING, PARAMETERIZATION_NAMES, PERSONAL, Plan
from deepdream.plan.planning import find_preset, override, plan_for, plan_like
from deepdream.plan.preset_files import own_preset_files, preset_text, presets_folder, read_preset
from deepdream.plan.presets import PRESETS, Preset
from deepdream.plan.written_values import Magnitudes, parse_magnitudes, parse_stop

__all__ = [
    "CONDITIONING",
    "PARAMETERIZATION_NAMES",
    "PERSONAL",
    "PRESETS",
    "Magnitudes",
    "Plan",
    "Preset",
    "find_preset",
    "override",
    "own_preset_files",
    "parse_magnitudes",
    "parse_stop",
    "plan_for",
    "plan_like",
    "preset_text",
    "presets_folder",
    "read_preset",
]
