"""A page is one file that loads nothing, cannot be broken by what it shows, and can be read by everybody."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from deepdream.pages import (
    Html,
    Section,
    card,
    facts,
    meter,
    numbers,
    page,
    photo,
    plot,
    policy,
    row,
    shaded,
    stack,
    table,
    tag,
)

EVIL = '</script><img src=x onerror="alert(1)">&amp;'
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Reader(HTMLParser):
    """Every element with its attributes, the text, and whether elements close in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        self.texts.append(text)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for kind, attributes in self.elements if kind == name]


def example() -> str:
    body = stack(
        photo(np.full((4, 6, 3), 0.5, np.float32), "A gray picture."),
        table(
            ("name", "value"), [(EVIL, 1.5), row(["b", shaded(-0.5)], class_="control")], caption="Numbers."
        ),
        facts({"License": "Apache-2.0", "Nothing": ""}),
        meter(0.25, "25 %"),
    )
    return page(
        title=EVIL,
        kicker="kicker",
        lead="lead",
        sections=[Section("one", "One", "The first", body)],
        opening=card("k", "h", "w"),
        data=numbers({"text": EVIL, "value": 0.5}),
    )


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "a < b", tag("b", "c")) == "<p>a &lt; b<b>c</b></p>"
    assert (
        tag("a", "x", title='"', class_="k", hidden=True, lang=None)
        == '<a title="&quot;" class="k" hidden>x</a>'
    )
    assert tag("br") == "<br>"
    assert tag("p", Html("<i>")) == "<p><i></p>"


def test_elements_close_in_order_and_foreign_text_stays_text() -> None:
    reader = Reader(example())
    assert reader.open == []
    assert all("onerror" not in attributes for _, attributes in reader.elements)
    assert EVIL in "".join(reader.texts)


def test_the_policy_names_exactly_the_style_and_the_script_that_are_there() -> None:
    document = example()
    (meta,) = [m for m in Reader(document).all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert meta["content"] == policy()
    style = re.search(r"<style>(.*?)</style>", document, re.S)
    scripts = re.findall(r"<script>(.*?)</script>", document, re.S)
    assert style is not None
    assert len(scripts) == 1
    for text in (style[1], scripts[0]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy()
    assert "unsafe" not in policy()
    assert policy().startswith("default-src 'none'")


def test_nothing_is_loaded_and_no_style_attribute_is_used() -> None:
    for name, attributes in Reader(example()).elements:
        assert "style" not in attributes, name
        assert not any(key.startswith("on") for key in attributes)
        for key in ("src", "srcset", "poster", "data"):
            assert (attributes.get(key) or "data:").startswith("data:")
        assert name not in ("link", "iframe", "object", "embed", "base", "form")
    assert "url(" not in example()
    assert "@import" not in example()


def test_the_numbers_come_back_and_cannot_end_their_element() -> None:
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', example(), re.S)
    assert found is not None
    assert json.loads(found[1]) == {"text": EVIL, "value": 0.5}
    with pytest.raises(ValueError, match="JSON"):
        numbers(float("nan"))


def test_a_page_can_be_found_through_without_eyes_or_mouse() -> None:
    reader = Reader(example())
    assert reader.all("html") == [{"lang": "en"}]
    assert all(attributes.get("alt") is not None for attributes in reader.all("img"))
    assert len(reader.all("h1")) == 1
    anchors = {a["href"] for a in reader.all("a") if (a["href"] or "").startswith("#")}
    ids = {f"#{attributes['id']}" for _, attributes in reader.elements if "id" in attributes}
    assert anchors <= ids
    assert all(attributes.get("scope") in ("col", "row") for attributes in reader.all("th"))
    assert len(reader.all("caption")) == len(reader.all("table"))
    scrolling = [a for _, a in reader.elements if a.get("class") in ("scroll", "plot")]
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolling)


def test_a_plot_comes_in_two_looks() -> None:
    reader = Reader(plot(b"<svg>day</svg>", b"<svg>night</svg>", alt="A line.", caption="What it shows."))
    assert reader.all("img")[0]["alt"] == "A line."
    assert [image["class"] for image in reader.all("img")] == ["day", "night"]
    assert reader.all("source") == []  # a browser would print the source that it chose for the screen
    assert "What it shows." in reader.texts


def test_shades_follow_the_value() -> None:
    assert 'class="shade p10"' in shaded(1.0)
    assert 'class="shade n5"' in shaded(-0.5)
    assert 'class="shade"' in shaded(0.01)
    assert 'width="100"' in meter(1.7, "x")
