"""Every method on one network: does it apply, does it sum, is it what it claims to be?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from deepdream.attribution.explanation import Explanation
from deepdream.attribution.registry import methods
from deepdream.attribution.running import explain
from deepdream.errors import UsageError
from deepdream.models import Model


@dataclass(frozen=True)
class Trial:
    """What came of one method on one network: an explanation, or the reason why there is none."""

    method: str
    explanation: Explanation | None
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """A few words for a table."""
        if self.explanation is None:
            return "does not apply"
        words = [
            note for note in self.explanation.notes if "identical" in note or "zero" in note or "NaN" in note
        ]
        error = self.explanation.completeness_error
        if methods()[self.method].complete and error is not None:
            words.insert(0, f"sums within {error:.1%}")
        return "; ".join(words) or "runs"


def try_methods(model: Model, image: Tensor, *, budget: float) -> Iterator[Trial]:
    """Each method of the registry with ``budget`` seconds, in the registry's order."""
    for name in methods():
        try:
            yield Trial(name, explain(model, image, name, budget=budget))
        except UsageError as error:
            yield Trial(name, None, str(error))
