"""The recipe inside a picture: everything that is needed to make it again, and nothing private.

It holds base names and hashes, never absolute paths or user names. A recipe that is read back is a stranger's
text: strict JSON, known keys, checked types and ranges, and no path in it is ever followed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any

from deepdream import __version__
from deepdream.errors import PictureError
from deepdream.plan import Plan

SCHEMA = 1
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Recipe:
    """What made a picture.

    Attributes:
        plan: Every resolved setting.
        model: ``name``, ``origin``, ``sha256`` and ``license`` of the network's weights.
        input: ``name`` (base name), ``sha256`` of the file, ``width`` and ``height`` before any resize,
            ``range`` (how its numbers were read).
        width, height: Of the picture that was made.
        octaves: [height, width] of each.
        device, threads: What it ran on; the CPU gives the same bits only for the same number of threads.
        versions: Of Python and the packages that matter.
        score: The objective before the last step.
        measures: Numbers about the change.
        finished: False in a picture that was interrupted.
        decided_by: The person accountable for a decision that rests on the picture, if one was named.
    """

    plan: Plan
    model: Mapping[str, Any]
    input: Mapping[str, Any]
    width: int
    height: int
    octaves: tuple[tuple[int, int], ...] = ()
    device: str = "cpu"
    threads: int = 1
    versions: Mapping[str, str] = field(default_factory=dict)
    score: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    finished: bool = True
    decided_by: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        values = {**asdict(self), "plan": self.plan.to_dict()}
        return {"schema": SCHEMA, "tool": f"deepdream {__version__}", **values}

    def to_text(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def changed_versions(self) -> dict[str, tuple[str, str]]:
        """Packages whose version then and now differ, as (then, now)."""
        now = versions()
        return {
            name: (then, now.get(name, "absent"))
            for name, then in self.versions.items()
            if now.get(name, "absent") != then
        }


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    found = {"python": platform.python_version(), "deepdream": __version__}
    for package in ("torch", "torchvision", "pillow", "numpy", "timm"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def read_recipe_text(text: str) -> Recipe:
    """The recipe in ``text``, which may come from anyone.

    Raises:
        PictureError: not a recipe, a newer schema, or values that cannot be right.
        UsageError: a plan with unknown settings or values outside their range.
    """
    values = _json_object(text)
    if values.get("schema") != SCHEMA:
        raise PictureError(f"This recipe has schema {values.get('schema')!r}; this version reads {SCHEMA}.")
    known = {entry.name for entry in fields(Recipe)}
    unknown = sorted(set(values) - known - {"schema", "tool"})
    if unknown:
        raise PictureError(f"The recipe holds unknown entries: {', '.join(unknown[:5])}.")
    try:
        return _checked({name: values[name] for name in known & set(values)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PictureError(f"The recipe inside this picture is damaged ({error}).") from error


def _json_object(text: str) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        values = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise PictureError("The recipe inside this picture is not readable JSON.") from error
    if not isinstance(values, dict):
        raise PictureError("The recipe inside this picture is not a JSON object.")
    return values


def _checked(values: dict[str, Any]) -> Recipe:
    name, digest = values["input"]["name"], values["input"]["sha256"]
    if not isinstance(name, str) or "/" in name or "\\" in name or "\0" in name or name in ("", ".", ".."):
        raise ValueError("the input's name is not a base name")
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= _HEX:
        raise ValueError("the input's hash is not a SHA-256")
    for side in ("width", "height", "threads"):
        if not isinstance(values[side], int) or not 1 <= values[side] <= 1_000_000:
            raise ValueError(f"{side} is {values[side]!r}")
    if not isinstance(values["model"]["name"], str):
        raise TypeError("the model has no name")
    values["octaves"] = tuple((int(h), int(w)) for h, w in values.get("octaves", ()))
    return Recipe(**{**values, "plan": Plan.from_dict(values["plan"])})
