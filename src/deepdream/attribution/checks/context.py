"""What is the same for every map that is checked: the picture, the network, the class, and all that was computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from deepdream.attribution.baselines import make_baseline
from deepdream.attribution.checks.maps import control_maps, from_cells, grid_of
from deepdream.attribution.checks.tested_map import MapUnderTest
from deepdream.attribution.question import Question
from deepdream.attribution.score_function import Cost, classes_of
from deepdream.errors import UsageError
from deepdream.models import Model

#: Seconds that one chunk of pictures may take where the time is limited: nothing can stop in the middle of one.
CHUNK_SECONDS = 1.0

#: What a hidden cell shows: the picture's blur, or its mean color.
SUBSTRATES = ("blur", "mean")


class OutOfTimeError(UsageError):
    """The time for all checks ended in the middle of this one."""

    def __init__(self) -> None:
        super().__init__("there was no time left")


@dataclass(frozen=True)
class Measurement:
    """Numbers of one map by variant, and the curves they come from."""

    values: Mapping[str, float]
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(eq=False)
class CheckContext:
    """One picture, one network, one class; everything that is the same for every method is done once.

    Attributes:
        image: (1, 3, H, W), RGB in [0, 1], the size the network is fed.
        question: The class that is explained, and one that it is compared with: then only the two share the
            probability.
        target, against: The indexes of these classes.
        mask: (H, W) bool, where the right answer lies, if that is known.
        steps: How many times cells are taken away between all and none.
        chunk: Pictures in one pass.
        networks: Shuffled copies of a small network, kept from one method to the next.
        maps: The maps (H, W) of all methods that are checked together, by name.
        deadline: By ``time.monotonic``; after it the network does not run. None is never.

    Raises:
        UnknownNameError: no such class.
        UsageError: a class that is compared with itself, or a mask that is empty or has another size.
    """

    model: Model
    image: Tensor
    question: Question = field(default_factory=Question)
    mask: Tensor | None = None
    steps: int = 28
    chunk: int = 16
    cost: Cost = field(default_factory=Cost)
    networks: dict[str, list[tuple[str, Model]]] = field(default_factory=dict)
    maps: dict[str, Tensor] = field(default_factory=dict)
    deadline: float | None = None
    target: int = field(init=False)
    against: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.target, self.against = classes_of(self.model, self.image, self.question)
        if self.mask is not None and tuple(self.mask.shape) != self.size:
            rows, columns = self.mask.shape
            raise UsageError(f"The mask is {columns}x{rows}, the picture fed {self.size[1]}x{self.size[0]}.")
        if self.mask is not None and not bool(self.mask.any()):
            raise UsageError("The mask is empty: paint white where the object is.")

    @property
    def seed(self) -> int:
        """The random seed of the controls, the noise and the shuffled weights."""
        return self.question.seed

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture that is fed."""
        height, width = self.image.shape[-2:]
        return height, width

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return grid_of(self.image)

    @cached_property
    def controls(self) -> Mapping[str, Tensor]:
        """Maps that do not depend on the network, by name."""
        return control_maps(self.image, seed=self.seed)

    @cached_property
    def substrates(self) -> Mapping[str, Tensor]:
        """What a hidden cell shows, (1, 3, H, W) by name."""
        return {name: make_baseline(self.image, name) for name in SUBSTRATES}

    @cached_property
    def seconds_each(self) -> float:
        """What one picture takes forward, measured once; the first pass of a network is slower than the next."""
        with torch.no_grad():
            self.model(self.image)
            start = time.perf_counter()
            self.model(self.image)
        return max(time.perf_counter() - start, 1e-6)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """While it lasts, the network runs for ``seconds`` at most, in chunks that do not take long."""
        if seconds is None:
            yield
            return
        before = self.deadline, self.chunk
        self.deadline = time.monotonic() + seconds
        # The deadline is looked at between two chunks: with long ones it would be missed by far.
        self.chunk = max(1, min(self.chunk, int(CHUNK_SECONDS / self.seconds_each)))
        try:
            yield
        finally:
            self.deadline, self.chunk = before

    @cached_property
    def gradient(self) -> Tensor:
        """Of the class's logit (minus the other's) in the picture, (3, H, W) on the CPU."""
        self.cost.forwards += 1
        self.cost.backwards += 1
        with torch.enable_grad():
            image = self.image.detach().clone().requires_grad_()
            logits = self.model(image)[0]
            score = logits[self.target] - (0 if self.against is None else logits[self.against])
            (gradient,) = torch.autograd.grad(score, image)
        return gradient[0].detach().cpu().float()

    @cached_property
    def probability(self) -> float:
        """Of the class, in the whole picture."""
        return float(self.probabilities(self.image))

    def probabilities(self, images: Tensor) -> Tensor:
        """float64 (B,): the class's probability in each picture, chunk by chunk; its share of two's if compared."""
        return self.share(self.distributions(images))

    def share(self, distributions: Tensor) -> Tensor:
        """Of distributions (..., classes), the class's own; with a class to compare, its share of the two's."""
        own = distributions[..., self.target]
        if self.against is None:
            return own
        other = distributions[..., self.against]
        if self.model.output_kind == "regression":
            return own - other
        if self.model.output_kind == "sigmoid":
            return torch.sigmoid(own.logit() - other.logit()).nan_to_num(0.5)
        # The sigmoid of the logits' difference; both may be too small for their sum.
        return torch.sigmoid(own.log() - other.log()).nan_to_num(0.5)

    def distributions(self, images: Tensor) -> Tensor:
        """float64 (B, classes) on the CPU, chunk by chunk, without gradients.

        Raises:
            OutOfTimeError: the deadline is over.
        """
        parts = []
        for part in torch.split(images, self.chunk):
            if self.deadline is not None and time.monotonic() >= self.deadline:
                raise OutOfTimeError
            self.cost.forwards += len(part)
            with torch.no_grad():
                # In float64: a confident network's small probabilities would all be zero.
                parts.append(self.model.answers(self.model(part)).cpu())
        return torch.cat(parts)

    def kept(self, substrate: str, cells: Tensor) -> Tensor:
        """The class's probability where only ``cells`` (N, h*w) bool of the picture show, float64 (N,).

        The same picture is never computed twice in a context: methods and controls share many.
        """
        rows = cells.reshape(len(cells), -1)
        keys = [(substrate, row.numpy().tobytes()) for row in rows]
        missing = dict(zip(keys, rows, strict=True))
        missing = {key: row for key, row in missing.items() if key not in self._known}
        items = list(missing.items())
        for start in range(0, len(items), self.chunk):
            part = items[start : start + self.chunk]
            masks = torch.stack([row for _, row in part])
            visible = from_cells(masks.view(-1, 1, *self.grid), self.size).to(self.image.device)
            images = torch.where(visible, self.image, self.substrates[substrate])
            self._known.update(
                zip([key for key, _ in part], self.probabilities(images).tolist(), strict=True)
            )
        return torch.tensor([self._known[key] for key in keys], dtype=torch.float64)

    @cached_property
    def _known(self) -> dict[tuple[str, bytes], float]:
        return {}

    def measured(
        self, name: str, measure: Callable[[CheckContext, Tensor], Measurement]
    ) -> Mapping[str, Measurement]:
        """``measure`` of every control map, made at the first call."""
        if name not in self._measured:
            self._measured[name] = {key: measure(self, heatmap) for key, heatmap in self.controls.items()}
        return self._measured[name]

    def reference(self, tested_map: MapUnderTest) -> Tensor:
        """What the maps of ``tested_map.recompute`` are compared with: made with as few passes, once."""
        if tested_map.reduced_passes is None or tested_map.recompute is None:
            return tested_map.heatmap
        if tested_map.method not in self._references:
            self._references[tested_map.method] = tested_map.recompute(self.model, self.image, self.target)
        return self._references[tested_map.method]

    @cached_property
    def _references(self) -> dict[str, Tensor]:
        return {}

    @cached_property
    def _measured(self) -> dict[str, dict[str, Measurement]]:
        return {}
