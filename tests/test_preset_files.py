"""The user's own presets: TOML files in a folder or given by their path."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from tests.test_plan import PLANS

from deepdream.errors import UnknownNameError, UsageError
from deepdream.plan import PRESETS, Plan, find_preset, own_preset_files, plan_for, preset_text, presets_folder
from deepdream.plan.dream_settings import CONDITIONING, PERSONAL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of presets, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "deepdream" / "presets"
    own.mkdir(parents=True)
    return own


def test_a_file_in_the_folder_is_a_preset_of_its_name(folder: Path) -> None:
    (folder / "mine.toml").write_text('summary = "soft"\n[settings]\noctaves = 3\nstrength = "none"\n')
    assert list(own_preset_files()) == ["mine"]
    assert plan_for("mine", steps=9) == Plan(preset="mine", octaves=3, strength=None, steps=9)
    assert find_preset("mine").summary == "soft"


def test_a_file_is_read_from_anywhere_and_its_path_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text("[settings]\nrate = 0.01\n")
    plan = plan_for(str(path))
    assert plan == Plan(preset="other", rate=0.01, strength=None)
    assert str(tmp_path) not in repr(plan.to_dict())


def test_the_folder_is_that_of_the_home_where_the_variable_is_not_an_absolute_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert presets_folder() == tmp_path / ".config" / "deepdream" / "presets"
    assert own_preset_files() == {}


@given(PLANS)
def test_the_settings_of_any_plan_come_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, values
) -> None:
    plan = Plan(**values)
    path = tmp_path_factory.mktemp("presets") / "one.toml"
    path.write_text(preset_text(plan), encoding="utf-8")
    again = plan_for(str(path))
    ignored = {*PERSONAL, *(CONDITIONING if plan.conditioning else ())}
    for entry in dataclasses.fields(Plan):
        if entry.name not in ignored:
            assert getattr(again, entry.name) == getattr(plan, entry.name)


def test_a_control_character_is_escaped(tmp_path: Path) -> None:
    """TOML allows the delete character in no string, JSON does."""
    path = tmp_path / "one.toml"
    path.write_text(preset_text(Plan(transforms=""), summary="a\x7f\t\x01 b"))
    assert tomllib.loads(path.read_text())["summary"] == "a\x7f\t\x01 b"


@pytest.mark.parametrize("name", PRESETS)
def test_a_built_in_preset_written_and_read_gives_the_same_plan(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(preset_text(plan_for(name)))
    assert plan_for(str(path)) == plan_for(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[settings\n", r"The preset bad.toml is not valid TOML: "),
        ("summary = 'x'\n", r"The preset bad.toml needs a table \[settings\] with at least one setting."),
        ("settings = 3\n", r"needs a table \[settings\]"),
        ("[settings]\noctavs = 3\n", r"No setting 'octavs' in bad.toml. Did you mean 'octaves'"),
        ("[setings]\noctaves = 3\n", r"No entry 'setings' in bad.toml. Did you mean 'settings'"),
        ("[settings]\noctaves = 99\n", r"In the preset bad.toml: octaves must lie between 1 and 20, not 99."),
        ("[settings]\noctaves = '3'\n", r"In the preset bad.toml: The setting 'octaves' takes int, not '3'."),
        (
            "[settings]\nsmoothing = 'cascad'\n",
            r"In the preset bad.toml: No smoothing 'cascad'. Did you mean 'cascade'",
        ),
        ("[settings]\nmask = 'm.png'\n", r"The setting 'mask' in bad.toml belongs to one dream."),
        ("summary = 3\n[settings]\nsteps = 3\n", r"The summary and the source in bad.toml are one line"),
        ("[settings]\nrate = nan\n", r"rate must lie between"),
        ("a = " + "[" * 5000, r"The preset bad.toml is not valid TOML"),
        ("#" * 200_000, r"bad.toml is too large for a preset"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(folder: Path, text: str, message: str) -> None:
    (folder / "bad.toml").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        plan_for("bad")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_utf8_or_not_there(folder: Path) -> None:
    (folder / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not valid TOML"):
        plan_for("bad")
    with pytest.raises(UsageError, match=re.escape("absent.toml: There is no such file")):
        plan_for("absent.toml")


def test_the_nearest_name_is_one_of_the_built_in_and_own_presets(folder: Path) -> None:
    (folder / "misty.toml").write_text("[settings]\nsteps = 3\n")
    with pytest.raises(UnknownNameError, match=r"No preset 'mysty'\. Did you mean 'misty'"):
        plan_for("mysty")


def test_an_option_beside_a_preset_wins(folder: Path) -> None:
    (folder / "mine.toml").write_text("[settings]\nconditioning = 'unit(std)'\nstop_at = 'l2=0.1'\n")
    assert plan_for("mine").strength is None
    assert plan_for("mine", strength=0.2).stop_at == ""
    plan = plan_for("mine", smoothing="gaussian")
    assert (plan.conditioning, plan.smoothing) == ("", "gaussian")
