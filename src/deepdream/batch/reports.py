"""``ReportTask``: one page for each picture, and an index over all of them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.batch.events import Event, Failed, Finished, Row, Stepped
from deepdream.batch.fed_picture import read_source
from deepdream.batch.summaries import NoSummary
from deepdream.batch.task import Group, NetworkSpec, one_by_one

if TYPE_CHECKING:
    from deepdream.models import Model
    from deepdream.report import ReportData, ReportEntry, ReportOptions


def output_paths(page: Path) -> tuple[Path, Path, Path]:
    """The page, and its numbers beside it as JSON and npz."""
    return page, page.with_suffix(".json"), page.with_suffix(".npz")


@dataclass(frozen=True)
class ReportTask:
    """Write a page about each picture.

    Attributes:
        networks: One network, or two that are compared; the first one's class is explained for both.
        methods: By name; empty for the usual ones.
        seconds: The time for one page, None for the usual.
        outputs: The page of each input.
    """

    networks: tuple[NetworkSpec, ...]
    outputs: Mapping[str, str]
    methods: tuple[str, ...] = ()
    target: str | None = None
    against: str | None = None
    seconds: float | None = None
    seed: int = 0
    decided_by: str = ""

    def prepare(self) -> None:
        """Load the networks."""
        for spec in self.networks:
            spec.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each picture by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        from deepdream.report import ReportData, entry_of, write_report

        (item,) = group
        began = time.monotonic()
        picture = read_source(item)
        networks = [spec.load() for spec in self.networks]
        options = self._options(len(networks))
        options = replace(options, spent=(time.monotonic() - began) / len(networks))
        reports: list[ReportData] = []
        for network in networks:
            yield Stepped(item=item, note=f"{picture.name}: {network.name}, at most {options.budget:.0f} s.")
            for step in self._collect(network, picture, options, reports):
                if isinstance(step, ReportData):
                    reports.append(step)
                else:
                    yield Stepped(
                        item=item, number=step.done, total=step.total, stage=step.words, ends_stage=True
                    )
        page = Path(self.outputs[item])
        command = self._command(item, page, networks, options)
        write_report(page, reports, command=command, overwrite=True)
        entry = entry_of(reports[0], page.name)
        row = {"name": entry.name, "page": entry.file, "thumbnail": entry.thumbnail, "values": entry.values}
        document = {"input": item, "output": str(page), **entry.values}
        yield Finished(item=item, rows=(row,), documents=(document,), outputs=(str(page),))

    def _options(self, networks: int) -> ReportOptions:
        from deepdream.report import BUDGET, ReportOptions

        budget = self.seconds / networks if self.seconds else BUDGET
        return ReportOptions(
            self.methods, budget=budget, target=self.target, against=self.against, seed=self.seed,
            decided_by=self.decided_by,
        )  # fmt: skip

    def _collect(
        self, network: Model, picture: Any, options: ReportOptions, before: Sequence[ReportData]
    ) -> Iterator[Any]:
        """What one network's part of the page says, about the class of the first network where this one knows it."""
        from deepdream.report import collect

        against = options.against if not before or options.against in network.labels else None
        target = options.target
        if before:
            label = before[0].prediction.label
            target = label if label in network.labels else None
        return collect(network, picture, replace(options, target=target, against=against))

    def _command(self, item: str, page: Path, networks: Sequence[Model], options: ReportOptions) -> str:
        """The command to repeat; base names only, for a folder may say who somebody is."""
        names = [network.weights.code or network.name for network in networks]
        words = ["deepdream", "report", Path(item).name, "-o", page.name]
        words += ["--budget", f"{options.budget * len(networks):g}s"]
        words += ["--model", names[0], "--seed", str(self.seed)]
        words += ["--methods", ",".join(self.methods)] if self.methods else []
        words += ["--target", self.target] if self.target else []
        words += ["--against", self.against] if self.against else []
        words += ["--compare", names[1]] if len(names) > 1 else []
        words += ["--decided-by", self.decided_by] if self.decided_by else []
        return shlex.join(words)


@dataclass
class ReportIndex(NoSummary):
    """The index of a folder of reports, written from the rows of the pages that are there."""

    folder: Path
    network: str
    entries: dict[str, ReportEntry] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        """One more page."""
        from deepdream.report import ReportEntry

        self.entries[row["page"]] = ReportEntry(row["name"], row["page"], row["thumbnail"], row["values"])

    def note_failure(self, event: Failed) -> None:
        """One more picture without a page."""
        self.failed[Path(event.item).name] = event.error

    def read(self, pages: Sequence[str]) -> set[str]:
        """Take over the entries of an earlier run for these pages; gives those that it has."""
        from deepdream.report import read_entries

        for entry in read_entries(self.folder):
            if entry.file in pages and (self.folder / entry.file).exists():
                self.entries[entry.file] = entry
        return set(self.entries)

    def write(self) -> Path | None:
        """The file of the index; None where there is no page. Raises OutputError."""
        from deepdream.report import write_index

        if not self.entries:
            return None
        entries = [self.entries[name] for name in sorted(self.entries)]
        return write_index(self.folder, entries, self.network, failed=self.failed)
