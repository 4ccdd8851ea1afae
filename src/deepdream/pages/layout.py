"""The frame of every page: one file that loads nothing, and a policy that would stop it if it tried."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from deepdream import __version__
from deepdream.pages.html_parts import SHADES
from deepdream.pages.markup import Html, tag


@dataclass(frozen=True)
class Section:
    """A part of a page that the table of contents leads to.

    Attributes:
        anchor: What comes after ``#`` in its address.
        name: In the table of contents; ``title`` is its headline.
        lead: A sentence or two on what is shown, and why.
    """

    anchor: str
    name: str
    title: str
    body: Html
    lead: str = ""


def page(
    *,
    title: str,
    kicker: str,
    lead: str,
    sections: Sequence[Section],
    beside: Html | None = None,
    opening: Html | None = None,
    data: Html | None = None,
) -> str:
    """A whole HTML document.

    Args:
        title: The headline, and the name of the browser's tab.
        kicker: A few words above it.
        lead: The answer in a sentence.
        beside: What stands to the right of these, below them on a phone.
        opening: What comes before the table of contents.
        data: Numbers for programs, made by ``numbers``.
    """
    words = tag(
        "div",
        tag("p", kicker, class_="kicker"),
        tag("h1", title),
        tag("p", lead, class_="lead"),
        class_="words",
    )
    header = tag("header", tag("div", words, beside, class_="top"), opening)
    skip = tag("a", "To the content", href="#content", class_="skip")
    main = tag("main", *(_section(section) for section in sections), id="content")
    footer = tag(
        "footer", tag("p", f"Made by deepdream {__version__}. This page loads nothing from anywhere.")
    )
    body = tag("body", skip, header, _contents(sections), main, footer, data, tag("script", Html(script())))
    document = tag("html", _head(title), body, lang="en")
    return f"<!doctype html>\n{document}\n"


def _head(title: str) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style())),
    )


def _contents(sections: Sequence[Section]) -> Html:
    links = [tag("li", tag("a", part.name, href=f"#{part.anchor}")) for part in sections]
    return tag("nav", tag("ol", *links), aria_label="Contents")


def _section(section: Section) -> Html:
    headline = tag("h2", section.title, id=f"{section.anchor}-title")
    lead = tag("p", section.lead, class_="about") if section.lead else None
    return tag(
        "section", headline, lead, section.body, id=section.anchor, aria_labelledby=f"{section.anchor}-title"
    )


def policy() -> str:
    """Nothing is loaded but data in the page itself; only this style and this script may act."""
    return (
        "default-src 'none'; img-src data:; "
        f"style-src 'sha256-{_digest(style())}'; script-src 'sha256-{_digest(script())}'; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def style() -> str:
    """The style sheet, with the shades of matrices."""
    dark = f"@media screen and (prefers-color-scheme:dark){{{_shades(5)}}}"
    return f"\n{_text('style.css')}{_shades(7)}{dark}\n"


def _shades(step: int) -> str:
    """Rules for the shades of matrices, ``step`` percent of the color each; light ink needs darker ones."""
    return "".join(
        f".shade.{side}{i}{{background:color-mix(in srgb,var(--{color}) {i * step}%,transparent)}}"
        for side, color in (("p", "accent"), ("n", "warm"))
        for i in range(1, SHADES + 1)
    )


@cache
def script() -> str:
    """The script: an opacity slider, and details that open for printing."""
    return f"\n{_text('script.js')}"


def _text(name: str) -> str:
    return files("deepdream.pages").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
