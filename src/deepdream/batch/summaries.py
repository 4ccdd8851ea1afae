"""Statistics over all rows of a table: the numbers of many pictures together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import median
from typing import Any, Protocol

from deepdream.batch.events import Row

CONTROLS = ("random_maps", "centered_blob", "edge_detector")


@dataclass(frozen=True)
class SummaryTable:
    """A table for people: its title, the names of its columns, its rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class Summary(Protocol):
    """Statistics of rows that come one by one, as values or as text out of a table."""

    def note(self, row: Row) -> None:
        """One more row."""

    def to_dict(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""

    def sentences(self) -> list[str]:
        """The same as messages for people."""

    def tables(self) -> list[SummaryTable]:
        """The same as data for people."""


class NoSummary:
    """No statistics."""

    def note(self, row: Row) -> None:
        """Nothing is kept."""

    def to_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def sentences(self) -> list[str]:
        """None."""
        return []

    def tables(self) -> list[SummaryTable]:
        """None."""
        return []


class Completeness:
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

    def to_dict(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""
        document: dict[str, Any] = {"explanations": self.count, "with_warnings": self.warned}
        if self.errors:
            numbers = {"median": median(self.errors), "largest": max(self.errors)}
            document["completeness_error"] = {name: x if isfinite(x) else None for name, x in numbers.items()}
        return document

    def sentences(self) -> list[str]:
        """The same in words."""
        words = f"{self.warned} of {self.count} explanations have a warning"
        if self.errors:
            words += f"; completeness error: median {median(self.errors):.2%}, largest {max(self.errors):.2%}"
        return [f"{words}."]

    def tables(self) -> list[SummaryTable]:
        """None: the numbers are in the sentence."""
        return []


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


class CheckMeans:
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

    def to_dict(self) -> dict[str, Any]:
        """What the JSON holds besides the pictures."""
        return {"means": [self._entry(*key) for key in self._values]}

    def _entry(self, method: str, check: str) -> dict[str, Any]:
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

    def sentences(self) -> list[str]:
        """None: the numbers are in the tables."""
        return []

    def tables(self) -> list[SummaryTable]:
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
        entries = self.to_dict()["means"]
        return [
            SummaryTable(
                f"{method}: means over the pictures",
                columns,
                [_shown(entry) for entry in entries if entry["method"] == method],
            )
            for method in dict.fromkeys(method for method, _ in self._values)
        ]


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
    number = float(value)
    return number if isfinite(number) else None
