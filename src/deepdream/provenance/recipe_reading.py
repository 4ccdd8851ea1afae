"""Reading a recipe back as untrusted input: strict JSON, known keys, checked types and ranges."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from deepdream.errors import PictureError
from deepdream.plan import Plan
from deepdream.provenance.recipe import SCHEMA, Prediction, Recipe
from deepdream.provenance.resources import is_pinned

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SETTING = 2000  # characters; an objective can have many terms


_HEX = frozenset("0123456789abcdef")


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
        "batch_size": _count(values.get("batch_size", 1), "batch_size", most=1024),
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
