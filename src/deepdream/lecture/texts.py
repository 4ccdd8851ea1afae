"""The words of the lecture: the glossary, the timeline, and the cards for the discussion.

A card has dated facts with links, numbers of this toolkit with the command that makes them, and questions. It takes
no side and gives no legal advice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from deepdream.errors import UnknownNameError

__all__ = ["TOPICS", "TimelineEvent", "card", "card_title", "cards", "define", "glossary", "timeline"]

# Texts are files beside the code, so that they can be edited and translated without touching it.
_WORDS = resources.files("deepdream.lecture") / "words"

#: The cards for the discussion.
TOPICS = ("transparency", "right-to-explanation", "accountability", "chart", "unethical-uses")


def glossary() -> dict[str, str]:
    """Every term and its definition, in the order of the lecture.

    >>> glossary()["epoch"]
    'One pass over all training samples.'
    """
    entries = [
        block.split("\n: ") for block in (_WORDS / "glossary.md").read_text("utf-8").strip().split("\n\n")[1:]
    ]
    return {term: " ".join(lines) for term, *lines in entries}


def define(term: str) -> str:
    """What ``term`` means; capitals do not matter. Raises UnknownNameError.

    >>> define("Epoch")
    'One pass over all training samples.'
    """
    known = {name.casefold(): definition for name, definition in glossary().items()}
    if term.casefold() not in known:
        raise UnknownNameError("term", term, glossary(), listing="deepdream lecture glossary")
    return known[term.casefold()]


@dataclass(frozen=True)
class TimelineEvent:
    """One year: ``about`` is "method" or "accountability"; ``source`` a link or a book."""

    year: int
    about: str
    what: str
    source: str


def timeline() -> tuple[TimelineEvent, ...]:
    """The events, oldest first.

    >>> timeline()[0].year
    1943
    """
    lines = (_WORDS / "timeline.md").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line[:1].isdigit()]
    return tuple(TimelineEvent(int(year), about, what, source) for year, about, what, source in rows)


def card(topic: str) -> str:
    """The card about ``topic`` as Markdown. Raises UnknownNameError.

    >>> card("chart").splitlines()[0]
    '# The accuracy-transparency chart'
    """
    if topic not in TOPICS:
        raise UnknownNameError("topic", topic, TOPICS, listing="deepdream lecture discuss")
    return (_WORDS / "discussion" / f"{topic}.md").read_text("utf-8").strip()


def card_title(topic: str) -> str:
    """The headline of a card.

    >>> card_title("chart")
    'The accuracy-transparency chart'
    """
    return card(topic).partition("\n")[0].removeprefix("# ")


def cards() -> str:
    """Every card on one sheet, as Markdown: docs/discussion.md.

    >>> cards().count("### Facts") == len(TOPICS)
    True
    """
    head = "# Cards for the discussion\n\nMade by `deepdream lecture discuss all`. A card takes no side."
    return "\n\n".join([head, *(re.sub(r"^#", "##", card(topic), flags=re.MULTILINE) for topic in TOPICS)])
