"""Every lesson about one picture, on one page that loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepdream import __version__
from deepdream.figures import Theme
from deepdream.images import Picture
from deepdream.lessons.exhibit import SCHEMA, Exhibit, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PAGE_LESSONS, PageInputs, page_lessons
from deepdream.models import Model
from deepdream.pages import Section, folded, joined, numbers, page, photo, prose, table, tag


def tell_all(
    model: Model,
    picture: Picture,
    *,
    others: Sequence[Picture] = (),
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Iterator[Exhibit]:
    """Every lesson, one after the other; ``others`` are searched for what excites the unit, beside the picture."""
    inputs = PageInputs(model, picture, others, seed, decided_by, tell)
    for lesson in page_lessons():
        exhibit = inputs.exhibits[lesson.name] = lesson.make(inputs)
        yield exhibit


def lessons_page(
    model: Model, picture: Picture, exhibits: Sequence[Exhibit], *, seed: int = 0, decided_by: str = ""
) -> str:
    """The HTML document: a section for each exhibit, and all numbers inside."""
    document = {"lessons": [exhibit.name for exhibit in exhibits]}
    record = run_record([model], picture, seed=seed, plan=document, decided_by=decided_by)
    values = {
        "schema": SCHEMA,
        "lesson": "lessons",
        "tool": f"deepdream {__version__}",
        "record": record,
        "lessons": [exhibit.to_dict() for exhibit in exhibits],
    }
    return page(
        title=f"What {model.name} sees, dreams and says of {picture.name}",
        kicker="Where the dream, the explanation and the lecture meet",
        lead="Every figure asks one question. Below it stand the numbers, and what a lecturer may say and doubt.",
        sections=[_section(exhibit) for exhibit in exhibits],
        data=numbers(values),
    )


def _section(exhibit: Exhibit) -> Section:
    figure = exhibit.draw(Theme.LIGHT)
    drawing = tag("figure", photo(figure.render(), figure.alt), tag("figcaption", figure.caption))
    tables = [
        folded(grid.title, table(grid.columns, grid.rows, caption=grid.title)) for grid in exhibit.tables
    ]
    body = joined([drawing, folded("To say, and to doubt", prose(exhibit.notes)), *tables])
    lesson = PAGE_LESSONS.get(exhibit.name)
    return Section(
        exhibit.name, lesson.title if lesson else exhibit.name, exhibit.question, body, exhibit.answer
    )
