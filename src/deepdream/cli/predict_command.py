"""The command ``predict``: the most probable classes of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepdream.batch.events import Finished
from deepdream.batch.explanations import record_of
from deepdream.batch.outputs import Existing
from deepdream.batch.predictions import COLUMNS, REGRESSION_COLUMNS, PredictTask
from deepdream.batch.sources import expand_inputs
from deepdream.batch.table import Table
from deepdream.cli.batch_output import BatchOutput, results_folder
from deepdream.cli.groups import grouped
from deepdream.cli.network_loading import check_takes_pictures, load_network
from deepdream.cli.options import NetworkChoice, PrecisionOption, Quiet, read_precision
from deepdream.cli.picture_options import JsonOption, OverwriteOption, SkipOption
from deepdream.cli.progress import DownloadLine
from deepdream.cli.terminal import put_table, say
from deepdream.errors import UsageError
from deepdream.models.answers import COLUMN_OF, in_words


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(grouped(predict))


def predict(
    *,
    files: Annotated[
        list[str], typer.Argument(help="Pictures, folders and patterns; - reads one from standard input.")
    ],
    top: Annotated[int, typer.Option(min=1, help="The number of classes for each picture.")] = 5,
    choice: NetworkChoice,
    precision: PrecisionOption = "auto",
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not download anything. Fail if the weights are missing.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder for predictions.csv.", show_default=False),
    ] = None,
    overwrite: OverwriteOption = False,
    skip_existing: SkipOption = False,
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """List the most probable classes of pictures.

    With -o the classes are also rows of predictions.csv in that folder, which --skip-existing continues.

    Examples: deepdream predict images/cat.jpg | deepdream predict images --top 3 --json
    | deepdream predict photos/ -o predictions
    """
    sources = expand_inputs(files)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    if output is None and existing is not Existing.REFUSE:
        raise UsageError("--overwrite and --skip-existing are for the table that -o names.")
    task = PredictTask(choice.spec, top, read_precision(precision))
    network = load_network(
        choice.model,
        choice.weights,
        choice.device,
        quiet,
        offline=offline,
        progress=DownloadLine(choice.model),
    )
    check_takes_pictures(network)
    if task.load().precision != "float32" and not quiet:
        say(f"a draft, since the network runs in {task.load().precision}")
    table = None
    if output is not None:
        folder = results_folder(sources, output, "predictions", existing=existing, as_json=as_json)
        assert folder is not None
        table = Table(
            folder / "predictions.csv", REGRESSION_COLUMNS if network.output_kind == "regression" else COLUMNS
        )
        table.begin(record_of(network, {"top": top, "precision": precision, "seed": 0}), existing)
    title = f"classes of {len(sources)} pictures"
    BatchOutput(title, as_json, quiet, table=table, show=_put_classes).run(task, sources)


def _put_classes(event: Finished) -> None:
    """The classes of one picture, as a table on stdout."""
    (document,) = event.documents
    kind = document["kind"]
    column = COLUMN_OF[kind]
    rows = [(f"{in_words(row[column], kind, 2):>7}", row["index"], row["label"]) for row in document["top"]]
    put_table((column, "class", "label"), rows, title=document["input"])
    if kind == "sigmoid":
        say("Each label has a probability by itself; they do not sum to 100%.")
