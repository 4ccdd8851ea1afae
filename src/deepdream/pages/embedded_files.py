"""Pictures, plots and numbers inside a page."""

from __future__ import annotations

import base64
import json
from typing import Any

from numpy.typing import NDArray

from deepdream.images import encode
from deepdream.pages.markup import Html, tag

_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "svg": "image/svg+xml"}


def data_uri(content: bytes, kind: str) -> str:
    """``content`` as an address that needs no network. ``kind``: png, jpeg, webp or svg."""
    return f"data:{_TYPES[kind]};base64,{base64.b64encode(content).decode()}"


def photo(pixels: NDArray[Any], alt: str, *, class_: str = "") -> Html:
    """A picture, floats (H, W, 3) in [0, 1], as a JPEG."""
    height, width = pixels.shape[:2]
    source = data_uri(encode(pixels, format="jpeg", quality=90), "jpeg")
    return tag("img", src=source, alt=alt, width=width, height=height, class_=class_ or None)


def drawing(pixels: NDArray[Any], alt: str, *, alpha: NDArray[Any] | None = None, class_: str = "") -> Html:
    """A picture with few colors or with transparency, as a PNG; pixels stay pixels."""
    height, width = pixels.shape[:2]
    source = data_uri(encode(pixels, format="png", alpha=alpha), "png")
    return tag("img", src=source, alt=alt, width=width, height=height, class_=class_ or None)


def plot(light: bytes, dark: bytes, *, alt: str, caption: str) -> Html:
    """A plot in two looks (SVG), the right one chosen by the reader's own; wide ones scroll on a phone.

    The style sheet chooses, not a ``picture`` element: a browser keeps the source it chose for the screen when it
    prints, so that a dark desktop would print dark plots.
    """
    looks = (
        tag("img", src=data_uri(svg, "svg"), alt=alt, class_=name)
        for name, svg in (("day", light), ("night", dark))
    )
    frame = tag("div", *looks, class_="plot", tabindex=0, role="group", aria_label="plot")
    return tag("figure", frame, tag("figcaption", caption))


def numbers(value: Any, *, name: str = "numbers") -> Html:
    """JSON inside the page, to be read by programs and never run."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return tag("script", Html(text.replace("<", "\\u003c")), type="application/json", id=name)
