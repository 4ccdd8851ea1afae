"""``PredictTask``: the most probable classes of each picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepdream.batch.events import Event, Finished
from deepdream.batch.fed_picture import read_source
from deepdream.batch.task import Group, NetworkSpec, one_by_one
from deepdream.models.answers import COLUMN_OF

if TYPE_CHECKING:
    from deepdream.models import Model

COLUMNS = ("sha256", "rank", "index", "class", "probability")
#: Of a regression, which has no probabilities.
REGRESSION_COLUMNS = ("sha256", "rank", "index", "class", "value")


@dataclass(frozen=True)
class PredictTask:
    """Say the ``top`` most probable classes of each picture.

    Attributes:
        precision: ``float32``, or ``bfloat16`` or ``float16`` for a draft; None is the network's own.
    """

    network: NetworkSpec
    top: int = 5
    precision: str | None = None

    def load(self) -> Model:
        """The network in its precision."""
        network = self.network.load()
        return network.in_precision(self.precision or network.precision)

    def prepare(self) -> None:
        """Load the network. Raises UsageError: it does not run in this precision here."""
        self.load()

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each picture by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        (item,) = group
        network, picture = self.load(), read_source(item)
        (classes,) = network.classify(picture.tensor(), top=self.top)
        column = COLUMN_OF[network.output_kind]
        entries = [{"index": index, "label": label, column: value} for index, label, value in classes]
        draft = {"draft": True} if network.precision != "float32" else {}
        rows = tuple(
            {"sha256": picture.sha256, "rank": rank, "index": index, "class": label, column: value}
            for rank, (index, label, value) in enumerate(classes, 1)
        )
        yield Finished(
            item=item,
            rows=rows,
            documents=({"input": item, **draft, "kind": network.output_kind, "top": entries},),
        )
