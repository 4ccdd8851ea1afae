"""Settings: ranges, choices, published numbers, and settings that come from a stranger."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdream.errors import UnknownNameError, UsageError
from deepdream.plan import PRESETS, Plan, plan_for

FIELDS = {entry.name: entry for entry in dataclasses.fields(Plan)}
RANGED = {name: entry.metadata for name, entry in FIELDS.items() if entry.metadata["low"] is not None}
CHOSEN = {name: entry.metadata["choices"] for name, entry in FIELDS.items() if entry.metadata["choices"]}

#: Settings of which the plan itself reads the text.
SPELLED = {"stop_at": ["ssim=0.6", "l2=0.1"], "magnitudes": ["1 1.5 2; 0.5 1 1.25"]}


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Legal values of a setting, by its declaration."""
    entry = FIELDS[name]
    if name in CHOSEN:
        return st.sampled_from(CHOSEN[name])
    if name not in RANGED:
        if entry.name in SPELLED:
            return st.sampled_from(["", *SPELLED[entry.name]])
        return st.booleans() if entry.type == "bool" else st.text(max_size=20)
    low, high = RANGED[name]["low"], RANGED[name]["high"]
    if entry.type == "int":
        return st.integers(int(low), int(high))
    numbers = st.floats(low, high)
    return st.none() | numbers if "None" in entry.type else numbers


PLANS = st.fixed_dictionaries({name: values_of(name) for name in FIELDS})


@given(PLANS)
def test_every_legal_plan_survives_json(values: dict[str, Any]) -> None:
    plan = Plan(**values)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize("name", RANGED)
def test_both_ends_of_a_range_are_legal_and_the_next_numbers_are_not(name: str) -> None:
    low, high = RANGED[name]["low"], RANGED[name]["high"]
    whole = FIELDS[name].type == "int"
    for edge in (low, high):
        Plan(**{name: int(edge) if whole else edge})
    below, above = (int(low) - 1, int(high) + 1) if whole else (low - 1e-6, math.nextafter(high, 99))
    for value in (below, above):
        with pytest.raises(UsageError, match=f"{name} must lie between"):
            Plan(**{name: value})


@pytest.mark.parametrize("name", [name for name in RANGED if "float" in FIELDS[name].type])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_setting_is_nan_or_infinite(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} must lie between"):
        Plan(**{name: value})


@pytest.mark.parametrize("name", CHOSEN)
def test_a_choice_that_does_not_exist_is_answered_with_those_that_do(name: str) -> None:
    for choice in CHOSEN[name]:
        assert getattr(Plan(**{name: choice}), name) == choice
    with pytest.raises(UnknownNameError, match=f"No {name} 'zzz'. There are: {', '.join(CHOSEN[name])}"):
        Plan(**{name: "zzz"})


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plan().steps = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_explains_itself(name: str) -> None:
    text = FIELDS[name].metadata["help"]
    assert text[0].isupper()
    assert text.endswith(".")
    assert name in RANGED or name in CHOSEN or FIELDS[name].type in ("str", "bool")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": 3}, "No setting 'step'. Did you mean 'steps'"),
        ({"steps": "3"}, "The setting 'steps' takes int, not '3'"),
        ({"steps": 3.0}, "The setting 'steps' takes int, not 3.0"),
        ({"steps": True}, "The setting 'steps' takes int, not True"),
        ({"steps": None}, "The setting 'steps' takes int, not None"),
        ({"rate": True}, "The setting 'rate' takes float, not True"),
        ({"detail": 1}, "The setting 'detail' takes bool, not 1"),
        ({"objective": ["layer(a)"]}, "The setting 'objective' takes str"),
        ({"strength": {}}, "The setting 'strength' takes float"),
        ({"seed": 10**400}, "seed must lie between"),
        ({"rate": 10**400}, "rate must lie between"),
        ({"rate": 1e999}, "rate must lie between"),
        ({"seed": -(10**400)}, "seed must lie between"),
    ],
)
def test_settings_of_a_stranger_are_refused_with_their_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[")):
        Plan.from_dict(values)


@pytest.mark.parametrize("values", [{"steps": "3"}, {"steps": 2.5}, {"detail": "yes"}, {"objective": 3}])
def test_a_wrong_type_is_refused_in_python_too(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="takes"):
        Plan(**values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), JSON, max_size=4))
def test_any_json_gives_a_plan_or_a_usage_error(values: dict[str, Any]) -> None:
    try:
        plan = Plan.from_dict(values)
    except UsageError:
        return
    assert all(getattr(plan, name) == value for name, value in values.items())


# What the sources say. Google: dream.ipynb, make_step and deepdream. TensorFlow: render_lapnorm. Gordic:
# deepdream.py's defaults and utils.py's CascadeGaussianSmoothing. Distill: appendix of Feature Visualization. Fel: the
# paper's and xplique's 256 steps.
PUBLISHED = {
    "balanced": {},
    "classic": {
        "octaves": 4, "octave_scale": 1.4, "steps": 10, "rate": 1.5 / 255, "jitter": 32, "detail": True,
        "normalization": "mean-abs", "parameterization": "pixels", "smoothing": "none", "optimizer": "ascent",
        "reduction": "half-sum", "strength": None, "color": 0.0, "calm": 0.0, "zoom": 0.0,
    },
    "lapnorm": {
        "octaves": 3, "octave_scale": 1.4, "steps": 10, "rate": 1.0 / 255, "smoothing": "laplacian",
        "normalization": "none", "parameterization": "pixels", "strength": None, "color": 0.0, "calm": 0.0,
    },
    "smooth": {
        "octaves": 4, "octave_scale": 1.8, "steps": 10, "jitter": 32, "smoothing": "cascade", "blur": 0.5,
        "normalization": "std", "parameterization": "pixels", "detail": False, "strength": None, "calm": 0.0,
    },
    "natural": {
        "steps": 40, "rate": 0.03, "jitter": 16, "parameterization": "fourier", "optimizer": "adam",
        "smoothing": "none", "strength": None, "calm": 0.0,
    },
    "lucid": {
        "octaves": 1, "parameterization": "fourier", "optimizer": "adam", "smoothing": "cascade",
        "strength": None, "normalization": "none", "calm": 0.0,
    },
    "maco": {
        "steps": 256, "octaves": 1, "jitter": 0, "zoom": 0.0, "parameterization": "maco",
        "optimizer": "adam", "smoothing": "none",
        "strength": None, "normalization": "none", "calm": 0.0,
    },
    "pixels": {
        "rate": 0.05 / 4, "octaves": 1, "parameterization": "pixels", "optimizer": "adam", "smoothing": "none",
        "strength": None, "normalization": "none", "color": 0.0, "calm": 0.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_have_their_published_numbers(preset: str) -> None:
    plan = plan_for(preset)
    assert plan.preset == preset
    assert {name: getattr(plan, name) for name in PUBLISHED[preset]} == PUBLISHED[preset]


def test_gordics_rate_is_his_009_in_units_of_a_normalized_picture() -> None:
    mean_deviation = sum((0.229, 0.224, 0.225)) / 3  # of ImageNet's channels
    assert plan_for("smooth").rate == pytest.approx(0.09 * mean_deviation, rel=0.01)


def test_every_preset_names_its_source() -> None:
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert preset.summary
        assert preset.source
    assert "google/deepdream" in PRESETS["classic"].source


def test_the_default_plan_is_the_recipe_balanced() -> None:
    assert plan_for() == plan_for("balanced") == Plan()


def test_a_rate_without_a_strength_decides_alone() -> None:
    assert plan_for(rate=0.05).strength is None
    assert plan_for(rate=0.05, strength=0.1).strength == 0.1
    assert plan_for(steps=3).strength == Plan().strength
    assert plan_for("classic", strength=0.1).strength == 0.1


def test_options_that_were_not_given_change_nothing() -> None:
    assert plan_for("classic", steps=None, seed=3) == dataclasses.replace(plan_for("classic"), seed=3)


def test_a_message_about_a_huge_value_stays_short() -> None:
    for values in ({"steps": [1] * 9999}, {"x" * 9999: 1}, {"smoothing": "x" * 9999}):
        with pytest.raises(UsageError) as caught:
            Plan.from_dict(values)
        assert len(str(caught.value)) < 500


def test_unknown_recipes_and_settings_are_answered() -> None:
    with pytest.raises(UnknownNameError, match=r"No preset 'clasic'\. Did you mean 'classic'"):
        plan_for("clasic")
    with pytest.raises(UnknownNameError, match=r"No setting 'octave'\. Did you mean 'octaves'"):
        plan_for(octave=3)


@pytest.mark.parametrize(
    "text", ["1", "1 2 3", "1 2 3; 4 5", "a b c; d e f", "1 1 1; 1 1 -1", "nan 1 1; 1 1 1", "1 1 1; 1 1 11"]
)
def test_magnitudes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="Cannot read the magnitudes"):
        Plan(magnitudes=text)
