"""Can the maps be trusted? A row for each method, each number beside its controls; agreement; curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deepdream.attribution import methods
from deepdream.attribution.checks import EDGES, GAUSSIAN, SUBSTRATES, CheckResult, find_check
from deepdream.figures import Figure, Theme
from deepdream.pages import Html, folded, plot, row, shaded, stack, table, tag, unseen
from deepdream.report.plots import plot_randomization, plot_removal
from deepdream.report.report_data import ReportData


def health_table(report_data: ReportData) -> Html:
    """The table of checks with the controls under it, and every verdict in words."""
    names = [name for name in report_data.checks if in_table(name) and _anybody(report_data, name)]
    heads = ["method", *(head(name) for name in names), "seconds"]
    rows = [
        row(
            [
                explanation.method,
                *(_cell(report_data.check_result(n, explanation.method)) for n in names),
                round(explanation.seconds, 2),
            ]
        )
        for explanation in report_data.explanations
    ]
    rows += [_control_row(report_data, kind, names) for kind in ("random maps", GAUSSIAN, EDGES)]
    caption = (
        "One row a method; the last three rows are the controls, maps that do not depend on the network. Checks that "
        "hide cells behind the blur and behind the mean color show the mean of both, those that compare maps the rank "
        "correlation."
    )
    details = [_verdicts(report_data, name) for name in report_data.names]
    return stack(
        _legend(),
        table(heads, rows, caption=caption, class_="health"),
        tag("h3", "What the columns ask"),
        asked(names),
        tag("h3", "Every verdict in words"),
        *details,
    )


def in_table(check: str) -> bool:
    """Whether its number says how far to trust a map: cost, simplicity and agreement do not."""
    return find_check(check).report != "details"


def asked(names: Sequence[str]) -> Html:
    """What each column asks and what a good number is: on paper and on a phone nothing appears under the mouse."""
    entries = (find_check(name) for name in names)
    lines = (
        tag("div", tag("dt", e.name), tag("dd", e.question, tag("span", f" Good: {e.good}.")))
        for e in entries
    )
    return tag("dl", *lines, class_="asked")


def _anybody(report_data: ReportData, check: str) -> bool:
    return any(f.values for f in report_data.check_results if f.check == check)


def head(name: str) -> Html:
    """A check as the head of a column, with the better direction."""
    entry = find_check(name)
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[entry.better]
    better = unseen(f" ({entry.better} is better)") if entry.better else None
    return tag(
        "span", name, tag("span", arrow, aria_hidden="true"), better, title=f"{entry.question} {entry.good}"
    )


def _legend() -> Html:
    marks = (
        ("●", "supports the method", "good"),
        ("○", "does not", "bad"),
        ("·", "cannot speak either way", ""),
    )
    return tag(
        "p",
        *(
            tag("span", tag("span", m, class_="mark", aria_hidden="true"), w, class_=c or None)
            for m, w, c in marks
        ),
        tag("span", "↓ low is better, ↑ high is better"),
        class_="legend",
    )


_MARKS = {True: ("●", "good"), False: ("○", "bad"), None: ("·", "")}


def _cell(result: CheckResult | None) -> Html:
    if result is None or result.value is None:
        words = result.verdict if result else "not made"
        return tag("td", "–" if not result or result.supports is None else "×", unseen(words), title=words)
    mark, kind = _MARKS[result.supports]
    return tag(
        "td",
        tag("span", mark, class_="mark", aria_hidden="true"),
        rounded(result.value),
        unseen(f": {result.verdict}"),
        class_=kind or None,
        title=result.verdict,
    )


def _control_row(report_data: ReportData, kind: str, names: list[str]) -> Html:
    cells = []
    for name in names:
        beside = next(
            (f.controls for f in report_data.check_results if f.check == name and f.control_scores), {}
        )
        cells.append(_control_cell(*beside[kind]) if beside else tag("td", "–"))
    return row([kind, *cells, "–"], class_="control")


def _control_cell(mean: float, sd: float) -> Html:
    spread = tag("span", f" ± {rounded(sd)}", class_="spread") if sd >= 0.0005 else None
    return tag("td", rounded(mean), spread)


def rounded(value: float) -> str:
    """Three decimals, or three figures where that is too many."""
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return text.replace("-", "−")


def _verdicts(report_data: ReportData, method: str) -> Html:
    results = [f for f in report_data.check_results if f.method == method]
    supports, judged = report_data.support(method)
    rows = [(f.check, _values(f), f.verdict) for f in results]
    summary = stack(method, tag("span", f" — {supports} of {judged} checks support it"))
    return folded(summary, table(("check", "numbers", "verdict"), rows, caption=methods()[method].question))


def _values(result: CheckResult) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in result.values.items()) or "–"


def agreement_matrix(report_data: ReportData) -> Html:
    """Three matrices: rank correlations, and folded away the overlap of the tops and SSIM."""
    agreement = report_data.agreement
    ranks = "Rank correlation of two maps on 14 × 14 cells: 1 is the same order of places, 0 unrelated, −1 the reverse."
    tops = (
        "Of the tenth of the cells that each ranks first, the share that both rank first: 1 is all, 0 none."
    )
    likeness = (
        "SSIM, structural similarity, of the two maps scaled to 0..1: 1 is the same map, 0 unrelated ones."
    )
    return stack(
        _matrix(agreement.names, agreement.spearman, ranks),
        folded("Overlap of the tops", _matrix(agreement.names, agreement.top, tops)),
        folded("Structural similarity", _matrix(agreement.names, agreement.ssim, likeness)),
    )


def _matrix(names: Sequence[str], values: Sequence[Sequence[float]], caption: str) -> Html:
    rows = [row([name, *(shaded(v) for v in line)]) for name, line in zip(names, values, strict=True)]
    return table([tag("span", unseen("map")), *names], rows, caption=caption, class_="matrix")


def removal_curves(report_data: ReportData) -> Html:
    """Deletion and insertion in the band of the controls, on the blurred and on the mean-colored picture."""
    caption = (
        "The blue line falls while the cells that the map ranks first are hidden, the orange one rises while they "
        "are shown. The tinted bands are what maps that do not depend on the network reach: random maps (±2 sd), a "
        "centered blob, an edge detector. Inside its band a line says nothing for the map."
    )
    behind = {"blur": "Hidden cells show the picture’s blur.", "mean": "Hidden cells show its mean color."}
    first, *others = (_removal(report_data, name, f"{behind[name]} {caption}") for name in SUBSTRATES)
    return stack(first, folded("The same with the mean color in place of the blur", *others))


def _removal(report_data: ReportData, substrate: str, caption: str) -> Html:
    return _both(
        plot_removal(report_data, substrate), plot_removal(report_data, substrate, theme=Theme.DARK), caption
    )


def randomization_curves(report_data: ReportData) -> Html:
    """What shuffling leaves of each map."""
    caption = (
        "A map of what the network has learned must fall apart when the weights are shuffled. A line that stays "
        "high draws the picture, not the network. Noise falls too: passing is needed, and not enough."
    )
    return _both(plot_randomization(report_data), plot_randomization(report_data, theme=Theme.DARK), caption)


def _both(light: Figure, dark: Figure, caption: str) -> Html:
    day, night = (replace(figure, caption="").encode(".svg") for figure in (light, dark))
    return plot(day, night, alt=light.alt, caption=caption)
