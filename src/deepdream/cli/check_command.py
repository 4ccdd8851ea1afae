"""The command ``check``: what an explanation is worth, each number beside control maps."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.fed_picture import (
    AgainstOption,
    JsonOption,
    OverwriteOption,
    SkipOption,
    TargetOption,
    parse_seconds,
)
from deepdream.cli.groups import grouped
from deepdream.cli.input_output_files import Existing, are_many, expand_inputs
from deepdream.cli.options import NetworkChoice, Quiet
from deepdream.cli.terminal import put, put_json, put_table, say, silent, width_of_output
from deepdream.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.attribution import Question
    from deepdream.attribution.checks import Agreement, CheckContext, CheckResult, Clock, MapUnderTest
    from deepdream.images import Picture
    from deepdream.models import Model


Tell = Callable[[str], None]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(check))


def names_of(texts: Sequence[str]) -> list[str]:
    """Names given with several options or with commas, each once."""
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def check(
    *,
    images: Annotated[
        list[str] | None, typer.Argument(help="A picture; or several, folders and patterns.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method of `deepdream methods`; may be repeated.")
    ] = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    checks: Annotated[str, typer.Option(help="Names with commas; `--list` shows them. All otherwise.")] = "",
    budget: Annotated[
        str | None, typer.Option(help="How long it may take: 30s, 2m; of many pictures, each.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="A picture of the same size, white where the object is; of many, a folder with such a one for each."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Of many pictures: the folder for checks.csv.")
    ] = None,
    overwrite: OverwriteOption = False,
    skip_existing: SkipOption = False,
    choice: NetworkChoice,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    list_all: Annotated[bool, typer.Option("--list", help="List the checks and stop.")] = False,
    as_json: JsonOption = False,
    quiet: Quiet = False,
) -> None:
    """Check explanations: is a map complete, does it name what matters, does it depend on the network?

    Every number stands beside random maps, a centered blob and an edge detector; the verdict supports a method
    only beyond all of them. Of many pictures checks.csv in a folder (-o, or checks/) has every number, and the
    means over all are shown: one picture does not say whether a method is to be trusted.

    Examples: deepdream check images/cat.jpg --method grad-cam --method saliency --budget 1m
    | deepdream check photo.jpg --method occlusion --mask object.png --checks pointing-game,mass-inside --json
    | deepdream check photos/ --method grad-cam --checks deletion,insertion,randomization -o checks
    """
    if list_all:
        _list_checks(as_json)
        return
    if not images:
        raise UsageError(
            "Which picture? `deepdream check picture.jpg --method grad-cam`; --list lists the checks."
        )
    from deepdream.attribution import find_method

    methods = [find_method(name).name for name in names_of(method or ["integrated-gradients"])]
    asked = _Asked(methods, _wanted(names_of([checks])), target, against, parse_seconds(budget), mask, seed)
    existing = Existing.of(overwrite=overwrite, skip=skip_existing, number=False)
    sources = expand_inputs(images)
    if are_many(images, sources, output):
        _check_many(sources, asked, choice, output, existing, as_json=as_json, quiet=quiet)
        return
    if output is not None or existing is not Existing.REFUSE:
        raise UsageError(
            "-o, --overwrite and --skip-existing are for many pictures; of one, stdout has it all."
        )
    tell = silent if quiet else say
    context = _case(sources[0], asked, choice, quiet=quiet)
    _show(context, *asked.of(context, tell), as_json)


@dataclass(frozen=True)
class _Asked:
    """What is checked about a picture."""

    methods: Sequence[str]
    checks: Sequence[str]
    target: str | None
    against: str | None
    seconds: float | None
    mask: Path | None
    seed: int

    @property
    def question(self) -> Question:
        from deepdream.attribution import Question

        return Question(self.target, self.against, seed=self.seed)

    def of(self, context: CheckContext, tell: Tell) -> tuple[list[MapUnderTest], list[CheckResult]]:
        """The explanations of one picture and what is found about them."""
        from deepdream.attribution.checks import Clock

        clock = Clock(self.seconds)
        tested_maps = _claims(context, self.methods, clock, tell)
        return tested_maps, _findings(context, tested_maps, self.checks, clock, tell)


def _check_many(
    sources: Sequence[Path],
    asked: _Asked,
    choice: NetworkChoice,
    output: Path | None,
    existing: Existing,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    from deepdream.cli.check_many import ManyChecks, mask_beside

    if asked.mask is not None:
        mask_beside(sources[0], asked.mask)
    model = choice.load(quiet=quiet)
    asked = replace(asked, methods=_applying(model, asked))
    shuffled: dict[str, Any] = {}  # what all pictures share: it costs a copy of the network each

    def begin(source: Path, picture: Picture) -> CheckContext:
        return _posed(picture, model, asked, mask_beside(source, asked.mask), shuffled)

    settings = {
        name: getattr(asked, name) for name in ("methods", "checks", "target", "against", "seconds", "seed")
    }
    settings["mask"] = None if asked.mask is None else asked.mask.name
    many = ManyChecks(model, begin, lambda context: asked.of(context, silent), _document, settings)
    many.run(sources, output, existing, as_json=as_json, quiet=quiet)


def _applying(model: Model, asked: _Asked) -> list[str]:
    """The methods that apply to this network; the others are said. Raises UsageError: none does."""
    from deepdream.attribution.explaining import check_question

    found, errors = [], []
    for name in asked.methods:
        try:
            check_question(model, name, asked.question)
            found.append(name)
        except UnknownNameError:
            raise
        except UsageError as error:
            errors.append(error)
            say(f"deepdream: {error}")
    if not found:
        raise errors[0]
    return found


def _wanted(names: list[str]) -> list[str]:
    from deepdream.attribution.checks import all_checks, find_check

    return [find_check(name).name for name in names] or list(all_checks())


def _list_checks(as_json: bool) -> None:
    from deepdream.attribution.checks import all_checks

    rows = [entry.to_dict() for entry in all_checks().values()]
    if as_json:
        put_json({"schema": 1, "checks": rows})
        return
    put_table(("check", "question", "a good value"), [(r["name"], r["question"], r["good"]) for r in rows])


def _case(image: Path, asked: _Asked, choice: NetworkChoice, *, quiet: bool) -> CheckContext:
    from deepdream.images import read_picture

    picture = read_picture(image)
    context = _posed(picture, choice.load(quiet=quiet), asked, asked.mask, {})
    if not quiet:
        label, model = context.model.label, context.model
        instead = "" if context.against is None else f", not “{label(context.against)}”,"
        say(f"{picture.name}: checking explanations of “{label(context.target)}”{instead} by {model.name}.")
    return context


def _posed(
    picture: Picture, model: Model, asked: _Asked, mask: Path | None, shuffled: dict[str, Any]
) -> CheckContext:
    """A picture as a case; ``shuffled`` keeps what does not depend on the picture."""
    from deepdream.attribution.checks import CheckContext

    fed = model.crop(picture.tensor()).to(model.device)
    return CheckContext(model, fed, asked.question, mask=_mask(mask, picture, model), networks=shuffled)


def _mask(path: Path | None, picture: Picture, model: Model) -> Tensor | None:
    """(H, W) bool at the size fed: cut out of the mask as the picture itself is cut out."""
    if path is None:
        return None
    from deepdream.images import read_picture

    found = read_picture(path)
    if (found.height, found.width) != (picture.height, picture.width):
        sizes = f"{found.width}x{found.height}, the picture {picture.width}x{picture.height}"
        raise UsageError(f"The mask is {sizes}: make them the same.")
    return model.crop(found.tensor())[0].mean(0) > 0.5


def _claims(context: CheckContext, methods: Sequence[str], clock: Clock, tell: Tell) -> list[MapUnderTest]:
    from deepdream.attribution.checks import REDUCED_PASSES, NotApplicable, explained, map_under_test

    passes = None if clock.seconds is None else REDUCED_PASSES
    tested_maps: list[MapUnderTest] = []
    not_applicable = []
    for found in explained(context, methods, budget=None if clock.seconds is None else clock.seconds / 3):
        if isinstance(found, NotApplicable):
            not_applicable.append(f"{found.method} does not apply to {context.model.name}: {found.reason}")
            if len(methods) > 1:  # of a single one the error says it
                tell(f"deepdream: {not_applicable[-1]}")
            continue
        tell(f"{found.method}: explained in {found.seconds:.1f} s.")
        tested_maps.append(map_under_test(found, passes=passes))
    if not tested_maps:
        raise UsageError(
            not_applicable[0]
            if len(not_applicable) == 1
            else "None of these methods applies to this network."
        )
    return tested_maps


def _findings(
    context: CheckContext,
    tested_maps: Sequence[MapUnderTest],
    checks: Sequence[str],
    clock: Clock,
    tell: Tell,
) -> list[CheckResult]:
    from deepdream.attribution.checks import checked, plan_curves

    left = None if clock.seconds is None else clock.left
    curves = None if left is None else plan_curves(context, len(tested_maps), left, most=context.steps)
    found, total = [], len(tested_maps) * len(checks)
    for check_result in checked(context, tested_maps, checks, budget=left, curves=curves):
        found.append(check_result)
        tell(
            f"[{len(found)}/{total}] {check_result.check} of {check_result.method}, {check_result.seconds:.1f} s"
        )
    return found


def _show(
    context: CheckContext,
    tested_maps: Sequence[MapUnderTest],
    check_results: Sequence[CheckResult],
    as_json: bool,
) -> None:
    if as_json:
        put_json(_document(context, tested_maps, check_results))
        return
    for tested_map in tested_maps:
        _show_method(
            tested_map.method, [found for found in check_results if found.method == tested_map.method]
        )
    if len(tested_maps) > 1:
        _show_agreement(tested_maps)


#: From this many columns on a verdict stands beside its numbers, else below them.
_WIDE = 110
_MARKS = {True: "●", False: "○", None: "·"}


def _show_method(method: str, check_results: Sequence[CheckResult]) -> None:
    judged = [found for found in check_results if found.supports is not None]
    for_it = sum(found.supports is True for found in judged)
    put(f"{method}: {for_it} of {len(judged)} checks support it (●)")
    width = width_of_output()
    if width >= _WIDE:
        columns = ("", "check", "value", "random maps", "blob", "edges", "verdict")
        put_table(columns, [(_mark(f), f.check, *_numbers(f), f.verdict) for f in check_results])
    else:
        put(_line("  check", ("value", "random maps", "blob", "edges")))
        for found in check_results:
            _show_narrow(found, width)
    put("")


def _show_narrow(found: CheckResult, width: int) -> None:
    numbers = _numbers(found)
    name = f"{_mark(found)} {found.check}"
    put(_line(name, numbers) if numbers[0] is not None else name)
    put(textwrap.fill(found.verdict, width - 4, initial_indent="    ", subsequent_indent="    "))


def _mark(found: CheckResult) -> str:
    return _MARKS[found.supports] if found.values else " "


def _line(name: str, numbers: Sequence[str | None]) -> str:
    value, random, blob, edges = ("-" if n is None else n for n in numbers)
    return f"{name:<23}{value:>9}  {random:>18}{blob:>10}{edges:>10}"


def _show_agreement(tested_maps: Sequence[MapUnderTest]) -> None:
    found = _agreement(tested_maps)
    columns = ("", *(str(number) for number, _ in enumerate(found.names, 1)))
    rows = [
        (f"{number} {name}", *(f"{value:.2f}" for value in values))
        for number, (name, values) in enumerate(zip(found.names, found.spearman, strict=True), 1)
    ]
    put_table(columns, rows, title="Agreement: rank correlation of two maps, on cells")


def _agreement(tested_maps: Sequence[MapUnderTest]) -> Agreement:
    from deepdream.attribution.checks import agreement

    return agreement(
        {
            tested_map.method: tested_map.heatmap
            for tested_map in tested_maps
            if bool(tested_map.heatmap.isfinite().all())
        }
    )


def _numbers(found: CheckResult) -> tuple[str | None, str | None, str | None, str | None]:
    """The value and what the controls reach; None where there is none."""
    if found.value is None:
        return None, None, None, None
    shown = [_figures(found.value)]
    for mean, sd in found.controls.values():
        shown.append(f"{_figures(mean)} ± {_figures(sd)}" if sd >= 0.0005 else _figures(mean))
    value, random, blob, edges = (*shown, None, None, None)[:4]
    return value, random, blob, edges


def _figures(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"


def _document(
    context: CheckContext, tested_maps: Sequence[MapUnderTest], check_results: Sequence[CheckResult]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "model": context.model.name,
        "target": context.target,
        "label": context.model.label(context.target),
        "against": context.against,
        "probability": context.probability,
        "seed": context.seed,
        "results": [found.to_dict() for found in check_results],
        "agreement": _agreement(tested_maps).to_dict(),
    }
