"""``check`` on many pictures: is a method to be trusted on this network? One picture cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.cli.audits import ManyPictures, PictureResult, folder_for, spelled
from deepdream.cli.input_output_files import PICTURE_SUFFIXES, Existing
from deepdream.cli.result_table import Row, Table
from deepdream.cli.terminal import put_table
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.attribution.checks import CheckContext, CheckResult, MapUnderTest
    from deepdream.images import Picture
    from deepdream.models import Model

TABLE = "checks.csv"
CONTROLS = ("random_maps", "centered_blob", "edge_detector")
COLUMNS = (
    "sha256",
    "target",
    "class",
    "probability",
    "method",
    "check",
    "value",
    "random_maps",
    "random_sd",
    "centered_blob",
    "edge_detector",
    "supports_the_method",
    "verdict",
    "seconds",
)


@dataclass(frozen=True)
class ManyChecks:
    """What is checked about every picture, and where the answers go.

    Attributes:
        begin: The case of one picture that was read.
        ask: The claims and findings of a case.
        settings: All that the numbers depend on besides the network and the pictures; ``seed`` among it.
    """

    network: Model
    begin: Callable[[Path, Picture], CheckContext]
    ask: Callable[[CheckContext], tuple[Sequence[MapUnderTest], Sequence[CheckResult]]]
    document: Callable[[CheckContext, Sequence[MapUnderTest], Sequence[CheckResult]], dict[str, Any]]
    settings: Mapping[str, Any]

    def run(
        self, sources: Sequence[Path], output: Path | None, existing: Existing, *, as_json: bool, quiet: bool
    ) -> None:
        """Check all; see ``ManyPictures.run`` for what it raises."""
        folder = folder_for(sources, output, "checks", existing=existing, as_json=as_json)
        table = None if folder is None else Table(folder / TABLE, COLUMNS)
        if table:
            table.begin(self._record(), existing)
        audit = ManyPictures(sources, table, Means(), f"checks of {len(sources)} pictures", as_json, quiet)
        audit.run(self._answer)

    def _record(self) -> dict[str, Any]:
        from deepdream.lessons.exhibit import run_record

        return run_record([self.network], seed=self.settings["seed"], plan=self.settings)

    def _answer(self, source: Path) -> PictureResult:
        from deepdream.images import read_picture

        picture = read_picture(source)
        context = self.begin(source, picture)
        tested_maps, check_results = self.ask(context)
        about = {
            "sha256": picture.sha256,
            "target": context.target,
            "class": context.model.label(context.target),
            "probability": context.probability,
        }
        told = {
            "input": spelled(source),
            "sha256": picture.sha256,
            **self.document(context, tested_maps, check_results),
        }
        return PictureResult([{**about, **_row(check_result)} for check_result in check_results], [told])


def _row(check_result: CheckResult) -> dict[str, Any]:
    random, *others = [*check_result.controls.values(), *[(None, None)] * 3][:3]
    supports = {True: "yes", False: "no", None: ""}[check_result.supports]
    return {
        "method": check_result.method,
        "check": check_result.check,
        "value": check_result.value,
        "random_maps": random[0],
        "random_sd": random[1],
        "centered_blob": others[0][0],
        "edge_detector": others[1][0],
        "supports_the_method": supports,
        "verdict": check_result.verdict,
        "seconds": round(check_result.seconds, 3),
    }


class Spread:
    """Mean and standard deviation of numbers that come one by one (Welford 1962, DOI 10.1080/00401706.1962.10490022).

    >>> spread = Spread()
    >>> for x in (1.0, 2.0, 3.0): spread.add(x)
    >>> spread.mean, spread.sd
    (2.0, 1.0)
    """

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """One more number."""
        self.count += 1
        before = value - self.mean
        self.mean += before / self.count
        self._squares += before * (value - self.mean)

    @property
    def sd(self) -> float:
        """Sample standard deviation."""
        return sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0


class Means:
    """For each method and check: means over the pictures, the controls' too, and how often it supports the method."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], dict[str, Spread]] = {}
        self._votes: dict[tuple[str, str], list[int]] = {}

    def note(self, row: Row) -> None:
        """One more finding, as it stands in the table; one without a number counts nowhere."""
        key = (row["method"], row["check"])
        values = self._values.setdefault(key, {})
        numbers = {name: _number(row[name]) for name in ("value", *CONTROLS)}
        if numbers["value"] is None:
            return
        for name, value in numbers.items():
            if value is not None:
                values.setdefault(name, Spread()).add(value)
        votes = self._votes.setdefault(key, [0, 0])
        votes[0] += row["supports_the_method"] == "yes"
        votes[1] += row["supports_the_method"] in ("yes", "no")

    def told(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""
        return {"means": [self._told(*key) for key in self._values]}

    def _told(self, method: str, check: str) -> dict[str, Any]:
        from deepdream.attribution.checks import find_check

        spreads, (supports, judged) = self._values[method, check], self._votes.get((method, check), (0, 0))
        controls = {name: spreads[name].mean for name in CONTROLS if name in spreads}
        value = spreads.get("value", Spread())
        return {
            "method": method,
            "check": check,
            "better": find_check(check).better,
            "pictures": value.count,
            "mean": value.mean if value.count else None,
            "sd": value.sd if value.count else None,
            "controls": controls,
            "supports_the_method": supports,
            "judged": judged,
        }

    def show(self, *, quiet: bool) -> None:  # noqa: ARG002 - these are the data
        """A table for each method."""
        columns = (
            "check",
            "better",
            "pictures",
            "mean",
            "± sd",
            "random maps",
            "blob",
            "edges",
            "supports it",
        )
        for method in dict.fromkeys(method for method, _ in self._values):
            rows = [_shown(entry) for entry in self.told()["means"] if entry["method"] == method]
            put_table(columns, rows, title=f"{method}: means over the pictures")


def _shown(entry: Mapping[str, Any]) -> tuple[object, ...]:
    votes = f"{entry['supports_the_method']} of {entry['judged']}" if entry["judged"] else None
    numbers = [entry["mean"], entry["sd"], *(entry["controls"].get(name) for name in CONTROLS)]
    return (
        entry["check"],
        entry["better"],
        entry["pictures"],
        *(None if x is None else f"{x:.3g}" for x in numbers),
        votes,
    )


def _number(value: Any) -> float | None:
    if value in (None, ""):
        return None
    found = float(value)
    return found if isfinite(found) else None


def mask_beside(source: Path, masks: Path | None) -> Path | None:
    """The mask of a picture: the picture with its stem in the folder ``masks``; None where there is none.

    Raises:
        UsageError: ``masks`` is no folder, or holds several of that stem.
    """
    if masks is None:
        return None
    if not masks.is_dir():
        raise UsageError(f"Of many pictures --mask is a folder with a mask for each; {masks} is none.")
    found = _by_stem(masks).get(source.stem, [])
    if len(found) > 1:
        raise UsageError(f"{masks} holds several masks for {source.name}: {found[0].name}, {found[1].name}.")
    return found[0] if found else None


@cache
def _by_stem(folder: Path) -> Mapping[str, Sequence[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURE_SUFFIXES:
            found.setdefault(path.stem, []).append(path)
    return found
