"""The recipe inside a picture: everything that is needed to make it again, and nothing private.

It holds base names and hashes, never absolute paths or user names. A recipe that is read back is a stranger's
text: strict JSON, known keys, checked types and ranges, and no path in it is ever followed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from typing import Any

from deepdream import __version__
from deepdream.errors import PictureError
from deepdream.plan import Plan
from deepdream.provenance.resources import is_pinned

SCHEMA = 1
MAX_SETTING = 2000  # characters; an objective can have many terms
_HEX = frozenset("0123456789abcdef")


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
        together: How many pictures of its size went through the network with it, itself included.
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
    together: int = 1
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
    found = {"python": platform.python_version(), "deepdream": __version__}
    for package in ("torch", "torchvision", "pillow", "numpy", "timm"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    from deepdream import native  # loads torch, which a recipe that is only read does without

    return found | {"kernels": native.kind()}


def read_recipe_text(text: str) -> Recipe:
    """The recipe in ``text``, which may come from anyone.

    Raises:
        PictureError: not a recipe, a newer schema, or values that cannot be right.
        UsageError: a plan with unknown settings or values outside their range.
    """
    values = _json_object(text)
    if values.get("schema") != SCHEMA:
        schema = repr(values.get("schema"))[:40]
        raise PictureError(f"This recipe has schema {schema}; this version reads {SCHEMA}.")
    known = {entry.name for entry in fields(Recipe)}
    unknown = sorted(set(values) - known - {"schema", "tool"})
    if unknown:
        raise PictureError(
            f"The recipe holds unknown entries: {', '.join(repr(key[:40]) for key in unknown[:5])}."
        )
    try:
        return _checked({name: values[name] for name in known & set(values)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = repr(error.args[0])[:80] + " is missing" if isinstance(error, KeyError) else str(error)[:80]
        raise PictureError(f"The recipe inside this picture is damaged: {reason}.") from error


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
    """Every entry looked at: what is printed is printable, what is counted is small, what is a name is no path."""
    mask = values["plan"].get("mask")
    if mask and not (isinstance(mask, str) and is_pinned(mask)):
        raise ValueError("the mask is a path, which is not followed")
    rest: dict[str, Any] = {
        "plan": Plan.from_dict({name: _plan_value(value) for name, value in values["plan"].items()}),
        "model": _model(values["model"]),
        "networks": tuple(_model(entry) for entry in values.get("networks", ())),
        "input": _input(values["input"]),
        "octaves": tuple(
            (_count(h, "an octave"), _count(w, "an octave")) for h, w in values.get("octaves", ())
        ),
        "shrinks": tuple(
            (_count(step, "a step"), _count(core, "a tile")) for step, core in values.get("shrinks", ())
        ),
        "versions": {
            _text(k, "a version"): _text(v, "a version") for k, v in values.get("versions", {}).items()
        },
        "measures": {
            _text(k, "a measure"): _number(v, "a measure") for k, v in values.get("measures", {}).items()
        },
        "gains": tuple(_number(value, "a gain") for value in values.get("gains", ())),
        "before": _predictions(values.get("before", ())),
        "after": _predictions(values.get("after", ())),
        "score": None if values.get("score") is None else _number(values["score"], "the score"),
        "finished": _one_of(values.get("finished", True), (True, False), "finished"),
        "bits": _one_of(values.get("bits", 8), (8, 16), "bits"),
        "device": _text(values.get("device", "cpu"), "the device"),
        "decided_by": _text(values.get("decided_by", ""), "decided_by"),
        "threads": _count(values["threads"], "threads", most=1024),
        "together": _count(values.get("together", 1), "together", most=1024),
    }
    return Recipe(
        width=_count(values["width"], "the width"), height=_count(values["height"], "the height"), **rest
    )


def _input(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _base_name(values["name"], "the input's name"),
        "sha256": _digest(values["sha256"], "the input's hash"),
        "width": _count(values["width"], "the input's width"),
        "height": _count(values["height"], "the input's height"),
        "range": _text(values.get("range", "auto"), "the input's range"),
    }


def _base_name(value: Any, what: str) -> str:
    name = _text(value, what)
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise ValueError(f"{what} is not a base name")
    return name


def _model(values: Mapping[str, Any]) -> dict[str, Any]:
    digest = values.get("sha256")
    code = {}
    if values.get("code"):
        code["code"] = _base_name(values["code"], "the network's file")
        code["code_sha256"] = _digest(values["code_sha256"], "the hash of the network's file")
    return {
        "name": _text(values["name"], "the network's name"),
        "origin": _text(values.get("origin", "unknown"), "the weights' origin"),
        "sha256": None if digest is None else _digest(digest, "the weights' hash"),
        "license": _text(values.get("license", "unknown"), "the weights' license"),
        **code,
    }


def _predictions(values: Any) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(
            _count(entry["index"] + 1, "a class") - 1,
            _text(entry["label"], "a class"),
            _number(entry["probability"], "a probability"),
        )
        for entry in values[:10]
    )


def _plan_value(value: Any) -> Any:
    return _text(value, "a setting", most=MAX_SETTING) if isinstance(value, str) else value


def _text(value: Any, what: str, *, most: int = 300) -> str:
    # A stranger's text is shown in a terminal, where control characters are commands.
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ValueError(f"{what} is not a short line of text")
    return value


def _count(value: Any, what: str, *, most: int = 1_000_000) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{what} is not a whole number from 1 to {most}")
    return value


def _number(value: Any, what: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -1e300 < value < 1e300:
        raise ValueError(f"{what} is not a finite number")
    return value


def _one_of(value: Any, choices: tuple[Any, ...], what: str) -> Any:
    if type(value) is not type(choices[0]) or value not in choices:
        raise ValueError(f"{what} is none of {', '.join(map(str, choices))}")
    return value


def _digest(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= _HEX:
        raise ValueError(f"{what} is not a SHA-256")
    return value
