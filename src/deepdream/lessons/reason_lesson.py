"""The lesson on the reason for a prediction: the channels that contributed, dreamed and explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepdream.figures import Figure, Theme, drawn, new_figure, shortened
from deepdream.lessons.exhibit import Exhibit, Grid, Tell, in_silence, run_record
from deepdream.lessons.page_lessons import PageInputs, on_page
from deepdream.lessons.reasons import COLUMNS, METHOD, Reason, find_reason, pixels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepdream.images import Picture
    from deepdream.models import Model

NOTES = (
    "An explanation names channels; a dream shows what they want; so the reason can be looked at. Then turn it round: "
    "the network dreams the class, and its explanation of its own dream says where it sees it. Caveat: conductance "
    "shares a rise above black, and another baseline shares it otherwise; it sums to the logit's rise, which makes it "
    "complete, not true. A dream of a class is what the network takes for it, which need not look like it to us."
)


def reason(
    models: Sequence[Model],
    picture: Picture,
    target: str | None = None,
    *,
    layer: str | None = None,
    seed: int = 0,
    decided_by: str = "",
    tell: Tell = in_silence,
) -> Exhibit:
    """The lesson: the reason for a prediction, dreamed; by one network or by several, each for its own first class."""
    reasons = tuple(
        find_reason(model, picture, target, layer=layer if index == 0 else None, seed=seed, tell=tell)
        for index, model in enumerate(models)
    )
    return Exhibit(
        name="reason",
        question="What does the reason for a prediction look like?",
        answer=" ".join(_answer(entry) for entry in reasons),
        notes=NOTES,
        numbers={"networks": [_numbers(entry) for entry in reasons]},
        record=run_record(list(models), picture, seed=seed, decided_by=decided_by),
        draw=lambda theme: draw_reasons(reasons, theme=theme),
        tables=[_table(entry) for entry in reasons],
    )


@on_page("reason", "Reason", 30, reason)
def _on_page(inputs: PageInputs) -> Exhibit:
    return reason(
        [inputs.model], inputs.picture, seed=inputs.seed, decided_by=inputs.decided_by, tell=inputs.tell
    )


def _answer(reason: Reason) -> str:
    conductance = reason.conductance
    part = sum(float(conductance.scores[channel]) for channel in reason.chosen)
    chosen = ", ".join(map(str, reason.chosen)) or "none"
    return (
        f"{reason.model.name} says “{conductance.label}” ({reason.probability:.0%}). Its logit rises by "
        f"{reason.rise:.2f} above black; the channels of {conductance.layer} sum to that within "
        f"{conductance.completeness_error:.1%}, and {chosen} give {part:.2f} of it. In its own dream of the class "
        f"it sees it with {reason.recognized:.0%}."
    )


def _numbers(reason: Reason) -> dict[str, Any]:
    conductance = reason.conductance
    return {
        "model": reason.model.name,
        "label": conductance.label,
        "target": conductance.target,
        "probability": reason.probability,
        "layer": conductance.layer,
        "rise": reason.rise,
        "sum": float(conductance.scores.double().sum()),
        "completeness_error": conductance.completeness_error,
        "channels": [{"channel": c, "score": float(conductance.scores[c])} for c in reason.chosen],
        "recognized_in_its_dream": reason.recognized,
        "caricatures": list(reason.caricatures),
        "notes": list(conductance.notes),
    }


def _table(reason: Reason) -> Grid:
    scores = reason.conductance.scores
    rows = [
        (c, float(scores[c]), f"{float(scores[c]) / reason.rise:.1%}" if reason.rise else "-")
        for c in reason.chosen
    ]
    title = f"{reason.model.name}: channels of {reason.conductance.layer} that support “{reason.conductance.label}”"
    return Grid(title, ("channel", "logits", "share of the rise"), rows)


CAPTION = (
    "What: the picture, the channels that carried its class (conductance, in logits) and what each looks for; the "
    "picture dreamed at these channels, the class dreamed from noise, where the network sees it there ({method}), and "
    "the picture as the layers caricature it, early to late. Why: a reason that is named can be looked at, a "
    "dream can be explained."
)


@drawn
def draw_reasons(reasons: Sequence[Reason], *, theme: Theme = Theme.LIGHT) -> Figure:
    """Three rows for each network."""
    rows = 3 * len(reasons)
    canvas, axes = new_figure(
        rows, COLUMNS, title="The reason, dreamed", size=(17.5, 0.8 + 3.9 * rows), theme=theme
    )
    for index, entry in enumerate(reasons):
        _reason_row(axes[3 * index], entry)
        _dream_row(axes[3 * index + 1], entry)
        _caricature_row(axes[3 * index + 2], entry)
        if len(reasons) > 1:
            axes[3 * index][0].set_ylabel(entry.model.name, fontsize=16, fontweight="bold")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    alt = " ".join(_answer(entry) for entry in reasons)
    return Figure(canvas, CAPTION.format(method=METHOD), alt, {}, theme)


def _reason_row(axes: Any, reason: Reason) -> None:
    axes[0].imshow(pixels_of(reason.image))
    axes[0].set_title(f"{shortened(reason.conductance.label)} {reason.probability:.0%}")
    for axis, channel, pixels in zip(axes[1:], reason.chosen, reason.features, strict=False):
        axis.imshow(pixels, interpolation="bilinear")
        axis.set_title(f"channel {channel}: {float(reason.conductance.scores[channel]):+.2f}")


def _dream_row(axes: Any, reason: Reason) -> None:
    panels = [
        (reason.dreamed_reason, "these, dreamed"),
        (reason.dreamed_class, f"dream: {shortened(reason.conductance.label, 14)}"),
        (reason.explained, f"seen with {reason.recognized:.0%}"),
    ]
    for axis, (pixels, title) in zip(axes[1:], panels, strict=False):  # in the middle
        axis.imshow(pixels)
        axis.set_title(title)


def _caricature_row(axes: Any, reason: Reason) -> None:
    for axis, (name, pixels) in zip(axes, reason.caricatures.items(), strict=False):
        axis.imshow(pixels)
        axis.set_title(f"{name} caricatures")
