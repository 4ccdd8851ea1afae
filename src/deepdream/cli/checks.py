"""The command ``check``: what an explanation is worth, each number beside maps that know nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.groups import grouped
from deepdream.cli.options import NetworkChoice
from deepdream.cli.scene import AgainstOption, JsonOption, TargetOption, parse_seconds
from deepdream.cli.terminal import put, put_json, put_table, say, width_of_output
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from deepdream.attribution.checks import Agreement, Case, Claim, Finding
    from deepdream.images import Picture
    from deepdream.models import Model


def register(app: typer.Typer) -> None:
    """Add the commands of this file to ``app``."""
    app.command()(grouped(check))


def names_of(texts: Sequence[str]) -> list[str]:
    """Names given with several options or with commas, each once."""
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def check(
    *,
    image: Annotated[Path | None, typer.Argument(help="The picture.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method of `deepdream methods`; may be repeated.")
    ] = None,
    target: TargetOption = None,
    against: AgainstOption = None,
    checks: Annotated[str, typer.Option(help="Names with commas; `--list` shows them. All otherwise.")] = "",
    budget: Annotated[str | None, typer.Option(help="How long it may take: 30s, 2m.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="A picture of the same size, white where the object is.")
    ] = None,
    choice: NetworkChoice,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn by chance.")] = 0,
    list_all: Annotated[bool, typer.Option("--list", help="List the checks and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check explanations: is a map complete, does it name what matters, does it depend on the network?

    Every number stands beside random maps, a centered blob and an edge detector; the verdict speaks for a method
    only beyond all of them.

    Examples: deepdream check images/cat.jpg --method grad-cam --method saliency --budget 1m
    | deepdream check photo.jpg --method occlusion --mask object.png --checks pointing-game,mass-inside --json
    """
    if list_all:
        _list_checks(as_json)
        return
    if image is None:
        raise UsageError(
            "Which picture? `deepdream check picture.jpg --method grad-cam`; --list lists the checks."
        )
    from deepdream.attribution.checks import Clock

    clock = Clock(parse_seconds(budget))
    wanted = _wanted(names_of([checks]))
    case = _case(image, mask, choice, (target, against), seed)
    claims = _claims(case, names_of(method or ["integrated-gradients"]), clock)
    findings = _findings(case, claims, wanted, clock)
    _show(case, claims, findings, as_json)


def _wanted(names: list[str]) -> list[str]:
    from deepdream.attribution.checks import DEFAULT_CHECKS, find_check

    return [find_check(name).name for name in names] or list(DEFAULT_CHECKS)


def _list_checks(as_json: bool) -> None:
    from deepdream.attribution.checks import all_checks

    fields = ("name", "question", "good", "cost", "paper", "better")
    rows = [{key: getattr(entry, key) for key in fields} for entry in all_checks().values()]
    if as_json:
        put_json({"schema": 1, "checks": rows})
        return
    put_table(("check", "question", "a good value"), [(r["name"], r["question"], r["good"]) for r in rows])


def _case(
    image: Path,
    mask: Path | None,
    choice: NetworkChoice,
    classes: tuple[str | None, str | None],
    seed: int,
) -> Case:
    from deepdream.attribution.checks import Case
    from deepdream.images import read_picture

    picture = read_picture(image)
    model = choice.load()
    fed = model.crop(picture.tensor()).to(model.device)
    target, against = classes
    index = _first(model, fed) if target is None else model.find_class(target)
    other = None if against is None else model.find_class(against)
    case = Case(model, fed, index, mask=_mask(mask, picture, model), seed=seed, against=other)
    instead = "" if other is None else f", not “{model.label(other)}”,"
    say(f"{picture.name}: checking explanations of “{model.label(index)}”{instead} by {model.name}.")
    return case


def _first(model: Model, fed: Tensor) -> int:
    import torch

    with torch.no_grad():
        return int(model(fed)[0].argmax())


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


def _claims(case: Case, methods: Sequence[str], clock: Any) -> list[Claim]:
    from deepdream.attribution.checks import AGAIN, Refusal, claim_of, explained

    passes = None if clock.seconds is None else AGAIN
    claims: list[Claim] = []
    refusals = []
    for found in explained(case, methods, budget=None if clock.seconds is None else clock.seconds / 3):
        if isinstance(found, Refusal):
            refusals.append(f"{found.method} does not apply to {case.model.name}: {found.reason}")
            say(f"deepdream: {refusals[-1]}")
            continue
        say(f"{found.method}: explained in {found.seconds:.1f} s.")
        claims.append(claim_of(found, seed=case.seed, passes=passes))
    if not claims:
        raise UsageError(
            refusals[0] if len(refusals) == 1 else "None of these methods applies to this network."
        )
    return claims


def _findings(case: Case, claims: Sequence[Claim], checks: Sequence[str], clock: Any) -> list[Finding]:
    from deepdream.attribution.checks import checked, plan_curves

    left = None if clock.seconds is None else clock.left
    curves = None if left is None else plan_curves(case, len(claims), left, most=case.steps)
    found, total = [], len(claims) * len(checks)
    for finding in checked(case, claims, checks, budget=left, curves=curves):
        found.append(finding)
        say(f"[{len(found)}/{total}] {finding.check} of {finding.method}, {finding.seconds:.1f} s")
    return found


def _show(case: Case, claims: Sequence[Claim], findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        put_json(_document(case, claims, findings))
        return
    for claim in claims:
        _show_method(claim.method, [found for found in findings if found.method == claim.method])
    if len(claims) > 1:
        _show_agreement(claims)


#: From this many columns on a verdict stands beside its numbers, else below them.
_WIDE = 110
_MARKS = {True: "●", False: "○", None: "·"}


def _show_method(method: str, findings: Sequence[Finding]) -> None:
    judged = [found for found in findings if found.speaks is not None]
    for_it = sum(found.speaks is True for found in judged)
    put(f"{method}: {for_it} of {len(judged)} checks speak for it (●)")
    width = width_of_output()
    if width >= _WIDE:
        columns = ("", "check", "value", "random maps", "blob", "edges", "verdict")
        put_table(columns, [(_mark(f), f.check, *_numbers(f), f.verdict) for f in findings])
    else:
        put(_line("  check", ("value", "random maps", "blob", "edges")))
        for found in findings:
            _show_narrow(found, width)
    put("")


def _show_narrow(found: Finding, width: int) -> None:
    numbers = _numbers(found)
    name = f"{_mark(found)} {found.check}"
    put(_line(name, numbers) if numbers[0] is not None else name)
    put(textwrap.fill(found.verdict, width - 4, initial_indent="    ", subsequent_indent="    "))


def _mark(found: Finding) -> str:
    return _MARKS[found.speaks] if found.values else " "


def _line(name: str, numbers: Sequence[str | None]) -> str:
    value, random, blob, edges = ("-" if n is None else n for n in numbers)
    return f"{name:<23}{value:>9}  {random:>18}{blob:>10}{edges:>10}"


def _show_agreement(claims: Sequence[Claim]) -> None:
    found = _agreement(claims)
    columns = ("", *(str(number) for number, _ in enumerate(found.names, 1)))
    rows = [
        (f"{number} {name}", *(f"{value:.2f}" for value in values))
        for number, (name, values) in enumerate(zip(found.names, found.spearman, strict=True), 1)
    ]
    put_table(columns, rows, title="Agreement: rank correlation of two maps, on cells")


def _agreement(claims: Sequence[Claim]) -> Agreement:
    from deepdream.attribution.checks import agreement

    return agreement(
        {claim.method: claim.heatmap for claim in claims if bool(claim.heatmap.isfinite().all())}
    )


def _numbers(found: Finding) -> tuple[str | None, str | None, str | None, str | None]:
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


def _document(case: Case, claims: Sequence[Claim], findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "schema": 1,
        "model": case.model.name,
        "target": case.target,
        "label": case.model.label(case.target),
        "against": case.against,
        "probability": case.probability,
        "seed": case.seed,
        "results": [found.to_dict() for found in findings],
        "agreement": _agreement(claims).to_dict(),
    }
