"""The commands ``run``, ``info`` and ``rerun``: make a dream, see how it was made, make it again."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.files import Existing, Job, check_free, check_writable, expand_inputs, plan_outputs
from deepdream.cli.process import interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import put, put_json, say
from deepdream.errors import (
    DeepDreamError,
    InterruptedRunError,
    PictureError,
    SomeInputsFailedError,
    UsageError,
    WeightsError,
)
from deepdream.plan import RECIPES, Plan, plan_for

if TYPE_CHECKING:
    from deepdream.dreaming import Dreamed
    from deepdream.images import Picture
    from deepdream.models import Model
    from deepdream.provenance import Recipe

DEFAULT_MODEL = "efficientnet_lite0"
_FILES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_SETTINGS = {entry.name: entry for entry in fields(Plan)}


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(run)
    app.command()(info)
    app.command()(rerun)


def _help(name: str) -> str:
    """The help of a setting: what it is, its unit, range and default in the default recipe."""
    entry = _SETTINGS[name]
    text = entry.metadata["help"]
    text = text[0].upper() + text[1:]
    if entry.metadata["choices"]:
        text += f" ({', '.join(entry.metadata['choices'])})"
    unit = f" {entry.metadata['unit']}" if entry.metadata["unit"] else ""
    return f"{text}. Recipe balanced: {entry.default}{unit}."


def _setting(name: str, *flags: str) -> Any:
    return typer.Option(*flags, help=_help(name), show_default=False)


Inputs = Annotated[
    list[str],
    typer.Argument(help="Pictures, folders or patterns; `noise` for an empty canvas.", show_default=False),
]
LayerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layer", "-l", help="A layer, or LAYER=WEIGHT; may be repeated. `deepdream layers` lists them."
    ),
]
RecipeOption = Annotated[
    str,
    typer.Option("--recipe", help="; ".join(f"{r.name}: {r.summary}" for r in RECIPES.values()) + "."),
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="The network; `deepdream models` lists them.")
]
WeightsOption = Annotated[
    str | None,
    typer.Option("--weights", help="A checkpoint of one's own (.safetensors, .pth), or random[:SEED]."),
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", help="Longer side in pixels, or WIDTHxHEIGHT; the picture's own size if not given."
    ),
]
RangeOption = Annotated[
    str,
    typer.Option("--range", help="How stored numbers become [0, 1]: auto, minmax, percentile or LOW:HIGH."),
]
MaxPixels = Annotated[
    int, typer.Option("--max-pixels", min=1, help="Refuse larger pictures before decoding them.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="A file or a folder; outputs/{input}_{model}_{layer}.png if not given."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages but errors.")]


@dataclass(frozen=True)
class _Reading:
    """How inputs are read and results are written."""

    size: str | None
    value_range: str
    max_pixels: int
    bits: int
    metadata: bool
    decided_by: str
    quiet: bool
    predict: bool


def run(
    inputs: Inputs,
    layer: LayerOption = None,
    objective: Annotated[
        str | None, typer.Option(help="What to climb instead: 'layer(blocks.4) + 2*channel(blocks.3, 17)'.")
    ] = None,
    recipe: RecipeOption = "balanced",
    strength: Annotated[float | None, _setting("strength", "--strength")] = None,
    octaves: Annotated[int | None, _setting("octaves", "--octaves")] = None,
    octave_scale: Annotated[float | None, _setting("octave_scale", "--octave-scale")] = None,
    steps: Annotated[int | None, _setting("steps", "--steps")] = None,
    rate: Annotated[float | None, _setting("rate", "--rate")] = None,
    jitter: Annotated[int | None, _setting("jitter", "--jitter")] = None,
    color: Annotated[float | None, _setting("color", "--color")] = None,
    calm: Annotated[float | None, _setting("calm", "--calm")] = None,
    seed: Annotated[int | None, _setting("seed", "--seed")] = None,
    tile: Annotated[int | None, _setting("tile", "--tile")] = None,
    tile_halo: Annotated[str | None, _setting("tile_halo", "--tile-halo")] = None,
    size: SizeOption = None,
    model: ModelOption = DEFAULT_MODEL,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Leave outputs that exist.")] = False,
    number: Annotated[
        bool, typer.Option("--number", help="Write name_2, name_3, ... beside what exists.")
    ] = False,
    bits: Annotated[int, typer.Option("--bits", help="8, or 16 for PNG and TIFF.")] = 8,
    value_range: RangeOption = "auto",
    max_pixels: MaxPixels = 64_000_000,
    no_metadata: Annotated[
        bool, typer.Option("--no-metadata", help="Write no recipe into the picture.")
    ] = False,
    decided_by: Annotated[str, typer.Option(help="Who answers for this picture; kept in its recipe.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Dream pictures: change each one so that chosen layers of the network answer more strongly.

    Examples:

      deepdream run photo.jpg

      deepdream run photo.jpg --layer blocks.3 --layer blocks.4=0.5 --strength 0.12

      deepdream run photo.jpg --recipe classic --size 1024 -o dream.png

      deepdream run noise --size 600x400 --seed 1
    """
    from deepdream.dreaming.loop import objective_of

    plan = plan_for(
        recipe,
        objective=_objective_text(layer, objective),
        strength=strength,
        octaves=octaves,
        octave_scale=octave_scale,
        steps=steps,
        rate=rate,
        jitter=jitter,
        color=color,
        calm=calm,
        seed=seed,
        tile=tile,
        tile_halo=tile_halo,
    )
    _check_bits(bits)
    if not decided_by.isprintable() or len(decided_by) > 200:
        raise UsageError("--decided-by is one line of at most 200 characters.")
    sources = expand_inputs(inputs)
    _check_only_input(sources)
    network = load_network(model, weights, device)
    goal = objective_of(plan, network)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=number)
    jobs = plan_outputs(sources, output, _tail(network.name, goal.layers), existing)
    for job in jobs:
        check_writable(job.output, bits=bits)
    reading = _Reading(size, value_range, max_pixels, bits, not no_metadata, decided_by, quiet, json)
    if dry_run:
        _show_plans(jobs, network, plan, reading, json=json)
        return
    results, failures = _run_all(jobs, network, plan, reading, announce=not json)
    if json:
        put_json(
            {"schema": 1, "results": results, "failed": [{"input": i, "error": str(e)} for i, e in failures]}
        )
    _raise_failures(failures, len(jobs))


def _run_all(
    jobs: list[Job], network: Model, plan: Plan, reading: _Reading, *, announce: bool
) -> tuple[list[dict[str, Any]], list[tuple[str, DeepDreamError]]]:
    """Dream one after the other; a picture that fails does not stop the rest."""
    results: list[dict[str, Any]] = []
    failures: list[tuple[str, DeepDreamError]] = []
    for job in jobs:
        if job.skip:
            results.append({"input": str(job.source), "output": str(job.output), "skipped": True})
            continue
        try:
            results.append(_run_one(job, network, plan, reading))
        except DeepDreamError as error:
            failures.append((str(job.source), error))
            if isinstance(error, InterruptedRunError):
                break
            if len(jobs) > 1:
                say(f"deepdream: {job.source}: {error}")
            continue
        if announce:
            put(str(job.output))
    return results, failures


def _raise_failures(failures: list[tuple[str, DeepDreamError]], count: int) -> None:
    if failures and (count == 1 or isinstance(failures[-1][1], InterruptedRunError)):
        raise failures[-1][1]
    if failures:
        raise SomeInputsFailedError(
            f"{len(failures)} of {count} inputs failed: {failures[0][0]} and so on, see above."
        )


def _run_one(job: Job, network: Model, plan: Plan, reading: _Reading) -> dict[str, Any]:
    from deepdream.dreaming.result import render

    began = time.monotonic()
    picture = _read(job.source, reading, plan.seed)
    for note in () if reading.quiet else picture.notes:
        say(f"{picture.name}: {note}")
    with interruptible() as interruption, dream_progress(picture.name, quiet=reading.quiet) as show:

        def watch(step: Any) -> bool:
            show(step)
            return interruption.number != 0

        dreamed: Dreamed = render(
            network,
            picture,
            plan,
            size=_size_of(job.source, reading.size),
            watch=watch,
            decided_by=reading.decided_by,
            value_range=reading.value_range,
        )
        if not dreamed.recipe.finished:
            _save_partial(dreamed, job.output, reading, interruption.number)
        dreamed.save(job.output, bits=reading.bits, metadata=reading.metadata)
    if interruption.number:
        raise InterruptedRunError(f"stopped; {job.output} was finished.", interruption.number)
    seconds = time.monotonic() - began
    return _summary(job, dreamed, network, picture, seconds) if reading.predict else {}


def _save_partial(dreamed: Dreamed, output: Path, reading: _Reading, number: int) -> None:
    path = output.with_stem(f"{output.stem}_partial")
    dreamed.save(path, bits=reading.bits, metadata=reading.metadata)
    raise InterruptedRunError(f"stopped; the picture so far is in {path}.", number)


def _summary(job: Job, dreamed: Dreamed, network: Model, picture: Picture, seconds: float) -> dict[str, Any]:
    """What ``--json`` says about one picture."""
    import torch

    def top(pixels: Any) -> list[dict[str, Any]]:
        image = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
        found = network.classify(image, top=5)[0]
        return [{"index": i, "label": name, "probability": round(p, 6)} for i, name, p in found]

    recipe = dreamed.recipe
    return {
        "input": str(job.source),
        "output": str(job.output),
        "skipped": False,
        "width": recipe.width,
        "height": recipe.height,
        "objective": recipe.plan.objective,
        "octaves": [list(size) for size in recipe.octaves],
        "score": recipe.score,
        "measures": recipe.measures,
        "warnings": dreamed.measures.warnings(),
        "before": top(picture.pixels),
        "after": top(dreamed.pixels),
        "notes": list(picture.notes),
        "seconds": round(seconds, 3),
    }


def _show_plans(jobs: list[Job], network: Model, plan: Plan, reading: _Reading, *, json: bool) -> None:
    described = [_describe(job, network, plan, reading) for job in jobs]
    if json:
        put_json({"schema": 1, "plans": described})
        return
    for entry in described:
        sizes = " ".join(f"{width}x{height}" for height, width in entry["octaves"])
        put(f"{entry['input']} -> {entry['output']}" + (" (exists, skipped)" if entry["skipped"] else ""))
        put(f"  climbs {entry['objective']}, recipe {plan.recipe}, {entry['gradients']} gradients at {sizes}")
        if entry["left_out"]:
            put(f"  {entry['left_out']} octaves are left out: they would be too small for the layer")


def _describe(job: Job, network: Model, plan: Plan, reading: _Reading) -> dict[str, Any]:
    """What ``--dry-run`` says about one picture."""
    from deepdream.dreaming.loop import objective_of, sizes_for
    from deepdream.dreaming.result import fit_picture

    picture = fit_picture(_read(job.source, reading, plan.seed), _size_of(job.source, reading.size))
    sizes = sizes_for(plan, network, picture.height, picture.width)
    return {
        "input": str(job.source),
        "output": str(job.output),
        "skipped": job.skip,
        "objective": str(objective_of(plan, network)),
        "octaves": [[size.height, size.width] for size in sizes],
        "left_out": plan.octaves - len(sizes),
        "gradients": sum(size.steps for size in sizes),
        "plan": plan.to_dict(),
    }


def info(
    picture: Annotated[Path, typer.Argument(help="A picture that deepdream made.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Show the recipe inside a picture: network, layer, every setting, versions, hashes.

    Example: deepdream info outputs/pagoda_efficientnet_lite0_blocks.4.png
    """
    recipe = _recipe_of(picture)
    if json:
        put_json(recipe.to_dict())
        return
    model = recipe.model
    put(f"{picture.name}: {recipe.width}x{recipe.height}" + ("" if recipe.finished else ", interrupted"))
    _put_entry("made from", f"{recipe.input['name']} (sha256 {recipe.input['sha256'][:12]}...)")
    _put_entry("network", f"{model['name']}, {model.get('origin')}, {model.get('license')} license")
    _put_entry("weights", f"sha256 {model.get('sha256')}")
    _put_entry("climbed", recipe.plan.objective)
    _put_entry("octaves", " ".join(f"{w}x{h}" for h, w in recipe.octaves))
    _put_entry("settings", " ".join(f"{k}={v}" for k, v in recipe.plan.to_dict().items() if k != "objective"))
    _put_entry("measures", " ".join(f"{k}={v:.3g}" for k, v in recipe.measures.items()))
    _put_entry("ran on", f"{recipe.device}, {recipe.threads} thread{'s' if recipe.threads > 1 else ''}")
    _put_entry("versions", ", ".join(f"{k} {v}" for k, v in recipe.versions.items()))
    if recipe.decided_by:
        _put_entry("decided by", recipe.decided_by)


def _put_entry(label: str, text: str) -> None:
    """A line of ``info``; in a terminal wrapped between words, under its own beginning."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    first, rest = f"{label:<11}", " " * 11
    put(textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False))


def rerun(
    picture: Annotated[Path, typer.Argument(help="A picture that deepdream made.", show_default=False)],
    source: Annotated[Path | None, typer.Option("--input", help="The picture it was made from.")] = None,
    weights: WeightsOption = None,
    device: DeviceOption = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; name_again.png beside it if not given."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    max_pixels: MaxPixels = 64_000_000,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Make a picture again from the recipe inside it: the same bytes of pixels on the same versions and CPU.

    The original is looked for at --input, beside the picture, in this folder and in images/, and must have
    the hash in the recipe.

    Example: deepdream rerun outputs/pagoda_efficientnet_lite0_blocks.4.png
    """
    import torch

    recipe = _recipe_of(picture)
    _check_trust(recipe, picture, max_pixels)
    target = output or picture.with_stem(f"{picture.stem}_again")
    if target.resolve() == picture.resolve():
        raise UsageError("The output would replace the picture whose recipe is read. Choose another -o.")
    check_free(target, overwrite=overwrite)
    check_writable(target, bits=recipe.bits)
    origin = _find_input(recipe, picture, source)
    network = load_network(recipe.model["name"], weights or _weights_of(recipe), device or _device_of(recipe))
    differences = _differences(recipe, network)
    if not recipe.finished:
        differences.append("the picture was interrupted; this is the whole dream")
    for line in differences:
        say(f"deepdream: differs from then: {line}")
    torch.set_num_threads(recipe.threads)
    reading = _Reading(
        f"{recipe.width}x{recipe.height}",
        recipe.input.get("range", "auto"),
        max_pixels,
        recipe.bits,
        True,
        recipe.decided_by,
        quiet,
        json,
    )
    result = _run_one(Job(origin, target), network, recipe.plan, reading)
    same = _same_pixels(picture, target, max_pixels)
    if not quiet:
        say("the same pixels, bit for bit" if same else "the pixels differ")
    if json:
        put_json({"schema": 1, "results": [{**result, "same_pixels": same, "differences": differences}]})
    else:
        put(str(target))


def _recipe_of(path: Path) -> Recipe:
    from deepdream.images import read_recipe
    from deepdream.provenance import read_recipe_text

    text = read_recipe(path)
    if text is None:
        raise PictureError(
            f"{path.name} holds no recipe: deepdream did not make it, or wrote it with --no-metadata."
        )
    return read_recipe_text(text)


def _weights_of(recipe: Recipe) -> str | None:
    """What ``--weights`` must have said; None for the network's published weights.

    Raises:
        WeightsError: it was a file of the user's own, which only the user can give again.
    """
    origin = str(recipe.model.get("origin", ""))
    if match := re.fullmatch(r"seeded random \(seed (\d+)\)", origin):
        return f"random:{match[1]}"
    if origin.startswith("file ") and " from " not in origin:
        raise WeightsError(
            f"This picture was made with the weights of {origin}. Give that file with --weights."
        )
    return None


def _differences(recipe: Recipe, network: Model) -> list[str]:
    lines = [f"{name} was {then}, is {now}" for name, (then, now) in recipe.changed_versions().items()]
    if network.weights.sha256 != recipe.model.get("sha256"):
        lines.append("the weights have another hash")
    if str(network.device) != recipe.device:
        lines.append(f"the device was {recipe.device}, is {network.device}")
    return lines


def _check_only_input(sources: list[Path]) -> None:
    """A single picture that is not there is said at once, before the network is loaded."""
    if len(sources) == 1 and str(sources[0]) != "noise" and not os.path.exists(sources[0]):  # noqa: PTH110 - never raises
        raise PictureError(f"There is no file {str(sources[0])[:200]}. Check the path.")


def _find_input(recipe: Recipe, picture: Path, given: Path | None) -> Path:
    """The original, by name and hash; the name in a recipe is a stranger's and was checked to be a base name."""
    from deepdream.provenance import sha256_of

    name, wanted = recipe.input["name"], recipe.input["sha256"]
    if name == "noise":
        return Path(name)
    places = [given] if given else [folder / name for folder in (picture.parent, Path(), Path("images"))]
    for place in places:
        if place.is_file() and sha256_of(place) == wanted:
            return place
    looked = ", ".join(str(place) for place in places)
    raise PictureError(
        f"The original {name} with hash {wanted[:12]}... is not at {looked}. Give it with --input."
    )


def _check_trust(recipe: Recipe, picture: Path, max_pixels: int) -> None:
    """What a stranger's recipe may not ask for: another size than its picture has, or a file as the network.

    Raises:
        PictureError: it asks for that.
    """
    from deepdream.images import read_picture

    made = read_picture(picture, max_pixels=max_pixels)
    if (made.width, made.height) != (recipe.width, recipe.height):
        raise PictureError(
            f"The recipe in {picture.name} is for {recipe.width}x{recipe.height} pixels; the picture has "
            f"{made.width}x{made.height}. It was changed after it was made."
        )
    name = recipe.model["name"]
    if "/" in name or "\\" in name or name.endswith(_FILES):
        raise PictureError(f"The recipe in {picture.name} names a file as its network; it is not opened.")


def _device_of(recipe: Recipe) -> str:
    """The recipe's device where this machine has it, else whatever there is."""
    from deepdream.models.loading import devices

    return recipe.device if recipe.device in devices() else "auto"


def _same_pixels(first: Path, second: Path, max_pixels: int) -> bool:
    from deepdream.images import read_picture

    one, two = (read_picture(path, max_pixels=max_pixels) for path in (first, second))
    return one.pixels.shape == two.pixels.shape and bool((one.pixels == two.pixels).all())


def _objective_text(layers: list[str] | None, objective: str | None) -> str | None:
    """The objective that the options spell. Raises UsageError for both kinds at once."""
    if layers and objective:
        raise UsageError("Give --layer or --objective, not both.")
    if not layers:
        return objective
    terms = []
    for word in layers:
        name, _, weight = word.partition("=")
        try:
            terms.append((name, float(weight or 1)))
        except ValueError:
            raise UsageError(
                f"Cannot read the weight {weight!r} in --layer {word}. Example: blocks.4=0.5"
            ) from None
    return " + ".join(
        f"layer({name})" if weight == 1 else f"{weight!r}*layer({name})" for name, weight in terms
    )


def _tail(model: str, layers: tuple[str, ...]) -> str:
    return re.sub(r"[^\w.+-]+", "-", f"{model}_{'+'.join(layers)}")[:100]


def load_network(name: str, weights: str | None, device: str) -> Model:
    """The network that --model, --weights and --device ask for."""
    from deepdream.models import load_model
    from deepdream.models.loading import parse_weights

    return load_model(name, weights=parse_weights(weights) if weights else None, device=device)


def _check_bits(bits: int) -> None:
    if bits not in (8, 16):
        raise UsageError(f"--bits is 8 or 16, not {bits}.")


def _read(source: Path, reading: _Reading, seed: int) -> Picture:
    from deepdream.dreaming.result import NOISE, noise_picture, parse_size
    from deepdream.images import read_picture

    if str(source) == NOISE and not source.exists():
        height, width = parse_size(_square(reading.size or "512"), 1, 1)
        _check_size(height, width, reading)
        return noise_picture(height, width, seed)
    picture = read_picture(source, value_range=reading.value_range, max_pixels=reading.max_pixels)
    if reading.size:
        _check_size(*parse_size(reading.size, picture.height, picture.width), reading)
    return picture


def _check_size(height: int, width: int, reading: _Reading) -> None:
    if height * width > reading.max_pixels:
        raise UsageError(
            f"--size {reading.size} would be {width}x{height}, more than the limit of {reading.max_pixels:,} "
            "pixels. Make it smaller, or raise the limit with --max-pixels."
        )


def _square(size: str) -> str:
    return size if "x" in size.lower() else f"{size}x{size}"


def _size_of(source: Path, size: str | None) -> str | None:
    return None if str(source) == "noise" and not source.exists() else size
