"""HTML that cannot be broken by what it shows: text is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable

#: Elements without a closing tag.
_VOID = frozenset(("br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))

Attribute = str | int | float | bool | None


class Html(str):
    """A string that is markup already."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def tag(name: str, /, *children: object, **attributes: Attribute) -> Html:
    """An element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``; None and False vanish.

    >>> print(tag("p", "a < b", tag("em", "c"), class_="lead"))
    <p class="lead">a &lt; b<em>c</em></p>
    """
    words = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{words}>")
    return Html(f"<{name}{words}>{joined(children)}</{name}>")


def joined(children: Iterable[object], separator: str = "") -> Html:
    """Texts and elements one after the other; None vanishes."""
    return Html(separator.join(escaped(child) for child in children if child is not None))


def escaped(value: object) -> str:
    """``value`` as it may stand in a page."""
    return value if isinstance(value, Html) else html.escape(str(value), quote=False)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
