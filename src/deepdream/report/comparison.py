"""Two networks side by side: the same picture, the same methods."""

from __future__ import annotations

from deepdream.attribution.checks import compare
from deepdream.pages import Html, drawing, joined, meter, photo, stack, table, tag, unseen
from deepdream.report.coloring import drawn_map
from deepdream.report.report_data import ReportData
from deepdream.report.verdict import belief


def side_by_side(first: ReportData, second: ReportData) -> Html:
    """Answers, numbers and maps of two networks."""
    answers = tag("div", _answers(first), _answers(second), class_="two")
    shared = [name for name in first.names if name in second.names]
    return stack(
        answers, _numbers(first, second), _agreements(first, second, shared), _maps(first, second, shared)
    )


def _answers(report_data: ReportData) -> Html:
    in_words = report_data.model.in_words
    rows = [(a.label, meter(a.probability, in_words(a.probability))) for a in report_data.prediction.top]
    return tag(
        "div",
        table(
            ("class", "probability"),
            rows,
            caption=f"{report_data.model.name}, fed {report_data.context.size[0]} pixels",
        ),
    )


def _numbers(first: ReportData, second: ReportData) -> Html:
    names = (unseen("number"), *(breakable(s.model.name) for s in (first, second)))
    rows = [
        ("should it be believed?", *(belief(s)[0] for s in (first, second))),
        ("margin", *(f"{100 * s.prediction.margin:.1f} points" for s in (first, second))),
        ("entropy", *(f"{s.prediction.entropy:.2f} bits" for s in (first, second))),
        (
            "kept under small changes",
            *(f"{s.stability.kept} of {len(s.stability.trials)}" for s in (first, second)),
        ),
        ("maps past chance", *(f"{len(s.standing())} of {len(s.judged())}" for s in (first, second))),
    ]
    caption = (
        "Margin: points between the first and the second class. Entropy: 0 bits would be one class for certain. Maps "
        "past chance: better than maps that do not depend on the network, at both deletion and insertion."
    )
    return table(names, rows, caption=caption)


def _agreements(first: ReportData, second: ReportData, shared: list[str]) -> Html:
    maps = {
        report_data: {explanation.method: explanation.heatmap for explanation in report_data.explanations}
        for report_data in (first, second)
    }
    pairs = [(name, compare(maps[first][name], maps[second][name])) for name in shared]
    rows = [(name, *(_signed(v) for v in (p.spearman, p.top, p.ssim))) for name, p in pairs]
    heads = ("method", "rank correlation", "overlap of the tops", "SSIM")
    caption = (
        "The same method on both networks: do they look at the same places? On 14 × 14 cells; 1 is the same map, 0 an "
        "unrelated one."
    )
    return table(heads, rows, caption=caption)


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _maps(first: ReportData, second: ReportData, shared: list[str]) -> Html:
    return tag("div", *(_row(first, second, name) for name in shared), class_="versus")


def _row(first: ReportData, second: ReportData, name: str) -> Html:
    maps = tag("div", *(_map(report_data, name) for report_data in (first, second)), class_="sides")
    return tag("div", tag("h3", name), maps, class_="whole")


def breakable(name: str) -> Html:
    """A network's name that may go on in the next line after an underscore."""
    return joined(name.split("_"), "_<wbr>")


def _map(report_data: ReportData, name: str) -> Html:
    explanation = next(entry for entry in report_data.explanations if entry.method == name)
    colors = drawn_map(explanation)
    alt = f"Map of {name} on {report_data.model.name} for “{explanation.label}”."
    layers = tag(
        "div",
        photo(report_data.fed, ""),
        drawing(colors.pixels, alt, class_="map"),
        class_="layers",
    )
    return tag(
        "figure",
        layers,
        tag(
            "figcaption",
            f"{report_data.model.name}: “{explanation.label}”, "
            f"{report_data.model.in_words(report_data.prediction.probability)}",
        ),
    )
