"""Two networks side by side: the same picture, the same methods."""

from __future__ import annotations

from deepdream.attribution.checks import compare
from deepdream.pages import Html, drawing, joined, meter, photo, stack, table, tag, unseen
from deepdream.report.coloring import drawn_map
from deepdream.report.study import Study
from deepdream.report.verdict import belief


def side_by_side(first: Study, second: Study) -> Html:
    """Answers, numbers and maps of two networks."""
    answers = tag("div", _answers(first), _answers(second), class_="two")
    shared = [name for name in first.names if name in second.names]
    return stack(
        answers, _numbers(first, second), _agreements(first, second, shared), _maps(first, second, shared)
    )


def _answers(study: Study) -> Html:
    rows = [(a.label, meter(a.probability, f"{a.probability:.1%}")) for a in study.prediction.top]
    return tag(
        "div",
        table(
            ("class", "probability"), rows, caption=f"{study.model.name}, fed {study.context.size[0]} pixels"
        ),
    )


def _numbers(first: Study, second: Study) -> Html:
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
        "past chance: better than maps that know nothing of the network, at both deletion and insertion."
    )
    return table(names, rows, caption=caption)


def _agreements(first: Study, second: Study, shared: list[str]) -> Html:
    maps = {study: {made.method: made.heatmap for made in study.explanations} for study in (first, second)}
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


def _maps(first: Study, second: Study, shared: list[str]) -> Html:
    return tag("div", *(_row(first, second, name) for name in shared), class_="versus")


def _row(first: Study, second: Study, name: str) -> Html:
    maps = tag("div", *(_map(study, name) for study in (first, second)), class_="sides")
    return tag("div", tag("h3", name), maps, class_="whole")


def breakable(name: str) -> Html:
    """A network's name that may go on in the next line after an underscore."""
    return joined(name.split("_"), "_<wbr>")


def _map(study: Study, name: str) -> Html:
    made = next(entry for entry in study.explanations if entry.method == name)
    colors = drawn_map(made)
    alt = f"Map of {name} on {study.model.name} for “{made.label}”."
    layers = tag(
        "div",
        photo(study.fed, ""),
        drawing(colors.pixels, alt, class_="map"),
        class_="layers",
    )
    return tag(
        "figure",
        layers,
        tag("figcaption", f"{study.model.name}: “{made.label}”, {study.prediction.probability:.1%}"),
    )
