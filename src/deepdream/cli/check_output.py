"""What ``check`` prints: each number beside what control maps reach, and a verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepdream.cli.terminal import put, put_table, width_of_output

if TYPE_CHECKING:
    from deepdream.attribution.checks import CheckResult, MapUnderTest


#: From this many columns on, a verdict is beside its numbers, else below them.
_WIDE = 110
_MARKS = {True: "●", False: "○", None: "·"}


def put_checks(tested_maps: Sequence[MapUnderTest], results: Sequence[CheckResult]) -> None:
    """The results of each method; for several methods also how much their maps agree."""
    for tested_map in tested_maps:
        _put_method(tested_map.method, [result for result in results if result.method == tested_map.method])
    if len(tested_maps) > 1:
        from deepdream.attribution.checks import agreement

        # A map that is not finite has no ranks; the check of degeneracy reports it.
        finite = {m.method: m.heatmap for m in tested_maps if bool(m.heatmap.isfinite().all())}
        table = agreement(finite)
        # Numbers name the columns, since the names of methods would make the table too wide for a terminal.
        columns = ("", *(str(number) for number, _ in enumerate(table.names, 1)))
        rows = [
            (f"{number} {name}", *(f"{value:.2f}" for value in values))
            for number, (name, values) in enumerate(zip(table.names, table.spearman, strict=True), 1)
        ]
        put_table(columns, rows, title="Agreement: rank correlation of two maps, on cells")


def _put_method(method: str, results: Sequence[CheckResult]) -> None:
    judged = [result for result in results if result.supports is not None]
    support = sum(result.supports is True for result in judged)
    put(f"{method}: {support} of {len(judged)} checks support it (●)")
    width = width_of_output()
    if width >= _WIDE:
        columns = ("", "check", "value", "random maps", "blob", "edges", "verdict")
        put_table(columns, [(_mark(r), r.check, *_numbers(r), r.verdict) for r in results])
        put("")
        return
    # In a narrow terminal a table would break every verdict into a column of single words.
    put(_line("  check", ("value", "random maps", "blob", "edges")))
    for result in results:
        numbers, name = _numbers(result), f"{_mark(result)} {result.check}"
        put(_line(name, numbers) if numbers[0] is not None else name)
        put(textwrap.fill(result.verdict, width - 4, initial_indent="    ", subsequent_indent="    "))
    put("")


def _mark(result: CheckResult) -> str:
    return _MARKS[result.supports] if result.values else " "


def _line(name: str, numbers: Sequence[str | None]) -> str:
    value, random, blob, edges = ("-" if n is None else n for n in numbers)
    return f"{name:<23}{value:>9}  {random:>18}{blob:>10}{edges:>10}"


def _numbers(result: CheckResult) -> tuple[str | None, str | None, str | None, str | None]:
    """The value and those of the control maps (random maps, blob, edges); None where there is none."""
    if result.value is None:
        return None, None, None, None
    texts = [_figures(result.value)]
    for mean, sd in result.controls.values():
        texts.append(f"{_figures(mean)} ± {_figures(sd)}" if sd >= 0.0005 else _figures(mean))
    value, random, blob, edges = (*texts, None, None, None)[:4]
    return value, random, blob, edges


def _figures(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
