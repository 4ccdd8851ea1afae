"""Errors: one exit code each, and a text that says the next step."""

from __future__ import annotations

import pickle

import pytest

from deepdream import errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DeepDreamError", 1),
        ("UsageError", 2),
        ("UnknownNameError", 2),
        ("PictureError", 3),
        ("WeightsError", 4),
        ("MemoryExhaustedError", 5),
        ("SomeInputsFailedError", 6),
        ("OutputError", 7),
    ],
)
def test_each_error_has_its_documented_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code
    assert issubclass(getattr(errors, name), errors.DeepDreamError)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_an_interrupted_run_ends_with_128_plus_the_signal(number: int, code: int) -> None:
    assert errors.InterruptedRunError("stopped", number).exit_code == code


def test_an_unknown_name_gives_the_nearest_and_where_to_look() -> None:
    error = errors.UnknownNameError(
        "layer", "block4", ["blocks.4", "conv_stem"], where="net", listing="deepdream layers"
    )
    assert str(error) == "No layer 'block4' in net. Did you mean 'blocks.4'? `deepdream layers` lists all."
    assert error.suggestions == ["blocks.4"]


def test_only_the_case_was_wrong() -> None:
    error = errors.UnknownNameError("model", "RESNET50", ["resnet5", "resnet50", "resnet500"])
    assert error.suggestions == ["resnet50"]


def test_without_a_near_name_a_short_list_is_shown_whole() -> None:
    error = errors.UnknownNameError("recipe", "zzz", ["classic", "natural"])
    assert str(error) == "No recipe 'zzz'. There are: classic, natural."
    many = errors.UnknownNameError("layer", "zzz", [f"blocks.{i}" for i in range(20)])
    assert str(many) == "No layer 'zzz'."


def test_a_name_with_line_breaks_stays_on_one_line() -> None:
    assert "\n" not in str(errors.UnknownNameError("layer", "a\nb", []))


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownNameError("layer", "block4", ["blocks.4"], where="tiny", listing="deepdream layers"),
        errors.InterruptedRunError("stopped.", 15),
        errors.OutputError("The disk is full."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_processes(error: errors.DeepDreamError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.exit_code) == (type(error), str(error), error.exit_code)
    assert vars(copy) == vars(error)
