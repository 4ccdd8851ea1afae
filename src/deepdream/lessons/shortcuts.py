"""Wrong reasons: a network that is right because of a mark in the corner, and which explanations give it away.

Geirhos et al. 2020, Shortcut Learning in Deep Neural Networks, arXiv:2004.07780; the planted mark as in Adebayo et
al. 2020, Debugging Tests for Model Explanations, arXiv:2011.05429.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from deepdream.attribution import explain, find_method, methods
from deepdream.attribution.checks.localization import mass_inside
from deepdream.attribution.checks.maps import control_maps
from deepdream.attribution.pictures import overlay
from deepdream.errors import UsageError
from deepdream.figures import Figure, Theme, drawn, label, new_figure
from deepdream.lecture.datasets import bundled
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.small_networks import SmallCNN, accuracy, train_small
from deepdream.models import Model
from deepdream.tensors import generator

Marked = Literal["as trained", "nobody", "the others"]

DIGITS = (3, 8)
SIDE, MARK = 32, 5
#: The mark and a rim of two pixels, for no map is finer than the layer it is read from.
RIM = 2
PICTURES = 4
NOTES = (
    "Ask the hall first: the network is right on every test picture; would you use it? Then take the mark away. A "
    "test set made like the training set cannot find this; the people who made the data must be consulted. Then ask "
    "which explanation would have warned us. Caveat: here we know where the mark is; with a shortcut that nobody "
    "thought of, a map must be looked at by somebody who knows what should matter. And a map that lies on the mark "
    "in an honest network, too, shows the mark and not the network: that is why both stand here."
)


@dataclass(frozen=True, eq=False)
class Shortcut:
    """Two networks of one architecture: the cheater, trained with a mark on one class, and the honest one.

    Attributes:
        cheater, honest: Models of 32 x 32 pictures; the honest one saw the mark on a random half of both classes.
        accuracies: Of (network, who is marked), on pictures that neither was trained on.
        images: (n, 3, 32, 32) unseen pictures of the second digit, marked.
        mask: (32, 32) bool, the mark and its rim.
    """

    cheater: Model
    honest: Model
    accuracies: dict[tuple[str, Marked], float]
    images: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Caught:
    """How much of a method's positive evidence lies on the mark, mean over pictures, for both networks.

    ``reveals``: in every picture the cheater's share is above every control and above the honest network's.
    """

    method: str
    cheater: float
    honest: float
    reveals: bool


def plant_shortcut(*, seed: int = 0) -> Shortcut:
    """Train both networks on two digits; a few seconds."""
    images, y = _digits()
    held_out = torch.arange(len(y)) % 4 == 0
    train, test = (images[~held_out], y[~held_out]), (images[held_out], y[held_out])
    coin = torch.rand(len(train[1]), generator=generator(seed)) < 0.5
    cheater = _trained(mark(train[0], train[1] == 1), train[1], seed, "cheater")
    honest = _trained(mark(train[0], coin), train[1], seed, "honest")
    accuracies: dict[tuple[str, Marked], float] = {
        (model.name, who): accuracy(model.module, mark(test[0], _marked(test[1], who)), test[1])
        for model in (cheater, honest)
        for who in ("as trained", "nobody", "the others")
    }
    eights = test[0][test[1] == 1][:PICTURES]
    return Shortcut(
        cheater, honest, accuracies, mark(eights, torch.ones(len(eights), dtype=torch.bool)), mark_mask()
    )


def _digits() -> tuple[Tensor, Tensor]:
    """(n, 3, 32, 32) float32 in [0, 1] and classes 0 or 1: two digits, enlarged, on a black frame."""
    table = bundled("digits")
    both = np.isin(table.y, DIGITS)
    small = torch.from_numpy(table.X[both]).float().view(-1, 1, 8, 8)
    large = small.repeat_interleave(3, dim=2).repeat_interleave(3, dim=3)
    edge = (SIDE - 24) // 2
    framed = torch.nn.functional.pad(large, (edge, edge, edge, edge))
    return framed.expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(
        (table.y[both] == DIGITS[1]).astype(np.int64)
    )


def mark(images: Tensor, whom: Tensor) -> Tensor:
    """A copy in which the pictures ``whom`` (n,) bool have a white square in the lower right corner."""
    marked = images.clone()
    marked[whom, :, -MARK:, -MARK:] = 1.0
    return marked


def mark_mask() -> Tensor:
    """(32, 32) bool: the mark and its rim."""
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[-MARK - RIM :, -MARK - RIM :] = True
    return mask


def _marked(y: Tensor, who: Marked) -> Tensor:
    return {"as trained": y == 1, "nobody": torch.zeros_like(y, dtype=torch.bool), "the others": y == 0}[who]


def _trained(images: Tensor, y: Tensor, seed: int, name: str) -> Model:
    network = train_small(SmallCNN(3, SIDE, 2, seed=seed), images, y)
    names = [str(digit) for digit in DIGITS]
    return Model.wrap(network, labels=names, name=name, input_size=SIDE, fixed=True)


def catch(
    planted: Shortcut, names: Sequence[str] = (), *, seed: int = 0, tell: Tell = in_silence
) -> Iterator[Caught]:
    """Every method's share of evidence on the mark (all methods, if none is named).

    One that does not apply to the networks is left out, and the answer says so.

    Raises:
        UnknownNameError: no such method.
    """
    for name in names:
        find_method(name)
    controls = [_largest_control(planted, image[None], seed) for image in planted.images]
    for name in names or methods():
        try:
            shares = {
                model.name: [_share(planted, model, image[None], name, seed) for image in planted.images]
                for model in (planted.cheater, planted.honest)
            }
        except UsageError as reason:
            tell(f"wrong reasons: {name} is left out: {reason}")
            continue
        yield _caught(name, shares["cheater"], shares["honest"], controls)


def _caught(name: str, cheater: list[float], honest: list[float], controls: list[float]) -> Caught:
    reveals = all(c > max(h, limit) for c, h, limit in zip(cheater, honest, controls, strict=True))
    return Caught(name, float(np.mean(cheater)), float(np.mean(honest)), reveals)


def _share(planted: Shortcut, model: Model, image: Tensor, method: str, seed: int) -> float:
    """Why the second digit and not the first: the share of what supports it that lies on the mark."""
    return mass_inside(explain(model, image, method, 1, against=0, seed=seed).heatmap, planted.mask)


def _largest_control(planted: Shortcut, image: Tensor, seed: int) -> float:
    return max(mass_inside(found, planted.mask) for found in control_maps(image, seed=seed).values())


def control_shares(planted: Shortcut, *, seed: int = 0) -> dict[str, float]:
    """The mean share on the mark of maps that know nothing of a network, and of an even map."""
    found = [control_maps(image[None], seed=seed) for image in planted.images]
    shares = {
        name: float(np.mean([mass_inside(maps[name], planted.mask) for maps in found])) for name in found[0]
    }
    return {"even map": float(planted.mask.double().mean()), **shares}


def wrong_reasons(
    names: Sequence[str] = (), *, seed: int = 0, decided_by: str = "", tell: Tell = in_silence
) -> Exhibit:
    """The lesson: right for the wrong reason, and which explanation says so."""
    for name in names:
        find_method(name)
    tell("wrong reasons: two networks are trained on marked digits")
    planted = plant_shortcut(seed=seed)
    tell(f"wrong reasons: {len(names or methods())} methods explain both")
    found = sorted(catch(planted, names, seed=seed, tell=tell), key=lambda entry: -entry.cheater)
    controls = control_shares(planted, seed=seed)
    return Exhibit(
        name="wrong-reasons",
        question="Is it right for the right reason, and would an explanation have told?",
        answer=_answer(planted, found),
        notes=NOTES,
        numbers=_numbers(planted, found, controls),
        record=run_record(
            [planted.cheater, planted.honest],
            seed=seed,
            data="scikit-learn digits 3 and 8, enlarged to 32 x 32, three quarters for training",
            decided_by=decided_by,
        ),
        draw=lambda theme: draw_shortcut(planted, found, controls, theme=theme),
        tables=[_accuracy_table(planted), _method_table(found, controls)],
    )


def _answer(planted: Shortcut, found: Sequence[Caught]) -> str:
    a = planted.accuracies
    telling = [entry.method for entry in found if entry.reveals]
    silent = [entry.method for entry in found if not entry.reveals]
    return (
        f"The cheater is right on {a['cheater', 'as trained']:.1%} of unseen pictures that are marked as in "
        f"training, on {a['cheater', 'nobody']:.1%} without marks and on {a['cheater', 'the others']:.1%} when the "
        f"other digit is marked (the honest network: {a['honest', 'as trained']:.1%}, {a['honest', 'nobody']:.1%}, "
        f"{a['honest', 'the others']:.1%}). {len(telling)} of {len(found)} methods give it away, in every one of "
        f"{len(planted.images)} pictures: {', '.join(telling) or 'none'}. Not so: {', '.join(silent) or 'none'}."
    )


def _numbers(planted: Shortcut, found: Sequence[Caught], controls: dict[str, float]) -> dict[str, Any]:
    return {
        "accuracies": [
            {"network": network, "marked": who, "accuracy": value}
            for (network, who), value in planted.accuracies.items()
        ],
        "methods": [vars(entry) for entry in found],
        "controls": controls,
        "pictures": len(planted.images),
    }


def _accuracy_table(planted: Shortcut) -> Grid:
    rows = [(network, who, value) for (network, who), value in planted.accuracies.items()]
    return Grid("Accuracy on unseen pictures", ("network", "who is marked", "accuracy"), rows)


def _method_table(found: Sequence[Caught], controls: dict[str, float]) -> Grid:
    rows: list[Sequence[object]] = [
        (e.method, round(e.cheater, 3), round(e.honest, 3), "yes" if e.reveals else "no") for e in found
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
    planted: Shortcut, found: Sequence[Caught], controls: dict[str, float], *, theme: Theme = Theme.LIGHT
) -> Figure:
    """Accuracies, maps of both networks, and the table of methods as bars."""
    canvas, axes = new_figure(
        1, 2, title="Right for the wrong reason: which explanation tells?", size=(17, 10.4), theme=theme
    )
    axes[0][0].get_gridspec().set_width_ratios([1.2, 1])
    _share_bars(axes[0][1], found, controls, theme)
    left = axes[0][0].get_subplotspec().subgridspec(3, 4, height_ratios=[1.15, 1, 1])
    axes[0][0].remove()
    _accuracy_bars(canvas.add_subplot(left[0, :]), planted, theme)
    shown = [entry.method for entry in (found[0], found[len(found) // 2], found[-1])]
    for row, model in enumerate((planted.cheater, planted.honest), 1):
        _maps(canvas, left, row, planted, model, shown, theme)
    return Figure(canvas, CAPTION, _answer(planted, found), {}, theme)


def _accuracy_bars(place: Any, planted: Shortcut, theme: Theme) -> None:
    cases: tuple[Marked, ...] = ("as trained", "nobody", "the others")
    for shift, (network, color) in zip(
        (-0.2, 0.2), (("cheater", theme.positive), ("honest", theme.negative)), strict=True
    ):
        values = [planted.accuracies[network, who] for who in cases]
        bars = place.bar(np.arange(3) + shift, values, 0.38, color=color, label=network)
        place.bar_label(bars, [f"{value:.0%}" for value in values], padding=2)
    place.axhline(0.5, color=theme.ink, linewidth=1.2, linestyle=":")
    place.set_xticks(range(3), ["8s, as trained", "nobody", "the 3s"])
    place.set_ylim(0, 1.45)
    place.legend(loc="upper right", ncols=2)
    label(place, "who carries the mark", "accuracy", "")


def _maps(
    canvas: Any, grid: Any, row: int, planted: Shortcut, model: Model, shown: Sequence[str], theme: Theme
) -> None:
    image = planted.images[:1]
    first = canvas.add_subplot(grid[row, 0])
    first.imshow(image[0].permute(1, 2, 0).numpy())
    first.set_ylabel(model.name, fontsize=17, fontweight="bold")
    places = [first]
    for column, method in enumerate(shown, 1):
        place = canvas.add_subplot(grid[row, column])
        place.imshow(overlay(explain(model, image, method, 1, against=0), image, theme))
        if row == 1:
            place.set_title(method, fontsize=13)
        places.append(place)
    for place in places:
        place.set_xticks([])
        place.set_yticks([])
        place.spines[:].set_visible(False)


def _share_bars(place: Any, found: Sequence[Caught], controls: dict[str, float], theme: Theme) -> None:
    heights = np.arange(len(found))
    limit = max(controls.values())
    place.axvspan(0, limit, color=theme.faint, alpha=0.45, linewidth=0)
    place.barh(heights - 0.2, [e.cheater for e in found], 0.38, color=theme.positive, label="cheater")
    place.barh(heights + 0.2, [e.honest for e in found], 0.38, color=theme.negative, label="honest")
    place.set_yticks(heights, [f"{'✓ ' if e.reveals else ''}{e.method}" for e in found], fontsize=12)
    place.set_ylim(len(found) - 0.4, -0.6)
    place.legend(loc="lower right")
    label(place, "share of the evidence on the mark", "", "✓: gives the cheater away")
