"""The labeled sheet of ``visualize``: many targets in one run, and each picture in a file of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.cli.process import interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import say
from deepdream.cli.visual_targets import VisualTarget
from deepdream.errors import InterruptedRunError
from deepdream.plan import Plan

if TYPE_CHECKING:
    from deepdream.dreaming import DreamResult
    from deepdream.dreaming.checkpoint import OutputOptions
    from deepdream.models import Model


def make_visual_sheet(
    output: Path,
    plan: Plan,
    targets: Sequence[VisualTarget],
    size: tuple[int, int],
    network: Model,
    options: OutputOptions,
    cells: Path | None,
    *,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Dream all targets in one run on one sheet, and give an entry of the JSON for each picture.

    Args:
        size: Height and width of each picture.
        cells: A folder in which every picture is stored with its recipe.

    Raises:
        InterruptedRunError: stopped; the sheet with the pictures so far is saved.
    """
    from deepdream.dreaming.result import render_all
    from deepdream.dreaming.source_pictures import noise_picture

    if plan.precision != "float32" and not quiet:
        say(f"{output.name}: a draft, since the network runs in {plan.precision}")
    with interruptible() as interruption, dream_progress(f"{len(targets)} goals", quiet=quiet) as show:

        def watch(step: Any) -> bool:
            show(step)
            return interruption.number != 0

        canvas = noise_picture(*size, plan.seed)
        results = render_all(network, canvas, plan, watch=watch, decided_by=options.decided_by)
        labels = [target.label for target in targets for _ in range(plan.pictures)]
        is_finished = all(result.recipe.finished for result in results)
        path = output if is_finished else output.with_stem(f"{output.stem}_partial")
        # Saved inside, so that a second signal does not leave the sheet out.
        _draw(path, network, plan, results, labels)
        files: list[Path | None] = [None] * len(results)
        if cells:
            files = [cells / f"{i:02d}_{as_file_name(label)}.png" for i, label in enumerate(labels)]
            cells.mkdir(parents=True, exist_ok=True)
            for file, result in zip(files, results, strict=True):
                assert file is not None
                result.save(file, bits=options.bits, metadata=options.metadata)
    if interruption.number:
        raise InterruptedRunError(f"stopped; the sheet so far is in {path}.", interruption.number)
    return [
        {"output": str(path), "cell": file and str(file), "label": label,
         "objective": result.recipe.plan.objective, "score": result.recipe.score,
         "after": [{"index": p.index, "label": p.label, "probability": p.probability} for p in result.recipe.after]}
        for file, label, result in zip(files, labels, results, strict=True)
    ]  # fmt: skip


def _draw(
    path: Path, network: Model, plan: Plan, results: Sequence[DreamResult], labels: Sequence[str]
) -> None:
    from deepdream.images import Cell, contact_sheet, write_picture

    sheet = contact_sheet(
        [
            Cell(result.pixels, label, alpha=result.alpha)
            for result, label in zip(results, labels, strict=True)
        ],
        cell_width=max(160, results[0].pixels.shape[1]),
        title=f"What {network.name} answers to",
        caption=(
            f"Each picture was made from noise by {plan.steps} steps of gradient ascent (preset {plan.preset}). "
            "It shows one thing that excites the part, not all that does."
            + (" Checkers show through where nothing was needed." if plan.alpha else "")
        ),
    )
    write_picture(path, sheet)


def as_file_name(label: str) -> str:
    """``label`` as a part of a file's name: letters, digits and ``.+-_``, at most 60 characters."""
    return re.sub(r"[^\w.+-]+", "-", label)[:60]
