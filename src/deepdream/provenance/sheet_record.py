"""The description inside a sheet of a sweep or an atlas: what was varied or shown, and how each cell came out.

As a recipe it is a stranger's text when it is read back: strict JSON, known keys, checked types, nothing followed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from deepdream import __version__
from deepdream.errors import PictureError
from deepdream.provenance.recipe import SCHEMA
from deepdream.provenance.recipe_reading import MAX_SETTING

_KINDS = ("sweep", "atlas")


@dataclass(frozen=True)
class SheetRecord:
    """What a sheet shows.

    Attributes:
        axes: Names of the settings that were varied, the one across first, each with its values.
        fixed: Settings that are the same for all cells and not the recipe's own.
        input: ``name`` and ``sha256`` of the picture.
        cells: For each cell ``settings``, and ``measures`` or an ``error``; the whole recipe of a cell stands in
            the cell's own picture.
        finished: False where the sweep was stopped before its end.
        kind: sweep or atlas.
    """

    axes: Mapping[str, list[Any]]
    fixed: Mapping[str, Any]
    input: Mapping[str, str]
    cells: tuple[Mapping[str, Any], ...]
    finished: bool = True
    kind: str = "sweep"

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"schema": SCHEMA, "tool": f"deepdream {__version__}", **asdict(self)}

    def to_text(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def is_sheet_text(text: str) -> bool:
    """Whether ``text`` claims to describe a sheet."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("kind") in _KINDS


def read_sheet_text(text: str) -> SheetRecord:
    """The description in ``text``, which may come from anyone.

    Raises:
        PictureError: not a description of a sheet, or values that cannot be right.
    """
    try:
        values = json.loads(text)
        if values["schema"] != SCHEMA or set(values) - {"schema", "tool"} != set(_NAMES):
            raise ValueError
        _check(values)
        return SheetRecord(**{**{name: values[name] for name in _NAMES}, "cells": tuple(values["cells"])})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise PictureError("The description inside this sheet is damaged.") from error


_NAMES = tuple(entry.name for entry in fields(SheetRecord))


def _check(values: Mapping[str, Any]) -> None:
    for value in _leaves({name: values[name] for name in _NAMES}):
        if isinstance(value, str) and not (value.isprintable() and len(value) <= MAX_SETTING):
            raise ValueError  # a stranger's text is shown in a terminal
    kinds = {"axes": dict, "fixed": dict, "input": dict, "cells": list, "finished": bool}
    if values["kind"] not in _KINDS:
        raise ValueError
    if any(type(values[name]) is not kind for name, kind in kinds.items()):
        raise TypeError
    if not all(isinstance(axis, list) for axis in values["axes"].values()):
        raise TypeError
    if not all(isinstance(cell["settings"], dict) for cell in values["cells"]):
        raise TypeError


def _leaves(value: Any) -> list[Any]:
    """Every key and value in nested lists and objects."""
    if isinstance(value, dict):
        return [*value, *(leaf for part in value.values() for leaf in _leaves(part))]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]
