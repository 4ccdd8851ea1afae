"""A lesson is one decorated function: a toy one appears in the list, the help, the notes, the page, and is drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from PIL import Image
from typer.testing import CliRunner

from deepdream.cli.lecture_command import lecture_app
from deepdream.errors import OutputError, UsageError
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture import LessonAnswer, Option, TextTable, lesson, lessons, lessons_markdown
from deepdream.lecture.course.lesson import LESSONS, Progress, without_progress


@drawn
def plot_double(number: float, *, theme: Theme = Theme.LIGHT) -> Figure:
    canvas, axes = new_figure(title="Twice a number", theme=theme)
    axes[0, 0].bar(["once", "twice"], [number, 2 * number])
    label(axes[0, 0], "how often", "number")
    return Figure(canvas, "Once and twice.", "Two bars.", {"double": 2 * number}, theme)


@pytest.fixture(autouse=True)
def toy_lesson() -> Iterator[None]:
    """What somebody adds: one function under the decorator, and its plot."""
    lessons()

    @lesson("double", "Twice a number.", place=30, notes="Ask for a number.", slide="The slide says thrice.")
    def double(
        number: Annotated[float, Option("The number to double.", max=100)] = 2.0,
        *,
        save: Annotated[
            Path | None, Option("Write the result to this file.", "--save-to", writes=True)
        ] = None,
        seed: int = 0,
        progress: Progress = without_progress,
    ) -> LessonAnswer:
        """Doubling is adding a number to itself."""
        (result,) = progress([2 * number], total=1, title="doubling")
        if save is not None:
            save.write_text(str(result))
        return LessonAnswer(
            {"double": result, "seed": seed},
            text=f"2 x {number:g} = {result:g}",
            tables=[TextTable(("number", "double"), [(number, result)])],
            plot=lambda theme: plot_double(number, theme=theme),
            remarks=["Doubled."],
        )

    yield
    del LESSONS["double"]


def run(*words: object) -> str:
    result = CliRunner().invoke(lecture_app(), [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_it_is_listed_where_it_belongs() -> None:
    names = [one.name for one in lessons()]
    assert names.index("mlp") < names.index("double") < names.index("forward")
    assert "double" in run("--help")
    assert "  double          Twice a number." in run()
    assert "double" in [row["name"] for row in json.loads(run("--json"))["lessons"]]


def test_its_help_has_its_text_and_its_options() -> None:
    text = " ".join(run("double", "--help").split())
    assert "Twice a number. Doubling is adding a number to itself." in text
    assert "The number to double." in text
    assert "--save-to" in text
    assert "--seed" in text
    assert "--progress" not in text


def test_it_prints_and_has_notes() -> None:
    text = run("double", "--number", 4, "--notes")
    assert "2 x 4 = 8" in text
    assert "To say: Ask for a number." in text
    assert "On the slide: The slide says thrice." in text
    assert "Doubled." in text


def test_its_numbers_are_json() -> None:
    assert json.loads(run("double", "--json", "--seed", 3).partition("\n")[2])["double"] == 4


def test_it_is_drawn(tmp_path: Path) -> None:
    run("double", "-o", tmp_path / "double.png")
    with Image.open(tmp_path / "double.png") as picture:
        assert picture.width >= 1000


def test_a_file_that_it_writes_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "double.txt"
    path.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        run("double", "--save-to", path)
    run("double", "--save-to", path, "--overwrite")
    assert path.read_text() == "4.0"


def test_its_limits_hold() -> None:
    assert "100" in run("double", "--number", 101)
    with pytest.raises(UsageError, match="--number must be a finite number"):
        run("double", "--number", "-inf")


def test_it_is_on_the_page() -> None:
    page = lessons_markdown()
    assert "### double\n\nTwice a number. `deepdream lecture double`\n\nAsk for a number." in page
    assert "On the slide: The slide says thrice." in page


def test_an_option_that_is_none_is_a_mistake_of_the_author() -> None:
    @lesson("broken", "It has no option.", place=31, notes="")
    def broken(number: Annotated[float, "just words"] = 1.0) -> LessonAnswer:
        return LessonAnswer({})

    try:
        with pytest.raises(TypeError, match="'number' of a lesson is described by 'just words'"):
            lecture_app()
    finally:
        del LESSONS["broken"]
