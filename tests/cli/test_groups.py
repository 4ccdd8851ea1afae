"""Options that go together are taken as one value, and look on the command line as if each stood by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from deepdream.cli.groups import grouped
from deepdream.cli.options import Keeping, NetworkChoice, Settings
from deepdream.errors import UsageError


@dataclass(frozen=True)
class Pair(Settings):
    steps: Annotated[int | None, typer.Option(help="How many.")] = None
    rate: Annotated[float | None, typer.Option(help="How fast.")] = None


def commands(taken: list[object]) -> tuple[typer.Typer, typer.Typer]:
    """The same command, once with a group and once with its options by themselves."""
    with_group, without = typer.Typer(), typer.Typer()

    def paint(*, name: str, pair: Pair, quiet: bool = False) -> None:
        """Paint."""
        taken.append((name, pair, quiet))

    def alone(
        name: str,
        steps: Annotated[int | None, typer.Option(help="How many.")] = None,
        rate: Annotated[float | None, typer.Option(help="How fast.")] = None,
        quiet: bool = False,
    ) -> None:
        """Paint."""
        taken.append((name, Pair(steps, rate), quiet))

    with_group.command("paint")(grouped(paint))
    without.command("paint")(alone)
    return with_group, without


def test_a_group_is_its_options() -> None:
    taken: list[object] = []
    run, (with_group, without) = CliRunner(), commands(taken)
    assert run.invoke(with_group, ["--help"]).output == run.invoke(without, ["--help"]).output
    for words in (["me"], ["me", "--rate", "0.5"], ["--quiet", "--steps", "3", "me"]):
        for app in (with_group, without):
            assert run.invoke(app, words).exit_code == 0
    assert taken[::2] == taken[1::2]
    assert taken[-1] == ("me", Pair(steps=3), True)


def test_what_was_said() -> None:
    assert Pair(steps=3).said(seed=0, batch=None) == {"steps": 3, "seed": 0}


def test_a_choice_loads_what_it_says() -> None:
    network = NetworkChoice("resnet18", "random:3", "cpu").load()
    assert (network.name, network.weights.origin) == ("resnet18", "seeded random (seed 3)")


def test_who_decides_is_one_line() -> None:
    with pytest.raises(UsageError, match="--decided-by is one line"):
        Keeping(decided_by="me\nand you")
