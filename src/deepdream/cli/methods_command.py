"""The command ``methods``: every method of explanation, and whether each keeps its promise on a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deepdream.cli.options import WeightsOption
from deepdream.cli.picture_options import JsonOption
from deepdream.cli.terminal import put, put_json, put_table, say

if TYPE_CHECKING:
    from deepdream.attribution import Method
    from deepdream.attribution.battery import BatteryResult


def register(app: typer.Typer) -> None:
    """Add the command of this file to ``app``."""
    app.command()(methods)


def methods(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of methods: everything about these, with their options.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables as Markdown, for the documentation.")
    ] = False,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            help="Measure the promise of every method on this network. May be repeated.",
            show_default=False,
        ),
    ] = None,
    battery: Annotated[
        bool,
        typer.Option("--battery", help="The same as --try on eight networks of every kind. Takes minutes."),
    ] = False,
    weights: WeightsOption = None,
) -> None:
    """List the methods of explanation: what each answers, costs and promises.

    With --try, a network of the catalog gets seeded random weights and the embedded network its own; --weights
    chooses other weights.

    Examples: deepdream methods | deepdream methods grad-cam lrp
    | deepdream methods --try resnet18 --try vit_b_16 | deepdream methods --battery
    """
    from deepdream.attribution import find_method
    from deepdream.attribution import methods as registry

    entries = [find_method(name) for name in names] if names else list(registry().values())
    if networks or battery:
        _try(networks or [], battery, weights, as_json=as_json)
    elif markdown:
        put("\n".join(markdown_of(entries)))
    elif as_json:
        put_json([entry.to_dict() for entry in entries])
    elif names:
        for entry in entries:
            _show(entry)
    else:
        rows = [(e.name, e.question, _yes(e.signed), _yes(e.complete), e.cost) for e in entries]
        put_table(("method", "question", "signed", "sums", "cost"), rows)
        say(
            "sums: the values add up to the score above the baseline. `deepdream methods NAME` shows everything about "
            "one method, with its options."
        )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _show(entry: Method) -> None:
    signs = "evidence for and against" if entry.signed else "strength only"
    rows = [
        ("question", entry.question),
        ("caution", entry.caveat),
        ("values", f"{signs}, in {entry.unit}"),
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


def markdown_of(entries: Sequence[Method]) -> Iterator[str]:
    """The lines of two tables: the methods, and their options."""
    yield "| method | question | signed | sums | needs | cost | caveat | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for e in entries:
        marks = f"{_yes(e.signed)} | {_yes(e.complete)}"
        yield f"| `{e.name}` | {e.question} | {marks} | {e.needs} | {e.cost} | {e.caveat} | {e.paper} |"
    yield ""
    yield "| method | option | default | values | meaning |"
    yield "|---|---|---|---|---|"
    for e in entries:
        for option in e.options.values():
            yield f"| `{e.name}` | `{option.name}` | {option.default_text} | {option.range} | {option.meaning.text} |"


def _try(names: Sequence[str], battery: bool, weights: str | None, *, as_json: bool) -> None:
    """Each network's methods one by one, told as they are done; then all of them as a table or JSON."""
    from deepdream.attribution.battery import NETWORKS, network_for_trial, picture_for_trial, try_methods

    results: dict[str, list[BatteryResult]] = {}
    for network in dict.fromkeys([*(NETWORKS if battery else ()), *names]):
        model = network_for_trial(network, weights)
        results[network] = []
        for result in try_methods(model, picture_for_trial(model)):
            results[network].append(result)
            reason = f": {result.reason}" if result.reason else ""
            say(f"{network}: {result.method}: {result.verdict}{reason}")
    if as_json:
        columns = {network: [result.to_dict() for result in column] for network, column in results.items()}
        put_json({"schema": 1, "networks": columns})
    else:
        put("\n".join(_battery_table(results)))


def _battery_table(results: Mapping[str, Sequence[BatteryResult]]) -> Iterator[str]:
    """Markdown: a row a method, a column a network, and below it why a method does not apply."""
    from deepdream.attribution import find_method
    from deepdream.attribution.battery import promise_of

    yield f"| method | promise | {' | '.join(results)} |"
    yield "|---" * (len(results) + 2) + "|"
    for row in zip(*results.values(), strict=True):
        method = find_method(row[0].method)
        yield f"| `{method.name}` | {promise_of(method)} | {' | '.join(result.verdict for result in row)} |"
    # Methods that do not apply for one reason share a line.
    reasons: dict[tuple[str, str], list[str]] = {}
    for network, column in results.items():
        for result in column:
            if result.reason:
                why = result.reason.removeprefix(f"{result.method} does not apply to {network}: ")
                reasons.setdefault((network, why), []).append(f"`{result.method}`")
    if reasons:
        yield ""
        yield from (f"* {network}, {', '.join(names)}: {why}" for (network, why), names in reasons.items())
