"""A toy lesson: one function with ``@on_page``, and it stands on the page, in its order, and is exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import deepdream.lessons
from deepdream.figures import Figure
from deepdream.lessons import all_lessons
from deepdream.lessons.exhibit import Exhibit
from deepdream.lessons.page_lessons import PAGE_LESSONS, PageInputs, on_page, page_lessons
from deepdream.models import Model


def toy_lesson(model: Model) -> Exhibit:
    """How many classes there are."""
    canvas = pytest.importorskip("matplotlib.figure").Figure((2, 2), dpi=50)
    return Exhibit(
        "toy", "How many?", f"{model.classes} classes.", "Count.", {"classes": model.classes}, {},
        draw=lambda theme: Figure(canvas, "a caption", "words"),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def toy() -> Iterator[None]:
    on_page("toy", "A toy", 15, toy_lesson)(lambda inputs: toy_lesson(inputs.model))
    yield
    del PAGE_LESSONS["toy"]


def test_a_lesson_is_on_the_page_in_its_order_and_exported(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [lesson.name for lesson in page_lessons()]
    assert names[:3] == ["trace", "toy", "hierarchy"]
    assert deepdream.lessons.toy_lesson is toy_lesson  # type: ignore[attr-defined]
    only = [lesson for lesson in page_lessons() if lesson.name == "toy"]
    monkeypatch.setattr(all_lessons, "page_lessons", lambda: only)
    picture: Any = type("P", (), {"name": "p.png", "sha256": "0" * 64})()
    exhibits = list(all_lessons.tell_all(tiny_model, picture))
    text = all_lessons.lessons_page(tiny_model, picture, exhibits)
    assert "A toy" in text
    assert "5 classes." in text


def test_what_a_lesson_is_given_holds_the_exhibits_before_it(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[list[str]] = []

    def second(inputs: PageInputs) -> Exhibit:
        orders.append(list(inputs.exhibits))
        return toy_lesson(inputs.model)

    on_page("toy", "A toy", 15, toy_lesson)(second)
    both = [PAGE_LESSONS["toy"], PAGE_LESSONS["toy"]]
    monkeypatch.setattr(all_lessons, "page_lessons", lambda: both)
    list(all_lessons.tell_all(tiny_model, None))  # type: ignore[arg-type]
    assert orders == [[], ["toy"]]
