"""Lessons of words: the glossary, the timeline, the cards for the discussion."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from deepdream.lecture.course.lesson import (
    Argument,
    LessonAnswer,
    TextTable,
    lesson,
)

if TYPE_CHECKING:
    from deepdream.figures import Figure, Theme


@lesson(
    "glossary",
    "The words of the lecture, each with what it means here.",
    place=1,
    notes="Machine learning: data-driven models that learn parameters from data. Ask which of these words the "
    "audience would define differently.",
    slide="'Any method that learns parameters from the data' (later slide) excludes k-nearest neighbors, which "
    "the slides list: it learns no parameters. Feature importance is not causality.",
)
def glossary(
    term: Annotated[str, Argument("The term. The default is all of them.")] = "",
) -> LessonAnswer:
    """Prints what a term means, or the whole glossary."""
    from deepdream.lecture import texts

    chosen = {term: texts.define(term)} if term else texts.glossary()
    text = "\n\n".join(f"{name}\n  {meaning}" for name, meaning in chosen.items())
    return LessonAnswer({"terms": chosen}, text=text)


@lesson(
    "timeline",
    "From the first neuron (1943) to DeepDream (2015) and later.",
    place=59,
    notes="Ideas waited decades for data and machines. The second color marks the questions about the "
    "methods.",
    slide="Multilayer perceptrons are older than 1970 (Rosenblatt 1962). 1986 made backpropagation known, it "
    "did not invent it. The newspaper's 'Weather Buerau' is a slip for Bureau. DeepDream came from the "
    "Caffe framework with GoogLeNet, not 'Cafe'.",
)
def timeline() -> LessonAnswer:
    """Prints each year with its source."""
    from deepdream.lecture import texts

    rows = [(event.year, event.what, event.source) for event in texts.timeline()]

    def plot(theme: Theme) -> Figure:
        from deepdream.lecture.plots.timeline_plots import plot_timeline

        return plot_timeline(texts.timeline(), theme=theme)

    return LessonAnswer(
        {"events": [asdict(event) for event in texts.timeline()]},
        tables=[TextTable(("year", "what", "source"), rows)],
        plot=plot,
    )


@lesson(
    "discuss",
    "Cards for the discussion: dated facts, measured numbers, questions to the audience.",
    place=63,
    notes="Topics: transparency, right-to-explanation, accountability, chart, unethical-uses. Let the "
    "audience choose a threshold first, then read the card on accountability.",
    slide="'Audability' is auditability. 'Proportional to its complexity' should read: falls with its "
    "complexity. Williams' was the first publicly reported case. Whether it was the first is not known.",
)
def discuss(
    topic: Annotated[str, Argument("The card. The default is a list of all of them.")] = "",
) -> LessonAnswer:
    """Topics: transparency, right-to-explanation, accountability, chart, unethical-uses; or all."""
    from deepdream.lecture.texts import TOPICS, card, card_title, cards

    # Without a topic the list, as other commands do it; "all" gives the sheet to print.
    if not topic:
        rows = [(name, card_title(name)) for name in TOPICS]
        return LessonAnswer({"topics": dict(rows)}, tables=[TextTable(("topic", "card"), rows)])
    text = cards() if topic == "all" else card(topic)
    return LessonAnswer({"topic": topic, "card": text}, text=text)
