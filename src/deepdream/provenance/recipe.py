"""The recipe inside a picture: everything that is needed to make it again, and nothing private.

It holds base names and hashes, never absolute paths or user names. A recipe that is read back is a stranger's
text: strict JSON, known keys, checked types and ranges, and no path in it is ever followed.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from deepdream import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepdream.plan import Plan

SCHEMA = 1


@dataclass(frozen=True)
class Prediction:
    """One class that a network gives a picture, and how probable it says it is."""

    index: int
    label: str
    probability: float


@dataclass(frozen=True)
class Recipe:
    """What made a picture.

    Attributes:
        plan: Every resolved setting.
        model: ``name``, ``origin``, ``sha256`` and ``license`` of the network's weights; ``code`` and
            ``code_sha256`` where a function of the user's own made the network (``net.py:build``).
        input: ``name`` (base name), ``sha256`` of the file, ``width`` and ``height`` before any resize,
            ``range`` (how its numbers were read).
        width, height: Of the picture that was made.
        octaves: [height, width] of each.
        device, threads: What it ran on; the CPU gives the same bits only for the same number of threads.
        versions: Of Python and the packages that matter, and which compiled kernels ran.
        score: The objective before the last step.
        gains: For every octave the objective before its last step over that before its first.
        measures: Numbers about the change.
        before, after: The most probable classes of the picture before and after the dream.
        finished: False in a picture that was interrupted.
        bits: Per sample of the file.
        decided_by: The person accountable for a decision that rests on the picture, if one was named.
        networks: As ``model``, those that dreamed beside it.
        batch_size: How many pictures of its size went through the network with it, itself included.
        shrinks: Where memory ran out, (step, side of the tiles from there on).
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
    gains: tuple[float, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    before: tuple[Prediction, ...] = ()
    after: tuple[Prediction, ...] = ()
    finished: bool = True
    bits: int = 8
    decided_by: str = ""
    networks: tuple[Mapping[str, Any], ...] = ()
    batch_size: int = 1
    shrinks: tuple[tuple[int, int], ...] = ()

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
    return dict(_versions())


@cache  # reading them takes 20 ms, as long as two steps on a small picture
def _versions() -> Mapping[str, str]:
    versions = {"python": platform.python_version(), "deepdream": __version__}
    for package in ("torch", "torchvision", "pillow", "numpy", "timm"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    from deepdream import native  # loads torch, which a recipe that is only read does without

    return versions | {"kernels": native.kind()}
