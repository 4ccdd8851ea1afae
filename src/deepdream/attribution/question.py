"""The question that an explanation answers, as one value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from deepdream.errors import UnknownNameError

#: Reference images that stand for absence.
Baseline = Literal["black", "mean", "blur", "noise", "white"]


@dataclass(frozen=True)
class Question:
    """Why this class, and not another?

    ``explain``, the checks, the command line and the report take these five values as one.

    >>> print(Question("tabby", against="tiger cat"))
    Why 'tabby' and not 'tiger cat'?

    Attributes:
        target: The class to explain, an index or a name; None is the class with the highest score.
        against: A class to compare it with: then the difference of the two logits is explained. None explains the
            target's logit alone.
        layer: The layer that a method reads, if it reads one; ``auto`` is the last with more than one position.
        baseline: The reference image that stands for absence: black, mean, blur, noise or white.
        seed: The random seed, an integer of at least 0.

    Raises:
        UnknownNameError: no such baseline.
    """

    target: int | str | None = None
    against: int | str | None = None
    layer: str = "auto"
    baseline: str = "black"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.baseline not in get_args(Baseline):
            raise UnknownNameError("baseline", self.baseline, get_args(Baseline))

    def refine(self, **changes: Any) -> Question:
        """The same question with those of ``changes`` that are not None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        target = "the top class" if self.target is None else repr(self.target)
        return f"Why {target}?" if self.against is None else f"Why {target} and not {self.against!r}?"
