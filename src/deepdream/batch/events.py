"""What happens in a run over many inputs, as plain values: they pickle, compare equal, and become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from deepdream.errors import DeepDreamError

Row = Mapping[str, Any]
Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Event:
    """What every event has: the item (an input, as text) that it is about."""

    name: ClassVar[str]
    item: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: the event's name under ``event``, and its fields; those that are empty are left out."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {"event": self.name} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values.items()
            if value not in ("", None, ())
        }


@dataclass(frozen=True, kw_only=True)
class Started(_Event):
    """Work on an item begins; ``index`` counts from 1 to ``total``, the number of items of this run."""

    name = "started"
    index: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class Stepped(_Event):
    """One step of an item is done, ``number`` of ``total``.

    Attributes:
        stage: Where the work is, in words: ``octave 2/5 (320x240) step 3/14``.
        score: The objective before this step, where there is one.
        ends_stage: Whether this was the last step of its stage (an octave, a method).
        note: Something to tell the user, such as a method that does not apply.
    """

    name = "stepped"
    number: int = 0
    total: int = 0
    stage: str = ""
    score: float | None = None
    ends_stage: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Finished(_Event):
    """An item is done, and its files are whole.

    Attributes:
        rows: Its rows of the table.
        documents: Its entries of the JSON.
        outputs: The files that were written.
    """

    name = "finished"
    rows: tuple[Row, ...] = ()
    documents: tuple[Document, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Skipped(_Event):
    """An item was done before, by its row in the table or by its output."""

    name = "skipped"
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed(_Event):
    """An item failed; the others continue.

    Attributes:
        error: One line: what is wrong and what to do next.
        kind: The class of the error, or ``poison`` where the item ended its worker process twice.
        exit_code: What the command line ends with where this is the only item.
    """

    name = "failed"
    error: str = ""
    kind: str = "DeepDreamError"
    exit_code: int = 1

    @classmethod
    def of(cls, item: str, error: DeepDreamError) -> Failed:
        """The failure of ``item`` by ``error``."""
        return cls(item=item, error=str(error), kind=type(error).__name__, exit_code=error.exit_code)


@dataclass(frozen=True, kw_only=True)
class Stopped(_Event):
    """The run was stopped before its end, or, from a task, its item was.

    Attributes:
        remaining: How many items have no result, of ``total``.
        outputs: Files that hold what there was of unfinished items.
        resumable: Outputs from whose kept state ``deepdream resume`` continues.
    """

    name = "stopped"
    remaining: int = 0
    total: int = 0
    outputs: tuple[str, ...] = ()
    resumable: tuple[str, ...] = ()


Event = Started | Stepped | Finished | Skipped | Failed | Stopped
