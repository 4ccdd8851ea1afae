"""The commands ``models``, ``predict`` and ``doctor``: what can be loaded, what it sees, if all is well."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.events import Finished
from deepdream.batch.explanations import record_of
from deepdream.batch.outputs import Existing
from deepdream.batch.predictions import COLUMNS, PredictTask
from deepdream.batch.sources import expand_inputs
from deepdream.batch.table import Table
from deepdream.cli.batch_output import BatchOutput, results_folder
from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice, PrecisionOption, Quiet, load_network, read_precision
from deepdream.cli.picture_options import JsonOption, OverwriteOption, SkipOption
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from deepdream.models.cache import WeightLocation
    from deepdream.models.records import CatalogEntry


Name = Annotated[str, typer.Argument(help="A name that `deepdream models` lists, or timm:NAME.")]

models_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="""List the networks that can be loaded, and manage their weight files.

Examples: deepdream models | deepdream models info googlenet | deepdream models fetch googlenet""",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.add_typer(models_app, name="models")
    app.command()(grouped(predict))
    app.command()(doctor)


@models_app.callback()
def _models(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_models(source=None, as_json=as_json)


@models_app.command("list")
def list_models(
    source: Annotated[
        str | None, typer.Option(help="List only this source: embedded, torchvision or timm.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the networks: name, source, download size, license, and whether the weights are present."""
    if source == "timm":
        from deepdream.models.timm_networks import names

        put_json({"schema": 1, "models": names()}) if as_json else put("\n".join(names()))
        return
    entries = _entries(source)
    if as_json:
        put_json({"schema": 1, "models": [_summary(entry) for entry in entries]})
        return
    columns = ("name", "source", "download", "top-1 %", "license", "present")
    put_table(columns, [_row(entry) for entry in entries])
    say(
        "Any timm network works too, as timm:NAME; `deepdream models list --source timm` lists them. A network of your "
        "own code: --model FILE.py:FUNCTION."
    )


def _entries(source: str | None) -> list[CatalogEntry]:
    from deepdream.models.catalog import catalog

    if source not in (None, "embedded", "torchvision"):
        raise UsageError(f"No source {source!r}. There are: embedded, torchvision, timm.")
    return [e for e in catalog().values() if source in (None, e.source) and (source or "@" not in e.name)]


def _row(entry: CatalogEntry) -> tuple[object, ...]:
    from deepdream.models.cache import present

    size = "in the installation" if entry.package else entry.size_text
    here = "yes" if present(entry) else "no"
    return (entry.name, entry.source, size, entry.accuracy, entry.license, here)


def _summary(entry: CatalogEntry) -> dict[str, Any]:
    from deepdream.models.cache import present

    return {
        "name": entry.name,
        "source": entry.source,
        "file": entry.file,
        "download_bytes": 0 if entry.package else entry.bytes,
        "license": entry.license,
        "accuracy": entry.accuracy,
        "present": present(entry) is not None,
    }


@models_app.command("info")
def model_info(name: Name, as_json: JsonOption = False) -> None:
    """Show what is known about a network: license, training data, accuracy, preprocessing, weights."""
    from dataclasses import asdict

    from deepdream.models.catalog import catalog, find_entry

    entry = find_entry(name)
    same = [e.name for e in catalog().values() if (e.network, e.source) == (entry.network, entry.source)]
    others = [other for other in same if other != entry.name]
    facts = {**_summary(entry), "hash": entry.hash, "url": entry.url, "trained_on": entry.trained_on}
    facts |= {"classes": entry.classes, "parameters": entry.parameters, "minimum_size": entry.minimum_size}
    facts |= {"preferred_layer": entry.preferred_layer, "preprocessing": asdict(entry.preprocessing)}
    if as_json:
        put_json({"schema": 1, **facts, "other_weights": others})
        return
    facts["preprocessing"] = _in_words(entry)
    facts["other_weights"] = ", ".join(others) or None
    put_table(("", entry.name), [(key.replace("_", " "), _plain(value)) for key, value in facts.items()])


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else value


def _in_words(entry: CatalogEntry) -> str:
    plan = entry.preprocessing
    exact = ", this size only" if plan.fixed else ""
    return (
        f"shorter side to {plan.resize} ({plan.interpolation}), center {plan.crop}x{plan.crop}{exact}, "
        f"mean {plan.mean}, std {plan.std}"
    )


@models_app.command("fetch")
def fetch_model(name: Name) -> None:
    """Download a network's weights into the cache, verify them, and print where they are."""
    from deepdream.models.catalog import find_entry

    put(str(_fetch(find_entry(name)).path))


def _fetch(entry: CatalogEntry) -> WeightLocation:
    from deepdream.models.cache import present
    from deepdream.models.loading import fetch

    found = present(entry)
    if found is None or not _sound(found, entry):
        found = fetch(entry, progress=DownloadLine(entry.name))
        say(f"{entry.name}: {entry.file} is here and verified.")
    return found


def _sound(place: WeightLocation, entry: CatalogEntry) -> bool:
    """Whether a file that is here is the right one; if not, the reason is printed."""
    try:
        _digest(place, entry)
    except WeightsError as error:
        say(f"deepdream: {error}")
        return False
    return True


def _digest(place: WeightLocation, entry: CatalogEntry) -> str:
    from deepdream.models.cache import verify
    from deepdream.models.weight_files import open_weights

    with open_weights(place.path) as file:
        return verify(file, place, entry)


@models_app.command("verify")
def verify_models(
    name: Annotated[
        str | None, typer.Argument(help="One network. The default is every network that is in the cache.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the SHA-256 of weight files with the expected one. The exit code is 4 if one differs."""
    from deepdream.models.catalog import catalog, find_entry

    entries = [find_entry(name)] if name else list(catalog().values())
    checked = [(entry, place) for entry in entries if (place := _here(entry, required=name is not None))]
    results = [_verified(entry, place) for entry, place in checked]
    if as_json:
        put_json({"schema": 1, "results": results})
    else:
        put_table(("name", "sha256", "result"), [(r["name"], r["sha256"], r["result"]) for r in results])
    bad = [r["name"] for r in results if r["sha256"] is None]
    if bad:
        raise WeightsError(f"Refused: {', '.join(bad)}.")


def _verified(entry: CatalogEntry, place: WeightLocation) -> dict[str, Any]:
    try:
        return {"name": entry.name, "sha256": _digest(place, entry), "result": "good"}
    except WeightsError as error:
        return {"name": entry.name, "sha256": None, "result": str(error)}


def _here(entry: CatalogEntry, *, required: bool) -> WeightLocation | None:
    """The first place with a file, of whatever size, so that a cut-off one is found."""
    from deepdream.models import cache
    from deepdream.models.loading import locate

    place = next((place for place in cache.places(entry) if place.path.is_file()), None)
    return locate(entry, offline=True) if place is None and required else place


@models_app.command("path")
def model_path(name: Name) -> None:
    """Print the path of a network's weight file. The exit code is 4 if it is missing."""
    from deepdream.models.catalog import find_entry
    from deepdream.models.loading import locate

    put(str(locate(find_entry(name), offline=True).path))


@models_app.command("rm")
def remove_model(name: Name) -> None:
    """Remove a network's weights and their SHA-256 from the cache."""
    from deepdream.models import cache
    from deepdream.models.catalog import find_entry

    entry = find_entry(name)
    target = cache.target_of(entry)
    there = target.is_file()
    forgotten = cache.forget(entry.file)
    for leftover in target.parent.glob(f"{target.name}*"):
        leftover.unlink()
    if not there and not forgotten:
        raise WeightsError(f"{entry.name} has nothing in {target.parent} to remove.")
    say(f"Removed {target}." if there else f"Forgot the sha256 of {entry.file}.")


class DownloadLine:
    """Draws a download's progress on stderr: one changing line on a terminal, else a line per tenth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tenth = -1

    def __call__(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes (None: unknown) are here."""
        share = int(10 * done / total) if total else done // (10 << 20)
        text = f"{self.name}: {done / 2**20:.1f}" + (f" of {total / 2**20:.1f} MB" if total else " MB")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}" + ("\n" if done == total else ""))
            sys.stderr.flush()
        elif share != self.tenth:
            self.tenth = share
            say(text)


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
    if task.load().precision != "float32" and not quiet:
        say(f"a draft, since the network runs in {task.load().precision}")
    table = None
    if output is not None:
        folder = results_folder(sources, output, "predictions", existing=existing, as_json=as_json)
        assert folder is not None
        table = Table(folder / "predictions.csv", COLUMNS)
        table.begin(record_of(network, {"top": top, "precision": precision, "seed": 0}), existing)
    title = f"classes of {len(sources)} pictures"
    BatchOutput(title, as_json, quiet, table=table, show=_show_prediction).run(task, sources)


def _show_prediction(event: Finished) -> None:
    (document,) = event.documents
    rows = [(f"{row['probability']:7.2%}", row["index"], row["label"]) for row in document["top"]]
    put_table(("probability", "class", "label"), rows, title=document["input"])


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation: versions, devices, caches, and a self-test of the embedded network."""
    from deepdream.models.selftest import examine

    report = examine()
    if as_json:
        put_json({"schema": 1, **report})
    else:
        put_table(("what", "found"), list(_flat(report)))
    if not report["ok"]:
        failed = [check["check"] for check in report["self_test"] if not check["ok"]]
        say(f"deepdream: the self-test failed: {', '.join(failed)}.")
        raise typer.Exit(1)


def _flat(report: dict[str, Any], prefix: str = "") -> Sequence[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in report.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _flat(value, f"{name}: ")
        elif key == "self_test":
            marks = {True: "good", False: "FAILED"}
            rows += [
                (f"{name}: {check['check']}", f"{marks[check['ok']]}, {check['found']}") for check in value
            ]
        else:
            rows.append(
                (name, ", ".join(map(str, value)) or None if isinstance(value, list) else _plain(value))
            )
    return rows
