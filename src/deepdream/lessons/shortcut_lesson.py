"""The lesson on a network that is right for the wrong reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepdream.attribution import explain, find_method, methods
from deepdream.attribution.pictures import overlay
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.lessons.shortcuts import Caught, Marked, Shortcut, catch, control_shares, plant_shortcut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepdream.models import Model

NOTES = (
    "Ask the hall first: the network is right on every test picture; would you use it? Then take the mark away. A "
    "test set made like the training set cannot find this; the people who made the data must be consulted. Then ask "
    "which explanation would have warned us. Caveat: here we know where the mark is; with a shortcut that nobody "
    "thought of, a map must be looked at by somebody who knows what should matter. And a map that lies on the mark "
    "in an honest network, too, shows the mark and not the network: that is why both stand here."
)


def wrong_reasons(
    names: Sequence[str] = (), *, seed: int = 0, decided_by: str = "", tell: Tell = in_silence
) -> Exhibit:
    """The lesson: right for the wrong reason, and which explanation says so."""
    for name in names:
        find_method(name)
    tell("wrong reasons: two networks are trained on marked digits")
    planted = plant_shortcut(seed=seed)
    tell(f"wrong reasons: {len(names or methods())} methods explain both")
    results = sorted(catch(planted, names, seed=seed, tell=tell), key=lambda entry: -entry.cheater)
    controls = control_shares(planted, seed=seed)
    return Exhibit(
        name="wrong-reasons",
        question="Is it right for the right reason, and would an explanation have told?",
        answer=_answer(planted, results),
        notes=NOTES,
        numbers=_numbers(planted, results, controls),
        record=run_record(
            [planted.cheater, planted.honest],
            seed=seed,
            data="scikit-learn digits 3 and 8, enlarged to 32 x 32, three quarters for training",
            decided_by=decided_by,
        ),
        draw=lambda theme: draw_shortcut(planted, results, controls, theme=theme),
        tables=[_accuracy_table(planted), _method_table(results, controls)],
    )


@on_page("wrong-reasons", "Wrong reasons", 60, wrong_reasons)
def _on_page(inputs: PageInputs) -> Exhibit:
    return wrong_reasons(seed=inputs.seed, decided_by=inputs.decided_by, tell=inputs.tell)


def _answer(planted: Shortcut, results: Sequence[Caught]) -> str:
    a = planted.accuracies
    telling = [entry.method for entry in results if entry.reveals]
    silent = [entry.method for entry in results if not entry.reveals]
    return (
        f"The cheater is right on {a['cheater', 'as trained']:.1%} of unseen pictures that are marked as in "
        f"training, on {a['cheater', 'nobody']:.1%} without marks and on {a['cheater', 'the others']:.1%} when the "
        f"other digit is marked (the honest network: {a['honest', 'as trained']:.1%}, {a['honest', 'nobody']:.1%}, "
        f"{a['honest', 'the others']:.1%}). {len(telling)} of {len(results)} methods give it away, in every one of "
        f"{len(planted.images)} pictures: {', '.join(telling) or 'none'}. Not so: {', '.join(silent) or 'none'}."
    )


def _numbers(planted: Shortcut, results: Sequence[Caught], controls: dict[str, float]) -> dict[str, Any]:
    return {
        "accuracies": [
            {"network": network, "marked": who, "accuracy": value}
            for (network, who), value in planted.accuracies.items()
        ],
        "methods": [vars(entry) for entry in results],
        "controls": controls,
        "pictures": len(planted.images),
    }


def _accuracy_table(planted: Shortcut) -> Grid:
    rows = [(network, who, value) for (network, who), value in planted.accuracies.items()]
    return Grid("Accuracy on unseen pictures", ("network", "who is marked", "accuracy"), rows)


def _method_table(results: Sequence[Caught], controls: dict[str, float]) -> Grid:
    rows: list[Sequence[object]] = [
        (e.method, round(e.cheater, 3), round(e.honest, 3), "yes" if e.reveals else "no") for e in results
    ]
    rows += [(f"({name})", round(share, 3), None, "") for name, share in controls.items()]
    columns = ("method (control)", "cheater", "honest network", "gives it away")
    return Grid("Share of the evidence for the digit that lies on the mark", columns, rows)


CAPTION = (
    "What: top left, the accuracy of two networks on unseen digits, by who carries the mark; below, a marked 8 and "
    "what three methods say about each network; right, the share of each method's evidence that lies on the mark. Why: "
    "a method gives the cheater away only where it is above every control (gray: the highest, on average) and above "
    "the honest network, in every picture."
)


@drawn
def draw_shortcut(
    planted: Shortcut, results: Sequence[Caught], controls: dict[str, float], *, theme: Theme = Theme.LIGHT
) -> Figure:
    """Accuracies, maps of both networks, and the table of methods as bars."""
    canvas, axes = new_figure(
        1, 2, title="Right for the wrong reason: which explanation tells?", size=(17, 10.4), theme=theme
    )
    axes[0][0].get_gridspec().set_width_ratios([1.2, 1])
    _share_bars(axes[0][1], results, controls, theme)
    cells = axes[0][0].get_subplotspec().subgridspec(3, 4, height_ratios=[1.15, 1, 1])
    axes[0][0].remove()
    _accuracy_bars(canvas.add_subplot(cells[0, :]), planted, theme)
    methods = [entry.method for entry in (results[0], results[len(results) // 2], results[-1])]
    for row, model in enumerate((planted.cheater, planted.honest), 1):
        _maps(canvas, cells, row, planted, model, methods, theme)
    return Figure(canvas, CAPTION, _answer(planted, results), {}, theme)


def _accuracy_bars(axis: Any, planted: Shortcut, theme: Theme) -> None:
    cases: tuple[Marked, ...] = ("as trained", "nobody", "the others")
    for shift, (network, color) in zip(
        (-0.2, 0.2), (("cheater", theme.positive), ("honest", theme.negative)), strict=True
    ):
        values = [planted.accuracies[network, who] for who in cases]
        bars = axis.bar(np.arange(3) + shift, values, 0.38, color=color, label=network)
        axis.bar_label(bars, [f"{value:.0%}" for value in values], padding=2)
    axis.axhline(0.5, color=theme.ink, linewidth=1.2, linestyle=":")
    axis.set_xticks(range(3), ["8s, as trained", "nobody", "the 3s"])
    axis.set_ylim(0, 1.45)
    axis.legend(loc="upper right", ncols=2)
    label(axis, "who carries the mark", "accuracy", "")


def _maps(
    canvas: Any, grid: Any, row: int, planted: Shortcut, model: Model, methods: Sequence[str], theme: Theme
) -> None:
    image = planted.images[:1]
    first = canvas.add_subplot(grid[row, 0])
    first.imshow(image[0].permute(1, 2, 0).numpy())
    first.set_ylabel(model.name, fontsize=17, fontweight="bold")
    axes = [first]
    for column, method in enumerate(methods, 1):
        axis = canvas.add_subplot(grid[row, column])
        axis.imshow(overlay(explain(model, image, method, 1, against=0), image, theme))
        if row == 1:
            axis.set_title(method, fontsize=13)
        axes.append(axis)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)


def _share_bars(axis: Any, results: Sequence[Caught], controls: dict[str, float], theme: Theme) -> None:
    heights = np.arange(len(results))
    limit = max(controls.values())
    axis.axvspan(0, limit, color=theme.faint, alpha=0.45, linewidth=0)
    axis.barh(heights - 0.2, [e.cheater for e in results], 0.38, color=theme.positive, label="cheater")
    axis.barh(heights + 0.2, [e.honest for e in results], 0.38, color=theme.negative, label="honest")
    axis.set_yticks(heights, [f"{'✓ ' if e.reveals else ''}{e.method}" for e in results], fontsize=12)
    axis.set_ylim(len(results) - 0.4, -0.6)
    axis.legend(loc="lower right")
    label(axis, "share of the evidence on the mark", "", "✓: gives the cheater away")
