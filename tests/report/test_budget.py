"""A page keeps within its time on networks of every speed. The clock is a made one: only passes take time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from deepdream.attribution import Question
from deepdream.attribution.checks import CheckContext, MapUnderTest, checked
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.report import ReportData, ReportOptions, collect, investigate
from deepdream.report.verdict import belief, why


class Clockwork:
    """Time that stands still but for what a network's passes add to it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Pass(torch.autograd.Function):
    """The identity; each picture takes ``seconds`` forward and twice that backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor, clock: Clockwork, seconds: float) -> Tensor:
        ctx.clock, ctx.seconds = clock, seconds  # type: ignore[attr-defined]
        clock.now += seconds * len(x)
        return x.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None, None]:
        ctx.clock.now += 2 * ctx.seconds * len(gradient)  # type: ignore[attr-defined]
        return gradient, None, None


class Slow(nn.Module):
    def __init__(self, clock: Clockwork, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def forward(self, x: Tensor) -> Tensor:
        return Pass.apply(x, self.clock, self.seconds)

    def __deepcopy__(self, memo: object) -> Slow:
        return Slow(self.clock, self.seconds)  # the same clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clockwork:
    made = Clockwork()
    monkeypatch.setattr(time, "monotonic", made)
    monkeypatch.setattr(time, "perf_counter", made)
    return made


Slowly = Callable[[float], Model]


@pytest.fixture
def slowly(clock: Clockwork) -> Slowly:
    def made(seconds: float) -> Model:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            module = nn.Sequential(
                nn.Conv2d(3, 8, 5, 2, 2),
                nn.ReLU(),
                Slow(clock, seconds),
                nn.Conv2d(8, 12, 3, 2, 1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(12, 5),
            )
        return Model.wrap(
            module.eval(), mean=(0.5,), std=(0.1,), labels=tuple("abcde"), name="slow", input_size=56
        )

    return made


@pytest.fixture
def report_data(
    slowly: Slowly, clock: Clockwork, picture: Picture
) -> Callable[[float, float], tuple[ReportData, float]]:
    def made(seconds: float, budget: float) -> tuple[ReportData, float]:
        model = slowly(seconds)
        model.classify(
            picture.tensor()
        )  # as a command does when it loads a network: it is tried and prepared once
        start = clock.now
        found = investigate(model, picture, ReportOptions(budget=budget))
        return found, clock.now - start

    return made


@pytest.mark.parametrize("seconds", [0.005, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0])
def test_the_budget_is_kept_on_networks_of_every_speed(
    report_data: Callable[[float, float], tuple[ReportData, float]], seconds: float
) -> None:
    found, took = report_data(seconds, 40)
    assert took <= 1.1 * 40
    assert found.explanations
    assert all(f.verdict for f in found.check_results)
    if seconds <= 0.05:
        assert found.judged()
        assert len(found.stability.trials) == 12
    if seconds >= 0.8:  # one of each kind, however slow
        assert len(found.stability.trials) < 12
        assert {t.change.partition(" ")[0].rstrip(",") for t in found.stability.trials} == {
            "mirrored",
            "cropped",
            "noise",
        }


def test_what_curves_there_is_time_for_judge_a_map(
    report_data: Callable[[float, float], tuple[ReportData, float]],
) -> None:
    """Deletion of all maps and insertion of none would be time for nothing."""
    for seconds in (0.05, 0.06, 0.08, 0.1, 0.15):
        found, _ = report_data(seconds, 40)
        made = {
            check: [name for name in found.names if (f := found.check_result(check, name)) and f.values]
            for check in ("deletion", "insertion")
        }
        assert made["deletion"] == made["insertion"] == found.judged()


def test_a_method_is_refused_whose_least_takes_too_long(
    report_data: Callable[[float, float], tuple[ReportData, float]],
) -> None:
    found, _ = report_data(0.1, 40)
    reasons = {entry.method: entry.reason for entry in found.not_applicable}
    assert "even with the fewest passes" in reasons["integrated-gradients"]


def test_progress_counts_the_maps_that_were_made(slowly: Slowly, picture: Picture) -> None:
    *stages, report_data = collect(slowly(0.4), picture, ReportOptions(budget=40))
    assert isinstance(report_data, ReportData)
    assert report_data.not_applicable
    assert [stage.done for stage in stages] == list(range(len(stages)))
    assert stages[-1].total == len(stages)


def test_the_words_of_a_page_without_time(
    report_data: Callable[[float, float], tuple[ReportData, float]],
) -> None:
    found, _ = report_data(2.0, 40)
    assert why(found)[0] == "Not checked"
    assert belief(found)[0]


def test_a_check_stops_in_the_middle_when_its_time_ends(
    slowly: Slowly, clock: Clockwork, picture: Picture
) -> None:
    model = slowly(0.5)
    context = CheckContext(model, model.crop(picture.tensor()), Question(0))
    images = context.image.expand(16, -1, -1, -1)
    assert len(context.distributions(images)) == 16  # no deadline: 8 s
    start = clock.now
    (found,) = checked(context, [MapUnderTest("m", torch.rand(56, 56))], ["sufficiency"], budget=3.0)
    assert found.verdict == "not made: there was no time left"
    assert clock.now - start <= 3.0 + 3 * 0.5  # two probes, and the pass in which the time ended
    assert context.deadline is None
    assert context.chunk == 16
