"""The maps, under one color rule a family and one slider for all."""

from __future__ import annotations

from deepdream.attribution import Explanation, methods
from deepdream.pages import Html, bullets, drawing, photo, stack, tag
from deepdream.report.coloring import bar, drawn_map
from deepdream.report.report_data import ReportData
from deepdream.report.verdict import place_words


def draw_gallery(report_data: ReportData, prefix: str = "") -> Html:
    """Every map over the picture as fed, and the methods that do not apply; ``prefix`` keeps ids apart."""
    if not report_data.explanations:
        return stack(tag("p", "None of these methods gave a map."), _refused(report_data))
    maps = tag(
        "div",
        *(_figure(report_data, explanation) for explanation in report_data.explanations),
        class_="gallery",
    )
    return stack(_keys(), _slider(f"{prefix}overlay"), maps, _refused(report_data))


def _slider(name: str) -> Html:
    inner = (
        tag("label", "Strength of the maps", for_=name),
        tag("input", type="range", id=name, min=0, max=100, value=75, data_overlay=True),
        tag("output", "75 %", for_=name),
    )
    # Without its script the slider would do nothing, so the script shows it.
    return tag("div", *inner, class_="slider", hidden=True)


def _keys() -> Html:
    signed = tag(
        "div",
        "evidence against",
        drawing(bar(signed=True), "Colors from blue over white to orange."),
        "evidence for",
        tag("span", "maps with both signs; white is nothing"),
        class_="key",
    )
    unsigned = tag(
        "div",
        "little",
        drawing(bar(signed=False), "Colors from dark blue to yellow."),
        "much",
        tag("span", "maps with one sign"),
        class_="key",
    )
    small = (
        "Under each map: the values at which its colors end, then its least and greatest value. They can be compared "
        "within a map, hardly between methods."
    )
    return stack(signed, unsigned, tag("p", small, class_="fine"))


def _figure(report_data: ReportData, explanation: Explanation) -> Html:
    entry = methods()[explanation.method]
    colors = drawn_map(explanation)
    over = drawing(colors.pixels, place_words(explanation), class_="map")
    layers = tag("div", photo(report_data.fed, ""), over, class_="layers")
    words = (
        tag("strong", explanation.method),
        tag("span", entry.question, class_="question"),
        tag(
            "span",
            f"colors {_span(colors.low, colors.high)}; values {_span(*_range(explanation))}",
            class_="range",
        ),
        *(tag("span", note, class_="range") for note in (_smoothed(explanation), *explanation.notes) if note),
    )
    return tag("figure", layers, tag("figcaption", *words))


def _smoothed(explanation: Explanation) -> str | None:
    pixels = explanation.smoothing
    return f"smoothed by {pixels:g} pixels for the eye" if pixels else None


def _range(explanation: Explanation) -> tuple[float, float]:
    return float(explanation.heatmap.min()), float(explanation.heatmap.max())


def _span(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}".replace("-", "−")


def _refused(report_data: ReportData) -> Html | None:
    if not report_data.not_applicable:
        return None
    lines = [stack(tag("strong", entry.method), ": ", entry.reason) for entry in report_data.not_applicable]
    return stack(tag("h3", "Not shown, and why"), bullets(lines))
