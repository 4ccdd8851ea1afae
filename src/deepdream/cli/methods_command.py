"""The command ``methods``: what can be asked, and whether each method keeps its promise on a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepdream.cli.fed_picture import JsonOption
from deepdream.cli.options import WeightsOption
from deepdream.cli.terminal import put, put_json, put_table, say

if TYPE_CHECKING:
    from deepdream.attribution import Method
    from deepdream.attribution.battery import BatteryResult


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(methods)


def methods(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these, with all that is known of them.")
    ] = None,
    as_json: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table as Markdown, for the documentation.")
    ] = False,
    networks: Annotated[
        list[str] | None,
        typer.Option("--try", help="Measure each method's promise on this network; may be repeated."),
    ] = None,
    battery: Annotated[
        bool, typer.Option("--battery", help="The same on eight networks of every kind; takes minutes.")
    ] = False,
    weights: WeightsOption = None,
) -> None:
    """List the methods of explanation: what each answers, costs and promises.

    With --try a network of the catalog gets seeded random weights, the embedded one its own, unless --weights says
    which.

    Examples: deepdream methods | deepdream methods grad-cam lrp
    | deepdream methods --try resnet18 --try vit_b_16 | deepdream methods --battery
    """
    from deepdream.attribution import find_method
    from deepdream.attribution import methods as registry

    entries = [find_method(name) for name in names] if names else list(registry().values())
    if networks or battery:
        _try(_networks(networks or [], battery), weights, as_json=as_json)
    elif markdown:
        put("\n".join(_markdown(entries)))
    elif as_json:
        put_json([entry.to_dict() for entry in entries])
    elif names:
        for entry in entries:
            _tell(entry)
    else:
        _list(entries)


def _networks(names: Sequence[str], battery: bool) -> list[str]:
    from deepdream.attribution.battery import NETWORKS

    return list(dict.fromkeys([*(NETWORKS if battery else ()), *names]))


def _list(entries: Sequence[Method]) -> None:
    rows = [
        (e.name, e.question, "yes" if e.signed else "no", "yes" if e.complete else "no", e.cost)
        for e in entries
    ]
    put_table(("method", "question", "signed", "sums", "cost"), rows)
    say("sums: the values add up to the score above the baseline. `deepdream methods NAME` tells all of one.")


def _tell(entry: Method) -> None:
    signs = "evidence for and against" if entry.signed else "strength only"
    rows = [
        ("asks", entry.question),
        ("caution", entry.caveat),
        ("shows", f"{signs}, in {entry.unit}"),
        ("sums", "to the score above the baseline's" if entry.complete else "to nothing in particular"),
        ("needs", entry.needs),
        ("costs", entry.cost),
        ("paper", entry.paper),
    ]
    put_table((entry.name, ""), rows)
    if not entry.options:
        put("It has no options.")
        return
    put_table(
        ("option", "default", "values", "meaning"),
        [(o.name, o.default_text, o.range, o.meaning.text) for o in entry.options.values()],
    )


def _markdown(entries: Sequence[Method]) -> Iterator[str]:
    yield "| method | question | signed | sums | needs | cost | caveat | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for e in entries:
        marks = ("yes" if e.signed else "no", "yes" if e.complete else "no")
        yield f"| `{e.name}` | {e.question} | {' | '.join(marks)} | {e.needs} | {e.cost} | {e.caveat} | {e.paper} |"
    yield ""
    yield "| method | option | default | values | meaning |"
    yield "|---|---|---|---|---|"
    for e in entries:
        for option in e.options.values():
            yield f"| `{e.name}` | `{option.name}` | {option.default_text} | {option.range} | {option.meaning.text} |"


def _try(names: Sequence[str], weights: str | None, *, as_json: bool) -> None:
    found = {name: _trials(name, weights) for name in names}
    if as_json:
        columns = {name: [_trial(trial) for trial in trials.values()] for name, trials in found.items()}
        put_json({"schema": 1, "networks": columns})
        return
    put("\n".join(_table(found)))


def _trials(name: str, weights: str | None) -> dict[str, BatteryResult]:
    from deepdream.attribution.battery import network_for_trial, picture_for_trial, try_methods

    model = network_for_trial(name, weights)
    found = {}
    for trial in try_methods(model, picture_for_trial(model)):
        found[trial.method] = trial
        say(f"{name}: {trial.method}: {trial.verdict}" + (f": {trial.reason}" if trial.reason else ""))
    return found


def _trial(trial: BatteryResult) -> dict[str, Any]:
    names = ("method", "error", "passed", "steps", "reason")
    return {name: getattr(trial, name) for name in names}


def _table(found: Mapping[str, Mapping[str, BatteryResult]]) -> Iterator[str]:
    """Markdown: a row a method, a column a network, and below it why a method does not apply."""
    from deepdream.attribution import methods as registry
    from deepdream.attribution.battery import promise_of

    yield f"| method | promise | {' | '.join(found)} |"
    yield "|---" * (len(found) + 2) + "|"
    for method in registry().values():
        cells = [trials[method.name].verdict for trials in found.values()]
        yield f"| `{method.name}` | {promise_of(method)} | {' | '.join(cells)} |"
    reasons: dict[tuple[str, str], list[str]] = {}
    for network, trials in found.items():
        for trial in trials.values():
            if trial.reason:
                why = trial.reason.removeprefix(f"{trial.method} does not apply to {network}: ")
                reasons.setdefault((network, why), []).append(f"`{trial.method}`")
    if reasons:
        yield ""
        yield from (f"* {network}, {', '.join(names)}: {why}" for (network, why), names in reasons.items())
