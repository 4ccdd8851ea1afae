"""Every lesson about one picture, on one page that loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepdream import __version__
from deepdream.figures import Theme
from deepdream.images import Picture
from deepdream.lessons.accountable import accountability
from deepdream.lessons.exhibit import SCHEMA, Exhibit, Tell, in_silence, run_record
from deepdream.lessons.fooling import fool
from deepdream.lessons.ladder_lesson import ladder
from deepdream.lessons.reason_lesson import reason
from deepdream.lessons.shortcut_lesson import wrong_reasons
from deepdream.lessons.stages import hierarchy
from deepdream.lessons.tracing import trace
from deepdream.lessons.unit_lesson import unit
from deepdream.models import Model
from deepdream.pages import Section, folded, joined, numbers, page, photo, prose, table, tag
from deepdream.plan import plan_for

NAMES = {
    "trace": "Trace",
    "hierarchy": "Hierarchy",
    "reason": "Reason",
    "unit": "Unit",
    "ladder": "Ladder",
    "wrong-reasons": "Wrong reasons",
    "fool": "Fooled",
    "accountability": "Accountability",
}


def tell_all(
    model: Model,
    picture: Picture,
    *,
    others: Sequence[Picture] = (),
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Iterator[Exhibit]:
    """Every lesson, one after the other; ``others`` are searched for what excites the unit, beside the picture.

    The unit is the channel that spoke most for the prediction.
    """
    yield trace(model, picture, plan_for(seed=seed), decided_by=decided_by, tell=tell)
    yield hierarchy(model, picture, seed=seed, decided_by=decided_by, tell=tell)
    why = reason([model], picture, seed=seed, decided_by=decided_by, tell=tell)
    yield why
    network = why.numbers["networks"][0]
    channels = network["channels"]
    first_channel = f"{network['layer']}:{channels[0]['channel'] if channels else 0}"
    yield unit(model, first_channel, [picture, *others], seed=seed, decided_by=decided_by, tell=tell)
    yield ladder(model, picture, seed=seed, tell=tell)
    yield wrong_reasons(seed=seed, decided_by=decided_by, tell=tell)
    yield fool(model, picture, decided_by=decided_by, tell=tell)
    tell("accountability: thresholds on real scores")
    yield accountability(decided_by=decided_by, seed=seed)


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
    return Section(
        exhibit.name, NAMES.get(exhibit.name, exhibit.name), exhibit.question, body, exhibit.answer
    )
