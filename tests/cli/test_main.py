"""The list of commands: a new command is one file and one line in ``COMMANDS``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepdream import cli
from deepdream.cli.main import COMMANDS, Command

TOY = '''
"""The command ``greet``."""

from typing import Annotated

import typer

from deepdream.cli.options import JsonOption
from deepdream.cli.terminal import put, put_json
from deepdream.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command()(greet)


def greet(name: Annotated[str, typer.Argument(help="A name.")], json: JsonOption = False) -> None:
    """Greet someone by name."""
    if not name.istitle():
        raise UsageError(f"{name} is not written with a capital letter.")
    put_json({"greeted": name}) if json else put(f"Hello {name}.")
'''


@pytest.fixture(autouse=True)
def toy_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_greet_command.py").write_text(TOY)
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    monkeypatch.setitem(COMMANDS, "greet", Command("toy_greet_command", "Greet someone by name."))


def test_a_toy_command_is_listed_called_and_refuses_like_every_other(command: Any) -> None:
    listing = command("--help")
    assert (listing.code, "Greet someone by name." in listing.out) == (0, True)
    assert "A name." in command("greet", "--help").out
    assert command("greet", "Ada").out == "Hello Ada.\n"
    assert command("greet", "Ada", "--json").out == '{\n  "greeted": "Ada"\n}\n'
    refused = command("greet", "ada")
    assert (refused.code, refused.err) == (2, "deepdream: ada is not written with a capital letter.\n")


def test_an_unknown_command_names_the_nearest(command: Any) -> None:
    refused = command("gret")
    assert refused.code == 2
    assert "No command 'gret'. Did you mean 'greet'" in refused.err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_registered_by_its_own_module(name: str, command: Any) -> None:
    assert command(name, "--help").code == 0
