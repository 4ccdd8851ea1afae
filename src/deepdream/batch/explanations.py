"""``ExplainTask``: explain the answer for each picture, write the maps, and give their numbers as rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdream.attribution.question import Question
from deepdream.batch.events import Event, Finished, Stepped
from deepdream.batch.explanation_files import write_explanations
from deepdream.batch.fed_picture import FedPicture
from deepdream.batch.sources import spelled
from deepdream.batch.task import Group, NetworkSpec, one_by_one
from deepdream.errors import UsageError

if TYPE_CHECKING:
    from deepdream.attribution import Explanation
    from deepdream.models import Model

#: Seconds for every method together, where no budget is given.
SECONDS_FOR_ALL = 90.0
TABLE = "explanations.csv"
COLUMNS = (
    "sha256", "predicted", "target", "class", "against", "score", "probability", "method", "completeness_error",
    "warnings", "seconds", "file",
)  # fmt: skip


@dataclass(frozen=True)
class ExplainTask:
    """Explain each picture by ``method``, or by every method that applies (``all``).

    Attributes:
        options: Options of the method itself, by name.
        seconds: The time for one picture; None is the usual number of samples, and 90 s for ``all``.
        outputs: The file of each input; an input without one is explained in rows and documents only.
        style: One of ``STYLES``; for files that are drawings.
    """

    network: NetworkSpec
    method: str = "integrated-gradients"
    question: Question = field(default_factory=Question)
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    style: str = "side-by-side"
    dark: bool = False

    def prepare(self) -> None:
        """Load the network; what would fail for every picture fails here.

        Raises:
            UsageError, UnknownNameError: the method does not apply to the network, or no such class, layer or option.
        """
        from deepdream.attribution.explaining import check_question

        network = self.network.load()
        if self.method == "all":  # methods that do not apply are left out, picture by picture
            check_question(network, "saliency", self.question)
        else:
            check_question(network, self.method, self.question, **self.options)

    def groups(self, sources: Sequence[str]) -> Iterator[Group]:
        """Each picture by itself."""
        return one_by_one(sources)

    def __call__(self, group: Group) -> Iterator[Event]:
        (item,) = group
        fed = FedPicture.open(item, self.network.load())
        explanations = []
        for event in self.explain(fed):
            if isinstance(event, Stepped):
                yield event
            else:
                explanations.append(event)
        output = self.outputs.get(item)
        if output is not None:
            write_explanations(
                fed, explanations, Path(output), style=self.style, dark=self.dark, panel=self.panel
            )
        predicted = fed.network.label(fed.top)
        documents = [
            {**explanation_document(fed, explanation, output), "sha256": fed.sha256, "predicted": predicted}
            for explanation in explanations
        ]
        rows = [_row(e, document) for e, document in zip(explanations, documents, strict=True)]
        yield Finished(
            item=item,
            rows=tuple(rows),
            documents=tuple(documents),
            outputs=() if output is None else (output,),
        )

    @property
    def panel(self) -> bool:
        """Whether several methods share one drawing."""
        return self.method == "all"

    def explain(self, fed: FedPicture) -> Iterator[Stepped | Explanation]:
        """The explanations of one picture, each after its step.

        Raises:
            UsageError: no method applies.
        """
        from deepdream.attribution import explain

        if self.panel:
            yield from self._explain_by_all(fed)
            return
        yield explain(
            fed.network, fed.image, self.method, question=self.question, budget=self.seconds, **self.options
        )

    def _explain_by_all(self, fed: FedPicture) -> Iterator[Stepped | Explanation]:
        """Methods that sample share the time that is left equally; the others take what they need."""
        from deepdream.attribution import ScoreFunction, explain, methods

        end = time.perf_counter() + (self.seconds or SECONDS_FOR_ALL)
        ScoreFunction.of(fed.network, fed.image, self.question)  # a wrong class is the same for every method
        sampling = sum(method.budgeted is not None for method in methods().values())
        item, count, applied = fed.item, len(methods()), 0
        for number, (name, method) in enumerate(methods().items(), 1):
            options = {option: value for option, value in self.options.items() if option in method.options}
            share = max(end - time.perf_counter(), 0.0) / max(sampling, 1)
            sampling -= method.budgeted is not None
            try:
                explanation = explain(
                    fed.network, fed.image, name, question=self.question, budget=share, **options
                )
            except UsageError as error:
                yield Stepped(item=item, number=number, total=count, stage=name, note=f"left out: {error}")
                continue
            applied += 1
            stage = f"{name}: {explanation.seconds:.1f} s"
            yield Stepped(item=item, number=number, total=count, stage=stage, ends_stage=True)
            yield explanation
        if not applied:
            raise UsageError(f"No method applies to {fed.network.name}.")


def explanation_document(fed: FedPicture, explanation: Explanation, output: str | None) -> dict[str, Any]:
    """An explanation as an entry of the JSON."""
    return {
        "schema": 1,
        "input": fed.item,
        "model": fed.network.name,
        "weights": fed.network.weights.origin,
        "probability": fed.probability(explanation.target),
        **explanation.to_dict(),
        "output": None if output is None else spelled(output),
    }


def _row(explanation: Explanation, document: Mapping[str, Any]) -> dict[str, Any]:
    output = document["output"]
    return {
        "sha256": document["sha256"],
        "predicted": document["predicted"],
        "target": explanation.target,
        "class": explanation.label,
        "against": explanation.against_label,
        "score": explanation.score,
        "probability": document["probability"],
        "method": explanation.method,
        "completeness_error": explanation.completeness_error,
        "warnings": "; ".join(explanation.notes),
        "seconds": round(explanation.seconds, 3),
        "file": None if output is None else spelled(Path(output).name),
    }


def run_settings(task: ExplainTask, **more: Any) -> dict[str, Any]:
    """Everything that the rows depend on besides the network and the pictures, for the record of a table."""
    return {
        "method": task.method, **task.question.to_dict(), "options": dict(task.options), "budget": task.seconds,
        "style": task.style, **more,
    }  # fmt: skip


def record_of(network: Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the rows of a table depend on: the network with its weights, the settings, versions."""
    from deepdream.lessons.exhibit import run_record

    return run_record([network], seed=settings["seed"], plan=settings)
