"""Every command of docs/homework.md runs as it is written, in order, in one folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepdream.cli.main import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "homework.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(deepdream [^`]*)`", PAGE)
SLOW = (" -o ", "digits", "embed", "regression-vs", "2000", "lecture xor")
QUICK = [c for c in COMMANDS if c.startswith("deepdream lecture") and not any(word in c for word in SLOW)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's folder: the repository's pictures and three tables."""
    here = tmp_path_factory.mktemp("homework")
    (here / "images").symlink_to(ROOT / "images")
    (here / "own.csv").write_text("y,a,b\n0,0,1\n1,1,1\n1,0,1\n0,1,1\n".replace("1,0,1\n", "1,1,0\n"))
    rng = np.random.default_rng(0)
    numbers, survived = rng.normal(size=(60, 7)).round(2), np.arange(60) % 2
    numbers[:, 0] += survived
    rows = [",".join([*map(str, row), str(s)]) for row, s in zip(numbers, survived, strict=True)]
    (here / "titanic.csv").write_text("\n".join(["a,b,c,d,e,f,g,survived", *rows]))
    people = [
        f"{row[0]},{'man' if i % 3 else 'woman'},{s}"
        for i, (row, s) in enumerate(zip(numbers, survived, strict=True))
    ]
    (here / "people.csv").write_text("\n".join(["age,sex,survived", *people]))
    return here


def run(command: str) -> None:
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    assert result.stdout or " run " in command or "--sheet" in command


def test_the_page_names_every_lab() -> None:
    assert len(COMMANDS) >= 40
    assert "deepdream dream" not in PAGE


@pytest.mark.parametrize("command", QUICK)
def test_a_quick_command(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run(command)


@pytest.mark.slow
@pytest.mark.weights
def test_the_other_commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for command in COMMANDS:
        if command not in QUICK:
            run(command)


def test_the_python_on_the_page() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for line in code.splitlines() if line.startswith("train_notebook")]
    names: dict[str, object] = {}
    exec(code.splitlines()[0], names)
    assert [round(value, 3) for value in eval(lines[0].partition("#")[0], names)] == [
        0.297,
        0.838,
        0.84,
        0.295,
    ]
    assert [round(value, 3) for value in eval(lines[1].partition("#")[0], names)] == [
        0.007,
        0.994,
        0.994,
        0.006,
    ]
