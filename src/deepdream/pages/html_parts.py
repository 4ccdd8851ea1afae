"""The parts pages are made of: tables, facts, meters, matrices, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from deepdream.pages.markup import Html, joined, tag

#: Shades of a matrix on each side of zero; the classes are ``p1`` to ``p10`` and ``n1`` to ``n10``.
SHADES = 10


def table(
    columns: Sequence[object], rows: Iterable[Sequence[object] | Html], *, caption: str, class_: str = ""
) -> Html:
    """A table with a caption, the first column being row headers; wide ones scroll inside their frame."""
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    body = [entry if isinstance(entry, Html) else row(entry) for entry in rows]
    inner = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", head),
        tag("tbody", *body),
        class_=class_ or None,
    )
    return tag("div", inner, class_="scroll", tabindex=0, role="group", aria_label=caption)


def row(cells: Sequence[object], *, class_: str = "") -> Html:
    """A row of a table: a header and its cells; cells that are ``td`` already are taken as they are."""
    return tag("tr", _header(cells[0]), *(_cell(value) for value in cells[1:]), class_=class_ or None)


def _header(value: object) -> Html:
    return tag("th", value, scope="row")


def _cell(value: object) -> Html:
    if isinstance(value, Html) and value.startswith("<td"):
        return value
    return tag(
        "td", "–" if value is None else value, class_="number" if isinstance(value, (int, float)) else None
    )


def shaded(value: float, text: str | None = None, *, title: str = "") -> Html:
    """A cell of a matrix, its shade the value between -1 and 1."""
    shade = min(SHADES, round(abs(value) * SHADES))
    side = "" if shade == 0 else f" {'p' if value > 0 else 'n'}{shade}"
    words = text if text is not None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
    return tag("td", words, class_=f"shade{side}", title=title or None)


def meter(share: float, label: str) -> Html:
    """A bar for a share between 0 and 1, with its number in words."""
    width = round(100 * min(max(share, 0.0), 1.0), 2)
    bar = tag("rect", x=0, y=0, width=width, height=6, class_="filled")
    back = tag("rect", x=0, y=0, width=100, height=6, class_="empty")
    svg = tag("svg", back, bar, viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true")
    return tag("span", tag("span", label, class_="amount"), svg, class_="meter")


def facts(pairs: Mapping[str, object]) -> Html:
    """Names and values, as a definition list; what is None or empty is left out."""
    known = {name: value for name, value in pairs.items() if value not in (None, "")}
    return tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in known.items()), class_="facts")


def card(kicker: str, headline: object, *words: object) -> Html:
    """A short answer: what it is about, the answer, and a sentence."""
    return tag(
        "div",
        tag("p", kicker, class_="kicker"),
        tag("p", headline, class_="answer"),
        *_paragraphs(words),
        class_="card",
    )


def cards(*children: Html) -> Html:
    """Short answers side by side."""
    return tag("div", *children, class_="cards")


def prose(*paragraphs: object) -> Html:
    """Paragraphs to be read."""
    return tag("div", *_paragraphs(paragraphs), class_="prose")


def folded(summary: object, *children: object) -> Html:
    """Details that open at a click, at a key, and in print."""
    return tag("details", tag("summary", summary), *children)


def bullets(lines: Iterable[object]) -> Html:
    """A list."""
    return tag("ul", *(tag("li", line) for line in lines))


def unseen(text: str) -> Html:
    """Words for a screen reader only."""
    return tag("span", text, class_="unseen")


def stack(*children: object) -> Html:
    """One after the other."""
    return joined(children)


def _paragraphs(words: Iterable[object]) -> list[Html]:
    return [tag("p", text) for text in words if text]
