"""The commands ``saliency`` and ``explain``: why this class?"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.files import check_free
from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice
from deepdream.cli.scene import (
    AgainstOption,
    BaselineOption,
    DarkOption,
    JsonOption,
    LayerOption,
    OutOption,
    OverwriteOption,
    Photo,
    Scene,
    SeedOption,
    TargetOption,
    parse_seconds,
)
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation

STYLES = ("side-by-side", "overlay", "heatmap", "panel", "mask")
DRAWINGS, RAW = (".png", ".svg", ".pdf"), (".npy", ".npz")
#: Seconds for ``--method all``, where no budget is given.
SECONDS_FOR_ALL = 90.0

StyleOption = Annotated[
    str,
    typer.Option(
        "--style",
        help=f"{', '.join(STYLES[:-1])} or {STYLES[-1]}: the map alone, white on black, for `run --mask`.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    for command in (saliency, explain):
        app.command()(grouped(command))


def saliency(
    *,
    image: Photo,
    output: OutOption = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    style: StyleOption = "side-by-side",
    overwrite: OverwriteOption = False,
    dark: DarkOption = False,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """Draw the plain gradient map of a prediction: the quickest way in.

    Example: deepdream saliency images/cat.jpg -o map.png
    """
    showing = _Showing(output, _style(style, False), overwrite, dark, as_json)
    showing.check("saliency")
    scene = Scene.open(image, choice)
    showing.check_free(scene, "saliency")
    _show(
        scene,
        [_explained(scene, "saliency", {"target": target, "against": against}, {})],
        showing,
        "saliency",
    )


def explain(
    *,
    image: Photo,
    method: Annotated[
        str, typer.Option("--method", help="`deepdream methods` lists them; `all` draws a panel.")
    ] = ("integrated-gradients"),
    target: TargetOption = None,
    against: AgainstOption = None,
    layer: LayerOption = "auto",
    baseline: BaselineOption = "black",
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="For methods that sample.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="For methods that take steps.")] = None,
    segments: Annotated[
        int | None, typer.Option("--segments", min=1, help="For methods that hide regions.")
    ] = None,
    seed: SeedOption = 0,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="Time, such as 30s or 2m: sets samples or steps. With --method all it is for the whole panel (90s).",
        ),
    ] = None,
    output: OutOption = None,
    style: StyleOption = "side-by-side",
    overlay: Annotated[bool, typer.Option("--overlay", help="The same as --style overlay.")] = False,
    overwrite: OverwriteOption = False,
    dark: DarkOption = False,
    choice: NetworkChoice,
    as_json: JsonOption = False,
) -> None:
    """Explain why a network gives a class to a picture.

    Examples: deepdream explain images/cat.jpg --method grad-cam | deepdream explain images/cat.jpg --method all
    """
    _check_method(method)
    showing = _Showing(output, _style(style, overlay), overwrite, dark, as_json)
    showing.check(method)
    if showing.style == "mask" and method == "all":
        raise UsageError("A mask is made from one method: choose it with --method.")
    seconds = parse_seconds(budget)
    scene = Scene.open(image, choice)
    showing.check_free(scene, method)
    question = {"target": target, "against": against, "layer": layer, "baseline": baseline, "seed": seed}
    own = {"samples": samples, "steps": steps, "segments": segments}
    if method == "all":
        found = _all(scene, question, own, seconds or SECONDS_FOR_ALL)
    else:
        found = [_explained(scene, method, {**question, "budget": seconds}, own)]
    _show(scene, found, showing, method)


@dataclass(frozen=True)
class _Showing:
    """Where the answer goes, and how it looks."""

    output: Path | None
    style: str
    overwrite: bool
    dark: bool
    as_json: bool

    def check(self, method: str) -> None:
        """Before the work: can this be written at all?"""
        if method == "all" and self.output is not None and self.output.suffix.lower() == ".npy":
            raise UsageError("One .npy file holds one map; give a .npz file for all methods.")
        if self.output is not None and self.output.suffix.lower() not in (*DRAWINGS, *RAW):
            raise UsageError(
                f"Cannot tell from {self.output.name!r} what to write: end it in {', '.join((*DRAWINGS, *RAW))}."
            )
        if self.style == "mask" and self.output is not None and self.output.suffix.lower() != ".png":
            raise UsageError(f"A mask is a PNG: end {self.output.name!r} in .png.")

    def check_free(self, scene: Scene, what: str) -> None:
        """Before the work: is the place free? With --json nothing is drawn unless a place is named."""
        if self.output is not None or not self.as_json:
            check_free(scene.output(self.output, what), overwrite=self.overwrite)


def _style(style: str, overlay: bool) -> str:
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    return "overlay" if overlay else style


def _check_method(name: str) -> None:
    from deepdream.attribution import find_method

    if name != "all":
        find_method(name)


def _explained(scene: Scene, name: str, question: dict[str, Any], own: dict[str, Any]) -> Explanation:
    from deepdream.attribution import explain as run

    return run(scene.network, scene.image, name, **question, **own)


def _all(scene: Scene, question: dict[str, Any], own: dict[str, Any], seconds: float) -> list[Explanation]:
    """Every method that applies; the others are said, with the reason.

    Each method that samples gets an equal part of what is left of the time, the others what they need.
    """
    from deepdream.attribution import methods as registry
    from deepdream.attribution import pose

    end = time.perf_counter() + seconds
    pose(scene.network, scene.image, **question)
    waiting = sum(entry.budgeted is not None for entry in registry().values())
    say(f"{seconds:g} s for all: about {seconds / waiting:.1f} s for each of {waiting} methods that sample.")
    found = []
    for number, (name, entry) in enumerate(registry().items(), start=1):
        mine = {option: value for option, value in own.items() if option in entry.options}
        share = max(end - time.perf_counter(), 0.0) / max(waiting, 1)
        waiting -= entry.budgeted is not None
        try:
            found.append(_explained(scene, name, {**question, "budget": share}, mine))
        except UsageError as error:
            say(f"deepdream: left out: {error}")
            continue
        say(f"{number:2d}/{len(registry())} {name}: {found[-1].seconds:.1f} s")
    if not found:
        raise UsageError(f"No method applies to {scene.network.name}.")
    return found


def _show(scene: Scene, found: Sequence[Explanation], showing: _Showing, what: str) -> None:
    written = None
    if showing.output is not None or not showing.as_json:
        written = scene.output(showing.output, what)
        _write(scene, found, showing, written, panel=what == "all")
    if showing.as_json:
        documents = [_document(scene, explanation, written) for explanation in found]
        put_json(documents if what == "all" else documents[0])
        return
    _put_answers(scene, found)
    put(str(written))


def _write(scene: Scene, found: Sequence[Explanation], showing: _Showing, path: Path, *, panel: bool) -> None:
    if path.suffix.lower() in RAW:
        _write_raw(found, path)
        return
    if showing.style == "mask":
        _write_mask(scene, found[0], path)
        return
    from deepdream.attribution.pictures import draw, draw_all
    from deepdream.figures import Theme

    theme = Theme.DARK if showing.dark else Theme.LIGHT
    chance = scene.probability(found[0].target)
    if panel:
        figure = draw_all(found, scene.image, probability=chance, theme=theme)
    else:
        style: Any = showing.style
        figure = draw(found[0], scene.image, probability=chance, style=style, theme=theme)
    figure.save(path)


def _write_mask(scene: Scene, explanation: Explanation, path: Path) -> None:
    """A gray picture as large as the one explained."""
    from deepdream.attribution.pictures import mask_of
    from deepdream.images import write_picture

    mask = scene.network.uncrop(mask_of(explanation), *scene.size)[0]
    write_picture(path, mask.expand(3, -1, -1).permute(1, 2, 0).numpy())


def _write_raw(found: Sequence[Explanation], path: Path) -> None:
    import numpy as np

    from deepdream.provenance.files import write_bytes

    stream = io.BytesIO()
    maps = {explanation.method: explanation.heatmap.numpy() for explanation in found}
    if path.suffix.lower() == ".npz":
        np.savez_compressed(stream, **maps)  # type: ignore[arg-type]
    else:
        np.save(stream, found[0].heatmap.numpy())
    write_bytes(path, stream.getvalue())


def _document(scene: Scene, explanation: Explanation, written: Path | None) -> dict[str, Any]:
    from deepdream.attribution.pictures import numbers_of

    return {
        "schema": 1,
        "input": str(scene.path),
        "model": scene.network.name,
        "weights": scene.network.weights.origin,
        "probability": scene.probability(explanation.target),
        **numbers_of(explanation),
        "height": explanation.heatmap.shape[0],
        "width": explanation.heatmap.shape[1],
        "output": None if written is None else str(written),
    }


def _put_answers(scene: Scene, found: Sequence[Explanation]) -> None:
    first = found[0]
    chance = scene.probability(first.target)
    against = "" if first.against_label is None else f", against {first.against_label}"
    put(f"{scene.path}: {first.label} ({chance:.1%}){against}, score {first.score:.4g}")
    if len(found) > 1:
        columns = ("method", "completeness error", "forwards", "backwards", "seconds", "notes")
        rows = [
            (e.method, _percent(e), e.forwards, e.backwards, e.seconds, "; ".join(e.notes)) for e in found
        ]
        put_table(columns, rows)
        return
    from deepdream.attribution.pictures import caption_of

    put(caption_of(first))
    options = ", ".join(f"{name} {value}" for name, value in first.options.items())
    passes = f"{first.forwards} forward and {first.backwards} backward passes, {first.seconds:.1f} s"
    put(f"{first.method}: {passes}" + (f"; {options}" if options else ""))


def _percent(explanation: Explanation) -> str | None:
    error = explanation.completeness_error
    return None if error is None else f"{error:.2%}"
