"""How time and memory grow with pixels, steps, octaves and pictures: docs/pictures/growth.png and its numbers.

python benchmarks/growth.py [--threads 1 --measure cpu] [--to docs/pictures/growth.png] [--print]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from matplotlib.axes import Axes

from deepdream.figures import Figure, Theme, drawn, label, new_figure
from pairs import command_line, machine, options_of, write_between

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
#: What grows -> its values; the rest of the job stays 512x512, 1 octave, 2 steps, 1 picture.
GROWTH: dict[str, tuple[float, ...]] = {
    "megapixels": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
    "steps": (1, 2, 4, 8),
    "octaves": (1, 2, 3, 4, 5),
    "pictures": (1, 2, 4, 8),
}
JOB = {"megapixels": 512 * 512 / 1e6, "steps": 2, "octaves": 1, "pictures": 1}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--to", type=Path, default=PICTURES / "growth.png")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--print", action="store_true", help="leave RESULTS.md as it is")
    parser.set_defaults(rounds=1)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(json.loads(options.one), options.threads)))
        return
    found = {what: [_measure(what, value, options) for value in values] for what, values in GROWTH.items()}
    lines = [f"`{command_line()}`; {machine(options)}.", "", *_table(found)]
    print("\n".join(lines))
    plot_growth(found, unit=options.measure).save(options.to)
    if not options.print:
        write_between("growth.py", "\n".join(lines))


def _table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    """Every measured job, and how much more it takes than the first of its kind."""
    lines = [
        "| what grows | from | to | times | seconds | times | extra memory, MB | times |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, rows in found.items():
        first, last = rows[0], rows[-1]
        more = {key: last[key] / max(first[key], 1e-9) for key in first}
        lines.append(
            f"| {what} | {first['value']:g} | {last['value']:g} | {more['value']:.1f} "
            f"| {first['seconds']:.2f} to {last['seconds']:.2f} | {more['seconds']:.1f} "
            f"| {first['extra_mb']:.0f} to {last['extra_mb']:.0f} | {more['extra_mb']:.1f} |"
        )
    return lines


def _measure(what: str, value: float, options: argparse.Namespace) -> dict[str, float]:
    job = json.dumps({**JOB, what: value})
    command = [sys.executable, __file__, "--one", job, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return {"value": value, "seconds": result[options.measure], "extra_mb": result["extra_mb"]}


def _one(job: dict[str, float], threads: int) -> dict[str, float]:
    import torch

    from deepdream import load_model, plan_for
    from deepdream.cli.process import keep_large_blocks
    from deepdream.dreaming import dream
    from worker import timed

    keep_large_blocks()
    if threads:
        torch.set_num_threads(threads)
    model = load_model("efficientnet_lite0", device="cpu")
    side = round((job["megapixels"] * 1e6) ** 0.5)
    plan = plan_for(octaves=int(job["octaves"]), steps=int(job["steps"]), objective="layer(blocks.4)")
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))

    def run(picture: torch.Tensor, times: int) -> None:
        for _ in range(times):
            for _ in dream(model, plan, picture):
                pass

    run(image[..., :64, :64], 1)
    return timed(lambda: run(image, int(job["pictures"])))


@drawn
def plot_growth(found: dict[str, list[dict[str, float]]], *, unit: str, theme: Theme = Theme.LIGHT) -> Figure:
    """Time (left axis of each panel) and memory against what grows, with the straight line through the first."""
    canvas, axes = new_figure(
        2, 2, title="What a dream costs, while one thing grows", size=(13, 9), theme=theme
    )
    words = {"wall": "seconds", "cpu": "processor seconds"}[unit]
    for chart, (what, rows) in zip(axes.flat, found.items(), strict=True):
        _panel(chart, what, rows, words, theme)
    return Figure(
        canvas,
        caption="What: a dream of 512x512 pixels, 1 octave, 2 steps, 1 picture, of which one thing grows; the dashed "
        "line is proportion, drawn through the first point. Why: what is known for a small picture tells what a large "
        "one will take. Octaves shrink by 1.4, so more of them add ever less; pictures come one after the other.",
        alt=" ".join(_words(what, rows) for what, rows in found.items()),
        numbers=dict(found),
        theme=theme,
    )


def _words(what: str, rows: list[dict[str, float]]) -> str:
    times = {key: rows[-1][key] / max(rows[0][key], 1e-9) for key in ("value", "seconds", "extra_mb")}
    return (
        f"{times['value']:.1f} times the {what}: {times['seconds']:.1f} times the time, "
        f"{times['extra_mb']:.1f} times the memory."
    )


def _panel(chart: Axes, what: str, rows: list[dict[str, float]], words: str, theme: Theme) -> None:
    """Time and memory on logarithmic axes of the same number of decades, so that proportion has one slope."""
    values, seconds = [row["value"] for row in rows], [row["seconds"] for row in rows]
    chart.plot(values, seconds, "o-", color=theme.positive, label=f"time, {words}")
    chart.plot(
        values, [seconds[0] * v / values[0] for v in values], "--", color=theme.faint, label="in proportion"
    )
    label(chart, what, words)
    memory = chart.twinx()
    used = [max(row["extra_mb"], 1.0) for row in rows]
    memory.plot(values, used, "s-", color=theme.negative, label="memory, MB")
    memory.set_ylabel("extra memory, MB")
    for axes, first in ((chart, seconds[0]), (memory, used[0])):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(first / 2, first * 100)
    chart.set_xticks(values, [f"{value:g}" for value in values])
    chart.minorticks_off()
    lines = [*chart.get_lines(), *memory.get_lines()]
    chart.legend(lines, [str(line.get_label()) for line in lines], loc="upper left")


if __name__ == "__main__":
    main()
