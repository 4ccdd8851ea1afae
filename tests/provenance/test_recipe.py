"""Recipes: what is written comes back, and what a stranger wrote is looked at before it is believed."""

from __future__ import annotations

import copy
import getpass
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdream import __version__
from deepdream.errors import DeepDreamError, PictureError, UsageError
from deepdream.plan import PRESETS, Plan, plan_for
from deepdream.provenance import Recipe, read_recipe_text, versions

GOOD = Recipe(
    plan=plan_for("classic", objective="layer(blocks.4) - 0.5*channel(blocks.3, 7)", seed=5),
    model={"name": "efficientnet_lite0", "origin": "package x", "sha256": "a" * 64, "license": "Apache-2.0"},
    input={"name": "kätzchen 1.jpg", "sha256": "0" * 64, "width": 640, "height": 480, "range": "minmax"},
    width=320,
    height=240,
    octaves=((120, 160), (240, 320)),
    threads=2,
    versions=versions(),
    score=1.25,
    measures={"strength": 0.09, "checkerboard": 1},
    finished=False,
    bits=16,
    decided_by="Zoë",
)
JSON: dict[str, Any] = json.loads(GOOD.to_text())


def text_with(path: tuple[str, ...], value: Any) -> str:
    values = copy.deepcopy(JSON)
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(values)


@pytest.mark.parametrize(
    "recipe", [GOOD, replace(GOOD, score=None, octaves=(), decided_by="", finished=True)]
)
def test_what_is_written_comes_back(recipe: Recipe) -> None:
    assert read_recipe_text(recipe.to_text()) == recipe


@pytest.mark.parametrize("name", PRESETS)
def test_every_recipe_of_ours_comes_back(name: str) -> None:
    assert read_recipe_text(replace(GOOD, plan=plan_for(name)).to_text()).plan == plan_for(name)


def test_it_is_one_line_of_json_with_its_schema() -> None:
    assert "\n" not in GOOD.to_text()
    assert JSON["schema"] == 1
    assert JSON["tool"] == f"deepdream {__version__}"
    assert JSON["plan"] == GOOD.plan.to_dict()


def test_it_holds_nothing_private() -> None:
    text = GOOD.to_text()
    assert str(Path.home()) not in text
    assert f'"{getpass.getuser()}"' not in text
    assert str(Path.cwd()) not in text


def test_versions_are_of_everything_that_changes_a_picture() -> None:
    import torch

    assert versions()["torch"] == torch.__version__.partition("+")[0]
    assert {"python", "deepdream", "torch", "torchvision", "pillow", "numpy"} <= set(versions())
    assert versions()["kernels"] in ("AVX-512", "AVX2", "none")


def test_changed_versions_are_named() -> None:
    then = {**versions(), "torch": "1.0", "lost": "3"}
    assert replace(GOOD, versions=then).changed_versions() == {
        "torch": ("1.0", versions()["torch"]),
        "lost": ("3", "absent"),
    }
    assert GOOD.changed_versions() == {}


# A stranger's text.

HOSTILE = [
    *[
        (("input", "name"), name)
        for name in ("../cat.jpg", "/etc/passwd", "a\\b", "", ".", "..", "a\0b", 3, None)
    ],
    (("input", "name"), "cat\x1b]0;owned\x07.jpg"),
    (("input", "name"), "cat\n.jpg"),
    (("input", "name"), "\ud800.jpg"),
    (("input", "name"), "x" * 5000),
    *[(("input", "sha256"), digest) for digest in ("", "0" * 63, "G" * 64, "A" * 64, 0, ["0"] * 64)],
    *[
        ((side,), size)
        for side in ("width", "height")
        for size in (0, -1, 10**7, 10**400, 2.5, "3", True, None)
    ],
    *[(("threads",), count) for count in (0, 10**6, True, "2")],
    *[(("model", "name"), name) for name in (3, None, "a\x1b[2J", "x" * 1000)],
    (("model", "sha256"), "zz"),
    (("model", "origin"), {"a": 1}),
    (("model",), []),
    (("model",), "efficientnet_lite0"),
    (("input",), None),
    (("plan",), []),
    (("plan",), "classic"),
    *[
        (("octaves",), value)
        for value in (5, [[1]], [[1, 2, 3]], [["a", "b"]], [[0, 1]], {"a": 1}, [[10**9, 1]])
    ],
    *[(("versions",), value) for value in (["torch"], {"torch": 2}, {"torch": "\x1b[0m"}, "2.0")],
    *[
        (("measures",), value)
        for value in ({"strength": "high"}, {"strength": 1e999}, {"strength": True}, [1])
    ],
    *[(("score",), value) for value in ("high", 1e999, [], True)],
    *[(("finished",), value) for value in (0, "yes", None)],
    *[(("bits",), value) for value in (12, "8", True, 8.0)],
    *[(("decided_by",), value) for value in (3, "\x1b", "x" * 1000)],
    (("device",), ["cpu"]),
    (("plan", "objective"), "layer(a)\x1b[31m"),
    (("plan", "objective"), "x" * 5000),
    (("schema",), 2),
    (("schema",), None),
    (("schema",), "1" * 10_000),
    (("unknown",), 1),
    (("__class__",), 1),
    (("x" * 5000,), 1),
]


@pytest.mark.parametrize(
    ("path", "value"), HOSTILE, ids=[f"{'.'.join(p)[:20]}-{i}" for i, (p, _) in enumerate(HOSTILE)]
)
def test_hostile_values_are_refused_in_one_short_line(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(PictureError) as caught:
        read_recipe_text(text_with(path, value))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 300


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 10**9), ("seed", 10**400), ("rate", 1e300), ("zzz", 1), ("steps", [[]]), ("steps", True)],
)
def test_a_plan_out_of_range_is_a_usage_error(name: str, value: Any) -> None:
    with pytest.raises(UsageError):
        read_recipe_text(text_with(("plan", name), value))


@pytest.mark.parametrize(
    "key", [("plan",), ("model",), ("input",), ("width",), ("threads",), ("input", "sha256")]
)
def test_what_is_missing_is_named(key: tuple[str, ...]) -> None:
    values = copy.deepcopy(JSON)
    place = values
    for part in key[:-1]:
        place = place[part]
    del place[key[-1]]
    with pytest.raises(PictureError, match=f"'{key[-1]}' is missing"):
        read_recipe_text(json.dumps(values))


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "[]", "1", "null", '"text"', "{", '{"schema": NaN}', '{"a": Infinity}', "[" * 60_000,
        '{"a":' * 20_000, '{"schema": 1' + "0" * 5000 + "}", "\ufeff{}", '{"schema": 1}',
    ],
)  # fmt: skip
def test_text_that_is_no_recipe(text: str) -> None:
    with pytest.raises(PictureError):
        read_recipe_text(text)


def test_infinity_by_overflow_is_no_number() -> None:
    with pytest.raises(PictureError, match="score is not a finite number"):
        read_recipe_text(GOOD.to_text().replace('"score":1.25', '"score":1e999'))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [(key,) for key in JSON] + [(outer, key) for outer in ("plan", "input", "model") for key in JSON[outer]]
)


@given(PLACES, ANY)
@settings(max_examples=300, deadline=None)
def test_anything_anywhere_is_refused_or_believed_and_usable(path: tuple[str, ...], value: Any) -> None:
    try:
        recipe = read_recipe_text(text_with(path, value))
    except (PictureError, UsageError):
        return
    assert read_recipe_text(recipe.to_text()) == recipe
    assert isinstance(recipe.plan, Plan)
    assert "/" not in recipe.input["name"]


@given(st.text(max_size=60) | st.text(alphabet='{}[]":,0123456789eE.-planschem', max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_deliberate_error(text: str) -> None:
    with pytest.raises(DeepDreamError):
        read_recipe_text(text)
