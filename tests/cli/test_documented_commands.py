"""Every command in the README and the docs is understood: no option was renamed behind their back."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from deepdream.cli.main import app

HOME = Path(__file__).parents[2]
PAGES = [HOME / "README.md", HOME / "CONTRIBUTING.md", *sorted((HOME / "docs").glob("*.md"))]


def commands_in(page: Path) -> list[str]:
    """What stands after ``deepdream`` in shell blocks and between backticks."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    said = (line.split(" | ")[0] for line in lines + [span.replace("\n", " ") for span in spans])
    return [line.removeprefix("deepdream ") for line in said if line.startswith("deepdream ")]


def test_what_the_readme_reads_is_there() -> None:
    """A newcomer types the README from the top: a file is shipped, or an earlier command wrote it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (HOME / "README.md").read_text("utf-8"), re.M | re.S)
    made: set[str] = set()
    for line in "".join(blocks).splitlines():
        words = shlex.split(line, comments=True)
        read = {w for w in words if re.search(r"\.(png|jpe?g|webp|npy|html|safetensors|pth)$", w)}
        written = {words[i + 1] for i, word in enumerate(words[:-1]) if word == "-o"}
        missing = [name for name in read - written - made if not (HOME / name).exists()]
        assert not missing, line
        made |= written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path) -> None:
    for line in commands_in(page):
        words, command = shlex.split(line, comments=True), typer.main.get_command(app)
        while words and not words[0].startswith("-") and hasattr(command, "get_command"):
            name = words.pop(0)
            command = command.get_command(None, name)  # raises UnknownNameError
            assert command is not None, f"{page.name}: deepdream {line}"
        if words and "--help" not in words:
            command.make_context(name, words)  # raises what the parser does not understand


def test_they_are_found() -> None:
    found = [line for page in PAGES for line in commands_in(page)]
    assert len(found) > 80
    assert (
        "layers --sheet images/cat.jpg               # the same picture dreamed at each stage, on one sheet"
        in found
    )
