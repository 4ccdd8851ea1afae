"""Dreams that are never lost: put aside every few steps and at every interruption, and the command ``resume``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.batch.outputs import check_free, check_writable
from deepdream.cli.options import DeviceOption, JsonOption, Overwrite, OwnModels, Quiet, WeightsOption
from deepdream.cli.process import interruptible
from deepdream.cli.progress import dream_progress
from deepdream.cli.terminal import put, put_json, say
from deepdream.errors import InterruptedRunError, OutputError, PictureError, WeightsError

if TYPE_CHECKING:
    from deepdream.dreaming import DreamResult, Step
    from deepdream.dreaming.checkpoint import Checkpoint
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(resume)


def resume(
    outputs: Annotated[
        list[Path],
        typer.Argument(
            help="The output of the interrupted dream, or a folder for every dream in it.", show_default=False
        ),
    ],
    own: OwnModels = None,
    weights: WeightsOption = None,
    device: DeviceOption = "",
    overwrite: Overwrite = False,
    json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Continue interrupted dreams from the states that `run --checkpoint-every N` stores.

    The result equals that of the uninterrupted dream, bit for bit with the same processor and versions.

    Examples:

      deepdream resume outputs/dream.png

      deepdream resume outputs/
    """
    results = []
    for output in _outputs(outputs):
        results.append(_resume_one(output, own or (), weights, device, overwrite=overwrite, quiet=quiet))
        if not json:
            put(str(output))
    if json:
        put_json({"schema": 1, "results": results})


def _outputs(words: list[Path]) -> list[Path]:
    """Pictures as they are, folders as the dreams that wait in them. Raises PictureError: a folder without."""
    found: list[Path] = []
    for word in words:
        waiting = [word]
        if word.is_dir():
            waiting = [path.with_name(path.stem) for path in sorted(word.glob("*.state"))]
        if not waiting:
            raise PictureError(f"No dream waits in {word}: it holds no .state file.")
        found += [path.with_name(path.stem) if path.suffix == ".state" else path for path in waiting]
    return list(dict.fromkeys(found))


def _resume_one(
    output: Path, own: Sequence[str], weights: str | None, device: str, *, overwrite: bool, quiet: bool
) -> dict[str, Any]:
    import torch

    from deepdream.cli.rerun_commands import differences, networks_of
    from deepdream.dreaming.checkpoint import checkpoint_path, on_device, read_checkpoint

    checkpoint = read_checkpoint(checkpoint_path(output))
    recipe = checkpoint.draft.recipe
    check_free(output, overwrite=overwrite)
    check_writable(output, bits=recipe.bits)
    network = networks_of(recipe, weights, device, own)
    _check_network(network, checkpoint)
    for line in differences(recipe, network):
        say(f"deepdream: differs from then: {line}")
    torch.set_num_threads(recipe.threads)
    checkpoint = replace(checkpoint, state=on_device(checkpoint.state, network.device))
    again = again_with(own, weights)
    return {
        "input": recipe.input["name"],
        **dream_to_the_end(output, network, checkpoint, quiet=quiet, again=again),
    }


def again_with(models: Sequence[str], weights: str | None) -> str:
    """The options that ``resume`` needs to load these networks again, with a space before each."""
    from deepdream.models import is_own_code

    own = "".join(f" --model {shlex.quote(name)}" for name in models if is_own_code(name))
    return own + (f" --weights {shlex.quote(weights)}" if weights else "")


def _check_network(network: Model, checkpoint: Checkpoint) -> None:
    """Raises WeightsError: it is not the network with which the dream began."""
    recipe = checkpoint.draft.recipe
    for model, record in zip((network, *network.members), (recipe.model, *recipe.networks), strict=True):
        if model.weights.code != record.get("code", ""):
            raise WeightsError(
                f"The dream began with a network of {record.get('code')}. Give that one with --model, not "
                f"{model.weights.code}, which may feed it otherwise."
            )
        if model.weights.sha256 != record["sha256"]:
            how = f"Is {record['code']} as it was?" if record.get("code") else "Give them with --weights."
            raise WeightsError(
                f"The dream began with other weights of {record['name']} (sha256 "
                f"{str(record['sha256'])[:12]}...). {how}"
            )


def dream_to_the_end(
    output: Path, network: Model, checkpoint: Checkpoint, *, quiet: bool, again: str = ""
) -> dict[str, Any]:
    """Dream on from ``checkpoint`` with progress, save the picture, and tell of it what ``--json`` shows.

    A checkpoint that is kept lies beside ``output`` until the picture is there. ``again`` is what the command
    ``resume`` needs besides the output's name.
    """
    from deepdream.dreaming.checkpoint import checkpoint_path, write_checkpoint
    from deepdream.dreaming.result import go_on

    began = time.monotonic()
    draft, kept = checkpoint.draft, checkpoint_path(output)
    with interruptible() as interruption, dream_progress(draft.recipe.input["name"], quiet=quiet) as show:

        def watch(step: Step) -> bool:
            nonlocal checkpoint
            show(step)
            checkpoint = replace(checkpoint, state=step.state)
            stopping = interruption.number != 0 and not step.last
            if checkpoint.every and (stopping or (step.number % checkpoint.every == 0 and not step.last)):
                write_checkpoint(kept, checkpoint)
            return interruption.number != 0

        dreamed = go_on(network, draft, checkpoint.state, watch=watch)
        if not dreamed.recipe.finished:
            save_partial(dreamed, output, checkpoint, interruption.number, again)
        dreamed.save(output, bits=draft.recipe.bits, metadata=checkpoint.metadata)
        kept.unlink(missing_ok=True)
    if interruption.number:
        raise InterruptedRunError(f"stopped; {output} was finished.", interruption.number)
    return summary(output, dreamed, round(time.monotonic() - began, 3))


def partial_path(output: Path) -> Path:
    """Where an interrupted dream's picture goes: ``dream_partial.png``."""
    return output.with_stem(f"{output.stem}_partial")


def save_partial(dreamed: DreamResult, output: Path, checkpoint: Checkpoint, number: int, again: str) -> None:
    """Save an interrupted dream beside ``output``. Raises InterruptedRunError, which says where and what next."""
    path = partial_path(output)
    dreamed.save(path, bits=checkpoint.draft.recipe.bits, metadata=checkpoint.metadata)
    message = f"stopped; the picture so far is in {path}."
    if checkpoint.every:
        message += f" `deepdream resume {shlex.quote(str(output))}{again}` goes on."
    raise InterruptedRunError(message, number)


def summary(output: Path, dreamed: DreamResult, seconds: float) -> dict[str, Any]:
    """What ``--json`` says about one picture."""
    recipe = dreamed.recipe
    return {
        "output": str(output),
        "skipped": False,
        "width": recipe.width,
        "height": recipe.height,
        "objective": recipe.plan.objective,
        "octaves": [list(size) for size in recipe.octaves],
        "score": recipe.score,
        "gains": list(recipe.gains),
        "together": recipe.together,
        "draft": recipe.plan.precision != "float32",
        "measures": recipe.measures,
        "warnings": dreamed.measures.warnings(),
        "before": [asdict(entry) for entry in recipe.before],
        "after": [asdict(entry) for entry in recipe.after],
        "seconds": seconds,
    }


def check_no_checkpoint(output: Path) -> None:
    """Raises OutputError if an interrupted dream of ``output`` waits beside it, which would be lost."""
    kept = output.with_name(f"{output.name}.state")
    if kept.exists():
        raise OutputError(
            f"{kept} holds an interrupted dream: `deepdream resume {shlex.quote(str(output))}` goes on, "
            "--overwrite starts again."
        )
