"""The years, on one line."""

from __future__ import annotations

from collections.abc import Sequence

from deepdream.figures import Figure, Theme, drawn, new_figure
from deepdream.lecture.texts import TimelineEvent

__all__ = ["plot_timeline"]


@drawn
def plot_timeline(events: Sequence[TimelineEvent], *, theme: Theme = Theme.LIGHT) -> Figure:
    """One row per event, newest at the bottom, and a bar of the years at the left to show the gaps."""
    canvas, axes = new_figure(
        1,
        2,
        title="From the first neuron to DeepDream, and the questions since",
        size=(13, 1.5 + 0.42 * len(events)),
        theme=theme,
    )
    bar, words = axes[0]
    bar.get_gridspec().set_width_ratios([1, 4])
    first, last = events[0].year, events[-1].year
    # Rows are evenly spaced to be read; the bar at the left shows the true gaps.
    step = (last - first) / max(len(events) - 1, 1)
    for row, event in enumerate(events):
        color = theme.positive if event.about == "accountability" else theme.negative
        height = first + row * step
        bar.plot([0, 1], [event.year, height], color=color, linewidth=1.2, alpha=0.7)
        bar.plot([0], [event.year], "o", color=color, markersize=8)
        words.text(0, height, f"{event.year}", color=color, fontweight="bold", va="center")
        words.text(0.07, height, event.what, va="center")
    for chart in (bar, words):
        chart.set_ylim(last + step, first - step)
    bar.set_xlim(-0.05, 1)
    bar.spines[["bottom"]].set_visible(False)
    bar.set_xticks([])
    bar.set_ylabel("year")
    words.set_xlim(0, 1)
    words.axis("off")
    return Figure(
        canvas,
        caption="What: methods (blue) and what was asked about them (orange), by year. Why: ideas waited "
        "decades for data and machines; 1986 made backpropagation known, it did not invent it.",
        alt="; ".join(f"{event.year}: {event.what}" for event in events),
        numbers={
            "events": [{"year": event.year, "what": event.what, "source": event.source} for event in events]
        },
        theme=theme,
    )
