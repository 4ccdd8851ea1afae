"""Commands about words: the glossary, the years, the cards for the discussion."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.lecture.showing import LessonAnswer, TextTable, add_lesson

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme


def glossary(
    term: Annotated[str, typer.Argument(help="One term; without it, all of them.", show_default=False)] = "",
) -> LessonAnswer:
    """Without a term, the whole glossary."""
    from deepdream.lecture import glossary as words

    chosen = {term: words.define(term)} if term else words.glossary()
    text = "\n\n".join(f"{name}\n  {meaning}" for name, meaning in chosen.items())
    return LessonAnswer({"terms": chosen}, text=text)


def timeline() -> LessonAnswer:
    """Each year with its source; -o draws it."""
    from deepdream.lecture.timeline import timeline as events

    rows = [(event.year, event.what, event.source) for event in events()]

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.timeline_plots import plot_timeline

        return plot_timeline(events(), theme=theme)

    return LessonAnswer(
        {"events": [asdict(event) for event in events()]},
        tables=[TextTable(("year", "what", "source"), rows)],
        plot=plot,
    )


def discuss(
    topic: Annotated[str, typer.Argument(help="Which card; without it, the list.", show_default=False)] = "",
) -> LessonAnswer:
    """Topics: transparency, right-to-explanation, accountability, chart, unethical-uses; or all."""
    from deepdream.lecture.discussion import TOPICS, card, cards, title

    if not topic:
        rows = [(name, title(name)) for name in TOPICS]
        return LessonAnswer({"topics": dict(rows)}, tables=[TextTable(("topic", "card"), rows)])
    text = cards() if topic == "all" else card(topic)
    return LessonAnswer({"topic": topic, "card": text}, text=text)


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    add_lesson(app, "glossary", glossary)
    add_lesson(app, "timeline", timeline)
    add_lesson(app, "discuss", discuss)
