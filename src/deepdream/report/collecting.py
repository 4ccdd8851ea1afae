"""Finding out what a page says, within a time: the answer, the maps, the checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from deepdream.attribution import Explanation, methods
from deepdream.attribution.checks import (
    REDUCED_PASSES,
    CheckContext,
    CheckResult,
    Clock,
    NotApplicable,
    all_checks,
    checked,
    explained,
    map_under_test,
    plan_curves,
    recomputations,
)
from deepdream.attribution.question import Question
from deepdream.attribution.registry import find_method
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.report.report_data import ReportData
from deepdream.report.robustness import predict, stability_of

#: The methods of a page by default, those that exist: one or two of each family, the quick first.
METHODS = (
    "saliency",
    "input-x-gradient",
    "grad-cam",
    "layer-cam",
    "guided-backprop",
    "deep-lift",
    "lrp",
    "smoothgrad",
    "occlusion",
    "integrated-gradients",
    "rise",
)
#: Seconds that a page of usual depth may take at most; on a machine that is fast enough it takes fewer.
BUDGET = 150.0
#: Seconds of them that writing the page may need, at most a sixth.
WRITING = 10.0
#: The share of the time that the explanations may take.
FOR_MAPS = 0.4
#: The share that the maps made again by methods that sample may take.
FOR_RECOMPUTING = 0.35
#: The share that small changes of the picture may take.
FOR_TRIALS = 0.15
#: Points of a curve at usual depth.
STEPS = 28


@dataclass(frozen=True)
class ReportStage:
    """What is done next for a page, and how many of its ``total`` steps are done."""

    words: str
    done: int
    total: int


def usual_checks(*, deep: bool = False) -> tuple[str, ...]:
    """The checks of a page, in the order in which time is spent; ``deep`` adds those of a page of twice the time."""
    names = ("table", "details", "deep") if deep else ("table", "details")
    return tuple(name for name, check in all_checks().items() if check.report in names)


@dataclass(frozen=True)
class ReportOptions:
    """What a page should hold.

    Attributes:
        methods, checks: By name; empty for the usual ones.
        budget: Seconds for everything.
        spent: Seconds of them that are gone already: the network had to be loaded.
        target: A class by name or index; None for the network's first.
        against: A class by name or index that it is compared with, or None.
    """

    methods: Sequence[str] = ()
    checks: Sequence[str] = ()
    budget: float = BUDGET
    spent: float = 0.0
    target: str | None = None
    against: str | None = None
    seed: int = 0
    decided_by: str = ""

    @property
    def depth(self) -> float:
        """How many times the usual samples and points there are: what is done does not depend on the machine.

        The time is kept nevertheless: on a slow machine there are fewer, and what is not made says so.
        """
        return self.budget / BUDGET

    @property
    def chosen_checks(self) -> tuple[str, ...]:
        """The chosen checks, or the usual ones."""
        return tuple(self.checks) or usual_checks(deep=self.depth >= 2)

    @property
    def chosen_methods(self) -> tuple[str, ...]:
        """The chosen methods, or the usual ones as far as they exist."""
        return tuple(dict.fromkeys(self.methods)) or tuple(name for name in METHODS if name in methods())


def collect(
    model: Model, picture: Picture, options: ReportOptions | None = None
) -> Iterator[ReportStage | ReportData]:
    """Predict, explain and check within the time: a ``ReportStage`` before each step, at the end the ``ReportData``.

    Raises:
        UnknownNameError: no such method, check or class.
    """
    options = options or ReportOptions()
    clock = Clock(options.budget - options.spent - min(WRITING, options.budget / 6))
    image = model.crop(picture.tensor()).to(model.device)
    prediction = predict(model, image, options.target)
    question = Question(prediction.target, against=options.against, seed=options.seed)
    collection = _Collection(CheckContext(model, image, question), options, clock)
    yield collection.stage("small changes of the picture")
    context = collection.context
    stability = stability_of(context, most=int(FOR_TRIALS * clock.left / context.seconds_each))
    yield from collection.explain()
    yield from collection.check()
    yield ReportData(
        picture,
        context,
        prediction,
        stability,
        tuple(collection.explanations),
        tuple(collection.not_applicable),
        tuple(collection.check_results),
        seconds=clock.used,
        decided_by=options.decided_by,
    )


def investigate(model: Model, picture: Picture, options: ReportOptions | None = None) -> ReportData:
    """The end of ``collect``. Raises UnknownNameError: no such method, check or class."""
    *_, report_data = collect(model, picture, options)
    assert isinstance(report_data, ReportData)
    return report_data


@dataclass(eq=False)
class _Collection:
    """What a page says, as far as it is known."""

    context: CheckContext
    options: ReportOptions
    clock: Clock
    done: int = 0
    explanations: list[Explanation] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)
    check_results: list[CheckResult] = field(default_factory=list)

    def stage(self, words: str) -> ReportStage:
        """The next step. Until every map is there, each method is counted as one that applies."""
        methods = len(self.options.chosen_methods)
        stage = ReportStage(
            words,
            self.done,
            1 + methods + (methods - len(self.not_applicable)) * len(self.options.chosen_checks),
        )
        self.done += 1
        return stage

    def explain(self) -> Iterator[ReportStage]:
        """Make the map of every method that applies."""
        names = self.options.chosen_methods
        results = explained(self.context, names, budget=FOR_MAPS * self.clock.left, depth=self.options.depth)
        for name in names:
            yield self.stage(f"map of {name}")
            result = next(results)
            if isinstance(result, Explanation):
                self.explanations.append(result)
            else:
                self.not_applicable.append(result)

    def check(self) -> Iterator[ReportStage]:
        """Make every check of every map."""
        curves = plan_curves(
            self.context, len(self.explanations), self.clock.left, most=STEPS * self.options.depth
        )
        passes = self._passes_again(self.explanations)
        maps = [map_under_test(entry, passes=passes.get(entry.method)) for entry in self.explanations]
        results = checked(
            self.context, maps, self.options.chosen_checks, budget=self.clock.left, curves=curves
        )
        for check in self.options.chosen_checks:
            for entry in maps:
                yield self.stage(f"{check} of {entry.method}")
                self.check_results.append(next(results))

    def _passes_again(self, explanations: Sequence[Explanation]) -> dict[str, int]:
        """For each method that samples, how many passes a map may cost that a check asks for again."""
        sampling = [entry for entry in explanations if find_method(entry.method).budgeted]
        limit = max(1, round(REDUCED_PASSES * self.options.depth))
        again = max(1, len(sampling)) * recomputations(self.options.chosen_checks)
        seconds = FOR_RECOMPUTING * self.clock.left / again
        passes = {}
        for entry in sampling:
            each = entry.seconds / max(entry.forwards, entry.backwards, 1)
            passes[entry.method] = min(limit, max(REDUCED_PASSES // 2, int(seconds / max(each, 1e-9))))
        return passes
