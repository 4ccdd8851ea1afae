"""The settings of a dream as options of ``run``, and the plan that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from deepdream.cli.options import MaskOption, PresetOption, Settings, setting
from deepdream.errors import UsageError
from deepdream.plan import Plan, override, plan_for

if TYPE_CHECKING:
    from deepdream.dreaming.axes import Value


@dataclass(frozen=True)
class DreamSettings(Settings):
    """One option for each setting; None where it is not given."""

    relu: Annotated[str | None, setting("relu")] = None
    preset: PresetOption = None
    strength: Annotated[float | None, setting("strength")] = None
    octaves: Annotated[int | None, setting("octaves")] = None
    octave_scale: Annotated[float | None, setting("octave_scale")] = None
    steps: Annotated[int | None, setting("steps")] = None
    rate: Annotated[float | None, setting("rate")] = None
    jitter: Annotated[int | None, setting("jitter")] = None
    color: Annotated[float | None, setting("color")] = None
    calm: Annotated[float | None, setting("calm")] = None
    stop_at: Annotated[str | None, setting("stop_at")] = None
    keep: Annotated[str | None, setting("keep")] = None
    blend: Annotated[float | None, setting("blend")] = None
    mask: MaskOption = None
    mask_outside: Annotated[bool | None, setting("mask_outside", "--mask-outside")] = None
    feather: Annotated[int | None, setting("feather")] = None
    seed: Annotated[int | None, setting("seed")] = None
    tile: Annotated[int | None, setting("tile")] = None
    tile_halo: Annotated[str | None, setting("tile_halo")] = None


def read_batch(text: str) -> int | None:
    """``--batch N``, or None for ``auto``. Raises UsageError."""
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UsageError(f"--batch is auto or a number from 1 to 1024, not {text[:20]!r}.")
    return int(text)


def plan_with(base: str | Plan, settings: Mapping[str, Value]) -> Plan:
    """A preset by its name, or a plan, with ``settings`` in place of its own.

    Raises:
        UsageError: a setting that has an option of its own.
    """
    from deepdream.dreaming.axes import BESIDES

    for name in (*BESIDES, "objective", "preset"):
        if name in settings:
            raise UsageError(f"Not --set {name}=...: it has an option of its own, --{name}.")
    nothing: dict[str, Any] = {name: None for name, value in settings.items() if value is None}
    plan = override(base, settings) if isinstance(base, Plan) else plan_for(base, **settings)
    return replace(plan, **nothing)
