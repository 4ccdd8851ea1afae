"""Everything that a report says about one picture and one network, as numbers, before any of it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdream.attribution import Explanation
from deepdream.attribution.checks import Agreement, CheckContext, CheckResult, NotApplicable, agreement
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.report.robustness import PredictionSummary, Stability


@dataclass(frozen=True, eq=False)
class ReportData:
    """One picture, one network, and all that was found.

    Attributes:
        explanations, refusals: Methods that gave a map, and those that do not apply, with the reason.
        findings: One a check and method.
        decided_by: The accountable person, if one was named.
    """

    picture: Picture
    context: CheckContext
    prediction: PredictionSummary
    stability: Stability
    explanations: tuple[Explanation, ...]
    not_applicable: tuple[NotApplicable, ...]
    check_results: tuple[CheckResult, ...]
    seconds: float
    decided_by: str = ""

    @property
    def model(self) -> Model:
        """The network."""
        return self.context.model

    @cached_property
    def agreement(self) -> Agreement:
        """The methods' maps compared with each other and with the controls that stand still."""
        own = {
            explanation.method: explanation.heatmap
            for explanation in self.explanations
            if explanation.heatmap.isfinite().all()
        }
        still = {name: m for name, m in self.context.controls.items() if not name.startswith("random")}
        return agreement(own | still)

    @property
    def names(self) -> list[str]:
        """The methods that gave a map."""
        return [explanation.method for explanation in self.explanations]

    def check_result(self, check: str, method: str) -> CheckResult | None:
        """What one check found of one method."""
        return next((f for f in self.check_results if (f.check, f.method) == (check, method)), None)

    @property
    def checks(self) -> list[str]:
        """The checks that found anything, in order."""
        return list(dict.fromkeys(f.check for f in self.check_results if f.values))

    def standing(self) -> list[str]:
        """Methods beyond the band of the controls at deletion and at insertion, on both substrates."""
        return [
            name
            for name in self.names
            if all(self._supports(check, name) for check in ("deletion", "insertion"))
        ]

    def judged(self) -> list[str]:
        """Methods that went through both deletion and insertion; there may have been no time for all."""
        return [
            name
            for name in self.names
            if all(self._measured(check, name) for check in ("deletion", "insertion"))
        ]

    def _measured(self, check: str, method: str) -> bool:
        result = self.check_result(check, method)
        return result is not None and bool(result.values)

    def _supports(self, check: str, method: str) -> bool:
        result = self.check_result(check, method)
        return result is not None and result.supports is True

    def support(self, method: str) -> tuple[int, int]:
        """How many checks support a method, and how many could do either."""
        results = [f for f in self.check_results if f.method == method]
        return sum(f.supports is True for f in results), sum(f.supports is not None for f in results)

    def best(self) -> Explanation | None:
        """The map for which most speaks: one beyond all controls if there is any, then by the share of its checks."""
        standing = self.standing()

        def rank(explanation: Explanation) -> tuple[bool, float]:
            supports, judged = self.support(explanation.method)
            return explanation.method in standing, supports / max(judged, 1)

        return max(self.explanations, key=rank, default=None)

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
            "against": self.context.against,
            "stability": self.stability.to_dict(),
            "methods": [explanation.to_dict() for explanation in self.explanations],
            "not_applicable": [{"method": r.method, "reason": r.reason} for r in self.not_applicable],
            "checks": [result.to_dict() for result in self.check_results],
            "agreement": self.agreement.to_dict(),
            "standing": self.standing(),
            "judged": self.judged(),
            "decided_by": self.decided_by,
            "seconds": round(self.seconds, 2),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What does not fit into JSON: the picture as fed, every map, the controls."""
        maps = {f"map/{explanation.method}": explanation.heatmap.numpy() for explanation in self.explanations}
        controls = {f"control/{name}": heatmap.numpy() for name, heatmap in self.context.controls.items()}
        return {"fed": self.fed} | maps | controls

    @property
    def fed(self) -> NDArray[np.float32]:
        """The picture as fed, (H, W, 3) in [0, 1]."""
        return np.ascontiguousarray(self.context.image[0].permute(1, 2, 0).cpu().numpy(), dtype=np.float32)
