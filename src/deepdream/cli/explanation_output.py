"""What ``explain`` and ``saliency`` do with one picture, and with many: files, words, a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepdream.batch.events import Stepped
from deepdream.batch.explanation_files import FORMATS, check_explanation_file, write_explanations
from deepdream.batch.explanations import (
    COLUMNS,
    TABLE,
    ExplainTask,
    explanation_document,
    record_of,
    run_settings,
)
from deepdream.batch.fed_picture import FedPicture
from deepdream.batch.outputs import Existing, beside, check_free, refuse_existing, unique_stems
from deepdream.batch.sources import stem_of
from deepdream.batch.summaries import Completeness
from deepdream.batch.table import Table
from deepdream.cli.batch_output import BatchOutput, results_folder
from deepdream.cli.network_loading import load_spec
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UnknownNameError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation


def explain_one(
    task: ExplainTask, source: Path, output: Path | None, existing: Existing, *, as_json: bool, quiet: bool
) -> None:
    """One picture: its numbers in words, and a drawing unless only JSON is wanted."""
    if output is not None:
        check_explanation_file(output.name, method=task.method, style=task.style)
    network = load_spec(task.network, quiet=quiet)
    fed = FedPicture.open(source, network)
    if output is None and not as_json:
        # The colon of timm:NAME has no place in the name of a file on every system.
        output = Path("outputs") / f"{stem_of(source)}_{network.name.replace(':', '-')}_{task.method}.png"
    if output is not None and output.exists() and existing is Existing.SKIP:
        if as_json:
            put_json({"schema": 1, "results": [], "skipped": [{"input": str(source), "output": str(output)}]})
        else:
            put(str(output))
        return
    check_free(output, overwrite=existing is Existing.OVERWRITE)
    explanations = []
    for step in task.explain(fed):
        if not isinstance(step, Stepped):
            explanations.append(step)
        elif not quiet:
            say(
                f"deepdream: {step.stage}: {step.note}"
                if step.note
                else f"{step.number:2d}/{step.total} {step.stage}"
            )
    if output is not None:
        write_explanations(fed, explanations, output, style=task.style, dark=task.dark, panel=task.panel)
    if as_json:
        documents = [
            explanation_document(fed, one, None if output is None else str(output)) for one in explanations
        ]
        put_json(documents if task.panel else documents[0])
        return
    _put_explanations(fed, explanations)
    put(str(output))


def explain_many(
    task: ExplainTask,
    sources: Sequence[Path],
    output: Path | None,
    file_format: str,
    existing: Existing,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Many pictures: a file of each and a table of all in a folder, or JSON alone."""
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if file_format != "none":
        check_explanation_file(f"map.{file_format}", method=task.method, style=task.style)
    network = load_spec(task.network, quiet=quiet)
    task.prepare()  # what would fail for every picture fails before anything is written
    folder = results_folder(sources, output, "explanations", existing=existing, as_json=as_json)
    table = None if folder is None else Table(folder / TABLE, COLUMNS)
    if folder is not None and table is not None:
        outputs = {}
        if file_format != "none":
            tail = f"{network.name.replace(':', '-')}_{task.method}.{file_format}"
            outputs = {str(s): folder / f"{stem}_{tail}" for s, stem in unique_stems(sources).items()}
        if existing is Existing.REFUSE and not table.path.exists():
            refuse_existing(outputs.values())
        table.begin(record_of(network, run_settings(task, format=file_format)), existing)
        # A picture that was added since may have the stem of one that is in the table already.
        used_names = {row["file"] for row in table.rows()}
        outputs = beside(outputs, used_names, done=table.done)
        task = replace(task, outputs={item: str(path) for item, path in outputs.items()})
    BatchOutput(
        f"{task.method} of {len(sources)} pictures",
        as_json,
        quiet,
        table=table,
        summary=Completeness(),
        show_notes=False,
    ).run(task, sources)


def _put_explanations(fed: FedPicture, explanations: Sequence[Explanation]) -> None:
    """The class, its probability and the cost of each explanation, in words."""
    from deepdream.attribution.pictures import caption_of

    first = explanations[0]
    against = "" if first.against_label is None else f", against {first.against_label}"
    answer = fed.network.in_words(fed.probability(first.target))
    put(f"{fed.item}: {first.label} ({answer}){against}, score {first.score:.4g}")
    if len(explanations) > 1:
        columns = ("method", "completeness error", "forwards", "backwards", "seconds", "notes")
        rows = []
        for e in explanations:
            error = None if e.completeness_error is None else f"{e.completeness_error:.2%}"
            rows.append((e.method, error, e.forwards, e.backwards, e.seconds, "; ".join(e.notes)))
        put_table(columns, rows)
        return
    put(caption_of(first))
    options = ", ".join(f"{name} {value}" for name, value in first.options.items())
    put(f"{first.method}: {first.passes}, {first.seconds:.1f} s" + (f"; {options}" if options else ""))
