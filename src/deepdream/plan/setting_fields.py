"""A setting as a dataclass field: its default, help text, range, unit and choices, and the check of a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from deepdream.errors import UnknownNameError, UsageError

_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: Sequence[str] = (),
) -> Any:
    """A dataclass field with its default, help text, range, unit and choices."""
    meta = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices}
    return field(default=default, metadata=meta)


def check_value(name: str, value: Any, annotation: str, meta: Mapping[str, Any]) -> None:
    """Raises UsageError: ``value`` is not of the annotated type, or lies outside the range or the choices."""
    types = _TYPES[annotation.removesuffix(" | None")]
    # In Python a bool is an int: True must not pass for the number 1.
    fits = isinstance(value, types) and (not isinstance(value, bool) or bool in types)
    if not (annotation.endswith("| None") if value is None else fits):
        raise UsageError(f"The setting {name!r} takes {annotation}, not {repr(value)[:40]}.")
    if meta["choices"] and value not in meta["choices"]:
        raise UnknownNameError(name, str(value)[:40], meta["choices"])
    if value is None or isinstance(value, (str, bool)):
        return
    low, high = meta["low"], meta["high"]
    if not low <= value <= high:  # False for NaN; an int may be too large for a float
        raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {str(value)[:20]}.")
