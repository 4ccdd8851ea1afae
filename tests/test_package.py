"""The package itself: importing it costs nothing, and what it offers is what is there."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import deepdream

HEAVY = ("torch", "torchvision", "timm", "captum", "PIL", "matplotlib", "sklearn", "numpy", "rich")


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not modules_after("import deepdream") & set(HEAVY)


def test_the_settings_need_no_torch() -> None:
    loaded = modules_after("from deepdream.plan import Plan, plan_for; plan_for('classic')")
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("package", ["lecture", "lessons", "attribution", "models"])
def test_importing_a_package_for_a_discussion_loads_no_torch(package: str) -> None:
    assert "torch" not in modules_after(f"import deepdream.{package}")


def test_everything_promised_is_there_and_documented() -> None:
    assert set(deepdream.__all__) <= set(dir(deepdream))
    for name in dir(deepdream):
        assert getattr(deepdream, name) is not None


def test_no_public_name_is_the_name_of_a_module() -> None:
    modules = {path.stem for path in Path(deepdream.__file__).parent.glob("*.py")} - {"__init__", "__main__"}
    rooms = {path.parent.name for path in Path(deepdream.__file__).parent.glob("*/__init__.py")}
    assert not set(deepdream.__all__) & (modules | rooms)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'deepdream' has no attribute 'nothing'"):
        deepdream.nothing  # noqa: B018


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert deepdream.__version__ == metadata.version("deepdream")


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deepdream", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"deepdream {deepdream.__version__}\n"
