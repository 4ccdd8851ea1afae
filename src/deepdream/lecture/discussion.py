"""Discussion cards: dated facts with links, our own numbers with the command that makes them, questions.

A card takes no side and gives no legal advice.
"""

from __future__ import annotations

from importlib import resources

from deepdream.errors import UnknownNameError

__all__ = ["TOPICS", "card", "title"]

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
