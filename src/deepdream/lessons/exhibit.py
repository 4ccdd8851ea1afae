"""What every lesson gives: a question, an answer with numbers, a figure, and what to say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from deepdream import __version__
from deepdream.figures import Animation, Figure, Theme
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.provenance import versions

SCHEMA = 1

#: Told what is being done, in a few words, while it is done.
Tell = Callable[[str], None]


def in_silence(_: str) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Grid:
    """A small table: numbers that a person should read beside the figure."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One lesson, told about one picture or one network.

    Attributes:
        name: Of the lesson; its command has the same name.
        question: What it answers.
        answer: The answer in a few sentences, with its numbers.
        notes: What the lecturer may say, and the caveat that belongs to it.
        numbers: Everything measured, ready for JSON.
        record: What the numbers depended on, and who answers for them.
        draw: Draws the figure in a theme.
        move: Draws the animation, where the lesson has one.
    """

    name: str
    question: str
    answer: str
    notes: str
    numbers: Mapping[str, Any]
    record: Mapping[str, Any]
    draw: Callable[[Theme], Figure]
    tables: Sequence[Grid] = ()
    move: Callable[[Theme], Animation] | None = field(default=None)

    def figures(self, theme: Theme = Theme.LIGHT) -> tuple[Figure | Animation, ...]:
        """The figure, with its caption and alt text; and the animation, if there is one."""
        return (self.draw(theme),) if self.move is None else (self.draw(theme), self.move(theme))

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "schema": SCHEMA,
            "lesson": self.name,
            "question": self.question,
            "answer": self.answer,
            "record": dict(self.record),
            **self.numbers,
        }

    def _repr_png_(self) -> bytes:
        return self.draw(Theme.LIGHT).encode(".png")


def run_record(
    models: Sequence[Model] = (),
    picture: Picture | None = None,
    *,
    seed: int | None = None,
    plan: Mapping[str, Any] | None = None,
    data: str = "",
    threshold: float | None = None,
    decided_by: str = "",
) -> dict[str, Any]:
    """What a result depended on: networks, data, preprocessing, seed, versions; no paths and no names of users.

    What does not apply to a lesson is left out; who decided stands in every record, empty or not.
    """
    record: dict[str, Any] = {"tool": f"deepdream {__version__}"}
    if models:
        record["networks"] = [network_record(model) for model in models]
    if picture is not None:
        record["picture"] = {"name": picture.name, "sha256": picture.sha256}
    rest = {"data": data or None, "seed": seed, "plan": plan, "threshold": threshold}
    record |= {name: value for name, value in rest.items() if value is not None}
    return record | {"threads": torch.get_num_threads(), "versions": versions(), "decided_by": decided_by}


def network_record(model: Model) -> dict[str, Any]:
    """A network's name, weights, license, and how it is fed."""
    plan = model.preprocessing
    return model.record() | {
        "preprocessing": f"shorter side {plan.resize}, {plan.window}, {plan.interpolation}",
    }
