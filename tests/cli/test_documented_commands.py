"""Every command and every make target in the README and the docs exists, with the options as written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from deepdream.cli.main import app

HOME = Path(__file__).parents[2]
PAGES = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]
PROSE = [*PAGES, HOME / "CONTRIBUTING.md", HOME / "ARCHITECTURE.md", HOME / "benchmarks" / "README.md"]
README = (HOME / "README.md").read_text("utf-8")


def shell_lines(text: str) -> list[str]:
    """The lines of the shell blocks of a page, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def commands_in(page: Path) -> list[str]:
    """What follows ``deepdream`` in shell blocks and between backticks."""
    text = page.read_text("utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose)]
    commands = [line.split(" | ")[0] for line in [*shell_lines(text), *spans]]
    return [line.removeprefix("deepdream ") for line in commands if line.startswith("deepdream ")]


def test_every_file_that_the_readme_reads_exists() -> None:
    """A newcomer types the README from the top: a file is shipped, or an earlier command wrote it."""
    written: set[str] = set()
    for line in shell_lines(README):
        words = shlex.split(line, comments=True)
        files = {w for w in words if re.search(r"\.(png|jpe?g|webp|npy|html|safetensors|pth)$", w)}
        outputs = {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-o", "--page")}
        missing = [name for name in files - outputs - written if not (HOME / name).exists()]
        assert not missing, line
        written |= outputs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    commands = commands_in(page)
    assert commands, f"{page.name} has no command; remove it from PAGES"
    for line in commands:
        words, command = shlex.split(line, comments=True), typer.main.get_command(app)
        if words[0].startswith("-"):  # such as --install-completion, which would do so when it is parsed
            known = {option for parameter in command.params for option in parameter.opts}
            assert words[0] in {*known, "--help"}, f"{page.name}: deepdream {line}"
            continue
        while words and not words[0].startswith("-") and hasattr(command, "get_command"):
            name = words.pop(0)
            command = command.get_command(None, name)  # raises UnknownNameError
            assert command is not None, f"{page.name}: deepdream {line}"
        if words and "--help" not in words:
            command.make_context(name, words)  # raises what the parser does not understand


def test_the_commands_of_a_page_are_found() -> None:
    """The patterns above find commands in blocks, with their comments, and between backticks."""
    assert sum(len(commands_in(page)) for page in PAGES) > 100
    assert "layers --sheet images/cat.jpg" in commands_in(HOME / "README.md")
    assert "lecture discuss all" in commands_in(HOME / "docs" / "discussion.md")
    assert any("# " in line for line in commands_in(HOME / "docs" / "dreaming.md"))


def test_every_make_target_exists() -> None:
    rules = re.findall(r"^([a-z][a-z -]*):", (HOME / "Makefile").read_text("utf-8"), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    for page in PROSE:
        text = page.read_text("utf-8")
        lines = [*re.findall(r"`make ([^`]+)`", text), *re.findall(r"^make ([a-z -]+)", text, re.MULTILINE)]
        for line in lines:
            assert set(line.split()) <= targets, f"{page.name}: make {line}"
    assert "contracts" in targets


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_source_files_that_are_named_exist(page: str) -> None:
    names = re.findall(r"`([a-z_/]*[a-z_]+\.py)`", (HOME / page).read_text("utf-8"))
    assert len(names) > 5
    for name in names:
        assert name == "NAME_command.py" or list((HOME / "src").rglob(name)) or (HOME / name).exists(), name


@pytest.mark.slow
@pytest.mark.weights
def test_the_readme_runs_as_written(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command from the top, in an empty folder with the pictures, then the Python example."""
    (tmp_path / "images").symlink_to(HOME / "images")
    monkeypatch.chdir(tmp_path)
    lines = [line for line in shell_lines(README) if line.startswith("deepdream ")]
    assert len(lines) >= 15
    for line in lines:
        outcome = command(*shlex.split(line, comments=True)[1:])
        assert outcome.code == 0, (line, outcome.err)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("name", ["README.md", "docs/dreaming.md", "docs/visualization.md"])
def test_the_python_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/own-networks.md and docs/homework.md have tests of their own examples."""
    (tmp_path / "images").symlink_to(HOME / "images")
    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (HOME / name).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), {})
