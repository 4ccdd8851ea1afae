"""Discussion cards: dated facts with links, our own numbers with the command that makes them, questions.

A card takes no side and gives no legal advice.
"""

from __future__ import annotations

import re
from importlib import resources

from deepdream.errors import UnknownNameError

__all__ = ["TOPICS", "card", "cards", "title"]

TOPICS = ("transparency", "right-to-explanation", "accountability", "chart", "unethical-uses")


def card(topic: str) -> str:
    """The card about ``topic`` as Markdown. Raises UnknownNameError."""
    if topic not in TOPICS:
        raise UnknownNameError("topic", topic, TOPICS, listing="deepdream lecture discuss")
    folder = resources.files("deepdream.lecture").joinpath("words/discussion")
    return folder.joinpath(f"{topic}.md").read_text("utf-8").strip()


def title(topic: str) -> str:
    """The headline of a card."""
    return card(topic).partition("\n")[0].removeprefix("# ")


def cards() -> str:
    """Every card on one sheet, as Markdown: docs/discussion.md."""
    head = "# Cards for the discussion\n\nMade by `deepdream lecture discuss all`. A card takes no side."
    return "\n\n".join([head, *(re.sub(r"^#", "##", card(topic), flags=re.MULTILINE) for topic in TOPICS)])
