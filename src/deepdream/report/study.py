"""Everything that a report says about one picture and one network, as numbers, before any of it is drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepdream.attribution import Explanation, methods
from deepdream.attribution.checks import (
    AGAIN,
    Agreement,
    Case,
    Clock,
    Finding,
    Refusal,
    agreement,
    checked,
    claim_of,
    explained,
)
from deepdream.attribution.checks.verdicts import number
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.report.prediction import Prediction, Stability, predict, stability_of

#: The methods of a page unless others are asked for, those that exist: one or two of each family, the quick first.
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
#: The checks of a page, in the order in which time is spent on them.
CHECKS = (
    "degeneracy",
    "completeness",
    "cost",
    "complexity",
    "sparseness",
    "agreement",
    "deletion",
    "insertion",
    "sufficiency",
    "randomization",
    "random-logit",
    "infidelity",
    "road",
    "sensitivity",
)
#: One more, which is made where there is time for twice the usual page.
DEEP_CHECK = "layer-randomization"
#: Seconds that a page of usual depth may take at most; on a machine that is fast enough it takes fewer.
BUDGET = 150.0
#: Seconds of them that loading the network and writing the page may need, at most a sixth.
WRITING = 10.0
#: The share of the time that the explanations may take.
FOR_MAPS = 0.4
#: The share of what is left after them that deletion and insertion may take.
FOR_CURVES = 0.4
#: Points of a curve at usual depth, and the fewest and most of any.
STEPS, FEWEST_STEPS, MOST_STEPS = 28, 7, 98

#: Told what is being done, how many steps are done, and of how many.
Progress = Callable[[str, int, int], None]


def silent(words: str, done: int, total: int) -> None:
    """A progress that tells nobody."""
    del words, done, total


@dataclass(frozen=True, eq=False)
class Study:
    """One picture, one network, and all that was found.

    Attributes:
        explanations, refusals: Methods that gave a map, and those that do not apply, with the reason.
        findings: One a check and method.
        decided_by: The accountable person, if one was named.
    """

    picture: Picture
    case: Case
    prediction: Prediction
    stability: Stability
    explanations: tuple[Explanation, ...]
    refusals: tuple[Refusal, ...]
    findings: tuple[Finding, ...]
    seconds: float
    decided_by: str = ""

    @property
    def model(self) -> Model:
        """The network."""
        return self.case.model

    @cached_property
    def agreement(self) -> Agreement:
        """The methods' maps compared with each other and with the controls that stand still."""
        own = {made.method: made.heatmap for made in self.explanations if made.heatmap.isfinite().all()}
        still = {name: m for name, m in self.case.controls.items() if not name.startswith("random")}
        return agreement(own | still)

    @property
    def names(self) -> list[str]:
        """The methods that gave a map."""
        return [made.method for made in self.explanations]

    def finding(self, check: str, method: str) -> Finding | None:
        """What one check found of one method."""
        return next((f for f in self.findings if (f.check, f.method) == (check, method)), None)

    @property
    def checks(self) -> list[str]:
        """The checks that found anything, in order."""
        return list(dict.fromkeys(f.check for f in self.findings if f.values))

    def standing(self) -> list[str]:
        """Methods beyond the band of the controls at deletion and at insertion, on both substrates."""
        return [
            name
            for name in self.names
            if all(self._speaks(check, name) for check in ("deletion", "insertion"))
        ]

    def judged(self) -> list[str]:
        """Methods that went through both deletion and insertion; there may have been no time for all."""
        return [
            name
            for name in self.names
            if all(self._measured(check, name) for check in ("deletion", "insertion"))
        ]

    def _measured(self, check: str, method: str) -> bool:
        found = self.finding(check, method)
        return found is not None and bool(found.values)

    def _speaks(self, check: str, method: str) -> bool:
        found = self.finding(check, method)
        return found is not None and found.speaks is True

    def median_agreement(self) -> float | None:
        """The median rank correlation between two methods' maps."""
        known = [name for name in self.names if name in self.agreement.names]
        pairs = self.agreement.pairs(known)
        return median(pairs.values()) if pairs else None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "picture": {
                "name": self.picture.name,
                "sha256": self.picture.sha256,
                "width": self.picture.width,
                "height": self.picture.height,
                "notes": list(self.picture.notes),
            },
            "prediction": self.prediction.to_dict(),
            "against": self.case.against,
            "stability": self.stability.to_dict(),
            "methods": [explanation_dict(made) for made in self.explanations],
            "not_applicable": [{"method": r.method, "reason": r.reason} for r in self.refusals],
            "checks": [found.to_dict() for found in self.findings],
            "agreement": self.agreement.to_dict(),
            "standing": self.standing(),
            "judged": self.judged(),
            "decided_by": self.decided_by,
            "seconds": round(self.seconds, 2),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What does not fit into JSON: the picture as fed, every map, the controls."""
        maps = {f"map/{made.method}": made.heatmap.numpy() for made in self.explanations}
        controls = {f"control/{name}": heatmap.numpy() for name, heatmap in self.case.controls.items()}
        return {"fed": self.fed} | maps | controls

    @property
    def fed(self) -> NDArray[np.float32]:
        """The picture as fed, (H, W, 3) in [0, 1]."""
        return np.ascontiguousarray(self.case.image[0].permute(1, 2, 0).cpu().numpy(), dtype=np.float32)


def explanation_dict(made: Explanation) -> dict[str, Any]:
    """An explanation without its map, ready for JSON."""
    values = made.heatmap
    return {
        "method": made.method,
        "target": made.target,
        "label": made.label,
        "minimum": number(float(values.min())),
        "maximum": number(float(values.max())),
        "sum": number(float(values.double().sum())),
        "score": number(made.score),
        "baseline_score": None if made.baseline_score is None else number(made.baseline_score),
        "completeness_error": None if made.completeness_error is None else number(made.completeness_error),
        "signed": made.signed,
        "forwards": made.forwards,
        "backwards": made.backwards,
        "seconds": round(made.seconds, 3),
        "notes": list(made.notes),
        "options": {name: _plain(value) for name, value in made.options.items()},
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@dataclass(frozen=True)
class Wishes:
    """What a page should hold.

    Attributes:
        methods, checks: By name; empty for the usual ones.
        budget: Seconds for everything.
        target: A class by name or index; None for the network's first.
        against: A class by name or index that it is compared with, or None.
    """

    methods: Sequence[str] = ()
    checks: Sequence[str] = ()
    budget: float = BUDGET
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
        """The checks asked for, or the usual ones."""
        return tuple(self.checks) or (*CHECKS, *((DEEP_CHECK,) if self.depth >= 2 else ()))

    @property
    def chosen_methods(self) -> tuple[str, ...]:
        """The methods asked for, or the usual ones as far as they exist."""
        return tuple(dict.fromkeys(self.methods)) or tuple(name for name in METHODS if name in methods())


def investigate(
    model: Model, picture: Picture, wishes: Wishes | None = None, *, progress: Progress = silent
) -> Study:
    """Predict, explain and check; ``progress`` is told what is being done.

    Raises:
        UnknownNameError: no such method, check or class.
    """
    wishes = wishes or Wishes()
    clock = Clock(wishes.budget - min(WRITING, wishes.budget / 6))
    image = model.crop(picture.tensor()).to(model.device)
    prediction = predict(model, image, wishes.target)
    other = None if wishes.against is None else model.find_class(wishes.against)
    case = Case(model, image, prediction.target, seed=wishes.seed, against=other)
    work = _Work(case, wishes, clock, progress)
    work.tell("small changes of the picture")
    stability = stability_of(case)
    made, refused = work.explain()
    findings = work.check(made)
    return Study(
        picture,
        case,
        prediction,
        stability,
        tuple(made),
        tuple(refused),
        tuple(findings),
        seconds=clock.used,
        decided_by=wishes.decided_by,
    )


@dataclass(eq=False)
class _Work:
    """What is done for a page, within its time, and told step by step."""

    case: Case
    wishes: Wishes
    clock: Clock
    progress: Progress
    done: int = 0

    def tell(self, words: str) -> None:
        wanted = len(self.wishes.chosen_methods)
        self.progress(words, self.done, 1 + wanted + wanted * len(self.wishes.chosen_checks))
        self.done += 1

    def explain(self) -> tuple[list[Explanation], list[Refusal]]:
        made: list[Explanation] = []
        refused: list[Refusal] = []
        wanted, depth = self.wishes.chosen_methods, self.wishes.depth
        source = explained(self.case, wanted, budget=FOR_MAPS * self.clock.left, depth=depth)
        for name in wanted:
            self.tell(f"map of {name}")
            found = next(source)
            made.append(found) if isinstance(found, Explanation) else refused.append(found)
        return made, refused

    def check(self, made: Sequence[Explanation]) -> list[Finding]:
        depth, findings = self.wishes.depth, []
        self.case.steps = _steps(self.case, len(made), depth, FOR_CURVES * self.clock.left)
        claims = [
            claim_of(entry, seed=self.wishes.seed, passes=max(1, round(AGAIN * depth))) for entry in made
        ]
        source = checked(self.case, claims, self.wishes.chosen_checks, budget=self.clock.left)
        for check in self.wishes.chosen_checks:
            for claim in claims:
                self.tell(f"{check} of {claim.method}")
                findings.append(next(source))
        return findings


def _steps(case: Case, maps: int, depth: float, seconds: float) -> int:
    """As many points a curve as the depth asks for and the time allows."""
    images = case.image.expand(8, -1, -1, -1)
    with torch.no_grad():
        case.model(images)
        start = time.perf_counter()
        case.model(images)
    each = (time.perf_counter() - start) / len(images)
    curves = 4 * (maps + len(case.controls))
    return int(max(FEWEST_STEPS, min(STEPS * depth, MOST_STEPS, seconds / (curves * each))))
