"""The labeled sheet of ``visualize``: many targets in one run, and each picture in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.dream_events import partial_path
from deepdream.batch.run import RunOutcome
from deepdream.batch.visualizations import VisualizeTask
from deepdream.cli.batch_output import BatchOutput
from deepdream.cli.cell_files import as_file_name, cell_folder
from deepdream.cli.terminal import say

if TYPE_CHECKING:
    from deepdream.batch.task import NetworkSpec
    from deepdream.cli.visual_targets import VisualTarget
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.plan import Plan


def make_visual_sheet(
    output: Path,
    plan: Plan,
    targets: Sequence[VisualTarget],
    size: tuple[int, int],
    spec: NetworkSpec,
    options: OutputOptions,
    cells: Path | None,
    *,
    json: bool,
    quiet: bool,
) -> None:
    """Dream all targets in one run, and draw them on one sheet.

    Args:
        size: Height and width of each picture, in pixels.
        cells: A folder in which every picture is stored with its recipe.

    Raises:
        InterruptedRunError: stopped; the sheet with the pictures so far is saved.
    """
    if plan.precision != "float32" and not quiet:
        say(f"{output.name}: a draft, since the network runs in {plan.precision}")
    # The label of each picture on the sheet, by the picture's name, which is unique.
    labels: dict[str, str] = {}
    for target in targets:
        for number in range(1, plan.pictures + 1):
            name = f"{target.label}, picture {number}" if plan.pictures > 1 else target.label
            labels[name if name not in labels else f"{name} ({len(labels)})"] = target.label
    with cell_folder(cells) as folder:
        outputs = {
            item: str(folder / f"{index:02d}_{as_file_name(label)}.png")
            for index, (item, label) in enumerate(labels.items())
        }

        def conclude(outcome: RunOutcome) -> dict[str, Any]:
            """The sheet, also of pictures that are not finished, since all of them are stopped at the same step."""
            stopped = len(outcome.done) < len(outputs)
            # Pairs, for the pictures of one target (--diversity) share its label.
            pictures = [
                (label, partial_path(Path(outputs[item])) if stopped else Path(outputs[item]))
                for item, label in labels.items()
            ]
            if not all(file.exists() for _, file in pictures):
                return {}
            path = partial_path(output) if stopped else output
            _draw(path, spec.load().name, plan, pictures)
            return {"output": str(path)}

        task = VisualizeTask(spec, plan, size, outputs, options, temporary=cells is None)
        title = f"{len(outputs)} pictures"
        BatchOutput(title, json, quiet, show=lambda _: None, conclude=conclude).run(task, list(outputs))


def _draw(path: Path, network: str, plan: Plan, pictures: Sequence[tuple[str, Path]]) -> None:
    from deepdream.images import Cell, contact_sheet, read_picture, unlaid, write_picture

    cells = []
    for label, file in pictures:
        picture = read_picture(file)
        pixels = picture.pixels if picture.alpha is None else unlaid(picture.pixels, picture.alpha)
        cells.append(Cell(pixels, label, alpha=picture.alpha))
    sheet = contact_sheet(
        cells,
        cell_width=max(160, cells[0].pixels.shape[1]),
        title=f"What {network} answers to",
        caption=(
            f"Each picture was made from noise by {plan.steps} steps of gradient ascent (preset {plan.preset}). "
            "It shows one thing that excites the part, not all that does."
            + (" Checkers show through where nothing was needed." if plan.alpha else "")
        ),
    )
    write_picture(path, sheet)
