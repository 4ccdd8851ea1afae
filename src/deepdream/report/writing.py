"""From studies to files: the page, its numbers as JSON, its arrays as npz."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepdream import __version__
from deepdream.errors import OutputError
from deepdream.pages import Section, numbers, page, stack
from deepdream.provenance import versions, write_bytes, write_text
from deepdream.report import answer, card, gallery, verdict
from deepdream.report.comparison import side_by_side
from deepdream.report.evidence import evidence
from deepdream.report.report_data import ReportData

SCHEMA = 1


def write_report(
    path: Path, studies: Sequence[ReportData], *, command: str = "deepdream report", overwrite: bool = False
) -> tuple[Path, Path, Path]:
    """Write the page and, beside it, ``.json`` and ``.npz`` of the same name; each whole or not at all.

    Raises:
        OutputError: a file exists already and ``overwrite`` is False, or the place cannot be written.
    """
    paths = output_paths(path)
    if not overwrite:
        refuse_existing(paths)
    values = report_dict(studies, command)
    arrays = report_arrays(studies)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(paths[2], stream.getvalue())
    json_text = json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    write_text(paths[1], json_text)
    write_text(paths[0], report_page(studies, values, paths, command=command))
    return paths


def output_paths(path: Path) -> tuple[Path, Path, Path]:
    """Where the page, its JSON and its npz go."""
    return path, path.with_suffix(".json"), path.with_suffix(".npz")


def refuse_existing(paths: Sequence[Path]) -> None:
    """Raises OutputError for the first that exists."""
    for path in paths:
        if path.exists():
            raise OutputError(f"{path} exists already. Choose another name with -o, or give --overwrite.")


def report_dict(studies: Sequence[ReportData], command: str) -> dict[str, Any]:
    """Every number of the page, ready for JSON."""
    return {
        "schema": SCHEMA,
        "tool": f"deepdream {__version__}",
        "recipe": recipe_of(studies, command),
        "networks": [_network(s) for s in studies],
    }


def _network(report_data: ReportData) -> dict[str, Any]:
    words = {"why": ". ".join(verdict.why(report_data)), "belief": ". ".join(verdict.belief(report_data))}
    facts = card.card_facts(report_data.model)
    return {"name": report_data.model.name, "card": facts, "in_words": words} | report_data.to_dict()


def recipe_of(studies: Sequence[ReportData], command: str) -> dict[str, Any]:
    """What the numbers depended on; no paths and no names of users."""
    first = studies[0]
    return {
        "command": command,
        "picture": {"name": first.picture.name, "sha256": first.picture.sha256},
        "networks": [study.model.record() for study in studies],
        "target": first.prediction.target,
        "against": first.context.against,
        "methods": first.names,
        "checks": first.checks,
        "seed": first.context.seed,
        "steps": first.context.steps,
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "seconds": round(sum(s.seconds for s in studies), 1),
    }


def report_arrays(studies: Sequence[ReportData]) -> dict[str, NDArray[Any]]:
    """The arrays of all studies; those of a second network begin with its name."""
    arrays = dict(studies[0].arrays())
    for report_data in studies[1:]:
        arrays |= {f"{report_data.model.name}/{name}": array for name, array in report_data.arrays().items()}
    return arrays


def report_page(
    studies: Sequence[ReportData], values: Mapping[str, Any], paths: Sequence[Path], *, command: str
) -> str:
    """The HTML document."""
    first = studies[0]
    return page(
        title=verdict.headline(first),
        kicker=f"One picture, {'two networks' if len(studies) > 1 else 'one network'}, {len(first.names)} explanations",
        lead=verdict.lead(first),
        beside=verdict.beside(first),
        opening=verdict.answers(first),
        sections=[
            *_compared(studies),
            *_sections(first),
            *_further(studies),
            _recipe(values, paths, command),
        ],
        data=numbers(values),
    )


def _compared(studies: Sequence[ReportData]) -> list[Section]:
    if len(studies) < 2:
        return []
    first, second = studies[0], studies[1]
    title = f"{first.model.name} beside {second.model.name}"
    lead = "The same picture, each network fed as it was trained, each asked about the first network's class."
    return [Section("compared", "Compared", title, side_by_side(first, second), lead)]


def _sections(report_data: ReportData, prefix: str = "") -> list[Section]:
    return [
        Section(
            f"{prefix}fed",
            "Picture",
            "What the network was given",
            answer.draw_fed(report_data),
            "Not your picture: a small square of it. What was cut away cannot have mattered.",
        ),
        Section(
            f"{prefix}said",
            "Answer",
            "What it said, and how surely",
            answer.draw_answer(report_data),
            "A probability is the network's own opinion of itself. Small changes show how much it is worth.",
        ),
        Section(
            f"{prefix}maps",
            "Maps",
            "Where the methods say it looked",
            gallery.draw_gallery(report_data, prefix),
            "Every map answers another question, so they differ. Whether one may be believed is the next section.",
        ),
        *evidence(report_data, prefix),
        Section(
            f"{prefix}caveats",
            "Caveats",
            "What no check can tell",
            card.caveats(report_data),
        ),
        Section(
            f"{prefix}card",
            "Model card",
            f"{report_data.model.name}: the model card",
            card.model_card(report_data),
        ),
    ]


def _further(studies: Sequence[ReportData]) -> list[Section]:
    if len(studies) < 2:
        return []
    from deepdream.pages import folded

    second = studies[1]
    parts = [
        folded(part.title, part.body)
        for part in _sections(second, "second-")
        if not part.anchor.endswith("fed")
    ]
    return [Section("second", "The other", f"{second.model.name} in full", stack(*parts))]


def _recipe(values: Mapping[str, Any], paths: Sequence[Path], command: str) -> Section:
    body = card.recipe(command, values["recipe"], (paths[1].name, paths[2].name))
    return Section("recipe", "Recipe", "How to make this page again", body)
