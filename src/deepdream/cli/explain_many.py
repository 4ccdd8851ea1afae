"""``explain`` on many pictures: a drawing or numbers of each in a folder, and one table of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from deepdream.cli.audits import ManyPictures, PictureResult, folder_for, spelled
from deepdream.cli.explanation_output import ExplanationOutput, document_of, write
from deepdream.cli.fed_picture import FedPicture
from deepdream.cli.input_output_files import Existing, check_place, unique_stems
from deepdream.cli.result_table import Row, Table
from deepdream.cli.terminal import say
from deepdream.errors import OutputError, UnknownNameError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation
    from deepdream.models import Model

#: What is written for each picture.
FORMATS = ("png", "svg", "pdf", "npy", "npz", "none")
TABLE = "explanations.csv"
COLUMNS = (
    "sha256",
    "predicted",
    "target",
    "class",
    "against",
    "score",
    "probability",
    "method",
    "completeness_error",
    "warnings",
    "seconds",
    "file",
)


@dataclass(frozen=True)
class Many:
    """What is asked about every picture, and where the answers go.

    Attributes:
        ask: Gives the explanations of one picture.
        settings: All that the answers depend on besides the network and the pictures; ``method``, ``format`` and
            ``seed`` among it.
    """

    network: Model
    ask: Callable[[FedPicture], Sequence[Explanation]]
    settings: Mapping[str, Any]
    showing: ExplanationOutput
    existing: Existing

    @property
    def method(self) -> str:
        """Of which the explanations are; ``all`` for a panel."""
        return str(self.settings["method"])

    def run(self, sources: Sequence[Path], *, quiet: bool) -> None:
        """Explain all; see ``ManyPictures.run`` for what it raises."""
        folder = folder_for(
            sources, self.showing.output, "explanations", existing=self.existing, as_json=self.showing.as_json
        )
        table = None if folder is None else Table(folder / TABLE, COLUMNS)
        places = self._places(sources, folder) if folder and self.settings["format"] != "none" else {}
        if table:
            self._check_free(places, table)
            table.begin(self._record(), self.existing)
            places = _beside(places, {row["file"] for row in table.rows()}, table.done)
        title = f"{self.method} of {len(sources)} pictures"
        audit = ManyPictures(sources, table, Health(), title, self.showing.as_json, quiet)
        audit.run(lambda source: self._answer(source, places.get(source)))

    def _places(self, sources: Sequence[Path], folder: Path) -> dict[Path, Path]:
        tail = f"{self.network.name.replace(':', '-')}_{self.method}.{self.settings['format']}"
        return {source: folder / f"{stem}_{tail}" for source, stem in unique_stems(sources).items()}

    def _check_free(self, places: Mapping[Path, Path], table: Table) -> None:
        """Raises OutputError: a file that nobody allowed to replace is there."""
        for place in places.values():
            check_place(place)
            if self.existing is Existing.REFUSE and place.exists() and not table.path.exists():
                raise OutputError(f"{place} exists. Use --overwrite, or another folder with -o.")

    def _record(self) -> dict[str, Any]:
        from deepdream.lessons.exhibit import run_record

        return run_record([self.network], seed=self.settings["seed"], plan=self.settings)

    def _answer(self, source: Path, place: Path | None) -> PictureResult:
        from deepdream.images import read_picture

        picture = read_picture(source)
        scene = FedPicture.of(source, picture, self.network)
        found = self.ask(scene)
        if place is not None:
            write(scene, found, self.showing, place, panel=self.method == "all")
        told = [{**document_of(scene, one, place), "sha256": picture.sha256} for one in found]
        predicted = self.network.label(scene.top)
        rows = [_row(one, entry, predicted, place) for one, entry in zip(found, told, strict=True)]
        return PictureResult(rows, [{**entry, "predicted": predicted} for entry in told], place)


class Health:
    """How well the explanations sum, and how many have a warning."""

    def __init__(self) -> None:
        self.count, self.warned = 0, 0
        self.errors: list[float] = []

    def note(self, row: Row) -> None:
        """One more explanation, as it stands in the table."""
        self.count += 1
        self.warned += bool(row["warnings"])
        if row["completeness_error"] not in (None, ""):
            self.errors.append(float(row["completeness_error"]))

    def told(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""
        found: dict[str, Any] = {"explanations": self.count, "with_warnings": self.warned}
        if self.errors:
            numbers = {"median": median(self.errors), "largest": max(self.errors)}
            found["completeness_error"] = {name: x if isfinite(x) else None for name, x in numbers.items()}
        return found

    def show(self, *, quiet: bool) -> None:
        """The same in words, as a message."""
        if quiet:
            return
        words = f"{self.warned} of {self.count} explanations have a warning"
        if self.errors:
            words += f"; completeness error: median {median(self.errors):.2%}, largest {max(self.errors):.2%}"
        say(f"{words}.")


def _row(one: Explanation, told: Mapping[str, Any], predicted: str, place: Path | None) -> dict[str, Any]:
    return {
        "sha256": told["sha256"],
        "predicted": predicted,
        "target": one.target,
        "class": one.label,
        "against": one.against_label,
        "score": one.score,
        "probability": told["probability"],
        "method": one.method,
        "completeness_error": one.completeness_error,
        "warnings": "; ".join(one.notes),
        "seconds": round(one.seconds, 3),
        "file": None if place is None else spelled(Path(place.name)),
    }


def _beside(places: Mapping[Path, Path], taken: set[str], done: set[str]) -> dict[Path, Path]:
    """The places of pictures that are not done, none of them one that a picture that is done has."""
    found = {}
    for source, place in places.items():
        if spelled(source) in done:
            continue
        number, free = 2, place
        while spelled(Path(free.name)) in taken:
            number, free = number + 1, place.with_stem(f"{place.stem}_{number}")
        found[source] = free
    return found


def read_format(word: str | None, showing: ExplanationOutput, method: str) -> str:
    """The format of each picture's file; ``png`` if nothing is said.

    Raises:
        UnknownNameError: no such format.
        UsageError: not with this method or style.
    """
    format = word or "png"
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    if format != "none":
        replace(showing, output=Path(f"map.{format}")).check(method)
    return format
