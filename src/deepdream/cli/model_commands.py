"""The command ``models``: which networks can be loaded, and where their weight files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.picture_options import JsonOption
from deepdream.cli.progress import DownloadLine
from deepdream.cli.terminal import put, put_json, put_table, say, yes_or_number
from deepdream.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from deepdream.models.families import WeightLocation
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
    from deepdream.models.catalog import catalog
    from deepdream.models.families import FAMILIES

    if source not in (None, *FAMILIES):
        raise UsageError(f"No source {source!r}. There are: {', '.join(FAMILIES)}.")
    if source and (list_names := FAMILIES[source].names):
        names = list_names()
        put_json({"schema": 1, "models": names}) if as_json else put("\n".join(names))
        return
    # Older weights of a network, NAME@TAG, are listed only with their source: most readers want one line for each name.
    entries = [e for e in catalog().values() if source in (None, e.source) and (source or "@" not in e.name)]
    if as_json:
        put_json({"schema": 1, "models": [_summary(entry) for entry in entries]})
        return
    columns = ("name", "source", "download", "top-1 %", "license", "present")
    put_table(columns, [_row(entry) for entry in entries])
    say(
        "Any timm network works too, as timm:NAME; `deepdream models list --source timm` lists them. A network of your "
        "own code: --model FILE.py:FUNCTION."
    )


def _row(entry: CatalogEntry) -> tuple[object, ...]:
    from deepdream.models.cache import present

    size = "in the installation" if entry.package else entry.size_text
    return (entry.name, entry.source, size, entry.accuracy, entry.license, "yes" if present(entry) else "no")


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
    plan = entry.preprocessing
    facts["preprocessing"] = (
        f"shorter side to {plan.resize} ({plan.interpolation}), center {plan.crop}x{plan.crop}"
        f"{', this size only' if plan.fixed else ''}, mean {plan.mean}, std {plan.std}"
    )
    facts["other_weights"] = ", ".join(others) or None
    put_table(
        ("", entry.name), [(key.replace("_", " "), yes_or_number(value)) for key, value in facts.items()]
    )


@models_app.command("fetch")
def fetch_model(name: Name) -> None:
    """Download a network's weights into the cache, verify them, and print where they are."""
    from deepdream.models.cache import present
    from deepdream.models.catalog import find_entry
    from deepdream.models.loading import fetch

    entry = find_entry(name)
    location = present(entry)
    try:
        # A file that is here may be damaged or cut short, so it is hashed, and downloaded again where it is wrong.
        is_sound = location is not None and bool(_digest(location, entry))
    except WeightsError as error:
        say(f"deepdream: {error}")
        is_sound = False
    if location is None or not is_sound:
        location = fetch(entry, progress=DownloadLine(entry.name))
        say(f"{entry.name}: {entry.file} is here and verified.")
    put(str(location.path))


def _digest(location: WeightLocation, entry: CatalogEntry) -> str:
    """The SHA-256 of a weight file. Raises WeightsError: it is another one than expected."""
    from deepdream.models.cache import verify
    from deepdream.models.weight_files import open_weights

    with open_weights(location.path) as file:
        return verify(file, location, entry)


@models_app.command("verify")
def verify_models(
    name: Annotated[
        str | None, typer.Argument(help="One network. The default is every network that is in the cache.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the SHA-256 of weight files with the expected one. The exit code is 4 if one differs."""
    from deepdream.models import cache
    from deepdream.models.catalog import catalog, find_entry
    from deepdream.models.loading import locate

    results: list[dict[str, Any]] = []
    for entry in [find_entry(name)] if name else catalog().values():
        # The first file of whatever size, so that one that was cut short is found, too.
        location = next((place for place in cache.locations(entry) if place.path.is_file()), None)
        if location is None and name:
            location = locate(entry, offline=True)
        if location is None:
            continue
        try:
            results.append({"name": entry.name, "sha256": _digest(location, entry), "result": "good"})
        except WeightsError as error:
            results.append({"name": entry.name, "sha256": None, "result": str(error)})
    if as_json:
        put_json({"schema": 1, "results": results})
    else:
        put_table(("name", "sha256", "result"), [(r["name"], r["sha256"], r["result"]) for r in results])
    bad = [r["name"] for r in results if r["sha256"] is None]
    if bad:
        raise WeightsError(f"Refused: {', '.join(bad)}.")


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
    is_there = target.is_file()
    was_recorded = cache.forget(entry.file)
    for leftover in target.parent.glob(f"{target.name}*"):
        leftover.unlink()
    if not is_there and not was_recorded:
        raise WeightsError(f"{entry.name} has nothing in {target.parent} to remove.")
    say(f"Removed {target}." if is_there else f"Forgot the sha256 of {entry.file}.")
