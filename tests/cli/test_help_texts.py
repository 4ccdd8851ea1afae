"""The help of every command: full sentences, no broken joins of strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from deepdream.cli.main import app


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command below ``command``, with the words that call it."""
    yield " ".join(("deepdream", *words)), command
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def texts(command: Any) -> Iterator[tuple[str, str]]:
    """The description of a command and the help of each of its parameters."""
    if command.help:
        yield "description", command.help
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if text:
            yield str(parameter.name), text


@pytest.mark.parametrize("name", ALL)
def test_a_help_text_is_whole(name: str) -> None:
    """A string that was broken over two lines of code and joined wrongly leaves quotes or spaces in the text."""
    for where, text in texts(ALL[name]):
        for line in text.splitlines():
            assert '" "' not in line, (where, line)
            assert not re.search(r"\S  +\S", line), (where, line)
            assert not re.search(r"[a-z][.;:][A-Z][a-z]", line), (
                where,
                line,
            )  # a missing space after a sentence
            assert not re.search(r"\s[,.;](\s|$)", line), (where, line)


@pytest.mark.parametrize("name", ALL)
def test_a_help_text_is_of_full_sentences(name: str) -> None:
    for where, text in texts(ALL[name]):
        for paragraph in re.split(r"\n\s*\n", text.strip()):
            last = paragraph.strip()
            is_example = "deepdream " in last.splitlines()[-1]
            assert is_example or last.endswith((".", "?", "!", ":", ")", "...")), (where, last)


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("deepdream lecture ")])
def test_every_option_of_a_lesson_has_a_sentence(name: str) -> None:
    for parameter in ALL[name].params:
        text = getattr(parameter, "help", "")
        assert text, parameter.name
        assert text[0].isupper(), (parameter.name, text)
        assert text.endswith("."), (parameter.name, text)
