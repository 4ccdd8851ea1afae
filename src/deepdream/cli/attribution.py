"""The commands ``saliency``, ``explain``, ``methods``, ``channels`` and ``concepts``: why this class?"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.files import check_free, expand_inputs
from deepdream.cli.options import DEFAULT_MODEL, DeviceOption, ModelOption, WeightsOption
from deepdream.cli.terminal import put, put_json, put_table, say
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.attribution import Explanation, Method
    from deepdream.attribution.channels import ChannelScores
    from deepdream.attribution.concepts import ConceptScore
    from deepdream.models import Model

STYLES = ("side-by-side", "overlay", "heatmap", "panel")
DRAWINGS, RAW = (".png", ".svg", ".pdf"), (".npy", ".npz")
#: Seconds for each method of ``--method all``, where no budget is given.
SECONDS_EACH = 5.0

Photo = Annotated[Path, typer.Argument(help="A picture.", show_default=False)]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target", "-t", help="The class to explain: index, name or a unique part of it. Default: the top."
    ),
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", help="Why the target and not this class?", show_default=False)
]
LayerOption = Annotated[
    str,
    typer.Option("--layer", "-l", help="The layer to read; auto is the last one with a grid of positions."),
]
BaselineOption = Annotated[
    str, typer.Option("--baseline", help="What nothing looks like: black, mean, blur, noise or white.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Where randomness starts.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        "--out",
        help="PNG, SVG or PDF; .npy (or .npz) for the raw numbers.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
DarkOption = Annotated[bool, typer.Option("--dark", help="Draw for a dark hall.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
StyleOption = Annotated[str, typer.Option("--style", help=f"{', '.join(STYLES[:-1])} or {STYLES[-1]}.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    for command in (saliency, explain, methods, channels, concepts):
        app.command()(command)


@dataclass(frozen=True)
class _Scene:
    """A picture as the network is fed with it."""

    path: Path
    network: Model
    image: Tensor
    device: str

    @classmethod
    def open(cls, path: Path, model: str, weights: str | None, device: str) -> _Scene:
        from deepdream.images import read_picture
        from deepdream.models import load_model

        picture = read_picture(path)
        network = load_model(model, weights=weights, device=device)
        return cls(path, network, network.crop(picture.tensor()), device)

    def probability(self, target: int) -> float:
        import torch

        with torch.no_grad():
            return float(self.network(self.image)[0].double().softmax(dim=0)[target])

    def output(self, wanted: Path | None, what: str) -> Path:
        return (
            wanted or Path("outputs") / f"{self.path.stem}_{self.network.name.replace(':', '-')}_{what}.png"
        )


def saliency(
    image: Photo,
    output: OutOption = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    style: StyleOption = "side-by-side",
    overwrite: OverwriteOption = False,
    dark: DarkOption = False,
    model: ModelOption = DEFAULT_MODEL,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Draw the plain gradient map of a prediction: the quickest way in.

    Example: deepdream saliency images/cat.jpg -o map.png
    """
    showing = _Showing(output, _style(style, False), overwrite, dark, as_json)
    showing.check()
    scene = _Scene.open(image, model, weights, device)
    showing.check_free(scene, "saliency")
    _show(
        scene,
        [_explained(scene, "saliency", {"target": target, "against": against}, {})],
        showing,
        "saliency",
    )


def explain(
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
        typer.Option("--budget", help="Time for each method, such as 30s or 2m: sets samples or steps."),
    ] = None,
    output: OutOption = None,
    style: StyleOption = "side-by-side",
    overlay: Annotated[bool, typer.Option("--overlay", help="The same as --style overlay.")] = False,
    overwrite: OverwriteOption = False,
    dark: DarkOption = False,
    model: ModelOption = DEFAULT_MODEL,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Explain why a network gives a class to a picture.

    Examples: deepdream explain images/cat.jpg --method grad-cam | deepdream explain images/cat.jpg --method all
    """
    _check_method(method)
    showing = _Showing(output, _style(style, overlay), overwrite, dark, as_json)
    showing.check()
    seconds = parse_seconds(budget)
    scene = _Scene.open(image, model, weights, device)
    showing.check_free(scene, method)
    question = {"target": target, "against": against, "layer": layer, "baseline": baseline, "seed": seed}
    own = {"samples": samples, "steps": steps, "segments": segments}
    if method == "all":
        found = _all(scene, {**question, "budget": seconds or SECONDS_EACH}, own)
    else:
        found = [_explained(scene, method, {**question, "budget": seconds}, own)]
    _show(scene, found, showing, method)


def methods(
    as_json: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table as Markdown, for the documentation.")
    ] = False,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--try", help="Run every method on this network and tell what came of it; may be repeated."
        ),
    ] = None,
    weights: WeightsOption = None,
    budget: Annotated[str, typer.Option("--budget", help="With --try: time for each method.")] = "1s",
) -> None:
    """List the methods of explanation: what each answers, costs and promises.

    Examples: deepdream methods | deepdream methods --try resnet18 --try googlenet --weights random
    """
    from deepdream.attribution import methods as registry

    entries = list(registry().values())
    if networks:
        _try(networks, weights, parse_seconds(budget) or 1.0, as_json=as_json)
        return
    if markdown:
        put("\n".join(_markdown(entries)))
        return
    if as_json:
        put_json([_summary(entry) for entry in entries])
        return
    rows = [
        (e.name, e.question, "yes" if e.signed else "no", "yes" if e.complete else "no", e.cost)
        for e in entries
    ]
    put_table(("method", "question", "signed", "sums", "cost"), rows)
    say("sums: the values add up to the score above the baseline. With --json: papers, caveats, options.")


def channels(
    image: Photo,
    layer: LayerOption = "auto",
    target: TargetOption = None,
    against: AgainstOption = None,
    baseline: BaselineOption = "black",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Points on the path; default: doubled.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many channels to list.")] = 10,
    model: ModelOption = DEFAULT_MODEL,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """List which channels of a layer carried a prediction (layer conductance).

    Example: deepdream channels images/cat.jpg --layer blocks.6
    """
    from deepdream.attribution.channels import explain_channels

    scene = _Scene.open(image, model, weights, device)
    found = explain_channels(
        scene.network, scene.image, target, layer=layer, against=against, baseline=baseline, steps=steps
    )
    rise = found.score - found.baseline_score
    rows = [
        {"channel": channel, "score": score, "share": score / rise if rise else None}
        for channel, score in found.top(top)
    ]
    _put_channels(image, found, rows, as_json)


def concepts(
    image: Photo,
    concept: Annotated[Path, typer.Option("--concept", help="A folder of pictures that show the concept.")],
    without: Annotated[
        Path | None,
        typer.Option("--without", help="A folder of pictures that do not. Default: the same, scrambled."),
    ] = None,
    layer: LayerOption = "auto",
    target: TargetOption = None,
    seed: SeedOption = 0,
    model: ModelOption = DEFAULT_MODEL,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Ask whether a concept, given by example pictures, speaks for the class (TCAV).

    Example: deepdream concepts images/cat.jpg --concept stripes/ --without plain/
    """
    from deepdream.attribution.concepts import explain_concept

    scene = _Scene.open(image, model, weights, device)
    examples = _folder(scene, concept)
    others = _folder(scene, without) if without else []
    found = explain_concept(
        scene.network, scene.image, examples, others, target, concept=concept.name, layer=layer, seed=seed
    )
    _put_concept(image, found, as_json)


def parse_seconds(text: str | None) -> float | None:
    """A time such as ``30``, ``30s``, ``2m`` or ``1.5m`` in seconds.

    >>> parse_seconds("2m")
    120.0
    """
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        seconds = float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"No time {text!r}: write it as 30s, 2m or 1h.")
    return seconds


@dataclass(frozen=True)
class _Showing:
    """Where the answer goes, and how it looks."""

    output: Path | None
    style: str
    overwrite: bool
    dark: bool
    as_json: bool

    def check(self) -> None:
        """Before the work: can this be written at all?"""
        if self.output is not None and self.output.suffix.lower() not in (*DRAWINGS, *RAW):
            raise UsageError(
                f"Cannot tell from {self.output.name!r} what to write: end it in {', '.join((*DRAWINGS, *RAW))}."
            )

    def check_free(self, scene: _Scene, what: str) -> None:
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


def _explained(scene: _Scene, name: str, question: dict[str, Any], own: dict[str, Any]) -> Explanation:
    from deepdream.attribution import explain as run

    return run(scene.network, scene.image, name, **question, **own)


def _all(scene: _Scene, question: dict[str, Any], own: dict[str, Any]) -> list[Explanation]:
    """Every method that applies; the others are said, with the reason."""
    from deepdream.attribution import methods as registry
    from deepdream.attribution import pose

    pose(scene.network, scene.image, **{k: v for k, v in question.items() if k != "budget"})
    found = []
    for number, (name, entry) in enumerate(registry().items(), start=1):
        mine = {option: value for option, value in own.items() if option in entry.options}
        try:
            found.append(_explained(scene, name, question, mine))
        except UsageError as error:
            say(f"deepdream: left out: {error}")
            continue
        say(f"{number:2d}/{len(registry())} {name}: {found[-1].seconds:.1f} s")
    if not found:
        raise UsageError(f"No method applies to {scene.network.name}.")
    return found


def _show(scene: _Scene, found: Sequence[Explanation], showing: _Showing, what: str) -> None:
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


def _write(
    scene: _Scene, found: Sequence[Explanation], showing: _Showing, path: Path, *, panel: bool
) -> None:
    if path.suffix.lower() in RAW:
        _write_raw(found, path)
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


def _write_raw(found: Sequence[Explanation], path: Path) -> None:
    import numpy as np

    from deepdream.provenance.files import write_bytes

    stream = io.BytesIO()
    maps = {explanation.method: explanation.heatmap.numpy() for explanation in found}
    if path.suffix.lower() == ".npz":
        np.savez_compressed(stream, **maps)  # type: ignore[arg-type]
    elif len(maps) > 1:
        raise UsageError("One .npy file holds one map; give a .npz file for all methods.")
    else:
        np.save(stream, found[0].heatmap.numpy())
    write_bytes(path, stream.getvalue())


def _document(scene: _Scene, explanation: Explanation, written: Path | None) -> dict[str, Any]:
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


def _put_answers(scene: _Scene, found: Sequence[Explanation]) -> None:
    first = found[0]
    chance = scene.probability(first.target)
    put(f"{scene.path}: {first.label} ({chance:.1%}), score {first.score:.4g}")
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


def _summary(entry: Method) -> dict[str, Any]:
    names = ("name", "question", "paper", "caveat", "needs", "signed", "complete", "family", "cost", "unit")
    return {name: getattr(entry, name) for name in names} | {"options": dict(entry.options)}


def _markdown(entries: Sequence[Method]) -> Iterator[str]:
    yield "| method | question | signed | sums | needs | cost | caveat | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for e in entries:
        marks = ("yes" if e.signed else "no", "yes" if e.complete else "no")
        yield f"| `{e.name}` | {e.question} | {' | '.join(marks)} | {e.needs} | {e.cost} | {e.caveat} | {e.paper} |"


def _try(names: Sequence[str], weights: str | None, budget: float, *, as_json: bool) -> None:
    from deepdream.attribution import methods as registry

    columns = {}
    for name in names:
        say(f"{name} ...")
        columns[name] = _verdicts(name, weights, budget)
    if as_json:
        put_json({"schema": 1, "networks": columns})
        return
    put(f"| method | {' | '.join(names)} |")
    put("|---" * (len(names) + 1) + "|")
    for method in registry():
        put(f"| `{method}` | {' | '.join(columns[name][method] for name in names)} |")


def _verdicts(name: str, weights: str | None, budget: float) -> dict[str, str]:
    import torch

    from deepdream.attribution.battery import try_methods
    from deepdream.models import load_model

    model = load_model(name, weights=weights)
    side = model.preprocessing.crop
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    found = {}
    for trial in try_methods(model, image, budget=budget):
        found[trial.method] = trial.verdict
        if trial.reason:
            say(f"  {trial.reason}")
    return found


def _put_channels(image: Path, found: ChannelScores, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        document = {"schema": 1, "input": str(image)}
        names = (
            "layer",
            "target",
            "label",
            "against",
            "score",
            "baseline_score",
            "completeness_error",
            "steps",
        )
        document |= {name: getattr(found, name) for name in (*names, "forwards", "backwards")}
        put_json({**document, "notes": list(found.notes), "channels": rows, "sum": float(found.scores.sum())})
        return
    rise = found.score - found.baseline_score
    put(
        f"{image}: {found.label}; layer {found.layer}, {len(found.scores)} channels, {rise:.4g} logits to share"
    )
    put_table(
        ("channel", "logits", "share"), [(r["channel"], r["score"], f"{r['share'] or 0:.1%}") for r in rows]
    )
    put(
        f"All {len(found.scores)} sum to {float(found.scores.sum()):.4g} (error {found.completeness_error:.2%})."
    )
    for note in found.notes:
        say(f"deepdream: {note}.")


def _folder(scene: _Scene, folder: Path) -> list[Tensor]:
    from deepdream.images import read_picture

    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of pictures.")
    return [scene.network.crop(read_picture(path).tensor()) for path in expand_inputs([str(folder)])]


def _put_concept(image: Path, found: ConceptScore, as_json: bool) -> None:
    mean, spread = found.control
    if as_json:
        names = ("concept", "layer", "target", "label", "sensitivity", "positive", "accuracy", "significant")
        document = {name: getattr(found, name) for name in (*names, "examples", "counterexamples")}
        control = {"mean": mean, "standard_deviation": spread}
        put_json(
            {"schema": 1, "input": str(image), **document, "control": control, "notes": list(found.notes)}
        )
        return
    verdict = "speaks for" if found.sensitivity > 0 else "speaks against"
    if not found.significant:
        verdict = "has no provable part in"
    put(f"{image}: the concept {found.concept!r} {verdict} {found.label!r} at layer {found.layer}.")
    put(f"Slope {found.sensitivity:.4g}, positive in {found.positive:.0%} of the fits.")
    put(f"Shuffled labels give {mean:.4g} ± {spread:.4g}.")
    put(f"Examples never seen are told apart in {found.accuracy:.0%} of the cases (50% is chance).")
    for note in found.notes:
        say(f"deepdream: {note}.")
